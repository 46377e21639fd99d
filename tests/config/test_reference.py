from pathlib import Path

import pytest

from moorage.config import Configuration
from moorage.config.reference import main, page
from moorage.config.schema import Keys, innermost, variable_name, walk

REPOSITORY = Path(__file__).parents[2]


def test_the_page_in_the_repository_is_up_to_date() -> None:
    assert main(["--check", str(REPOSITORY / "docs" / "configuration.md")]) == 0, "run `make docs`"


def test_every_key_is_on_the_page_with_its_variable_and_a_description() -> None:
    whole = page()
    rows = {line.split("`")[1]: line for line in whole.splitlines() if line.startswith("| `")}
    for path, key in walk(Configuration):
        assert key.field.description, f"{path} has no description"
        if isinstance(innermost(key.shape), Keys) and "." not in path:
            assert f"## `{path}`\n\n{key.field.description}\n" in whole
            continue
        assert key.field.description in rows[path]
        assert path == "version" or f"`{variable_name(path)}`" in rows[path]
        assert rows[path].count(" | ") == 3, f"the row of {path} is broken: {rows[path]}"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("http.limits.memory", "| size | `64MiB` |"),
        ("http.draintimeout", "| duration | `30s` |"),
        ("storage.s3.bucket", "| text | **required** |"),
        ("storage.s3.chunksize", "From 5MiB to 5GiB."),
        ("http.workers", "From 1 to 256."),
        ("http.trustedproxies", "| list of network |  | "),
        ("http.trustedproxies", "from loopback and private networks"),
        ("proxy.remoteurl", "not supported yet"),
        ("policy.repository.classes", "not supported yet"),
        ("middleware.registry", "Only middleware.storage is supported yet"),
        ("storage.delete.enabled", "| true or false | `false` |"),
    ],
)
def test_a_row_tells_type_default_and_bounds(path: str, words: str) -> None:
    (row,) = [line for line in page().splitlines() if line.startswith(f"| `{path}`")]
    assert words in row


def test_a_stale_page_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page.md"
    assert main(["--write", str(file)]) == 0
    assert main(["--check", str(file)]) == 0
    lines = file.read_text().splitlines()
    lines[7] = "something else"
    file.write_text("\n".join(lines))
    assert main(["--check", str(file)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "line 8" in line
    assert "make docs" in line
    assert main(["--check", str(tmp_path / "missing.md")]) == 1
