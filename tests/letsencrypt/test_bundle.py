"""The file that is served, and whom it is for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from moorage.letsencrypt.bundle import join, new_key, parse
from tests.letsencrypt.issuing import SOMEBODY, autocert_file, plain
from tests.server.broken import ISSUER_NAMES, named_twice, of_no_version


@pytest.mark.parametrize(("days", "left"), [(90, 30), (6, 2), (45, 15)])
def test_renewal_is_due_when_a_third_of_the_lifetime_is_left(days: int, left: int) -> None:
    bundle = parse(autocert_file("a.example.com", lifetime=timedelta(days=days)))
    assert bundle.until - bundle.due == timedelta(days=left)


@pytest.mark.parametrize(
    ("names", "hosts", "covered"),
    [
        (["a.example.com", "b.example.com"], ["b.example.com"], True),
        (["A.Example.com"], ["a.example.com"], True),
        (["a.example.com"], ["a.example.com", "b.example.com"], False),
        (["*.example.com"], ["a.example.com"], True),
        (["*.example.com"], ["example.com"], False),
        (["*.example.com"], ["a.b.example.com"], False),
    ],
)
def test_a_certificate_covers_the_hosts_that_it_names(
    names: list[str], hosts: list[str], covered: bool
) -> None:
    assert parse(autocert_file(*names)).covers(hosts) is covered


def test_a_chain_for_another_key_is_refused() -> None:
    chain = autocert_file("a.example.com")
    with pytest.raises(ValueError, match="not for the private key"):
        join(new_key(), chain)


def test_a_damaged_certificate_is_told_from_a_good_one() -> None:
    issued = SOMEBODY.issue(more=ISSUER_NAMES)
    for certificate in (named_twice(issued), of_no_version(issued)):
        with pytest.raises(ValueError, match="damaged"):
            parse(plain(issued.key) + certificate)


@pytest.mark.parametrize("cut", [-200, -12])
def test_a_file_that_is_cut_off_in_its_last_certificate_is_damaged(cut: int) -> None:
    """A server does not start with such a chain, so another certificate must be asked for."""
    issued = SOMEBODY.issue()
    with pytest.raises(ValueError, match="damaged"):
        parse((plain(issued.key) + issued.pem + SOMEBODY.pem)[:cut])


def test_keys_are_ecdsa() -> None:
    assert isinstance(new_key().curve, ec.SECP256R1)
