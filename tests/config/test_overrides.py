import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.config import Configuration
from moorage.config.document import parse
from moorage.config.nodes import Node, Origin, node_at, origin_of, plain
from moorage.config.overrides import Overridden, override
from moorage.config.schema import Leaf, ListOf, MapOf, variable_name, walk

from .conftest import INMEMORY, Load, Refuse


def applied(text: str, variables: Mapping[str, str]) -> Overridden:
    return override(parse(text), Configuration, variables)


def result(text: str, variables: Mapping[str, str]) -> object:
    done = applied(text, variables)
    assert not done.errors
    assert not done.warnings
    return plain(done.root)


LEAVES = [
    (path, key) for path, key in walk(Configuration) if isinstance(key.shape, Leaf) and path != "version"
]


@pytest.mark.parametrize("path", [path for path, _ in LEAVES])
def test_every_key_has_a_variable(path: str) -> None:
    name = variable_name(path)
    done = applied("version: 0.1", {name: "some-value"})
    assert not done.errors
    assert not done.warnings
    parts = tuple(int(part) if part.isdecimal() else part for part in re.findall(r"\w+", path))
    node = node_at(done.root, parts)
    assert node is not None, f"{name} did not reach {path}"
    assert (plain(node), node.origin) == ("some-value", Origin(variable=name))


@pytest.mark.parametrize("path", [path for path, key in walk(Configuration) if isinstance(key.shape, ListOf)])
def test_every_list_can_be_given_whole_or_item_by_item(path: str) -> None:
    name = variable_name(path)
    items = {f"{name}_0": "{a: 1}", f"{name}_1": "{b: 2}"}
    whole = {name: "[{a: 1}, {b: 2}]"}
    if isinstance(dict(walk(Configuration))[path].shape.item, Leaf):  # type: ignore[union-attr]
        items = {f"{name}_0": "x", f"{name}_1": "y"}
        whole = {name: "[x, y]"}
    assert result("version: 0.1", items) == result("version: 0.1", whole)


@pytest.mark.parametrize("path", [path for path, key in walk(Configuration) if isinstance(key.shape, MapOf)])
def test_every_free_mapping_takes_names_with_dashes_and_underscores(path: str) -> None:
    name = variable_name(path)
    expected = result("version: 0.1", {name: "{x-some_name: [v]}"})
    assert result("version: 0.1", {f"{name}_X-SOME_NAME": "[v]"}) == expected


def test_a_name_that_is_there_keeps_its_case() -> None:
    text = "http:\n  headers:\n    X-Frame-Options: [DENY]\n"
    for name, value in [
        ("REGISTRY_HTTP_HEADERS_X-FRAME-OPTIONS", "[A]"),
        ("REGISTRY_HTTP_HEADERS_X-FRAME-OPTIONS_0", "A"),
    ]:
        assert result(text, {name: value}) == {"http": {"headers": {"X-Frame-Options": ["A"]}}}


def test_a_value_may_be_json_that_is_indented_with_tabs() -> None:
    assert result("", {"REGISTRY_HTTP_HEADERS": '{\n\t"X-A": ["b"]\n}'}) == {
        "http": {"headers": {"X-A": ["b"]}}
    }


def test_an_override_keeps_its_neighbours() -> None:
    text = "http:\n  addr: a:1\n  tls:\n    clientcas: [a, b, c]\n"
    assert result(text, {"REGISTRY_HTTP_TLS_CLIENTCAS_1": "x"}) == {
        "http": {"addr": "a:1", "tls": {"clientcas": ["a", "x", "c"]}}
    }


def test_a_list_may_grow_beyond_ten_items() -> None:
    variables = {f"REGISTRY_HTTP_TLS_CLIENTCAS_{i}": f"ca{i}" for i in range(12)}
    assert result("", variables) == {"http": {"tls": {"clientcas": [f"ca{i}" for i in range(12)]}}}


def test_a_hole_in_a_list_is_told() -> None:
    (problem,) = applied("", {"REGISTRY_HTTP_TLS_CLIENTCAS_2": "x"}).errors
    assert (problem.path, problem.variable) == ("http.tls.clientcas[2]", "REGISTRY_HTTP_TLS_CLIENTCAS_2")


def test_a_bare_name_erases_what_is_below() -> None:
    text = "storage:\n  filesystem: {rootdirectory: /x}\n  delete: {enabled: true}\n"
    assert result(text, {"REGISTRY_STORAGE": "inmemory"}) == {"storage": "inmemory"}


