"""Whatever the input, the answer is a configuration or a list of problems."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from moorage.config import Configuration, ConfigurationError, Loaded, effective, load
from moorage.config.schema import Keys, ListOf, MapOf, Shape, keys, variable_name, walk
from moorage.config.sections.base import Section

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
    effective(found.configuration).encode()
    return found


@FUZZING
@given(tree=sections(Configuration, any_values), environ=ENVIRONMENTS)
def test_nothing_gives_a_traceback(tmp_path: Path, tree: dict[str, object], environ: dict[str, str]) -> None:
    storage = tree["storage"] if isinstance(tree["storage"], dict) else "inmemory"
    text = json.dumps({**tree, "version": "0.1", "storage": storage})
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
    assert [one for one in again.warnings if "has no effect" not in one.message] == []
