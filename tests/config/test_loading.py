import os
from pathlib import Path

import pytest

from moorage.config import ConfigurationError, load, loading

from .conftest import INMEMORY, Load, Refuse
from .examples import AZURE, GCS, NEWER, OLDER, OSS, RADOS, SWIFT


@pytest.fixture(autouse=True)
def no_usual_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The usual places moved into an empty folder, so that no file of this machine takes part."""
    places = [tmp_path / "docker.yml", tmp_path / "distribution.yml"]
    monkeypatch.setattr(loading, "USUAL_PLACES", places)
    return places


def test_the_path_given_comes_first(tmp_path: Path, no_usual_places: list[Path]) -> None:
    for index, path in enumerate([tmp_path / "given.yml", tmp_path / "variable.yml", *no_usual_places]):
        path.write_text(f"{INMEMORY}catalog: {{maxentries: {index + 1}}}\n")
    environ = {"REGISTRY_CONFIGURATION_PATH": str(tmp_path / "variable.yml")}

    def which(path: Path | None) -> tuple[int, Path | None]:
        found = load(path, environ)
        return found.configuration.catalog.maxentries, found.source

    assert which(tmp_path / "given.yml") == (1, tmp_path / "given.yml")
    assert which(None) == (2, tmp_path / "variable.yml")
    environ.clear()
    assert which(None) == (3, no_usual_places[0])
    no_usual_places[0].unlink()
    assert which(None) == (4, no_usual_places[1])


def test_without_any_file_there_are_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "DEFAULT_ROOT", str(tmp_path))
    found = load(None, {})
    assert found.source is None
    assert found.warnings == []
    assert found.configuration.http.listen == ("127.0.0.1", 5000)
    assert found.configuration.storage.filesystem is not None
    assert found.configuration.storage.filesystem.rootdirectory == str(tmp_path)


def test_the_default_root_is_one_that_can_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "DEFAULT_ROOT", str(tmp_path / "missing"))
    for environ in [{}, {"REGISTRY_STORAGE": "filesystem"}, {"REGISTRY_STORAGE_DELETE_ENABLED": "true"}]:
        filesystem = load(None, environ).configuration.storage.filesystem
        assert filesystem is not None
        assert filesystem.rootdirectory == "data"


def test_without_any_file_variables_choose_the_driver() -> None:
    assert load(None, {"REGISTRY_STORAGE": "inmemory"}).configuration.storage.driver.name == "inmemory"
    environ = {"REGISTRY_STORAGE_S3_BUCKET": "b", "REGISTRY_STORAGE_S3_REGION": "r"}
    assert load(None, environ).configuration.storage.driver.name == "s3"
    with pytest.raises(ConfigurationError, match=r"storage\.flesystem"):
        load(None, {"REGISTRY_STORAGE": "flesystem"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"version: 0.1\nx: \xff\n", "not UTF-8"),
        (b"", "version: 0.1"),
        (b"storage: inmemory\n", "version: 0.1"),
        (b"version:\n", "version: 0.1"),
        (b"- version: 0.1\n", "version: 0.1"),
        (b"- version: 0.1\n", "line 1: must be a mapping of keys to values"),
        (b"\nversion:0.1\n", "line 2: must be a mapping of keys to values"),
        (b"# nothing\n", "version: is required"),
        (b"version: 0.2\nstorage: nonsense\n", "must be 0.1"),
        (b"version: [0.1]\n", "must be 0.1"),
    ],
)
def test_without_a_version_nothing_else_is_looked_at(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "config.yml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load(file, {"REGISTRY_HTTP_WORKERS": "0"})
    (problem,) = caught.value.problems
    assert message in str(problem)
    assert caught.value.source == file


def test_an_empty_variable_for_the_storage_means_the_default() -> None:
    assert load(None, {"REGISTRY_STORAGE": ""}).configuration.storage.driver.name == "filesystem"


def test_a_usual_place_that_cannot_be_looked_at_is_told_in_one_line(no_usual_places: list[Path]) -> None:
    # Of what makes looking impossible, this stops root too.
    no_usual_places[0] = no_usual_places[0].with_name("x" * 300)
    with pytest.raises(ConfigurationError) as caught:
        load(None, {})
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"cannot look for {no_usual_places[0]}: File name too long; ")
    assert "REGISTRY_CONFIGURATION_PATH" in problem.message


@pytest.mark.parametrize("first", [True, False])
def test_a_folder_at_a_usual_place_is_refused_for_with_defaults_the_registry_would_be_open(
    no_usual_places: list[Path], first: bool
) -> None:
    place, other = no_usual_places if first else reversed(no_usual_places)
    place.mkdir()
    if first:
        other.write_text(INMEMORY)
    with pytest.raises(ConfigurationError) as caught:
        load(None, {"REGISTRY_STORAGE": "inmemory"})
    (problem,) = caught.value.problems
    assert caught.value.source == place
    assert problem.message == (
        "cannot read the file: Is a directory; Docker makes one where the file that it should mount is missing"
    )


def test_a_link_at_a_usual_place_that_leads_nowhere_is_refused(no_usual_places: list[Path]) -> None:
    place = no_usual_places[0]
    place.symlink_to("..data/config.yml")
    with pytest.raises(ConfigurationError) as caught:
        load(None, {})
    (problem,) = caught.value.problems
    assert caught.value.source == place
    assert problem.message == (
        f"cannot read the file: {place} is a symbolic link to ..data/config.yml, which is not there"
    )
    place.unlink()
    place.symlink_to(place)
    with pytest.raises(ConfigurationError, match="cannot read the file: Too many levels of symbolic links"):
        load(None, {})


def test_a_folder_of_a_usual_place_that_is_a_link_that_leads_nowhere_is_refused(
    no_usual_places: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "etc").symlink_to(tmp_path / "unmounted")
    no_usual_places[0] = tmp_path / "etc/registry/config.yml"
    with pytest.raises(ConfigurationError) as caught:
        load(None, {})
    (problem,) = caught.value.problems
    assert f"{tmp_path}/etc is a symbolic link to {tmp_path}/unmounted, which is not there" in problem.message


def test_a_link_at_a_usual_place_is_followed(no_usual_places: list[Path], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/config.yml").write_text(INMEMORY)
    no_usual_places[0].symlink_to("data/config.yml")
    assert load(None, {}).source == no_usual_places[0]


def test_a_usual_place_below_what_is_no_folder_is_not_there(no_usual_places: list[Path]) -> None:
    first = no_usual_places[0]
    first.parent.joinpath("file").touch()
    no_usual_places[0] = first.parent / "file/config.yml"
    assert load(None, {"REGISTRY_STORAGE": "inmemory"}).source is None


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="larger"):
        load(Path("/dev/zero"), {})


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        load(tmp_path, {})
    with pytest.raises(ConfigurationError, match="cannot read"):
        load(Path("\0"), {})


def test_the_version_may_be_quoted_and_the_file_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_bytes(b"\xef\xbb\xbfversion: '0.1'\nstorage: inmemory\n")
    assert load(file, {}).configuration.version == "0.1"


def test_the_configuration_cannot_be_changed(loaded: Load) -> None:
    configuration = loaded("").configuration
    with pytest.raises(ValueError, match="frozen"):
        configuration.http.addr = ":1"


@pytest.mark.parametrize("text", [OLDER, NEWER], ids=["older", "newer"])
def test_all_keys_of_the_reference_implementation_are_known(loaded: Load, text: str) -> None:
    # The older one has CloudFront before a disk.
    assert [one for one in loaded(text).warnings if "has no effect" not in one.message] == []


@pytest.mark.parametrize("driver", [AZURE, GCS, SWIFT, OSS, RADOS])
def test_all_drivers_of_the_reference_implementation_are_known(loaded: Load, driver: str) -> None:
    found = loaded(f"version: 0.1\nstorage:\n  {driver}\n")
    assert found.warnings == []
    assert found.configuration.storage.driver.name == driver.split(":")[0]


@pytest.mark.skipif(
    not os.path.exists("/etc/docker/registry/config.yml"), reason="needs the package docker-registry"
)
def test_the_file_of_the_packaged_reference_implementation_loads() -> None:
    assert load(Path("/etc/docker/registry/config.yml"), {}).warnings == []


def test_a_problem_of_a_file_is_told_with_the_file(refused: Refuse, tmp_path: Path) -> None:
    assert refused("a: [").source == tmp_path / "config.yml"
