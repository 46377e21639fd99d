"""Configurations with every key of the reference implementation, as its two major versions spell them."""

OLDER = """\
version: 0.1
loglevel: debug
log:
  accesslog: {disabled: true}
  formatter: text
  fields: {service: registry, environment: staging}
  hooks:
    - type: mail
      disabled: true
      levels: [panic]
      options:
        smtp: {addr: "mail.example.com:25", username: mailuser, password: password, insecure: true}
        from: sender@example.com
        to: [errors@example.com]
storage:
  filesystem: {rootdirectory: /var/lib/registry, maxthreads: 100}
  delete: {enabled: false}
  redirect: {disable: false}
  cache: {layerinfo: redis}
  maintenance:
    uploadpurging: {enabled: true, age: 168h, interval: 24h, dryrun: false}
    readonly: {enabled: false}
auth:
  token: {realm: token-realm, service: token-service, issuer: an-issuer, rootcertbundle: /root/certs/bundle}
middleware:
  registry: [{name: ARegistryMiddleware, options: {foo: bar}}]
  repository: [{name: ARepositoryMiddleware, options: {foo: bar}}]
  storage:
    - name: cloudfront
      options: {baseurl: "https://cdn.example.com/", privatekey: /pem, keypairid: id, duration: 3000s}
reporting:
  bugsnag: {apikey: key, releasestage: stage, endpoint: "https://bugsnag.example.com"}
  newrelic: {licensekey: key, name: registry, verbose: true}
http:
  addr: localhost:5000
  prefix: /my/nested/registry/
  host: https://registry.example.com:5000
  secret: asecretforlocaldevelopment
  relativeurls: false
  tls:
    certificate: /path/to/x509/public
    key: /path/to/x509/private
    clientcas: [/path/to/ca.pem, /path/to/another/ca.pem]
  debug: {addr: "localhost:5001"}
  headers: {X-Content-Type-Options: [nosniff]}
  http2: {disabled: false}
notifications:
  endpoints:
    - name: alistener
      disabled: false
      url: https://my.listener.com/event
      headers: {Authorization: [Bearer token]}
      timeout: 500ms
      threshold: 5
      backoff: 1s
      ignoredmediatypes: [application/octet-stream]
redis:
  addr: localhost:6379
  password: asecret
  db: 0
  dialtimeout: 10ms
  readtimeout: 10ms
  writetimeout: 10ms
  pool: {maxidle: 16, maxactive: 64, idletimeout: 300s}
health:
  storagedriver: {enabled: true, interval: 10s, threshold: 3}
  file: [{file: /path/to/checked/file, interval: 10s}]
  http:
    - uri: http://server.to.check/must/return/200
      headers: {Authorization: [Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==]}
      statuscode: 200
      timeout: 3s
      interval: 10s
      threshold: 3
  tcp: [{addr: "redis-server.domain.com:6379", timeout: 3s, interval: 10s, threshold: 3}]
proxy: {remoteurl: "https://registry-1.docker.io", username: user, password: secret}
validation:
  enabled: true
  manifests:
    urls: {allow: ['^https?://([^/]+\\.)*example\\.com/'], deny: ['^https?://www\\.example\\.com/']}
policy: {repository: {classes: [image]}}
compatibility: {schema1: {signingkeyfile: /etc/registry/key.json, enabled: true}}
"""

NEWER = """\
version: 0.1
log: {level: debug, reportcaller: true}
storage:
  s3:
    accesskey: awsaccesskey
    secretkey: awssecretkey
    region: us-west-1
    regionendpoint: http://myobjects.local
    forcepathstyle: true
    accelerate: false
    bucket: bucketname
    encrypt: true
    keyid: mykeyid
    secure: true
    skipverify: false
    v4auth: true
    chunksize: 5242880
    multipartcopychunksize: 33554432
    multipartcopymaxconcurrency: 100
    multipartcopythresholdsize: 33554432
    rootdirectory: /s3/object/name/prefix
    storageclass: standard
    objectacl: private
    useragent: agent
    usedualstack: false
    usefipsendpoint: false
    loglevel: off
  tag: {concurrencylimit: 8}
  cache: {blobdescriptor: redis, blobdescriptorsize: 10000}
auth:
  token:
    autoredirect: true
    autoredirectpath: /auth
    realm: token-realm
    service: token-service
    issuer: registry-token-issuer
    jwks: /path/to/jwks
    signingalgorithms: [EdDSA, HS256]
middleware:
  storage:
    - {name: redirect, options: {baseurl: "https://example.com/"}}
    - {name: rewrite, options: {scheme: https, host: cdn.example.com, trimpathprefix: /bucket}}
tags: {maxtags: 1000}
catalog: {maxentries: 1000}
http:
  addr: :5000
  draintimeout: 60s
  tls:
    clientauth: require-and-verify-client-cert
    minimumtls: tls1.2
    ciphersuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
    letsencrypt:
      cachefile: /path/to/cache-file
      email: mail@example.com
      hosts: [registry.example.com]
      directoryurl: https://acme-v02.api.letsencrypt.org/directory
  debug: {addr: ":5001", prometheus: {enabled: true, path: /metrics}}
  h2c: {enabled: false}
notifications:
  events: {includereferences: true}
  endpoints:
    - {name: a, url: "https://h/event", ignore: {mediatypes: [application/octet-stream], actions: [pull]}}
redis:
  tls: {certificate: /path/to/cert.crt, key: /path/to/key.pem, rootcas: [/path/to/ca.pem]}
  addrs: [localhost:6379]
  username: user
  maxidleconns: 16
  poolsize: 64
  connmaxidletime: 300s
proxy:
  remoteurl: https://registry-1.docker.io
  exec: {command: docker-credential-helper, lifetime: 1h}
  ttl: 168h
  cachewritetimeout: 5m
validation:
  disabled: false
  manifests: {indexes: {platforms: List, platformlist: [{architecture: amd64, os: linux}]}}
"""

AZURE = "azure: {accountname: a, accountkey: k, container: c, rootdirectory: /x, max_retries: 10, retry_delay: 100ms, credentials: {type: client_secret, clientid: i, tenantid: t, secret: s}}"
GCS = "gcs: {bucket: b, credentials: {type: service_account, project_id: p, private_key_id: i, private_key: k, client_email: e, client_id: c, auth_uri: u, token_uri: t, auth_provider_x509_cert_url: x, client_x509_cert_url: y}, rootdirectory: /x, chunksize: 5242880}"
SWIFT = "swift: {authurl: 'https://h/v3', username: u, password: p, container: c, tenant: t, domain: d, region: r, insecureskipverify: true, chunksize: 5M}"
OSS = "oss: {accesskeyid: i, accesskeysecret: s, region: r, bucket: b, endpoint: e, internal: true, encrypt: true, secure: true, chunksize: 10MB, rootdirectory: x}"
RADOS = "rados: {poolname: p, username: u, chunksize: 4194304}"
