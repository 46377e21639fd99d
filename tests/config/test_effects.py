import pytest

from moorage.config.sections import drivers
from moorage.config.sections.redis import WITHOUT_EFFECT, Redis
from moorage.config.sections.tls import SUITES

from .conftest import INMEMORY, Load

CLOUDFRONT = "{name: cloudfront, options: {baseurl: cdn.example, privatekey: k, keypairid: i}}"
S3 = "s3: {bucket: b, region: r}"


def warned(loaded: Load, storage: str, *entries: str) -> list[tuple[str, int | None, str]]:
    lines = "".join(f"    - {entry}\n" for entry in entries)
    text = f"version: 0.1\nstorage: {{{storage}}}\nmiddleware:\n  storage:\n{lines}"
    return [(one.path, one.line, one.message) for one in loaded(text).warnings]


@pytest.mark.parametrize("driver", ["filesystem", "inmemory", "gcs"])
def test_cloudfront_before_another_store_than_s3_is_a_warning(loaded: Load, driver: str) -> None:
    storage = f"{driver}: {{bucket: b}}" if driver == "gcs" else f"{driver}:"
    found = warned(loaded, storage, "{name: rewrite, options: {host: h}}", CLOUDFRONT)
    message = f"has no effect: cloudfront is for the storage driver s3, not {driver}"
    assert found == [("middleware.storage[1]", 6, message)]


def test_middleware_without_redirects_is_a_warning(loaded: Load) -> None:
    found = warned(loaded, f"{S3}, redirect: {{disable: true}}", CLOUDFRONT, "{name: rewrite}")
    assert [path for path, _, _ in found] == ["middleware.storage[0]", "middleware.storage[1]"]
    assert all("storage.redirect.disable" in message for _, _, message in found)


def test_what_has_an_effect_or_is_switched_off_is_none(loaded: Load) -> None:
    assert warned(loaded, S3, CLOUDFRONT, "{name: rewrite}") == []
    assert warned(loaded, "inmemory:", "{name: cloudfront, disabled: true}") == []


@pytest.mark.parametrize(
    ("storage", "path"),
    [
        ("s3: {bucket: b, region: r, v4auth: false}", "storage.s3.v4auth"),
        ("s3: {bucket: b, region: r, keyid: k}", "storage.s3.keyid"),
        ("s3: {bucket: b, region: r, sessiontoken: t}", "storage.s3.sessiontoken"),
        ("gcs: {bucket: b, rootdirectory: '100%'}", "storage.gcs.rootdirectory"),
        ("gcs: {bucket: b, chunksize: 262144}", "storage.gcs.chunksize"),
        ("s3: {bucket: b, regionendpoint: 'http://h', accelerate: true}", "storage.s3.accelerate"),
        ("s3: {bucket: b, regionendpoint: 'http://h', usedualstack: true}", "storage.s3.usedualstack"),
        ("s3: {bucket: b, regionendpoint: 'http://h', usefipsendpoint: true}", "storage.s3.usefipsendpoint"),
        ("s3: {bucket: b, region: r, accelerate: true, usefipsendpoint: true}", "storage.s3.usefipsendpoint"),
    ],
)
def test_keys_of_drivers_that_change_nothing_are_warned_of(loaded: Load, storage: str, path: str) -> None:
    assert [one[0] for one in warned(loaded, storage)] == [path]
    plain = storage.rpartition(",")[0] + "}"
    assert warned(loaded, plain) == []


@pytest.mark.parametrize("driver", ["filesystem", "inmemory"])
def test_a_shared_cache_in_front_of_a_local_disk_is_a_warning(loaded: Load, driver: str) -> None:
    ((path, _, message),) = warned(loaded, f"{driver}: , cache: {{blobdescriptor: redis}}")
    assert (path, message) == (
        "storage.cache.blobdescriptor",
        f"has no effect with the storage driver {driver}, which is asked every time",
    )
    assert warned(loaded, f"{driver}: , cache: {{blobdescriptor: inmemory}}") == []
    assert warned(loaded, f"{S3}, cache: {{blobdescriptor: redis}}") == []


SHARED = f"version: 0.1\nstorage: {{{S3}, cache: {{blobdescriptor: redis}}}}\n"


def test_keys_of_redis_that_change_nothing_are_warned_of_with_their_line_and_what_applies(
    loaded: Load,
) -> None:
    found = loaded(f"{SHARED}redis:\n  addr: localhost:6379\n  readonly: true\n  writetimeout: 3s\n").warnings
    assert [(one.path, one.line) for one in found] == [("redis.readonly", 5), ("redis.writetimeout", 6)]
    assert found[1].message == "has no effect: sending waits as long as receiving does (`readtimeout`)"


