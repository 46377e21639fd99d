"""What is said of the files of TLS before the first worker starts: one line that names the key, the file and the remedy."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import CertificatePoliciesOID

from moorage.config.sections.tls import Tls
from moorage.server import certificates
from moorage.server.certificates import Identity
from moorage.server.files import CertificateError
from tests.server.broken import ISSUER_NAMES, named_twice, of_no_version
from tests.server.issuing import DAY, Authority, Issued, Key, key_pem, new_key
from tests.server.secure import refusal, secure_server

AUTHORITY = Authority()
INTERMEDIATE = Authority("An authority below", above=AUTHORITY)
ISSUED = AUTHORITY.issue()
INTERMEDIATE_ISSUED = INTERMEDIATE.issue(key=ISSUED.key)

Change = Callable[[Path, Path], object]
"""What is done to a good certificate and a good key."""


def loaded(certificate: Path, key: Path, **more: object) -> Identity:
    tls = Tls.model_validate({"certificate": str(certificate), "key": str(key), **more})
    return certificates.load(tls, datetime.now(UTC))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    ISSUED.write(certificate, key)
    return certificate, key


def wrote(issued: Issued) -> Change:
    return issued.write


def with_key(key: Key) -> Change:
    return lambda certificate, path: AUTHORITY.issue(key=key).write(certificate, path)


def holds(file: str, content: bytes) -> Change:
    return lambda certificate, key: (certificate if file == "certificate" else key).write_bytes(content)


def a_folder(certificate: Path, _: Path) -> None:
    certificate.unlink()
    certificate.mkdir()


def a_pipe(_: Path, key: Path) -> None:
    key.unlink()
    os.mkfifo(key)


ENCRYPTED = new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
OLD_ENCRYPTED = new_key().private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"password")
)
DER = ISSUED.certificate.public_bytes(Encoding.DER)
STRICT = AUTHORITY.issue(
    more=x509.CertificatePolicies([x509.PolicyInformation(CertificatePoliciesOID.ANY_POLICY, None)])
)
TWISTED = Issued(AUTHORITY.certificate, ISSUED.key, (ISSUED.certificate,))

REFUSED: dict[str, tuple[Change, str, str]] = {
    "no certificate": (lambda c, k: c.unlink(), "certificate", "no such file"),
    "no key": (lambda c, k: k.unlink(), "key", "no such file"),
    "a folder": (a_folder, "certificate", "is not a file"),
    "a pipe": (a_pipe, "key", "is not a file"),
    "an empty certificate": (holds("certificate", b"\n"), "certificate", "is empty"),
    "an empty key": (holds("key", b""), "key", "is empty"),
    "a huge file": (holds("certificate", b"x" * (1 << 20) + b"x"), "certificate", "1 MiB"),
    "text": (holds("certificate", b"certificate"), "certificate", "holds no certificate"),
    "DER": (holds("certificate", DER), "certificate", "openssl x509 -inform der"),
    "a damaged certificate": (
        holds("certificate", ISSUED.pem.replace(b"M", b"N", 20)),
        "certificate",
        "damaged",
    ),
    "half a certificate": (holds("certificate", ISSUED.pem[:200]), "certificate", "damaged"),
    "a chain cut off in its second certificate": (
        holds("certificate", INTERMEDIATE_ISSUED.chain[:-300]),
        "certificate",
        "damaged",
    ),
    "a chain cut off in its last line": (
        holds("certificate", INTERMEDIATE_ISSUED.chain[:-12]),
        "certificate",
        "damaged",
    ),
    "a chain cut off in the first line of a certificate": (
        holds("certificate", INTERMEDIATE_ISSUED.chain + b"-----BEGIN CERTIF"),
        "certificate",
        "damaged",
    ),
    "a damaged key": (holds("key", key_pem(new_key())[:90]), "key", "damaged"),
    "text for a key": (holds("key", b"key"), "key", "holds no key"),
    "the files exchanged": (
        lambda c, k: (c.write_bytes(key_pem(ISSUED.key)), k.write_bytes(ISSUED.pem)),
        "certificate",
        "exchanged",
    ),
    "a certificate for a key": (holds("key", ISSUED.pem), "key", "exchanged"),
    "an encrypted key": (holds("key", ENCRYPTED), "key", "decrypt it with `openssl pkey`"),
    "a key encrypted in the old way": (holds("key", OLD_ENCRYPTED), "key", "decrypt it"),
    "the key of another": (holds("key", key_pem(new_key())), "key", "is not the key of"),
    "the authority first": (wrote(TWISTED), "certificate", "certificate first"),
    "RSA of 1024 bits": (with_key(rsa.generate_private_key(65537, 1024)), "key", "RSA key of 1024 bits"),
    "RSA with exponent 3": (with_key(rsa.generate_private_key(3, 2048)), "key", "exponent below 65537"),
    "ECDSA on P-521": (with_key(ec.generate_private_key(ec.SECP521R1())), "key", "curve secp521r1"),
    "Ed448": (with_key(ed448.Ed448PrivateKey.generate()), "key", "a key of another kind"),
    "a critical extension": (wrote(STRICT), "certificate", "cannot be heeded, 2.5.29.32"),
    "an extension twice": (
        holds("certificate", named_twice(AUTHORITY.issue(key=ISSUED.key, more=ISSUER_NAMES))),
        "certificate",
        "whose extensions cannot be read",
    ),
    "no known version": (holds("certificate", of_no_version(ISSUED)), "certificate", "damaged"),
    "expired": (wrote(AUTHORITY.issue(begins=-9 * DAY, ends=-DAY)), "certificate", "expired on 20"),
    "not yet valid": (wrote(AUTHORITY.issue(begins=DAY)), "certificate", "is the clock right?"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_cannot_be_served_is_told_with_key_and_file(pair: tuple[Path, Path], wrong: str) -> None:
    change, key, words = REFUSED[wrong]
    change(*pair)
    with pytest.raises(CertificateError) as raised:
        loaded(*pair)
    text = str(raised.value)
    path = pair[0 if key == "certificate" else 1]
    assert text.startswith(f"http.tls.{key}: {path} "), text
    assert words in text
    assert "\n" not in text


def test_a_file_that_may_not_be_read_is_told(pair: tuple[Path, Path]) -> None:
    pair[1].chmod(0)
    with (
        nobody(),
        pytest.raises(CertificateError, match="permission denied: let the user that runs the server read it"),
    ):
        loaded(*pair)


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """Root may read everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


