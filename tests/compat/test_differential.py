"""The same raw requests to Moorage and to the reference implementation: equal answers, or a reason."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.compat.comparison import Comparison, compare
from tests.compat.requests import STEPS
from tests.compat.steps import play
from tests.support.server import moorage_server, reference_server, running
from tests.support.tools import require

Answers = Mapping[str, Mapping[str, str]]


@pytest.fixture(scope="module")
def moorage(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    with running(moorage_server(tmp_path_factory.mktemp("moorage"))) as server:
        return play(server.address, STEPS)


@pytest.fixture(scope="module")
def comparison(moorage: Answers, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    require("docker-registry")
    with running(reference_server(tmp_path_factory.mktemp("reference"))) as server:
        return compare(play(server.address, STEPS), moorage)


def test_every_difference_from_the_reference_is_listed_with_its_reason(comparison: Comparison) -> None:
    found = comparison.unlisted
    assert not found, "\n".join(["mend these, or list them in differences.py with a reason:", *found])


def test_every_listed_difference_is_still_one(comparison: Comparison) -> None:
    found = comparison.stale
    assert not found, "\n".join(["strike these from differences.py:", *found])


def test_no_request_of_the_sequence_is_answered_with_a_server_error(moorage: Answers) -> None:
    assert [step for step, fields in moorage.items() if fields["status"].startswith("5")] == []
