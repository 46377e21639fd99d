"""What Prometheus's own tool says of the files that are shipped, of when their alerts fire, and of a page of a running server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.metrics.scraped import Page, counting, scrape
from tests.metrics.test_names import push
from tests.server.secure import secure_server, stopped
from tests.support import tools
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent.parent
SHIPPED = ROOT / "deploy/prometheus"
CASES = sorted(Path(__file__).parent.glob("alerts*.yml"))

KEPT = {
    # A gauge, but the reference implementation calls it so, and dashboards ask for it by that name.
    'registry_notifications_pending_total non-counter metrics should not have "_total" suffix',
}
"""What the tool finds fault with, and why it stays."""


def promtool(*arguments: str | Path, page: str = "") -> subprocess.CompletedProcess[str]:
    tools.require("promtool")
    program = tools.find("promtool")
    assert program is not None
    return subprocess.run(
        [program, *map(str, arguments)], input=page, capture_output=True, text=True, check=False
    )


def passes(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def complaints(page: str) -> set[str]:
    return set(promtool("check", "metrics", page=page).stderr.splitlines())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Of a server with all that has metrics: TLS, an endpoint of notifications, something pushed and something failed."""
    port = free_port()
    server = secure_server(tmp_path_factory.mktemp("checked"), extra=counting(port))
    config = Path(server.command[-1])
    endpoints = "notifications:\n  endpoints:\n    - {name: nobody, url: 'http://127.0.0.1:1/'}\n"
    config.write_text(config.read_text() + endpoints)
    with stopped(server):
        push(server, "some/app")
        assert server.get("/v2/some/app/manifests/missing") == 404
        yield scrape(port)


def test_prometheus_takes_the_rules_and_the_example() -> None:
    passes(promtool("check", "rules", "--lint-fatal", SHIPPED / "alerts.yml"))
    passes(promtool("check", "config", SHIPPED / "prometheus.yml"))


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.name)
def test_alerts_fire_when_they_should_and_only_then(cases: Path) -> None:
    passes(promtool("test", "rules", cases))


def test_each_alert_has_a_case_in_which_it_fires() -> None:
    cases = "".join(path.read_text() for path in CASES)
    for line in (SHIPPED / "alerts.yml").read_text().splitlines():
        if "alert: " in line:
            name = line.partition("alert: ")[2]
            assert f'- labels: \'{{alertname="{name}"' in cases, name


def test_prometheus_finds_no_fault_with_the_page_but_the_names_of_the_reference(page: Page) -> None:
    assert complaints(page.text) == KEPT


@pytest.mark.parametrize(
    "wrong",
    [
        "# HELP registry_pulls Pulls.\n# TYPE registry_pulls counter\nregistry_pulls 1\n",
        "# TYPE registry_pulls_total counter\nregistry_pulls_total 1\n",
        "registry_pulls_total{a=b} 1\n",
    ],
)
def test_a_page_that_is_wrong_is_found(wrong: str) -> None:
    assert complaints(wrong)
