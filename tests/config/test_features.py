import pytest

from moorage.config import Loaded
from moorage.config.features import EXTRAS, UNBUILT
from moorage.config.schema import shape_at

from .conftest import INMEMORY, Load, Refuse
from .examples import AZURE, GCS, NEWER, OLDER, OSS, RADOS, SWIFT


def paths(found: Loaded) -> list[str]:
    return [problem.path for problem in found.unbuilt]


BUILT = """\
log:
  level: debug
  formatter: logstash
  fields: {a: b}
  output: /var/log/registry.log
  accesslog: {formatter: fields, output: stderr}
  hooks: [{type: mail, levels: [panic], options: {smtp: {addr: 'h:25'}, from: a@h, to: [b@h]}}]
auth: none
http:
  addr: :5000
  net: tcp
  prefix: /x/
  host: https://registry.example.com
  secret: secret
  relativeurls: true
  draintimeout: 10s
  workers: 2
  trustedproxies: [10.0.0.1]
  limits: {uploads: 10}
  headers: {X-A: [b]}
  tls: {certificate: c, key: k, clientcas: [ca], minimumtls: tls1.3}
  http2: {disabled: true}
  debug: {addr: "localhost:5001", prometheus: {enabled: true, path: /metrics}}
health:
  storagedriver: {enabled: true, interval: 10s, threshold: 3}
  file: [{file: /x, interval: 10s}]
  http: [{uri: 'http://h', headers: {A: [b]}, statuscode: 204, timeout: 3s, interval: 10s, threshold: 3}]
  tcp: [{addr: 'h:1', timeout: 3s, interval: 10s, threshold: 3}]
catalog: {maxentries: 10}
tags: {maxtags: 10}
validation: {disabled: true, manifests: {urls: {allow: [a], deny: [b]}, indexes: {platforms: none}}}
"""
STORAGE = """\
version: 0.1
storage:
  filesystem: {rootdirectory: /x, inlinereads: false}
  delete: {enabled: true}
  redirect: {disable: true}
  cache: {blobdescriptor: inmemory}
  maintenance: {uploadpurging: {enabled: false}, readonly: {enabled: true}}
  tag: {concurrencylimit: 3}
"""


@pytest.mark.parametrize("text", [INMEMORY + BUILT, STORAGE + BUILT])
def test_what_is_built_is_accepted(loaded: Load, text: str) -> None:
    assert paths(loaded(text)) == []


UNSUPPORTED = [
    ("middleware: {registry: [{name: a, disabled: true}, {name: b}]}", "middleware.registry[1]"),
    ("middleware: {repository: [{name: a}]}", "middleware.repository[0]"),
    ("http: {tls: {certificate: c, key: k, clientcas: [a], clientauth: require-any-client-cert}}", "http.tls.clientauth"),
    ("proxy: {remoteurl: 'https://h'}", "proxy.remoteurl"),
    ("policy: {repository: {classes: [image]}}", "policy"),
    *((f"version: 0.1\nstorage: {{{driver}}}", f"storage.{driver.split(':')[0]}") for driver in (SWIFT, OSS, RADOS)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), UNSUPPORTED)
def test_what_is_not_built_is_refused_by_name(loaded: Load, text: str, expected: str) -> None:
    found = loaded(text)
    assert paths(found) == [expected]
    assert all(problem.line for problem in found.unbuilt)


@pytest.mark.parametrize(("text", "expected"), UNSUPPORTED)
def test_what_is_not_built_is_told_beside_mistakes(refused: Refuse, text: str, expected: str) -> None:
    told = [
        problem for problem in refused(f"{text}\nlog: {{level: loud}}\n").problems if problem.path == expected
    ]
    assert len(told) == 1
    assert told[0].line


def test_what_is_switched_off_is_not_told_beside_mistakes(refused: Refuse) -> None:
    text = "middleware: {registry: [{name: a, disabled: true}]}\nproxy: {}\npolicy:\nlog: {level: loud}\n"
    assert [problem.path for problem in refused(text).problems] == ["log.level"]


@pytest.mark.parametrize(
    "text",
    [
        "auth: {silly: {realm: r, service: s}}",
        "auth: {token: {realm: r, service: s, issuer: i, jwks: j}}",
        "auth: {htpasswd: {realm: r, path: p}}",
        "version: 0.1\nstorage: {s3: {bucket: b, region: r}}",
        *(f"version: 0.1\nstorage: {{{driver}}}" for driver in (AZURE, GCS)),
        "log: {hooks: [{type: mail, disabled: true}]}",
        "middleware: {storage: [{name: rewrite}, {name: redirect, options: {baseurl: 'https://h'}}]}",
        "middleware: {storage: [{name: cloudfront, options: {baseurl: h, privatekey: k, keypairid: i}}]}",
        "middleware: {registry: [{name: a, disabled: true}]}",
        "notifications: {endpoints: [{name: a, url: 'http://h', disabled: true}]}",
        "notifications: {events: {includereferences: true}}",
        "notifications: {endpoints: [{name: a, url: 'http://h'}]}",
        "version: 0.1\nstorage: {inmemory: , cache: {blobdescriptor: redis}}\nredis: {addr: 'localhost:6379'}",
        "reporting: {bugsnag: {apikey: k}, newrelic: {licensekey: k}, sentry: {dsn: 'https://k@example.com/1'}}",
        "redis:\nreporting: {bugsnag: }\nproxy: {}\npolicy:\nhttp: {debug: }",
    ],
)
def test_what_is_built_or_switched_off_is_accepted(loaded: Load, text: str) -> None:
    assert paths(loaded(text)) == []


@pytest.mark.parametrize(("text", "least"), [(OLDER, 3), (NEWER, 1)])
def test_all_that_is_not_built_is_told_at_once_and_what_to_do(loaded: Load, text: str, least: int) -> None:
    problems = loaded(text).unbuilt
    assert len(problems) >= least
    for problem in problems:
        assert "yet; " in problem.message or "yet (" in problem.message, problem


@pytest.mark.parametrize("path", [*UNBUILT, *EXTRAS])
def test_every_row_names_a_key_that_exists(path: str) -> None:
    from moorage.config import Configuration

    assert shape_at(Configuration, path.removesuffix("[]").split(".")) is not None
