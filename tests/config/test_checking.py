import sys

import pytest

from .conftest import INMEMORY, Load, Refuse


@pytest.mark.parametrize(
    ("text", "path", "line", "message"),
    [
        ("http:\n  workers: many\n", "http.workers", 4, "must be a whole number, not 'many'"),
        ("http:\n  workers: 0\n", "http.workers", 4, "must be at least 1, not '0'"),
        ("http:\n  workers: 1.5\n", "http.workers", 4, "must be a whole number, not '1.5'"),
        ("http:\n  workers: yes\n", "http.workers", 4, "must be a whole number, not 'yes'"),
        ("catalog:\n  maxentries: off\n", "catalog.maxentries", 4, "must be a whole number, not 'off'"),
        ("http:\n  limits: {memory: true}\n", "http.limits.memory", 4, "must be a number of bytes"),
        ("http:\n  addr: localhost\n", "http.addr", 4, "must be HOST:PORT such as"),
        ("http:\n  headers:\n    X-A: [a, b, !!str \"c\\nd\"]\n", "http.headers.X-A[2]", 5, "must be printable ASCII"),
        ("http:\n  headers:\n    'X A': [a]\n", "http.headers.X A", 5, "must be a header name"),
        ("http:\n  headers: [a]\n", "http.headers", 4, "must be a mapping of names to values"),
        ("http:\n  tls: yes\n", "http.tls", 4, "must be a section with keys of its own"),
        ("http:\n  tls:\n    clientcas: {a: b}\n", "http.tls.clientcas", 5, "must be a list"),
        ("http:\n  tls:\n    certificate: [a]\n", "http.tls.certificate", 5, "must be text"),
        ("http:\n  draintimeout: 1 week\n", "http.draintimeout", 4, "must be a duration such as"),
        ("http:\n  draintimeout: -1s\n", "http.draintimeout", 4, "must be at least 0s, not '-1s'"),
        ("http:\n  draintimeout: 600h\n", "http.draintimeout", 4, "must be at most 24h, not '600h'"),
        ("http:\n  host: https://h/?a=hunter2\n", "http.host", 4, "must have no query (?) and no fragment (#)"),
        ("http:\n  host: https://h#x\n", "http.host", 4, "must have no query (?) and no fragment (#)"),
        ("http:\n  host: https://h/?\n", "http.host", 4, "must have no query (?) and no fragment (#)"),
        ("version: 0.1\nstorage:\n  s3: {bucket: b, regionendpoint: 'http://h:9000?a=hunter2'}\n", "storage.s3.regionendpoint", 3, "must have no query (?) and no fragment (#); remove them"),
        ("version: 0.1\nstorage:\n  s3: {bucket: b, region: r, redirectendpoint: 'https://h?a=hunter2'}\n", "storage.s3.redirectendpoint", 3, "must have no query (?)"),
        ("version: 0.1\nstorage:\n  s3: {bucket: b, region: r, redirectendpoint: 'h#x'}\n", "storage.s3.redirectendpoint", 3, "must have no query (?)"),
        ("version: 0.1\nstorage:\n  azure: {accountname: a, container: c, serviceurl: 'https://h/a?sv=hunter2'}\n", "storage.azure.serviceurl", 3, "must have no query (?)"),
        ("version: 0.1\nstorage:\n  azure: {container: c, accountkey: a2V5}\n", "storage.azure", 3, "needs accountname, or a connectionstring with AccountName"),
        ("http:\n  net: unix\n", "http.addr", 3, "is required with net: unix: the path of the socket"),
        ("http:\n  addr: 127.0.0.1:5000\n  net: unix\n", "http.addr", 4, "is required with net: unix: the path of the socket"),
        ("http:\n  limits: {bodytimeout: 1ms}\n", "http.limits.bodytimeout", 4, "must be at least 100ms, not '1ms'"),
        ("http:\n  limits: {memory: lots}\n", "http.limits.memory", 4, "must be a number of bytes"),
        ("http:\n  trustedproxies: [proxy]\n", "http.trustedproxies[0]", 4, "must be an address or a network"),
        ("log:\n  level: loud\n", "log.level", 4, "must be 'error', 'warn', 'info' or 'debug', not 'loud'"),
        ("log:\n  formatter: xml\n", "log.formatter", 4, "must be 'text', 'json' or 'logstash', not 'xml'"),
        ("validation:\n  disabled: maybe\n", "validation.disabled", 4, "must be true or false, not 'maybe'"),
        ("validation:\n  manifests: {urls: {allow: ['(']}}\n", "validation.manifests.urls.allow[0]", 4, "must be a regular expression in Go's syntax, RE2 (missing ): ()"),
        ("validation:\n  manifests: {urls: {deny: ['(?=a)']}}\n", "validation.manifests.urls.deny[0]", 4, "must be a regular expression"),
        ("auth:\n  htpasswd:\n    realm: r\n", "auth.htpasswd.path", 4, "is required"),
        ("notifications:\n  endpoints:\n    - name: a\n    - name: b\n      url: http://h\n", "notifications.endpoints[0].url", 5, "is required"),
        ("notifications:\n  endpoints:\n    - name: a\n      url: h\n", "notifications.endpoints[0].url", 6, "must be an http:// or https:// URL"),
        ("tags:\n  maxtags: -1\n", "tags.maxtags", 4, "must be at least 1, not '-1'"),
        ("auth:\n  issuer: {refreshlifetime: 5s}\n", "auth.issuer.refreshlifetime", 4, "must be 1m at least, or 0 for no refresh tokens"),
        ("policy: 1\n", "policy", 3, "must be a section with keys of its own"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told(refused: Refuse, text: str, path: str, line: int, message: str) -> None:
    (problem,) = refused(text).problems
    assert (problem.path, problem.line) == (path, line)
    assert problem.message.startswith(message)


def test_patterns_are_in_the_syntax_of_go(loaded: Load) -> None:
    text = (
        r"validation: {manifests: {urls: {allow: ['^https?://([^/]+\.)*example\.com/', '[[:alpha:]]\pL\z']}}}"
    )
    urls = loaded(text).configuration.validation.manifests.urls
    assert urls.allow == [r"^https?://([^/]+\.)*example\.com/", r"[[:alpha:]]\pL\z"]


def test_patterns_need_a_library(refused: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    (problem,) = refused("validation:\n  manifests: {urls: {deny: [a]}}\n").problems
    assert problem.path == "validation.manifests.urls.deny"
    assert problem.message == "google-re2 is not installed: pip install 'moorage[re2]'"


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(refused: Refuse) -> None:
    text = "http:\n  addr: nowhere\n  workers: 0\nlog:\n  level: loud\n  fields: 7\nhealth:\n  tcp:\n    - addr: x\nunknwon: 1\n"
    error = refused(text, {"REGISTRY_TAGS_MAXTAGS": "many", "REGISTRY_REDIS_ADDRS": "["})
    assert [(problem.path, problem.line or problem.variable) for problem in error.problems] == [
        ("http.addr", 4),
        ("http.workers", 5),
        ("log.level", 7),
        ("log.fields", 8),
        ("health.tcp[0].addr", 11),
        ("redis.addrs", "REGISTRY_REDIS_ADDRS"),
        ("tags.maxtags", "REGISTRY_TAGS_MAXTAGS"),
    ]
    assert [problem.path for problem in error.warnings] == ["unknwon"]
    assert all(problem.path in str(error) for problem in error.problems)


def test_what_cannot_be_in_a_document_is_told_with_all_other_mistakes(refused: Refuse) -> None:
    text = (
        "http:\n  addr: nowhere\n  addr: :5000\n  ? [a]\n  : b\nlog:\n  level: !loud\n  formatter: !x xml\n"
        "auth: !token\n  htpasswd:\n    realm: r\nhttp:\n  workers: 0\nproxy: {remoteurl: 'https://h'}\n"
        'redis: {password: "\\0"}\nunknwon: 1\n'
    )
    error = refused(text, {"REGISTRY_TAGS_MAXTAGS": "many", "REGISTRY_HTTP_TLS": "{a: !b , c: 1, c: 2}"})
    assert [
        (one.path, one.line or one.variable, one.message.partition(",")[0]) for one in error.problems
    ] == [
        ("http.addr", 4, "must be HOST:PORT such as 127.0.0.1:5000"),
        ("http.addr", 5, "is there twice"),
        ("http", 6, "has a key that is not text"),
        ("log.level", 9, "has a tag"),
        ("log.level", 9, "must be 'error'"),
        ("log.formatter", 10, "has a tag"),
        ("log.formatter", 10, "must be 'text'"),
        ("auth", 11, "has a tag"),
        ("auth.htpasswd.path", 12, "is required"),
        ("http", 14, "is there twice"),
        ("http.workers", 15, "must be at least 1"),
        ("proxy.remoteurl", 16, "a pull-through cache is not supported yet; remove the section"),
        ("redis.password", 17, "holds a character that cannot be in text"),
        ("http.tls", "REGISTRY_HTTP_TLS", "has a tag"),
        ("http.tls", "REGISTRY_HTTP_TLS", "is there twice"),
        ("tags.maxtags", "REGISTRY_TAGS_MAXTAGS", "must be a whole number"),
    ]
    assert [one.path for one in error.warnings] == ["unknwon"]


def test_nothing_is_said_to_be_missing_that_is_there_but_cannot_be_read(refused: Refuse) -> None:
    error = refused(
        "version: 0.1\nauth:\n  htpasswd:\n    realm: !r\n    path: !p\n"
        "storage: {delete: {enabled: true}}\nstorage: {inmemory: }\nhttp:\nhttp: {workers: 0}\n"
    )
    assert [one.path for one in error.problems] == [
        "auth.htpasswd.realm",
        "auth.htpasswd.path",
        "storage",
        "http",
        "http.workers",
    ]


def test_a_key_that_is_twice_there_is_told_beside_a_wrong_version(refused: Refuse) -> None:
    error = refused("version: 0.2\na: 1\na: 2\n")
    assert [(one.path, one.line) for one in error.problems] == [("version", 1), ("a", 3)]


def test_a_wrong_value_from_a_variable_is_told_with_its_name(refused: Refuse) -> None:
    (problem,) = refused("http:\n  addr: :5000\n", {"REGISTRY_HTTP_ADDR": "x"}).problems
    assert str(problem).startswith("REGISTRY_HTTP_ADDR: http.addr: must be HOST:PORT")


def test_a_long_value_is_cut(refused: Refuse) -> None:
    (problem,) = refused(f"http:\n  addr: {'x' * 1000}\n").problems
    assert len(str(problem)) < 250


@pytest.mark.parametrize(
    "text",
    [
        "notifications: {endpoints: [{name: a, url: 'ftp://robot:hunter2@h/'}]}",
        "notifications: {endpoints: [{name: a, url: 'http://h', headers: {Authorization: {hunter2: a}}}]}",
        "proxy: {remoteurl: 'robot:hunter2@h'}",
        "proxy: {password: [hunter2]}",
        "redis: {addrs: ['redis://robot:hunter2@h:1']}",
        "redis: {addrs: [':hunter2@h:1']}",
        "redis: {addrs: ['redis://:hunter2/hunter2@h:1']}",
        "http: {secret: {hunter2: a}}",
        "notifications: {endpoints: [{name: a, url: 'http://h', headers: {'Authorization: Bearer hunter2': }}]}",
        "notifications: {endpoints: [{name: a, url: 'http://h', headers: {'Authorization:hunter2': {a: b}}}]}",
        "redis: {addrs: [7], password:hunter2}",
        "redis: {addrs: [7], 'password: hunter2'}",
        "redis: {'password=hunter2': 1, 'password=hunter2': 2}",
    ],
)
def test_a_secret_is_not_repeated_in_an_error(refused: Refuse, text: str) -> None:
    error = refused(text)
    assert "hunter2" not in "\n".join(map(str, [*error.problems, *error.warnings]))


def test_a_name_with_what_no_name_has_is_told_by_its_beginning(refused: Refuse) -> None:
    (problem,) = refused(INMEMORY + "http:\n  headers:\n    'X-A: b': [a]\n").problems
    assert str(problem) == "line 5: http.headers.X-A…: must be a header name"
    claims = "auth: {oidc: {issuer: 'https://h', audience: a, required: {'https://h/x': {a: b}}}}"
    (problem,) = refused(claims).problems
    assert str(problem).startswith("line 3: auth.oidc.required.https://h/x: must be a list")


def test_switches_take_the_usual_words(loaded: Load) -> None:
    for word, expected in {"true": True, "yes": True, "'true'": True, "off": False, "'false'": False}.items():
        assert loaded(f"validation: {{disabled: {word}}}").configuration.validation.disabled is expected


def test_it_says_what_the_person_wrote_as_it_is_written(refused: Refuse) -> None:
    (problem,) = refused(INMEMORY + "http:\n  workers: 0x0\n").problems
    assert problem.message.endswith("not '0x0'")
