from datetime import timedelta

import pytest

from ..conftest import Load, Refuse


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ('{X-A: ["a\\r\\nX-B: hunter2"]}', "must be one line of printable text"),
        ('{"X-A: b": [a]}', "must be a header name"),
    ],
)
def test_a_header_of_a_probe_cannot_become_two(refused: Refuse, headers: str, message: str) -> None:
    error = refused(f"health: {{http: [{{uri: 'http://h', headers: {headers}}}]}}")
    assert message in str(error)
    assert "hunter2" not in str(error)


def test_headers_of_a_probe_are_kept(loaded: Load) -> None:
    found = loaded("health: {http: [{uri: 'http://h', headers: {X-A: [b, c]}}]}").configuration
    (probe,) = found.health.http
    assert [value.get_secret_value() for value in probe.headers["X-A"]] == ["b", "c"]


@pytest.mark.parametrize(("given", "kept"), [("/metrics", "/metrics"), ("''", "/metrics"), ("/a/b", "/a/b")])
def test_metrics_have_a_path(loaded: Load, given: str, kept: str) -> None:
    found = loaded(f"http: {{debug: {{prometheus: {{path: {given}}}}}}}").configuration
    assert found.http.debug.prometheus.path == kept


@pytest.mark.parametrize("path", ["metrics", "/a b", "/{x}", "http://h/metrics", "/a?b"])
def test_what_is_no_path_is_refused(refused: Refuse, path: str) -> None:
    assert "must be a path such as /metrics" in str(
        refused(f"http: {{debug: {{prometheus: {{path: '{path}'}}}}}}")
    )


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/debug/health", "/debug/vars"])
def test_metrics_do_not_take_the_place_of_another_page(refused: Refuse, path: str) -> None:
    assert f"{path} is another page of the debug listener" in str(
        refused(f"http: {{debug: {{prometheus: {{path: '{path}'}}}}}}")
    )


def test_zero_means_the_default(loaded: Load) -> None:
    text = (
        "health:\n  storagedriver: {interval: 0}\n  file: [{file: /x, interval: 0s}]\n"
        "  http: [{uri: 'http://h', interval: 0, timeout: 0s}]\n  tcp: [{addr: 'h:1', interval: 0, timeout: 0}]\n"
    )
    found = loaded(text).configuration.health
    (file,), (http,), (tcp,) = found.file, found.http, found.tcp
    intervals = {found.storagedriver.interval, file.interval, http.interval, tcp.interval}
    assert intervals == {timedelta(seconds=10)}
    assert {http.timeout, tcp.timeout} == {timedelta(seconds=5)}


@pytest.mark.parametrize("interval", ["-1s", "1us"])
def test_probes_have_a_moment_between_them(refused: Refuse, interval: str) -> None:
    assert "must be at least 1ms" in str(refused(f"health: {{storagedriver: {{interval: {interval}}}}}"))
