"""Tables in pages that repeat what the code says: routes, error codes, log messages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from moorage import errors
from moorage.api import routes
from tests.docs.pages import ROOT, table

API = ROOT / "docs/http-api.md"
OPERATIONS = ROOT / "docs/operations.md"
PLACEHOLDERS = {
    "<name>": "team/app",
    "<reference>": "latest",
    "<digest>": f"sha256:{'0' * 64}",
    "<id>": "0bd4623b-7472-4c0f-b973-394b0a018124",
}


def all_errors() -> list[type[errors.RegistryError]]:
    found = [errors.RegistryError]
    for error in found:
        found += error.__subclasses__()
    return found


@pytest.mark.parametrize(
    "row", [row for row in table(API, "Routes") if "/v2/" in row[0]], ids=lambda row: row[0]
)
def test_a_documented_route_has_the_documented_methods(row: list[str]) -> None:
    path = row[0].strip("`")
    for placeholder, value in PLACEHOLDERS.items():
        path = path.replace(placeholder, value)
    found = routes.match(path)
    assert found is not None, f"docs/http-api.md has a route that does not exist: {row[0]}"
    assert row[1].split() == list(found[0].operations)


def test_every_route_is_documented() -> None:
    documented = [row[0].strip("`") for row in table(API, "Routes")]
    in_code = re.findall(r"^ +(/v2/\S*) ", routes.__doc__ or "", re.MULTILINE)
    assert set(in_code) == {path for path in documented if path.startswith("/v2/")}


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
def test_an_error_is_documented_with_its_status(error: type[errors.RegistryError]) -> None:
    page = API.read_text()
    section = page[page.index("## Errors") : page.index("## Limits")]
    assert f"`{error.code}`" in section, f"docs/http-api.md does not tell of {error.code}"
    assert str(error.status) in section or error.code in ("UNAUTHORIZED", "TOOMANYREQUESTS")


@pytest.mark.parametrize(
    "message", [text for row in table(OPERATIONS, "In the log") for text in re.findall("`([^`]+)`", row[0])]
)
def test_a_message_in_the_troubleshooting_table_is_one_of_the_program(message: str) -> None:
    source = "".join(file.read_text() for file in Path(ROOT, "src/moorage").rglob("*.py"))
    assert message in source, f"nothing logs {message!r}: correct docs/operations.md"