def test_keys_of_a_redis_that_is_not_used_are_not_warned_of(loaded: Load) -> None:
    text = f"version: 0.1\nstorage: {{{S3}}}\nredis: {{addr: 'localhost:6379', readonly: true}}\n"
    assert loaded(text).warnings == []


@pytest.mark.parametrize("key", WITHOUT_EFFECT)
def test_the_page_says_of_keys_of_redis_that_they_have_no_effect(key: str) -> None:
    assert (Redis.model_fields[key].description or "").startswith("Without effect: ")


def test_the_page_says_of_the_threads_of_a_disk_that_they_have_no_effect() -> None:
    assert (drivers.Filesystem.model_fields["maxthreads"].description or "").startswith("Without effect")


@pytest.mark.parametrize("key", ["blobdescriptor", "layerinfo"])
def test_an_unknown_cache_is_a_warning_and_none(loaded: Load, key: str) -> None:
    found = loaded(f"version: 0.1\nstorage:\n  {S3}\n  cache: {{{key}: memcached}}\n")
    assert found.configuration.storage.cache.blobdescriptor == "none"
    (warning,) = found.warnings
    assert (warning.path, warning.line) == ("storage.cache.blobdescriptor", 4)
    assert warning.message == (
        "must be inmemory, redis or none, not 'memcached': the registry serves without a cache"
    )


TLS = "certificate: c, key: k"
SAFE = "TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"


@pytest.mark.parametrize(
    ("http", "path", "words"),
    [
        (
            f"tls: {{{TLS}, clientcas: [a], clientauth: request-client-cert}}",
            "tls.clientauth",
            "none is requested",
        ),
        (
            f"tls: {{{TLS}, clientauth: verify-client-cert-if-given}}",
            "tls.clientauth",
            "without clientcas",
        ),
        (f"tls: {{{TLS}, clientauth: require-any-client-cert}}", "tls.clientauth", "without clientcas"),
        (f"tls: {{{TLS}, ciphersuites: [{SAFE}]}}", "tls.ciphersuites", "TLS_CHACHA20_POLY1305_SHA256, "),
        (f"tls: {{{TLS}, ciphersuites: [any], minimumtls: tls1.3}}", "tls.ciphersuites", "minimumtls tls1.3"),
        (f"tls: {{{TLS}}}, h2c: {{enabled: true}}", "h2c.enabled", "http2.disabled decides"),
        ("net: unix, addr: /a, h2c: {enabled: true}", "h2c.enabled", "on a unix socket"),
    ],
)
def test_keys_of_tls_that_change_nothing_are_warned_of(
    loaded: Load, http: str, path: str, words: str
) -> None:
    ((found, message),) = [(one.path, one.message) for one in loaded(f"{INMEMORY}http: {{{http}}}").warnings]
    assert found == f"http.{path}"
    assert words in message


@pytest.mark.parametrize(
    "http",
    [
        f"tls: {{{TLS}, clientauth: require-and-verify-client-cert}}",
        f"tls: {{{TLS}, clientcas: [a], clientauth: verify-client-cert-if-given}}",
        f"tls: {{{TLS}, ciphersuites: [{', '.join(SUITES)}]}}, http2: {{disabled: true}}",
        "h2c: {enabled: true}",
    ],
)
def test_keys_of_tls_that_do_what_they_say_are_none(loaded: Load, http: str) -> None:
    assert loaded(f"{INMEMORY}http: {{{http}}}").warnings == []


@pytest.mark.parametrize(
    ("auth", "who"), [("", "everybody"), ("auth: {htpasswd: {realm: r, path: p}}\n", "whoever is known")]
)
@pytest.mark.parametrize("rules", ["access: []\n", "access:\n", "access: ''\n"])
def test_an_empty_list_of_rules_is_a_warning_for_it_denies_nothing(
    loaded: Load, rules: str, auth: str, who: str
) -> None:
    (found,) = loaded(f"{INMEMORY}{auth}{rules}").warnings
    assert found.path == "access"
    assert f"{who} may do everything" in found.message


RULES = "access: [{repositories: ['**'], users: ['*'], allow: pull}]\n"


@pytest.mark.parametrize("name", ["REGISTRY_ACCESS", "REGISTRY_AUTH"])
def test_protection_that_an_empty_variable_takes_away_is_a_warning(loaded: Load, name: str) -> None:
    rules = RULES if name == "REGISTRY_ACCESS" else ""
    found = loaded(f"{INMEMORY}auth: {{htpasswd: {{realm: r, path: p}}}}\n{rules}", {name: ""})
    (warning,) = found.warnings
    assert warning.variable == name
    assert "may do everything" in warning.message


