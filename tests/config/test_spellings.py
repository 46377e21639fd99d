import pytest

from .conftest import INMEMORY, Load

SWIFT = "version: 0.1\nstorage:\n  swift: {authurl: 'http://h', username: u, password: p, container: c, prefix: /x}\n"


def test_older_keys_are_read_as_the_newer_ones(loaded: Load) -> None:
    older = loaded(
        "loglevel: debug\n"
        "redis:\n  addr: localhost:6379\n  pool: {maxidle: 16, maxactive: 64, idletimeout: 300s}\n"
        "notifications:\n  endpoints:\n"
        "    - {name: a, url: 'http://h', ignoredmediatypes: [x/y]}\n"
        "middleware:\n  storage:\n    - {name: rewrite, options: {updatefrenquency: 1h}}\n"
    )
    newer = loaded(
        "log: {level: debug}\n"
        "redis: {addrs: [localhost:6379], maxidleconns: 16, poolsize: 64, connmaxidletime: 300s}\n"
        "notifications:\n  endpoints:\n"
        "    - {name: a, url: 'http://h', ignore: {mediatypes: [x/y]}}\n"
        "middleware:\n  storage:\n    - {name: rewrite, options: {updatefrequency: 1h}}\n"
    )
    assert older.configuration == newer.configuration
    assert older.warnings == newer.warnings == []


def test_older_keys_of_the_storage_are_read_as_the_newer_ones(loaded: Load) -> None:
    swift = loaded(SWIFT).configuration.storage.swift
    assert swift is not None
    assert swift.rootdirectory == "/x"
    cache = loaded(
        "version: 0.1\nstorage: {inmemory: , cache: {layerinfo: inmemory}}\n"
    ).configuration.storage.cache
    assert cache.blobdescriptor == "inmemory"
    assert (
        loaded("version: 0.1\nstorage: {s3aws: {bucket: b, region: r}}\n").configuration.storage.s3
        is not None
    )


@pytest.mark.parametrize("authorities", ["/ca.pem", "[/ca.pem]"])
def test_the_authorities_of_redis_may_have_their_older_name(loaded: Load, authorities: str) -> None:
    found = loaded(f"redis: {{tls: {{clientcas: {authorities}}}}}\n")
    assert (found.configuration.redis.tls.rootcas, found.warnings) == (["/ca.pem"], [])
    found = loaded("", {"REGISTRY_REDIS_TLS_CLIENTCAS_0": "/ca.pem"})
    assert (found.configuration.redis.tls.rootcas, found.warnings) == (["/ca.pem"], [])


def test_variables_may_use_older_keys(loaded: Load) -> None:
    variables = {
        "REGISTRY_LOGLEVEL": "debug",
        "REGISTRY_REDIS_ADDR": "a:1",
        "REGISTRY_REDIS_POOL_MAXIDLE": "3",
    }
    configuration = loaded(INMEMORY, variables).configuration
    assert configuration.log.level == "debug"
    assert configuration.redis.addrs == ["a:1"]
    assert configuration.redis.maxidleconns == 3


def test_the_newer_key_wins_and_a_warning_tells(loaded: Load) -> None:
    found = loaded("loglevel: debug\nlog:\n  level: error\n")
    (warning,) = found.warnings
    assert found.configuration.log.level == "error"
    assert (warning.path, warning.line) == ("loglevel", 3)
    assert "log.level" in warning.message


def test_an_older_key_from_a_variable_wins_over_the_file(loaded: Load) -> None:
    found = loaded("log:\n  level: error\n", {"REGISTRY_LOGLEVEL": "debug"})
    assert found.configuration.log.level == "debug"
    assert found.warnings == []


@pytest.mark.parametrize(("file", "variable"), [("s3aws", "S3"), ("s3", "S3AWS")])
def test_a_variable_reaches_a_driver_under_its_other_name(loaded: Load, file: str, variable: str) -> None:
    text = f"version: 0.1\nstorage: {{{file}: {{bucket: b, region: r, rootdirectory: /a}}}}\n"
    found = loaded(text, {f"REGISTRY_STORAGE_{variable}_ROOTDIRECTORY": "/b"})
    s3 = found.configuration.storage.s3
    assert s3 is not None
    assert (s3.bucket, s3.rootdirectory, found.warnings) == ("b", "/b", [])
    whole = loaded(text, {f"REGISTRY_STORAGE_{variable}": "{bucket: c, region: r}"})
    s3 = whole.configuration.storage.s3
    assert s3 is not None
    assert (s3.bucket, s3.rootdirectory, whole.warnings) == ("c", "", [])


def test_an_empty_older_key_changes_nothing(loaded: Load) -> None:
    found = loaded("loglevel:\nlog:\n  level: error\nredis:\n  addr: ''\n", {"REGISTRY_LOGLEVEL": ""})
    assert found.configuration.log.level == "error"
    assert found.configuration.redis.addrs == []
    assert found.warnings == []


def test_lists_under_both_spellings_are_joined(loaded: Load) -> None:
    found = loaded(
        "notifications:\n  endpoints:\n"
        "    - {name: a, url: 'http://h', ignoredmediatypes: old, ignore: {mediatypes: [new]}}\n"
    )
    assert found.configuration.notifications.endpoints[0].ignore.mediatypes == ["new", "old"]


def test_a_single_value_does_for_a_list(loaded: Load) -> None:
    found = loaded("http:\n  trustedproxies: 10.0.0.1\n  headers: {X-A: b}\n").configuration.http
    assert [str(network) for network in found.trustedproxies or []] == ["10.0.0.1/32"]
    assert found.headers == {"X-A": ["b"]}


def test_a_section_of_kinds_may_be_a_bare_name(loaded: Load) -> None:
    bare = loaded("version: 0.1\nstorage: inmemory\nauth: none\n").configuration
    assert bare == loaded("version: 0.1\nstorage: {inmemory: {}}\nauth: {none: {}}\n").configuration
    assert bare.storage.driver.name == "inmemory"
    assert bare.auth.kind == "none"
