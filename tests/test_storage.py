"""Which driver a configuration builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage.config import load
from moorage.storage import build_driver
from moorage.store import layout

AZURE = "version: 0.1\nstorage:\n  azure: {{accountname: a, container: c, accountkey: a2V5, credentials: {credentials}}}\n"
APPLICATION = "clientid: i, tenantid: t, secret: s"


@pytest.mark.parametrize(
    ("credentials", "signs"),
    [
        ("{}", True),
        (f"{{{APPLICATION}}}", True),
        (f"{{type: shared_key, {APPLICATION}}}", True),
        (f"{{type: client_secret, {APPLICATION}}}", False),
        ("{type: default_credentials}", False),
    ],
)
def test_the_type_of_azures_credentials_says_which_are_used(
    tmp_path: Path, credentials: str, signs: bool
) -> None:
    """Only with the account's key can URLs be signed."""
    config = tmp_path / "config.yml"
    config.write_text(AZURE.format(credentials=credentials))
    assert build_driver(load(config, {}).configuration).redirects is signs


async def test_keys_on_a_disk_are_not_for_other_users_of_the_machine(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/data}}}}\n")
    driver = build_driver(load(config, {}).configuration)
    await driver.write([(layout.SECRET, b"secret"), (f"{layout.TOKEN_KEYS}/1-a", b"key")])
    assert (tmp_path / "data" / layout.OWN[1:]).stat().st_mode & 0o007 == 0
    await driver.close()
