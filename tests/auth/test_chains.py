"""Chains of certificates: which lead to a root, whose key they give, and until when."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.chains import leaf_key
from moorage.auth.keys import KeyUnknown
from tests.auth.tokens import NOW, Private, certificate, ec_key, ed_key, rsa_key, spki, version_1, x5c

ROOT = certificate("root", rsa_key(), authority=True, end=NOW + 900_000)
MIDDLE = certificate("middle", ec_key(1), "root", rsa_key(), authority=True, end=NOW + 90_000)
LAST = certificate("last", ed_key(), "middle", ec_key(1), end=NOW + 9_000)


def key_of(
    *chain: x509.Certificate, roots: tuple[x509.Certificate, ...] = (ROOT,), now: float = NOW
) -> bytes:
    """The leaf's, in DER."""
    key, _ = leaf_key(x5c(*chain), roots, now)
    return key.public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def test_a_leaf_that_the_root_issued_gives_its_key() -> None:
    for key in (ec_key(2), ec_key(2, ec.SECP384R1), ec_key(2, ec.SECP521R1), ed_key(2), rsa_key(2)):
        assert key_of(certificate("leaf", key, "root", rsa_key())) == spki(key)


def test_a_chain_goes_over_certificates_in_between() -> None:
    assert key_of(LAST, MIDDLE) == spki(ed_key())
    first: tuple[str, Private] = ("root", rsa_key())
    chain: list[x509.Certificate] = []
    for number in range(8):
        name, key = f"number {number}", ec_key(10 + number)
        chain.insert(0, certificate(name, key, *first, authority=number < 7))
        first = (name, key)
    assert key_of(*chain) == spki(ec_key(17))


def test_the_root_may_end_the_chain_and_any_certificate_of_the_bundle_does() -> None:
    assert key_of(LAST, MIDDLE, ROOT) == spki(ed_key())
    assert key_of(LAST, MIDDLE, roots=(MIDDLE,)) == spki(ed_key())
    assert key_of(LAST, roots=(MIDDLE,)) == spki(ed_key())
    assert key_of(LAST, MIDDLE, ROOT, roots=(MIDDLE,)) == spki(ed_key())


def test_a_certificate_of_the_bundle_itself_needs_no_authority() -> None:
    """A token service that has one self-signed certificate and sends it along."""
    own = certificate("signer", ec_key(3))
    assert key_of(own, roots=(ROOT, own)) == spki(ec_key(3))
    assert key_of(LAST, MIDDLE, roots=(LAST,)) == spki(ed_key())
    with pytest.raises(ValueError, match="not valid now"):
        key_of(own, roots=(own,), now=NOW + 86_401)


def test_roots_of_one_name_are_tried_in_turn() -> None:
    older = certificate("root", rsa_key(4), authority=True)
    over = certificate("root", rsa_key(), authority=True, end=NOW - 1)
    leaf = certificate("leaf", ec_key(2), "root", rsa_key())
    assert key_of(leaf, roots=(older, over, ROOT)) == spki(ec_key(2))
    with pytest.raises(ValueError, match="not issued by the next"):
        key_of(leaf, roots=(over, older))
    with pytest.raises(KeyUnknown):
        key_of(leaf, roots=(certificate("other", rsa_key(), authority=True),))


def test_any_extended_usage_will_do_and_a_path_may_be_as_long_as_it_says() -> None:
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    names = x509.SubjectAlternativeName([x509.DNSName("auth.example.org")])
    leaf = certificate("leaf", ec_key(2), "short", ec_key(5), extensions=[(usages, True), (names, True)])
    signing = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
    short = certificate(
        "short", ec_key(5), "root", rsa_key(), authority=True, path_length=0, extensions=[(signing, True)]
    )
    assert key_of(leaf, short) == spki(ec_key(2))
    long = certificate("root", rsa_key(), authority=True, path_length=1)
    assert key_of(leaf, short, roots=(long,)) == spki(ec_key(2))
    with pytest.raises(ValueError, match="longer than"):
        key_of(leaf, short, roots=(certificate("root", rsa_key(), authority=True, path_length=0),))


def test_of_the_first_version_only_a_root_may_issue() -> None:
    """Such certificates cannot say that they are an authority; of a root, the operator says it."""
    old = version_1(certificate("old", ec_key(6)), ec_key(6))
    leaf = version_1(certificate("leaf", ec_key(7), "old", ec_key(6)), ec_key(6))
    assert old.version is leaf.version is x509.Version.v1
    assert key_of(leaf, roots=(old,)) == spki(ec_key(7))
    with pytest.raises(ValueError, match="no authority"):
        key_of(certificate("below", ec_key(8), "leaf", ec_key(7)), leaf, roots=(old,))


def test_the_chain_is_good_until_its_first_certificate_ends() -> None:
    assert leaf_key(x5c(LAST, MIDDLE), (ROOT,), NOW)[1] == NOW + 9_000
    assert leaf_key(x5c(MIDDLE), (ROOT,), NOW)[1] == NOW + 90_000
    root = certificate("root", rsa_key(), authority=True, end=NOW + 5)
    assert leaf_key(x5c(LAST, MIDDLE), (root,), NOW)[1] == NOW + 5


@pytest.mark.parametrize("moment", [NOW - 86_401, NOW + 9_001])
def test_a_certificate_counts_only_in_its_time(moment: float) -> None:
    assert key_of(LAST, MIDDLE, now=NOW + 9_000) == spki(ed_key())
    with pytest.raises(ValueError, match="not valid now"):
        key_of(LAST, MIDDLE, now=moment)


def test_without_a_root_no_chain_leads_anywhere() -> None:
    with pytest.raises(KeyUnknown):
        key_of(LAST, MIDDLE, roots=())


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255), st.sampled_from([0, 1]))
def test_a_damaged_certificate_is_no_chain_or_gives_the_same_key(place: int, change: int, which: int) -> None:
    chain = [bytearray(base64.b64decode(one)) for one in x5c(LAST, MIDDLE)]
    chain[which][place % len(chain[which])] ^= change
    texts = [base64.b64encode(one).decode() for one in chain]
    try:
        key, _ = leaf_key(texts, (ROOT,), NOW)
    except (ValueError, KeyUnknown):
        return
    assert key.public_key.public_bytes_raw() == ed_key().public_key().public_bytes_raw()  # type: ignore[union-attr]