def test_a_bare_name_comes_before_the_keys_below_it(loaded: Load) -> None:
    configuration = loaded(
        "version: 0.1\nstorage:\n  s3: {bucket: b, region: r}\n",
        {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "/y", "REGISTRY_STORAGE": "filesystem"},
    ).configuration
    assert configuration.storage.s3 is None
    assert configuration.storage.filesystem is not None
    assert configuration.storage.filesystem.rootdirectory == "/y"


def test_read_only_mode_can_be_switched_on(loaded: Load) -> None:
    variables = {"REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED": "true"}
    assert loaded(INMEMORY, variables).configuration.storage.maintenance.readonly.enabled


def test_text_that_looks_like_yaml_is_taken_as_text_where_text_is_wanted(loaded: Load) -> None:
    for password in ["a: b", "{x", "*star", "[1", "%d", "@home", "'open", "12", "off", "1e3"]:
        variables = {"REGISTRY_PROXY_PASSWORD": password}
        secret = loaded(INMEMORY, variables).configuration.proxy.password
        assert secret is not None
        assert secret.get_secret_value() == password


PEM = "-----BEGIN KEY-----\nAAAA\n-----END KEY-----"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(
            (text, text)
            for text in ["#abc", "&abc", "|", "~", "null", "a #b", " a ", "!x", "'a' or 'b", "a\n b", " 'a'"]
        ),
        (f"{PEM}\n", PEM),
        ("hunter2\r\n", "hunter2"),
        ("'it''s'", "it's"),
        ('"a\\tb"', "a\tb"),
    ],
)
def test_text_is_taken_whole_and_read_as_yaml_only_in_quotes(loaded: Load, value: str, expected: str) -> None:
    variables = {"REGISTRY_REDIS_PASSWORD": value, "REGISTRY_REDIS_TLS_ROOTCAS": value}
    redis = loaded(INMEMORY, variables).configuration.redis
    assert redis.password is not None
    assert (redis.password.get_secret_value(), redis.tls.rootcas) == (expected, [expected])


@pytest.mark.parametrize("text", ["", "redis: {tls: {rootcas: [/ca.pem]}}\n"])
def test_an_empty_variable_for_an_item_of_a_list_is_refused(refused: Refuse, text: str) -> None:
    (problem,) = refused(text, {"REGISTRY_REDIS_TLS_ROOTCAS_0": ""}).problems
    assert str(problem).startswith("REGISTRY_REDIS_TLS_ROOTCAS_0: redis.tls.rootcas[0]: is empty: give it")


def test_an_item_that_is_meant_to_be_empty_is_written_in_quotes(loaded: Load) -> None:
    variables = {"REGISTRY_HTTP_HEADERS_X-A_0": "''"}
    assert loaded(INMEMORY, variables).configuration.http.headers == {"x-a": [""]}


def test_a_number_of_thousands_of_digits_is_no_item(loaded: Load) -> None:
    name = f"REGISTRY_HTTP_TLS_CLIENTCAS_{'9' * 5000}"
    (warning,) = loaded(INMEMORY, {name: "x"}).warnings
    assert warning.variable == name


def test_an_empty_variable_means_the_default(loaded: Load) -> None:
    variables = {
        "REGISTRY_HTTP_ADDR": "",
        "REGISTRY_HTTP_HOST": "",
        "REGISTRY_LOG_LEVEL": "",
        "REGISTRY_HTTP_WORKERS": "",
    }
    configuration = loaded(INMEMORY + "http:\n  addr: :1\nlog:\n  level: debug\n", variables).configuration
    assert configuration.http.addr == "127.0.0.1:5000"
    assert configuration.http.host is None
    assert configuration.log.level == "info"


def test_a_value_that_is_not_yaml_is_told_with_the_variable() -> None:
    (problem,) = applied("", {"REGISTRY_HTTP_TLS": "{certificate: "}).errors
    assert (problem.path, problem.variable, problem.line) == ("http.tls", "REGISTRY_HTTP_TLS", None)


@pytest.mark.parametrize(
    ("name", "value"), [("REGISTRY_LOG_FIELDS_A", "\udcff"), ("REGISTRY_LOG_FIELDS_\udcff", "a")]
)
def test_a_variable_that_is_no_text_is_told(name: str, value: str) -> None:
    (problem,) = applied("", {name: value}).errors
    assert problem.variable == name
    assert str(problem).isprintable()


