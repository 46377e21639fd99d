"""Which driver a configuration builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage.config import load
from moorage.storage import build_driver

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
