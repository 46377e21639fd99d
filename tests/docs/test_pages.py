"""Configurations in pages load, links lead somewhere, verbs and commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from moorage.cli.commands import main_app
from moorage.config import load
from tests.docs.pages import ROOT, Block, anchors, blocks, code, links, name, pages

COMMANDS = frozenset(getattr(get_command(main_app), "commands"))  # noqa: B009 - a group, to the type checker any command

WRITTEN_LATER = {"benchmarks/RESULTS.md"}
"""Made by `make bench`."""

PAGES = pytest.mark.parametrize("page", pages(), ids=name)
CONFIGURATIONS = [
    block for page in pages() for block in blocks(page, "yaml") if block.text.startswith("version:")
]


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=str)
def test_a_configuration_in_a_page_can_be_served(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text(block.text)
    found = load(file, {})
    assert found.warnings == []
    assert found.unbuilt == []


def test_pages_show_configurations() -> None:
    assert len(CONFIGURATIONS) >= 5, "no YAML blocks were found: has their form in the pages changed?"


@PAGES
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if str(target.relative_to(ROOT)) in WRITTEN_LATER:
            continue
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)
    assert broken == [], f"{name(page)} links to what is not there"


@PAGES
def test_verbs_of_make_exist(page: Path) -> None:
    verbs = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = [verb for text in code(page) for verb in re.findall(r"(?:^|[$#] |; )make ([a-z]+)", text)]
    assert set(named) <= set(verbs), f"{name(page)} names verbs that the Makefile has not"


@PAGES
def test_commands_of_moorage_exist(page: Path) -> None:
    named = [
        word
        for text in code(page)
        for word in re.findall(r"(?:^|[$#] |/|-- )(?:moorage|registry) ([a-z][a-z-]+)(?= |$|\n)", text)
    ]
    assert set(named) <= COMMANDS, f"{name(page)} names commands that do not exist"


def test_every_page_is_listed() -> None:
    """Whoever starts at the README finds every page by following links."""
    found, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in found or page.suffix != ".md" or not page.exists():
            continue
        found.add(page)
        waiting += [
            (page.parent / link.partition("#")[0]).resolve() for link in links(page) if ":" not in link
        ]
    assert {name(page) for page in set(pages()) - found} == set()
