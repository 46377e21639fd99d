import pytest

from .conftest import INMEMORY, Load, Refuse


@pytest.mark.parametrize(
    ("text", "path", "line", "nearest"),
    [
        ("htpp:\n  addr: :5000\n", "htpp", 3, "http"),
        ("http:\n  adr: :5000\n", "http.adr", 4, "http.addr"),
        ("http:\n  draintime_out: 5s\n", "http.draintime_out", 4, "http.draintimeout"),
        ("delete:\n  enabled: true\n", "delete", 3, "storage.delete"),
        (
            "notifications:\n  endpoints:\n    - {name: a, url: 'http://h', tresholds: 3}\n",
            "notifications.endpoints[0].tresholds",
            5,
            "notifications.endpoints[0].threshold",
        ),
        ("qqqqq: 1\n", "qqqqq", 3, None),
        # Many sections have such a key.
        ("health:\n  file:\n    - {file: /f, enabled: true}\n", "health.file[0].enabled", 5, None),
    ],
)
def test_an_unknown_key_is_one_warning(
    loaded: Load, text: str, path: str, line: int, nearest: str | None
) -> None:
    (warning,) = loaded(text).warnings
    assert (warning.path, warning.line, warning.nearest) == (path, line, nearest)


def test_an_unknown_key_beside_a_driver_is_a_warning(loaded: Load) -> None:
    (warning,) = loaded("version: 0.1\nstorage:\n  inmemory:\n  delet: {enabled: true}\n").warnings
    assert (warning.path, warning.nearest) == ("storage.delet", "storage.delete")


def test_two_drivers_are_an_error_that_names_both(refused: Refuse) -> None:
    (problem,) = refused("version: 0.1\nstorage:\n  inmemory:\n  filesystem:\n").problems
    assert problem.path == "storage"
    assert "inmemory (line 3)" in problem.message
    assert "filesystem (line 4)" in problem.message
    assert "REGISTRY_STORAGE" not in problem.message


def test_a_second_driver_from_a_variable_is_an_error_that_tells_what_to_do(refused: Refuse) -> None:
    text = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /x\n"
    variables = {"REGISTRY_STORAGE_S3_BUCKET": "b", "REGISTRY_STORAGE_S3_REGION": "r"}
    (problem,) = refused(text, variables).problems
    assert problem.variable == "REGISTRY_STORAGE_S3_BUCKET"
    assert "filesystem (line 3)" in problem.message
    assert "set REGISTRY_STORAGE=s3 too" in problem.message


def test_what_the_error_about_two_drivers_advises_works(loaded: Load) -> None:
    text = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /x\n"
    variables = {
        "REGISTRY_STORAGE_S3_BUCKET": "b",
        "REGISTRY_STORAGE_S3_REGION": "r",
        "REGISTRY_STORAGE": "s3",
    }
    assert loaded(text, variables).configuration.storage.driver.name == "s3"


@pytest.mark.parametrize("storage", ["storage:\n  delete: {enabled: true}\n", "storage: {}\n"])
def test_no_driver_is_an_error(refused: Refuse, storage: str) -> None:
    (problem,) = refused(f"version: 0.1\n{storage}").problems
    assert (problem.path, problem.line) == ("storage", 2)
    assert "filesystem" in problem.message


def test_an_unknown_driver_is_an_error(refused: Refuse) -> None:
    (problem,) = refused("version: 0.1\nstorage: filesytem\n").problems
    assert (problem.path, problem.line, problem.nearest) == ("storage.filesytem", 2, "storage.filesystem")


@pytest.mark.parametrize("auth", ["auth: htpaswd\n", "auth:\n  htpaswd: {realm: r, path: p}\n"])
def test_a_misspelt_kind_of_auth_never_means_no_auth(refused: Refuse, auth: str) -> None:
    (problem,) = refused(INMEMORY + auth).problems
    assert (problem.path, problem.nearest) == ("auth.htpaswd", "auth.htpasswd")


def test_two_kinds_of_auth_are_an_error(refused: Refuse) -> None:
    text = "auth:\n  silly: {realm: r, service: s}\n  htpasswd: {realm: r, path: p}\n"
    (problem,) = refused(text).problems
    assert problem.path == "auth"
    assert "silly (line 4) and htpasswd (line 5)" in problem.message


def test_an_empty_value_means_the_default(loaded: Load) -> None:
    found = loaded("http:\n  addr:\n  prefix: ''\n  tls:\nlog:\nhealth: ''\n")
    assert found.configuration == loaded("").configuration
    assert found.warnings == []


def test_a_header_without_values_is_none(loaded: Load) -> None:
    text = "http: {headers: {X-A: }}\nhealth: {http: [{uri: 'http://h', headers: {X-B: }}]}\n"
    configuration = loaded(text).configuration
    assert configuration.http.headers == {"X-A": []}
    assert configuration.health.http[0].headers == {"X-B": []}


def test_text_is_taken_as_it_is_written(loaded: Load) -> None:
    proxy = loaded("proxy:\n  username: 0123\n  password: off\n").configuration.proxy
    assert proxy.password is not None
    assert (proxy.username, proxy.password.get_secret_value()) == ("0123", "off")


def test_a_bare_number_for_a_duration_is_a_warning(loaded: Load) -> None:
    (warning,) = loaded(
        "health:\n  storagedriver:\n    interval: 1000000\n    threshold: 1\nhttp:\n  draintimeout: 500\n"
    ).warnings
    assert (warning.path, warning.line) == ("http.draintimeout", 8)
    assert "500ms" in warning.message


def test_a_duration_under_a_millisecond_is_a_warning(loaded: Load) -> None:
    (warning,) = loaded("http:\n  draintimeout: 0.5ms\n").warnings
    assert warning.message == "is under 1ms"
    assert loaded("http:\n  draintimeout: 0\nredis: {dialtimeout: 1ms}\n").warnings == []


def test_a_bare_number_for_the_duration_of_cloudfront_counts_minutes(loaded: Load) -> None:
    text = "version: 0.1\nstorage: {s3: {bucket: b, region: r}}\nmiddleware: {storage: [{name: cloudfront, options: {baseurl: cdn.example.com, privatekey: k, keypairid: i, duration: 20}}]}"
    found = loaded(text)
    (warning,) = found.warnings
    options = found.configuration.middleware.storage[0].options
    assert options.duration.total_seconds() == 20 * 60
    assert options.baseurl == "https://cdn.example.com"
    assert warning.path == "middleware.storage[0].options.duration"
