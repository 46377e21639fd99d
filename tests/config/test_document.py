import contextlib
import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from moorage.config.document import DEEPEST, MOST_CHARACTERS, parse
from moorage.config.nodes import Entries, Origin, Scalar, node_at, origin_of, plain
from moorage.config.problem import ConfigurationError, Problem


def problem(text: str) -> Problem:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    (only,) = caught.value.problems
    return only


def test_values_keep_their_text_and_their_line() -> None:
    root = parse("a:\n  b: 0755\n  c:\n    - off\n    - 1.50\n")
    assert node_at(root, ("a", "b")) == Scalar("0755", 0o755, Origin(line=2))
    assert node_at(root, ("a", "c", 1)) == Scalar("1.50", 1.5, Origin(line=5))
    assert plain(root) == {"a": {"b": 0o755, "c": [False, 1.5]}}


def test_the_place_of_something_missing_is_that_of_its_section() -> None:
    root = parse("a: 1\nb:\n\n  c: 2\n")
    assert origin_of(root, ("b", "x", "y")) == Origin(line=2)
    assert node_at(root, ("b", "x")) is None


def test_dates_stay_text() -> None:
    assert plain(parse("a: 2024-02-30\nb: 2024-01-01\n")) == {"a": "2024-02-30", "b": "2024-01-01"}


@pytest.mark.parametrize("text", ["0x_", "0b_", "1e999999", "9" * 5000])
def test_odd_numbers_do_not_break_it(text: str) -> None:
    value = node_at(parse(f"a: {text}"), ("a",))
    assert isinstance(value, Scalar)
    assert value.text == text


@pytest.mark.parametrize("text", ['!!int ""', '!!float ""', '!!int "-"', '!!bool ""'])
def test_a_tag_before_what_is_none_does_not_break_it(text: str) -> None:
    value = node_at(parse(f"a: {text}"), ("a",))
    assert isinstance(value, Scalar)
    assert value.value == value.text == text.split('"')[1]


@pytest.mark.parametrize("text", ["10:30", "-1:30", "1:30.5", ".inf", "-.inf", ".nan", "1.0e+999"])
def test_numbers_in_sixties_and_those_that_json_lacks_stay_text(text: str) -> None:
    assert plain(parse(f"a: {text}")) == {"a": text}


def test_an_empty_variable_is_where_its_problem_is() -> None:
    assert parse("", variable="REGISTRY_ACCESS").origin == Origin(variable="REGISTRY_ACCESS")


def test_anchors_and_merges_work() -> None:
    root = parse("x: &x\n  a: 1\n  b: 2\ny:\n  <<: *x\n  b: 3\nz:\n  <<: [*x, {c: 4}]\n")
    assert plain(root) == {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}, "z": {"a": 1, "b": 2, "c": 4}}
    assert origin_of(root, ("y", "a")) == Origin(line=2)


def test_a_key_that_is_there_twice_is_told_with_both_lines() -> None:
    found = problem("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert (found.path, found.line) == ("a.b", 4)
    assert "line 2" in found.message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [\n", 2),
        ("a: 1\n\tb: 2\n", 2),
        ("a: *nothing\n", 1),
        ("a: 1\nb: }\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: 1\nb: !!python/object/apply:os.system [id]\n", 2),
        ("a: !!binary aGk=\n", 1),
        ("a: 1\n? [b]\n: c\n", 2),
        ("a: 1\nb:\n  <<: 5\n", 3),
    ],
)
def test_mistakes_are_told_with_their_line(text: str, line: int) -> None:
    assert problem(text).line == line


def test_a_password_with_a_star_is_not_repeated_in_the_message() -> None:
    assert "hunter" not in str(problem("password: *hunter2\n"))


@pytest.mark.parametrize(
    "text", ["password: !hunter2", "password: !hunter2 [a]", "password: !hunter2 {a: b}"]
)
def test_a_password_with_an_exclamation_mark_is_not_repeated_in_the_message(text: str) -> None:
    found = problem(text)
    assert "hunter" not in str(found)
    assert (found.path, found.line) == ("password", 1)
    assert "in quotes" in found.message


def test_aliases_of_aliases_are_refused() -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert "aliases" in problem("\n".join(lines)).message


def test_an_alias_of_itself_is_refused() -> None:
    assert "deeper" in problem("a: &a [*a]\n").message


@pytest.mark.parametrize("depth", [DEEPEST + 2, 3_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    assert "deeper" in problem("[\n" * depth + "]" * depth).message


def test_a_huge_text_is_refused() -> None:
    assert str(MOST_CHARACTERS) in problem("#" * (MOST_CHARACTERS + 1)).message


def test_a_control_character_is_refused() -> None:
    assert "character" in problem("a: \x00").message


@pytest.mark.parametrize("text", ['a: "\\0"', 'a: "\\ud800"', '"\\udfff": 1'])
def test_an_escape_for_no_character_is_refused(text: str) -> None:
    assert problem(text).line == 1


def test_an_empty_text_is_an_empty_value() -> None:
    assert plain(parse("# nothing\n")) is None


@given(st.text("ab01:-?[]{},&*!|>'\"%@`#~<=\n\t \\.\x00é\ud800\u2028", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        parse(text)


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.text(string.ascii_letters, min_size=1).filter(
        lambda text: text.lower() not in {"y", "n", "on", "off", "yes", "no", "true", "false", "null"}
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(string.ascii_lowercase, min_size=1), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(TREES)
def test_it_agrees_with_the_safe_loader(tree: object) -> None:
    text = yaml.safe_dump(tree)
    assert plain(parse(text)) == yaml.safe_load(text)


def test_a_mapping_knows_the_place_of_its_keys() -> None:
    root = parse("a:\n  - 1\n")
    assert isinstance(root, Entries)
    assert root.places == {"a": Origin(line=1)}
