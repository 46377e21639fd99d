"""The dashboard and the alerts name only what there is: each metric, label and value is looked for in a page of a server that has
done some of everything."""

from __future__ import annotations

import http.client
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.events.listener import Listener
from tests.faults.processes import eventually
from tests.metrics.promql import Expression, Mistake, read
from tests.metrics.scraped import Page, counting, scrape
from tests.server.secure import SecureServer, secure_server, stopped
from tests.support.images import OCI_MANIFEST, canonical, digest_of
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent.parent
DASHBOARDS = sorted((ROOT / "deploy/grafana").glob("*.json"))
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
SCRAPING = ROOT / "deploy/prometheus/prometheus.yml"
SEVERITIES = {"critical", "warning", "info"}
GIVEN = {"job", "instance"}
"""Labels that Prometheus adds."""

ROWS = {
    *("Traffic", "Errors", "Latency", "Pulls and pushes", "Storage", "Uploads", "Notifications"),
    *("Garbage collection", "Certificates and processes"),
}
REFERENCE = {
    ("registry_http_in_flight_requests", "handler"),
    ("registry_http_requests_total", "code", "handler", "method"),
    ("registry_http_request_duration_seconds_bucket", "handler", "le", "method"),
    ("registry_http_request_size_bytes_bucket", "handler", "le"),
    ("registry_http_response_size_bytes_bucket", "handler", "le"),
    ("registry_storage_action_seconds_bucket", "action", "driver", "le"),
    ("registry_storage_cache_errors_total",),
    ("registry_storage_cache_hits_total",),
    ("registry_storage_cache_requests_total",),
    ("registry_storage_cache_total", "type"),
    ("registry_notifications_events_total", "endpoint", "type"),
    ("registry_notifications_pending_total", "endpoint"),
    ("registry_notifications_status_total", "code", "endpoint"),
}
"""Metrics of versions 2.7 and 3 of the reference implementation, with their labels."""

Known = dict[str, dict[str, set[str]]]
"""Of each name the labels, and of each label the values."""


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    port = free_port()
    with Listener() as listener:
        server = secure_server(tmp_path_factory.mktemp("named"), extra=counting(port))
        config = Path(server.command[-1])
        config.write_text(
            f"{config.read_text()}notifications:\n  endpoints:\n    - name: told\n      url: {listener.url}\n"
        )
        with stopped(server):
            assert server.get("/v2/a/manifests/missing") == 404
            push(server, "some/app")
            eventually(
                lambda: scrape(port).total("registry_notifications_status_total", endpoint="told") > 0,
                30.0,
                "an event is delivered",
            )
            return names_in(scrape(port))


def push(server: SecureServer, name: str) -> None:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = server.connect()
    content = b"content"
    digest = digest_of(content)
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": "application/octet-stream", "digest": digest, "size": len(content)},
            "layers": [],
        }
    )
    for method, target, body in (
        ("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", content),
        ("PUT", f"/v2/{name}/manifests/latest", manifest),
    ):
        connection.request(method, target, body, {"Content-Type": OCI_MANIFEST})
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        answer.read()
    connection.close()


def names_in(page: Page) -> Known:
    found: Known = defaultdict(lambda: defaultdict(set))
    for sample in page.samples:
        labels = found[sample.name]
        for label, value in sample.labels.items():
            labels[label].add(value)
    # Of this one Prometheus itself makes the samples.
    found["up"] = defaultdict(set)
    return found


def strangers(expression: Expression, known: Known) -> Iterator[str]:
    """What an expression names and nobody counts."""
    labels = {*GIVEN}
    for selector in expression.selectors:
        if selector.name not in known:
            yield selector.name
            continue
        mine = known[selector.name]
        labels |= mine.keys()
        for label, operator, value in selector.matchers:
            if label not in mine.keys() | GIVEN:
                yield f"{selector.name}{{{label}}}"
            elif label not in GIVEN | {"code"} and operator in ("=", "=~"):
                yield from (f"{label}={one}" for one in value.split("|") if one not in mine[label])
    yield from (f"by ({label})" for label in expression.groupings - labels)


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for panel in dashboard["panels"]:
        found += [panel, *panel.get("panels", [])]
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_names_what_there_is(path: Path, known: Known) -> None:
    targets = [
        target for panel in panels(json.loads(path.read_text())) for target in panel.get("targets", [])
    ]
    assert len(targets) > 40
    for target in targets:
        expression = read(target["expr"])
        assert expression.selectors, target["expr"]
        assert not list(strangers(expression, known)), target["expr"]
        legend = {part.split("}}")[0].strip() for part in target["legendFormat"].split("{{")[1:]}
        assert legend <= expression.groupings | GIVEN, f"{target['legendFormat']} of {target['expr']}"


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_names_what_there_is_and_says_what_to_do(rule: dict[str, Any], known: Known) -> None:
    expression = read(rule["expr"])
    assert expression.selectors
    assert not list(strangers(expression, known))
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in SEVERITIES
    assert set(rule["annotations"]) == {"summary", "description"}
    assert len(rule["annotations"]["description"]) > 60
    named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    kept = expression.groupings or GIVEN.union(*(known[one.name].keys() for one in expression.selectors))
    assert named <= kept, "the series of the alert have no such label"


def test_alerts_have_names_of_their_own_and_each_metric_of_the_reference_is_there(known: Known) -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    assert {(name, *sorted(labels)) for name, labels in known.items()} >= REFERENCE


@pytest.mark.parametrize(
    "expression",
    [
        "sum(registry_workerz)",
        'rate(registry_http_requests_total{handle="manifest"}[5m])',
        'rate(registry_http_requests_total{handler="manifests"}[5m])',
        'rate(registry_notifications_events_total{type=~"Failures|Erors"}[5m])',
        "sum by (handel) (rate(registry_http_requests_total[5m]))",
        "registry_http_request_duration_seconds",
    ],
)
def test_a_name_that_is_wrong_is_found(expression: str, known: Known) -> None:
    assert list(strangers(read(expression), known))


@pytest.mark.parametrize(
    "expression",
    [
        "rat(a[5m])",
        "sum(a",
        "a{b}",
        'a{b="c}',
        'a{b=="c"}',
        "a{b=c}",
        "a[5x]",
        "a $ b",
        "b} + a",
        "a offset 5m",
    ],
)
def test_an_expression_that_is_none_is_found(expression: str) -> None:
    with pytest.raises(Mistake):
        read(expression)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_can_be_drawn(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    assert dashboard["schemaVersion"] >= 36
    assert dashboard["id"] is None, "the importing Grafana gives it"
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    found = panels(dashboard)
    ids = [panel["id"] for panel in found]
    assert len(ids) == len(set(ids))
    assert {panel["title"] for panel in found if panel["type"] == "row"} >= ROWS
    for panel in found:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        for target in panel.get("targets", []):
            assert target["datasource"]["uid"] == panel["datasource"]["uid"] == "${datasource}"
    for one, other in itertools.combinations(found, 2):
        assert not overlap(one["gridPos"], other["gridPos"]), f"{one['title']} and {other['title']}"


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def test_the_example_finds_the_rules_beside_it_and_the_job_they_name() -> None:
    example = yaml.safe_load(SCRAPING.read_text())
    assert [SCRAPING.parent / name for name in example["rule_files"]] == [ALERTS]
    jobs = {job["job_name"] for job in example["scrape_configs"]}
    matched = {
        value
        for rule in rules()
        for selector in read(rule["expr"]).selectors
        for label, _, value in selector.matchers
        if label == "job"
    }
    assert matched == jobs
