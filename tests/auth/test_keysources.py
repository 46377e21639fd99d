"""Where trusted keys come from."""

from __future__ import annotations

import pytest

from moorage.auth.keysources import key_source
from tests.auth.publishing import publishing
from tests.auth.test_remotekeys import OLD, accepted
from tests.auth.tokens import certificate, ec_key, ed_key, pem, rsa_key


async def test_a_path_is_a_file_and_a_url_is_asked() -> None:
    async with publishing(OLD) as publisher, publishing(OLD) as other:
        publisher.content = pem(certificate("signer", rsa_key()))
        source = key_source(publisher.url, other.url)
        assert [await accepted(source, key) for key in (rsa_key(), ec_key(), ed_key())] == [True, True, False]
        await source.close()


async def test_plain_http_from_elsewhere_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    for url, warned in (
        ("http://127.0.0.1/keys", 0),
        ("https://auth.example.org/keys", 0),
        ("http://auth.example.org/keys", 1),
    ):
        key_source(None, url)
        assert len(caplog.records) == warned