RSA, P384 = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())
NEW, OLD = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL


@pytest.mark.parametrize(
    ("key", "form"),
    [
        (RSA, NEW),
        (RSA, OLD),
        (new_key(), NEW),
        (P384, NEW),
        (P384, OLD),
        (ed25519.Ed25519PrivateKey.generate(), NEW),
    ],
)
def test_keys_are_read_in_the_forms_that_tools_write(
    pair: tuple[Path, Path], key: Key, form: PrivateFormat
) -> None:
    AUTHORITY.issue(key=key).write(*pair)
    pair[1].write_bytes(b"as text\n" + key_pem(key, form))
    assert b"-----BEGIN PRIVATE KEY-----" in loaded(*pair).key


@pytest.mark.parametrize("remark", [b"# NOT ENCRYPTED\n", b"friendlyName: UNENCRYPTED\n"])
def test_a_remark_beside_a_key_does_not_make_it_an_encrypted_one(
    pair: tuple[Path, Path], remark: bytes
) -> None:
    pair[1].write_bytes(remark + key_pem(ISSUED.key))
    assert loaded(*pair).chain == ISSUED.pem


def test_a_chain_is_served_as_it_is_in_the_file(pair: tuple[Path, Path]) -> None:
    issued = INTERMEDIATE.issue()
    issued.write(*pair)
    pair[0].write_bytes(b"the server\n" + issued.chain.replace(b"-----BEGIN", b"next\n-----BEGIN"))
    found = loaded(*pair)
    assert found.chain == issued.chain
    assert found.cautions == ()


def test_a_certificate_without_names_is_a_caution(pair: tuple[Path, Path]) -> None:
    AUTHORITY.issue(names=None).write(*pair)
    (caution,) = loaded(*pair).cautions
    assert "no subjectAltName" in caution
    assert str(pair[0]) in caution


@pytest.mark.parametrize(
    "above",
    [
        (Authority("Another").certificate,),
        (AUTHORITY.certificate, INTERMEDIATE.certificate),
        (INTERMEDIATE_ISSUED.certificate, INTERMEDIATE.certificate),
    ],
)
def test_a_chain_in_another_order_is_a_caution(
    pair: tuple[Path, Path], above: tuple[x509.Certificate, ...]
) -> None:
    """Docker and others may find no way from the first certificate to a root."""
    Issued(INTERMEDIATE_ISSUED.certificate, INTERMEDIATE_ISSUED.key, above).write(*pair)
    (caution,) = loaded(*pair).cautions
    assert caution.startswith(f"http.tls.certificate: {pair[0]} holds CN=localhost and then ")
    assert "did not issue it" in caution