def test_a_section_that_is_none_is_left_for_the_check_to_tell(refused: Refuse) -> None:
    (problem,) = refused("http: 5\n", {"REGISTRY_HTTP_ADDR": ":1"}).problems
    assert (problem.path, problem.line) == ("http", 3)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("REGISTRY_HTPP_ADDR", "REGISTRY_HTTP_ADDR"),
        ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIR", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"),
        ("REGISTRY_HTTP_TLS_CLIENTCAS_X", "REGISTRY_HTTP_TLS_CLIENTCAS"),
        ("REGISTRY_HTTP_ADDR_0", "REGISTRY_HTTP_ADDR"),
        ("REGISTRY_ZZZZZZ", None),
        ("REGISTRY_FOO", None),
        ("REGISTRY_LOGG", "REGISTRY_LOG"),
        ("REGISTRY_", None),
        ("REGISTRY_AUTH_", "REGISTRY_AUTH"),
        ("REGISTRY_LOG_FIELDS_", "REGISTRY_LOG_FIELDS"),
    ],
)
def test_an_unknown_variable_is_one_warning(name: str, nearest: str | None) -> None:
    done = applied("", {name: "1"})
    (warning,) = done.warnings
    assert (warning.variable, warning.nearest) == (name, nearest)
    assert not done.errors


@pytest.mark.parametrize("name", ["REGISTRY_", "REGISTRY_AUTH_"])
def test_a_variable_that_ends_before_the_name_of_a_key_replaces_nothing(loaded: Load, name: str) -> None:
    text = f"{INMEMORY}auth: {{htpasswd: {{realm: r, path: p}}}}\n"
    found = loaded(text, {name: "{version: 0.1, storage: inmemory, none: }"})
    assert found.configuration.auth.kind == "htpasswd"
    (warning,) = found.warnings
    assert str(warning).startswith(f"{name}: names no key and is ignored")


@pytest.mark.parametrize(
    "name",
    [
        "REGISTRY_CONFIGURATION_PATH",
        "REGISTRY_PORT",
        "REGISTRY_PORT_5000_TCP_ADDR",
        "REGISTRY_SERVICE_HOST",
        "REGISTRY_SERVICE_PORT_HTTP",
        "REGISTRY_REDIS_PORT",
        "REGISTRY_UI_SERVICE_HOST",
        "OTHER_HTTP_ADDR",
        "registry_http_addr",
    ],
)
def test_variables_that_others_set_are_left_alone(name: str) -> None:
    assert result("a: 1", {name: "tcp://10.0.0.1:5000"}) == {"a": 1}


def test_no_variable_sets_the_version() -> None:
    done = applied("version: 0.1", {"REGISTRY_VERSION": "9"})
    (warning,) = done.warnings
    assert warning.path == "version"
    assert plain(done.root) == {"version": 0.1}


def test_the_place_of_an_overridden_value_is_the_variable() -> None:
    root: Node = applied("http:\n  addr: a\n  net: tcp\n", {"REGISTRY_HTTP_ADDR": "b"}).root
    assert origin_of(root, ("http", "addr")) == Origin(variable="REGISTRY_HTTP_ADDR")
    assert origin_of(root, ("http", "net")) == Origin(line=3)


ANYTHING = "ab01:-?[]{},&*!|>'\"%@`#~<=\n\t \\.\x00é\ud800\u2028"
NAMES = st.sampled_from([variable_name(path) for path, _ in walk(Configuration)])
SUFFIXES = st.sampled_from(["", "_0", "_1", "_X", "_", "__0", "_0_0", "_99999"])
TREES = st.sampled_from(
    ["", "a: 1", "[]", "x", "storage: filesystem", "http: {tls: [1], headers: x, addr: {}}", "auth: [none]"]
)


@given(
    TREES,
    st.dictionaries(
        st.tuples(NAMES, SUFFIXES).map("".join),
        st.text(ANYTHING, max_size=8) | st.sampled_from(["{}", "[]", "[[]]", "{a: {}}"]),
        max_size=5,
    ),
)
def test_any_variables_are_applied_or_told(text: str, variables: dict[str, str]) -> None:
    done = applied(text, variables)
    assert all(problem.variable in variables for problem in done.errors + done.warnings)
