import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from moorage.config import Configuration, ConfigurationError, Loaded, effective, load, loading, unbuilt
from moorage.config.schema import Keys, ListOf, MapOf, Shape, keys, variable_name, walk
from moorage.config.sections.base import Section

from .conftest import INMEMORY, Load, Refuse


@pytest.fixture(autouse=True)
def no_usual_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The usual places moved into an empty folder, so that no file of this machine takes part."""
    places = [tmp_path / "docker.yml", tmp_path / "distribution.yml"]
    monkeypatch.setattr(loading, "USUAL_PLACES", places)
    return places


def test_the_path_given_comes_first(tmp_path: Path, no_usual_places: list[Path]) -> None:
    for index, path in enumerate([tmp_path / "given.yml", tmp_path / "variable.yml", *no_usual_places]):
        path.write_text(f"{INMEMORY}catalog: {{maxentries: {index + 1}}}\n")
    environ = {"REGISTRY_CONFIGURATION_PATH": str(tmp_path / "variable.yml")}

    def which(path: Path | None) -> tuple[int, Path | None]:
        found = load(path, environ)
        return found.configuration.catalog.maxentries, found.source

    assert which(tmp_path / "given.yml") == (1, tmp_path / "given.yml")
    assert which(None) == (2, tmp_path / "variable.yml")
    environ.clear()
    assert which(None) == (3, no_usual_places[0])
    no_usual_places[0].unlink()
    assert which(None) == (4, no_usual_places[1])


def test_without_any_file_there_are_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "DEFAULT_ROOT", str(tmp_path))
    found = load(None, {})
    assert found.source is None
    assert found.warnings == []
    assert found.configuration.http.listen == ("127.0.0.1", 5000)
    assert found.configuration.storage.filesystem is not None
    assert found.configuration.storage.filesystem.rootdirectory == str(tmp_path)


def test_the_default_root_is_one_that_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "DEFAULT_ROOT", str(tmp_path / "missing"))
    for environ in [{}, {"REGISTRY_STORAGE": "filesystem"}, {"REGISTRY_STORAGE_DELETE_ENABLED": "true"}]:
        filesystem = load(None, environ).configuration.storage.filesystem
        assert filesystem is not None
        assert filesystem.rootdirectory == "data"


def test_without_any_file_variables_choose_the_driver() -> None:
    assert load(None, {"REGISTRY_STORAGE": "inmemory"}).configuration.storage.driver.name == "inmemory"
    environ = {"REGISTRY_STORAGE_S3_BUCKET": "b", "REGISTRY_STORAGE_S3_REGION": "r"}
    assert load(None, environ).configuration.storage.driver.name == "s3"
    with pytest.raises(ConfigurationError, match=r"storage\.flesystem"):
        load(None, {"REGISTRY_STORAGE": "flesystem"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"version: 0.1\nx: \xff\n", "not UTF-8"),
        (b"", "version: 0.1"),
        (b"storage: inmemory\n", "version: 0.1"),
        (b"version:\n", "version: 0.1"),
        (b"- version: 0.1\n", "version: 0.1"),
        (b"version: 0.2\nstorage: nonsense\n", "must be 0.1"),
        (b"version: [0.1]\n", "must be 0.1"),
    ],
)
def test_without_a_version_nothing_else_is_looked_at(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "config.yml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load(file, {"REGISTRY_HTTP_WORKERS": "0"})
    (problem,) = caught.value.problems
    assert message in problem.message
    assert caught.value.source == file


def test_an_empty_variable_for_the_storage_means_the_default() -> None:
    assert load(None, {"REGISTRY_STORAGE": ""}).configuration.storage.driver.name == "filesystem"


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="larger"):
        load(Path("/dev/zero"), {})


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        load(tmp_path, {})
    with pytest.raises(ConfigurationError, match="cannot read"):
        load(Path("\0"), {})


def test_the_version_may_be_quoted_and_the_file_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_bytes(b"\xef\xbb\xbfversion: '0.1'\nstorage: inmemory\n")
    assert load(file, {}).configuration.version == "0.1"


def test_the_configuration_cannot_be_changed(loaded: Load) -> None:
    configuration = loaded("").configuration
    with pytest.raises(ValueError, match="frozen"):
        configuration.http.addr = ":1"


# Every key of the reference implementation, as its two major versions spell them.
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


@pytest.mark.parametrize("text", [OLDER, NEWER], ids=["older", "newer"])
def test_all_keys_of_the_reference_implementation_are_known(loaded: Load, text: str) -> None:
    assert loaded(text).warnings == []


@pytest.mark.parametrize("driver", [AZURE, GCS, SWIFT, OSS, RADOS])
def test_all_drivers_of_the_reference_implementation_are_known(loaded: Load, driver: str) -> None:
    found = loaded(f"version: 0.1\nstorage:\n  {driver}\n")
    assert found.warnings == []
    assert found.configuration.storage.driver.name == driver.split(":")[0]


@pytest.mark.skipif(
    not os.path.exists("/etc/docker/registry/config.yml"), reason="needs the package docker-registry"
)
def test_the_file_of_the_packaged_reference_implementation_loads() -> None:
    assert load(Path("/etc/docker/registry/config.yml"), {}).warnings == []


# From here on: whatever the input, the answer is a configuration or a list of problems.

WORDS = st.sampled_from(
    [
        "", "x", "true", "off", "0", "1", "-1", "5000", "1.5", "10ms", "4MiB", ":5000", "http://u:p@h/", "info", "~",
        "none", "inmemory", "[a]", "{a: b}", "[[]]", "*a", "'", "\x00", "\ud800", "é", "9" * 30, ".inf", "2024-01-01",
    ]
)  # fmt: skip
RIGHT = {
    "true or false": st.booleans(),
    "integer": st.integers(1, 200),
    "duration": st.sampled_from(["1s", "1m30s", "2h", "300ms", 5_000_000_000]),
    "duration or minutes": st.sampled_from(["20m", 20, "1h"]),
    "size": st.sampled_from([8 << 20, "8MiB", "16M"]),
    "URL": st.sampled_from(["http://h", "https://h:1/x?y"]),
    "HOST:PORT": st.sampled_from(["h:1", ":5000", "[::1]:2"]),
    "network": st.sampled_from(["10.0.0.0/8", "::1"]),
    "anything": st.sampled_from([1, "x", 1.5, True, [1, {"a": "b"}]]),
}


def right_values(shape: Shape) -> st.SearchStrategy[object]:
    """Values of the form the shape asks for, most of them within its bounds."""
    if isinstance(shape, Keys):
        return st.deferred(lambda: sections(shape.section, right_values))
    if isinstance(shape, ListOf):
        return st.lists(right_values(shape.item), max_size=2)
    if isinstance(shape, MapOf):
        return st.dictionaries(st.sampled_from(["a", "X-B", "c_d"]), right_values(shape.value), max_size=2)
    choices = shape.kind.name.split("`")[1::2]
    text = st.sampled_from(choices or ["x", "/x", "a b", "0123", "off", "é", "#", "[a"])
    return RIGHT.get(shape.kind.name, text)


def any_values(shape: Shape) -> st.SearchStrategy[object]:
    """Right ones, and wrong ones."""
    if isinstance(shape, Keys):
        return st.deferred(lambda: sections(shape.section, any_values)) | WORDS
    return right_values(shape) | WORDS | st.lists(WORDS, max_size=1)


def sections(
    section: type[Section], values: Callable[[Shape], st.SearchStrategy[object]]
) -> st.SearchStrategy[dict[str, object]]:
    """Some keys of a section, all that are required, and with wrong values also an unknown key."""
    known = keys(section)
    required = {name: values(key.shape) for name, key in known.items() if key.field.is_required()}
    names = [name for name in known if name not in required]
    if values is any_values:
        names.append("unknown")
    if not names:
        return st.fixed_dictionaries(required)
    return st.lists(st.sampled_from(names), max_size=3, unique=True).flatmap(
        lambda some: st.fixed_dictionaries(
            required | {name: values(known[name].shape) if name in known else WORDS for name in some}
        )
    )


ENVIRONMENTS = st.dictionaries(
    st.sampled_from([variable_name(path) for path, _ in walk(Configuration)]), WORDS, max_size=3
)


FUZZING = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8", errors="replace")
    return file


def attempt(file: Path, text: str, environ: dict[str, str]) -> Loaded | None:
    """What was loaded; None if it was refused, with at least one problem."""
    write(file, text)
    try:
        found = load(file, environ)
    except ConfigurationError as error:
        return None if error.problems and str(error).encode() else pytest.fail("refused without a reason")
    unbuilt(found.configuration)
    effective(found.configuration).encode()
    return found


@FUZZING
@given(tree=sections(Configuration, any_values), environ=ENVIRONMENTS)
def test_nothing_gives_a_traceback(tmp_path: Path, tree: dict[str, object], environ: dict[str, str]) -> None:
    text = json.dumps({"storage": "inmemory", **tree, "version": "0.1"})
    attempt(tmp_path / "config.yml", text, environ)


@FUZZING
@given(tree=sections(Configuration, right_values))
def test_the_effective_configuration_loads_as_the_same(tmp_path: Path, tree: dict[str, object]) -> None:
    text = json.dumps({**tree, "version": "0.1", "storage": "inmemory"})
    found = attempt(tmp_path / "config.yml", text, {})
    assume(found is not None and "***" not in effective(found.configuration))
    assert found is not None
    again = load(write(tmp_path / "again.yml", effective(found.configuration)), {})
    assert again.configuration == found.configuration
    assert again.warnings == []


def test_a_problem_of_a_file_is_told_with_the_file(refused: Refuse, tmp_path: Path) -> None:
    assert refused("a: [").source == tmp_path / "config.yml"
