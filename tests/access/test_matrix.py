"""Every route, method, identity, state of the object and form of the body: who may not is told so and changes nothing, who may is
answered as where there is no access control.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage.api import routes
from tests.access.cases import REPOSITORIES, Case, cases
from tests.access.outcomes import Refusal, mounts, refusal
from tests.access.registries import Registry, guarded, open_registry
from tests.access.table import BODIES, HAS, METHODS, NEEDS, STATES
from tests.api.client import Answer

KINDS = ("passwords", "tokens", "rules")
SHOWN = 20


async def failures(kind: str, route: str, repository: str, folder: Path) -> list[str]:
    """What is wrong, of all cases of a route."""
    found: list[str] = []
    async with (
        open_registry(folder) as (plain, uploads),
        guarded(kind, folder / "guarded", plain) as registry,
    ):
        for case in cases(route, repository, uploads):
            like = await _asked(plain, "anonymous", case)
            plain.restore()
            for identity in HAS:
                answer = await _asked(registry, identity, case)
                refused = refusal(kind, identity, case)
                if refused is not None:
                    wrong = _refused(case, answer, refused) + [
                        f"changed {one}" for one in registry.differences()
                    ]
                else:
                    wrong = _as_open(case, answer, like, mounts(kind, identity, case))
                registry.restore()
                found += [
                    f"{identity}, {case.method}, {case.state}, {case.body} body: {one}" for one in wrong
                ]
    return found


async def _asked(registry: Registry, identity: str, case: Case) -> Answer:
    return await registry.ask(identity, case.method, case.target, case.content, case.headers)


def _refused(case: Case, answer: Answer, refused: Refusal) -> list[str]:
    told = (answer.status, answer.headers.get("www-authenticate", ""))
    wrong = [] if told == (refused.status, refused.challenge) else [f"{told}, not {refused}"]
    if refused.body and answer.body != (b"" if case.method == "HEAD" else refused.body):
        wrong.append(f"{answer.body!r}, not {refused.body!r}")
    return wrong


def _as_open(case: Case, answer: Answer, like: Answer, mounts: bool) -> list[str]:
    mounted = case.route.startswith("mount") and like.status == 201
    status = 202 if mounted and not mounts else like.status
    if answer.status != status:
        return [f"{answer.status} {answer.body!r}, not {status}"]
    same = NEEDS[case.route].get(case.method) == "pull" or answer.status >= 400
    return [f"{answer.body!r}, not {like.body!r}"] if same and answer.body != like.body else []


@pytest.mark.parametrize("route", NEEDS)
@pytest.mark.parametrize("kind", KINDS)
async def test_everybody_gets_what_the_table_says_and_nothing_else(
    kind: str, route: str, tmp_path: Path
) -> None:
    found = await failures(kind, route, "A", tmp_path)
    assert not found, f"{len(found)} cases, the first of them:\n" + "\n".join(found[:SHOWN])


@pytest.mark.soak
@pytest.mark.parametrize("route", NEEDS)
@pytest.mark.parametrize("repository", REPOSITORIES)
@pytest.mark.parametrize("kind", [*KINDS, "rules, by password", "rules, generous tokens"])
async def test_so_it_is_in_both_repositories_and_by_password(
    kind: str, repository: str, route: str, tmp_path: Path
) -> None:
    found = await failures(kind, route, repository, tmp_path)
    assert not found, f"{len(found)} cases, the first of them:\n" + "\n".join(found[:SHOWN])


async def test_the_matrix_is_whole(tmp_path: Path) -> None:
    """Each route of the program with each of its methods is in the table, and no other."""
    made = {
        "/v2/": "base", "/v2/_catalog": "catalog", "/v2/a/tags/list": "tags", "/v2/a/manifests/b": "manifest by tag",
        "/v2/a/blobs/b": "blob", "/v2/a/referrers/b": "referrers", "/v2/a/blobs/uploads/": "uploads",
        "/v2/a/blobs/uploads/b": "upload", "/auth/token": "token",
    }  # fmt: skip
    known = {id(route): name for name, route in vars(routes).items() if isinstance(route, routes.Route)}
    for path, name in made.items():
        found = routes.match(path)
        assert found is not None, path
        assert set(found[0].operations) == set(NEEDS[name]), path
        known.pop(id(found[0]))
    assert not known, f"these routes are not in the matrix: {known}"
    async with open_registry(tmp_path) as (_, uploads):
        asked = sum(len(list(cases(route, "A", uploads))) * len(HAS) for route in NEEDS)
    assert asked == 13_440 == len(NEEDS) * len(METHODS) * len(HAS) * len(STATES) * len(BODIES)