@pytest.mark.parametrize(
    ("left", "words"),
    [(13 * DAY, "expires on"), (15 * DAY, ""), (timedelta(seconds=-1), "expired on")],
)
def test_an_end_that_is_near_is_told(pair: tuple[Path, Path], left: timedelta, words: str) -> None:
    found = loaded(*pair)
    line = certificates.soon_over(found, str(pair[0]), found.expires - left)
    assert re.search(words, line) if words else line == ""
    assert str(pair[0]) in line or not words


def write_all(folder: Path, *authorities: Authority) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.pem"
    path.write_bytes(b"".join(b"# one of them\n" + one.pem for one in authorities))
    return path


def test_the_authorities_of_several_files_are_joined_each_once(pair: tuple[Path, Path]) -> None:
    others = [Authority(f"Authority {number}") for number in range(3)]
    one, two = write_all(pair[0].parent, *others[:2]), write_all(pair[0].parent, *others[1:])
    found = x509.load_pem_x509_certificates(loaded(*pair, clientcas=[str(one), str(two)]).authorities)
    assert found == [other.certificate for other in others]


def test_an_authority_is_left_out_before_and_after_its_time(pair: tuple[Path, Path]) -> None:
    """The library that verifies does not look at it."""
    good, old = Authority("Good", ends=9 * DAY), Authority("Old", begins=-9 * DAY, ends=-DAY)
    early = Authority("Early", begins=2 * DAY)
    path = write_all(pair[0].parent, good, old, early)
    found = loaded(*pair, clientcas=[str(path)])
    assert found.authorities == good.pem
    assert len(found.cautions) == 2
    assert "CN=Old, which expired on" in found.cautions[0]
    assert "CN=Early, which is not valid before" in found.cautions[1]
    assert found.changes == early.certificate.not_valid_before_utc


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"", "is empty"),
        (b"no PEM", "holds no certificate"),
        (key_pem(new_key()), "holds a key"),
        (AUTHORITY.pem[:300], "damaged"),
        (AUTHORITY.pem + INTERMEDIATE.pem[:300], "damaged"),
        (AUTHORITY.pem + named_twice(AUTHORITY.issue(more=ISSUER_NAMES)), "whose extensions cannot be read"),
        (Authority(begins=-9 * DAY, ends=-DAY).pem, "holds no authority that is valid now"),
    ],
)
def test_a_file_without_authorities_is_told(
    pair: tuple[Path, Path], content: bytes | None, words: str
) -> None:
    path = pair[0].with_name("clients.pem")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CertificateError, match=rf"^http\.tls\.clientcas: {re.escape(str(path))} .*{words}"):
        loaded(*pair, clientcas=[str(path)])


def test_more_authorities_than_a_server_can_tell_its_clients_are_refused(pair: tuple[Path, Path]) -> None:
    """Each client would get a list of a false length, and give up."""
    key = new_key()
    authorities = [Authority(f"{number:064}", key=key) for number in range(800)]
    path = write_all(pair[0].parent, *authorities)
    with pytest.raises(
        CertificateError, match=rf"^http\.tls\.clientcas: {re.escape(str(path))} hold too many"
    ):
        loaded(*pair, clientcas=[str(path)])
    assert loaded(*pair, clientcas=[str(write_all(pair[0].parent, *authorities[:700]))]).authorities


def test_an_authority_that_names_a_number_that_is_not_allowed_counts_without_a_word_of_the_library(
    pair: tuple[Path, Path],
) -> None:
    """Some of those that come with Debian do."""
    above = x509.AuthorityKeyIdentifier(b"x" * 20, [x509.DirectoryName(AUTHORITY.certificate.subject)], 0)
    odd = AUTHORITY.issue(more=above)
    path = pair[0].with_name("clients.pem")
    path.write_bytes(odd.pem)
    assert loaded(*pair, clientcas=[str(path)]).authorities == odd.pem


def test_without_asking_for_certificates_no_authority_is_needed(pair: tuple[Path, Path]) -> None:
    found = loaded(*pair, clientcas=["/nowhere"], clientauth="request-client-cert")
    assert found.authorities == b""


@pytest.mark.parametrize("wrong", ["the key of another"])
def test_a_server_that_cannot_serve_its_certificate_does_not_start(tmp_path: Path, wrong: str) -> None:
    server = secure_server(tmp_path, ISSUED)
    change, key, words = REFUSED[wrong]
    change(tmp_path / "certificate.pem", tmp_path / "key.pem")
    line = refusal(server)
    assert line.startswith(f"moorage: http.tls.{key}: {tmp_path}")
    assert words in line