@pytest.mark.parametrize("auth", ["auth:", "auth: {}", "auth: ''"])
def test_a_section_about_who_it_is_that_says_nothing_is_a_warning(loaded: Load, auth: str) -> None:
    (found,) = loaded(f"{auth}\n").warnings
    assert (found.path, found.line) == ("auth", 3)
    assert "everybody may do everything" in found.message
    assert loaded("auth: none\n").warnings == loaded("auth: {none: }\n").warnings == []


@pytest.mark.parametrize("authorities", ["", "[]", "''"])
def test_authorities_for_certificates_of_clients_that_are_none_are_a_warning(
    loaded: Load, authorities: str
) -> None:
    (found,) = loaded(f"http:\n  tls:\n    {{{TLS}, clientcas: {authorities}}}\n").warnings
    assert found.path == "http.tls.clientcas"
    assert "no client is asked for a certificate" in found.message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("username", "u"),
        ("password", "hunter2"),
        ("exec", "{command: docker-credential-a}"),
        ("ttl", "1h"),
        ("cachewritetimeout", "1s"),
    ],
)
def test_keys_of_a_proxy_without_a_remote_registry_are_warned_of(loaded: Load, key: str, value: str) -> None:
    (found,) = loaded(f"proxy:\n  {key}: {value}\n").warnings
    assert str(found) == f"line 4: proxy.{key}: has no effect without proxy.remoteurl"
    assert loaded(f"proxy:\n  {key}: {value}\n  remoteurl: https://h\n").warnings == []


def test_schema_1_is_known_and_that_it_is_not_served_is_a_warning(loaded: Load) -> None:
    text = "compatibility:\n  schema1:\n    signingkeyfile: /etc/registry/key.json\n"
    (key,) = loaded(text).warnings
    assert (key.path, key.line) == ("compatibility.schema1.signingkeyfile", 5)
    found = loaded(f"{text}    enabled: true\n")
    (enabled,) = found.warnings
    assert (enabled.path, enabled.line) == ("compatibility.schema1.enabled", 6)
    assert "manifests of schema 1 are refused" in enabled.message
    assert found.unbuilt == []
    assert loaded("compatibility: {schema1: {enabled: false}}\n").warnings == []


@pytest.mark.parametrize(
    ("prefix", "host", "sent"),
    [
        ("/x/", "https://reg.example.com", "https://reg.example.com"),
        ("/x/", "https://reg.example.com/ax", "https://reg.example.com/ax"),
        ("/x/", "https://x", "https://x"),
        ("/a/x/", "https://reg.example.com/x/", "https://reg.example.com/x"),
        ("/x/", "https://robot:hunter2@reg.example.com/", "https://***@reg.example.com"),
    ],
)
def test_a_prefix_that_the_address_for_clients_lacks_is_a_warning(
    loaded: Load, prefix: str, host: str, sent: str
) -> None:
    (found,) = loaded(f"http:\n  host: {host}\n  prefix: {prefix}\n").warnings
    assert (found.path, found.line) == ("http.prefix", 5)
    assert found.message == (
        f"has no effect on http.host, which is the whole address: clients are sent to {sent}/v2/"
    )


@pytest.mark.parametrize(
    "http",
    [
        "{host: 'https://reg.example.com/x', prefix: /x/}",
        "{host: 'https://reg.example.com/outer/x/', prefix: x}",
        "{host: 'https://reg.example.com/x'}",
        "{host: 'https://reg.example.com', prefix: /}",
        "{prefix: /x/}",
    ],
)
def test_a_prefix_that_the_address_for_clients_ends_with_is_none(loaded: Load, http: str) -> None:
    assert loaded(f"http: {http}\n").warnings == []


@pytest.mark.parametrize(
    ("kind", "warned"),
    [
        ("silly: {realm: r, service: s}", True),
        ("token: {realm: 'https://t.example/', service: s, issuer: i, jwks: /etc/keys.json}", True),
        ("none: {}", True),
        ("htpasswd: {realm: r, path: /etc/htpasswd}", False),
    ],
)
def test_a_token_service_where_nobody_signs_in_is_a_warning(loaded: Load, kind: str, warned: bool) -> None:
    text = f"auth:\n  {kind}\n  issuer:\n    enabled: "
    found = [(one.path, one.line) for one in loaded(f"{text}true\n").warnings]
    assert (("auth.issuer.enabled", 6) in found) is warned
    assert "auth.issuer.enabled" not in [one.path for one in loaded(f"{text}false\n").warnings]
