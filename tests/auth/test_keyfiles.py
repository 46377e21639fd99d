"""Files of keys that change while the registry runs: what comes counts, what goes does not, what is broken changes nothing."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from moorage.auth.base import AuthError, Unreachable
from moorage.auth.kept import Kept
from moorage.auth.keyfiles import KeyFile, parse_bundle, parse_jwks
from moorage.auth.keys import TrustedKeys
from moorage.auth.keysources import JoinedKeys, KeySource, key_source
from moorage.auth.verification import TokenRefused, Verifier
from moorage.auth.watched import LOOK_SECONDS
from tests.auth.keystore import FixedKeys, trusting
from tests.auth.tokens import (
    ISSUER,
    NOW,
    SERVICE,
    Private,
    certificate,
    ec_key,
    ed_key,
    jwk,
    jwks,
    pem,
    rsa_key,
    token,
)

KEY = "auth.token.rootcertbundle"


def bundle(*keys: Private) -> bytes:
    return pem(*(certificate(f"signer {number}", key) for number, key in enumerate(keys)))


async def accepted(verifier: Verifier, key: Private) -> bool:
    try:
        await verifier.verify(token(key))
    except TokenRefused:
        return False
    return True


def over(keys: KeySource) -> Verifier:
    return Verifier(ISSUER, SERVICE, (), keys, clock=lambda: NOW)


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def rename(path: Path, content: bytes) -> None:
    other = path.with_name("other")
    other.write_bytes(content)
    other.rename(path)


def link(path: Path, content: bytes) -> None:
    """As Kubernetes changes a mounted secret: a link to a folder is moved to another folder."""
    folder = path.parent / f"..{len(list(path.parent.iterdir()))}"
    folder.mkdir()
    (folder / path.name).write_bytes(content)
    (path.parent / "..new").symlink_to(folder.name)
    (path.parent / "..new").rename(path.parent / "..data")
    if not path.is_symlink():
        path.unlink(missing_ok=True)
        path.symlink_to(f"..data/{path.name}")


@pytest.mark.parametrize("change", [write, rename, link])
async def test_a_bundle_that_changes_is_in_force_without_a_restart(
    change: Callable[[Path, bytes], None], tmp_path: Path
) -> None:
    path = tmp_path / "bundle.pem"
    change(path, bundle(rsa_key(), ec_key()))
    verifier = over(key_source(str(path), None))
    assert [await accepted(verifier, key) for key in (rsa_key(), ec_key(), ed_key())] == [True, True, False]
    change(path, bundle(ec_key(), ed_key()))
    await asyncio.sleep(LOOK_SECONDS)
    assert [await accepted(verifier, key) for key in (rsa_key(), ec_key(), ed_key())] == [False, True, True]


async def test_what_cannot_be_used_leaves_the_keys_as_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {tmp_path / "bundle.pem": bundle(ec_key()), tmp_path / "keys.json": jwks(jwk(ed_key()))}
    for path, content in files.items():
        path.write_bytes(content)
    verifier = over(key_source(str(tmp_path / "bundle.pem"), str(tmp_path / "keys.json")))
    (tmp_path / "bundle.pem").write_bytes(bundle(ec_key())[:100])
    (tmp_path / "keys.json").unlink()
    await asyncio.sleep(LOOK_SECONDS)
    assert await accepted(verifier, ec_key())
    assert await accepted(verifier, ed_key())
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


@pytest.mark.parametrize("left", [-200, -12])
async def test_a_bundle_that_is_cut_off_in_its_last_certificate_leaves_the_keys_as_they_were(
    tmp_path: Path, left: int
) -> None:
    path = tmp_path / "bundle.pem"
    path.write_bytes(bundle(rsa_key(), ec_key()))
    verifier = over(key_source(str(path), None))
    path.write_bytes(bundle(rsa_key(), ec_key())[:left])
    await asyncio.sleep(LOOK_SECONDS)
    assert await accepted(verifier, ec_key())
    with pytest.raises(AuthError, match="has no END line"):
        key_source(str(path), None)


async def test_a_weak_key_that_comes_later_is_kept_out_and_the_others_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "bundle.pem"
    path.write_bytes(bundle(ec_key()))
    verifier = over(KeyFile(str(path), KEY, parse_bundle))
    path.write_bytes(bundle(rsa_key(7, 1024), ed_key()))
    await asyncio.sleep(LOOK_SECONDS)
    assert [await accepted(verifier, key) for key in (rsa_key(7, 1024), ed_key(), ec_key())] == [
        False,
        True,
        False,
    ]
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert vars(warning)["reason"] == "block 1 holds an RSA key of 1024 bits; 2048 are the least"
    assert vars(warning)["path"] == str(path)


async def test_a_weak_key_is_no_mistake_of_a_worker_that_starts_after_it_came(tmp_path: Path) -> None:
    path, kept = tmp_path / "bundle.pem", Kept()
    path.write_bytes(bundle(ec_key()))
    key_source(str(path), None, kept=kept)
    path.write_bytes(bundle(rsa_key(7, 1024), ed_key()))
    verifier = over(key_source(str(path), None, kept=kept))
    assert [await accepted(verifier, key) for key in (rsa_key(7, 1024), ed_key())] == [False, True]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "has no certificate and no public key; put the PEM certificates of the token service there"),
        (None, os.strerror(2)),
    ],
)
def test_a_file_that_cannot_be_used_at_start_is_named_with_its_key(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AuthError) as caught:
        key_source(str(path), None)
    assert str(caught.value) == f"{KEY}: {path}: {reason}"


def test_a_weak_key_at_start_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(jwks(jwk(ec_key()), jwk(rsa_key(7, 1024))))
    with pytest.raises(AuthError) as caught:
        key_source(None, str(path))
    assert str(caught.value) == f"auth.token.jwks: {path}: key 2: an RSA key of 1024 bits; 2048 are the least"


def test_without_any_keys_there_is_nothing_to_judge_by() -> None:
    with pytest.raises(AuthError, match=r"auth\.token: needs rootcertbundle or jwks"):
        key_source(None, None)


class Silent:
    """A source that has never answered."""

    async def current(self) -> TrustedKeys:
        raise Unreachable((), "no keys have come yet")

    newer = current

    async def close(self) -> None:
        """Nothing is open."""


async def test_while_one_source_is_silent_the_other_verifies_what_it_can() -> None:
    known = FixedKeys(trusting(ec_key().public_key()))
    for sources in ((known, Silent()), (Silent(), known)):
        verifier = over(JoinedKeys(*sources))
        assert await accepted(verifier, ec_key())
        with pytest.raises(Unreachable):
            await verifier.verify(token(ed_key()))
        await verifier.close()
    with pytest.raises(Unreachable):
        await over(JoinedKeys(Silent(), Silent())).verify(token(ec_key()))


async def test_joined_keys_stay_the_same_while_their_parts_do(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(jwks(jwk(ed_key(), kid="mine")))
    joined = JoinedKeys(FixedKeys(trusting(ec_key().public_key())), KeyFile(str(path), "jwks", parse_jwks))
    before = await joined.current()
    assert await joined.current() is await joined.newer() is before
    assert len(before.candidates("EdDSA", "mine")) == len(before.candidates("ES256", None)) == 1
    path.write_bytes(jwks(jwk(ed_key(), kid="yours")))
    await asyncio.sleep(LOOK_SECONDS)
    after = await joined.current()
    assert after is not before
    assert len(after.candidates("EdDSA", "yours")) == 1
