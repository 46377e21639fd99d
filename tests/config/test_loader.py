"""Tabs between the parts of a text. libyaml's scanner, which takes them, tells what they mean."""

from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from moorage.config.document import parse
from moorage.config.loader import Loader
from moorage.config.nodes import plain
from moorage.config.problem import ConfigurationError

needs_libyaml = pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a:\t0.1\nb: 1", {"a": 0.1, "b": 1}),
        ("a: 0.1\t# for now\nb: x \t # too", {"a": 0.1, "b": "x"}),
        ('a: "x"\t\nb:\t\n  c: y\t\n', {"a": "x", "b": {"c": "y"}}),
        (
            '{\n\t"a": "x",\n\t"b": [\n\t\t1,\n\t\t2\n\t],\n\t"c": true\n}\n',
            {"a": "x", "b": [1, 2], "c": True},
        ),
        ("a: {\tb:\tx\t,\tc: y\t}\n", {"a": {"b": "x", "c": "y"}}),
        ("a: {b: x,\n\tc: y\n\t}\n", {"a": {"b": "x", "c": "y"}}),
        ("a: x\ty\n", {"a": "x\ty"}),
        ("a: x\t\n  \ty\n", {"a": "x y"}),
        ("a: x\n\t\n  \n  y\n", {"a": "x\n\ny"}),
        ("a\t: x\n", {"a": "x"}),
        ("- x\t\n- &y\t2\n- *y\t# two\n", ["x", 2, 2]),
        ("---\tx\n...\t\n", "x"),
        ("a: 1\n\t\n\t# a remark\nb:\n\t# another\n  - 1\n\t", {"a": 1, "b": [1]}),
        ("-\t# a remark\n  x\n", ["x"]),
    ],
)
def test_tabs_are_white_space(text: str, value: object) -> None:
    assert plain(parse(text)) == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\n\tb: 2\n", 2),
        ("a:\n\tb: 2\n", 2),
        ("a:\n  b: x\n\tc: y\n", 3),
        ("a:\n- x\n-\ty\n", 3),
        ("a: |\n\tx\n", 2),
        ("a: x\n\ty\n", 2),
        ("a: !!str\tx\n", 1),
        ("\ta: 1\n", 1),
    ],
)
def test_a_tab_where_columns_count_is_told_as_one(text: str, line: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    (found,) = caught.value.problems
    assert found.line == line
    assert "a tab" in found.message


def events(text: str, loader: Any) -> list[str]:
    """What a loader finds in the text, without the places. Raises YAMLError."""
    return [repr(event) for event in yaml.parse(text, loader)]


@needs_libyaml
@given(st.text('ab1:-[]{},#"\t \n', max_size=24))
def test_a_text_with_tabs_that_libyaml_reads_means_the_same(text: str) -> None:
    spaced = text.replace("\t", " ")
    try:
        wanted = events(text, yaml.CSafeLoader)
        assume(events(spaced, yaml.CSafeLoader) == events(spaced, yaml.SafeLoader))
    except yaml.YAMLError:
        assume(False)
    assert events(text, Loader) == wanted
