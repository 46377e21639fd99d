from pathlib import Path

import pytest

from moorage.config import load

SAMPLES = Path(__file__).parents[2] / "config"


@pytest.mark.parametrize("file", sorted(SAMPLES.glob("*.yml")), ids=lambda file: file.name)
def test_a_sample_configuration_can_be_served(file: Path) -> None:
    found = load(file, {})
    assert found.warnings == []
    assert found.unbuilt == []


def test_the_samples_are_there_and_say_what_they_are_for() -> None:
    names = {file.name for file in SAMPLES.glob("*.yml")}
    assert names >= {"container.yml", "development.yml", "production.yml", "inmemory.yml"}
    assert all(file.read_text().startswith("# ") for file in SAMPLES.glob("*.yml"))


def test_development_stays_on_this_machine_in_a_local_folder() -> None:
    configuration = load(SAMPLES / "development.yml", {}).configuration
    assert configuration.http.listen == ("127.0.0.1", 5000)
    assert configuration.storage.filesystem is not None
    assert configuration.storage.filesystem.rootdirectory == "./data"
    assert configuration.storage.delete.enabled


def test_a_registry_for_others_asks_who_they_are_and_speaks_tls() -> None:
    configuration = load(SAMPLES / "production.yml", {}).configuration
    assert configuration.auth.kind == "htpasswd"
    assert configuration.http.tls.certificate
    deleting = [rule for rule in configuration.access or [] if "delete" in rule.allow]
    assert configuration.storage.delete.enabled
    assert [rule.users for rule in deleting] == [["alice"]]
