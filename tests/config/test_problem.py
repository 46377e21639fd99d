import pytest

from moorage.config import ConfigurationError, Problem


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("a.b", "is odd"), "a.b: is odd"),
        (Problem("a.b", "is odd", line=3), "line 3: a.b: is odd"),
        (Problem("", "is odd", variable="REGISTRY_A"), "REGISTRY_A: is odd"),
        (Problem("a", "is odd", nearest="b"), "a: is odd (did you mean b?)"),
        (Problem("a\n\x1b[2J\ud800", "is odd"), "a\\n\\x1b[2J\\ud800: is odd"),
    ],
)
def test_a_problem_is_one_printable_line(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_an_error_says_all_of_them() -> None:
    error = ConfigurationError([Problem("a", "x"), Problem("b", "y")], warnings=[Problem("c", "z")])
    assert str(error) == "a: x\nb: y"
    assert [warning.path for warning in error.warnings] == ["c"]
