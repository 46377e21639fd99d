"""Who gets through a handshake: versions, suites, and certificates of clients."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from moorage.config.sections.tls import SUITES
from tests.server.issuing import DAY, Authority, Issued, Key
from tests.server.secure import AUTHORITY, SecureServer, secure_server, stopped, trusting

FIRST, SECOND, OTHER = Authority("First"), Authority("Second"), Authority("Other")
CLIENTS: dict[str, Issued | None] = {
    "without": None,
    "of the first authority": FIRST.issue("client", names=None),
    "of the second authority": SECOND.issue("client"),
    "of the third, in the second file": Authority("Third", key=SECOND.key).issue("client"),
    "of another authority": OTHER.issue("client"),
    "that expired": FIRST.issue("client", begins=-9 * DAY, ends=-DAY),
}
KNOWN = {"of the first authority", "of the second authority", "of the third, in the second file"}
MODES = {
    "": KNOWN,
    "verify-client-cert-if-given": {"without", *KNOWN},
    "request-client-cert": set(CLIENTS),
}


def is_served(server: SecureServer, context: ssl.SSLContext) -> bool:
    """A request gets its answer; in TLS 1.3 a client learns only then that its certificate was refused."""
    try:
        return server.get("/v2/", context) == 200
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        return False


def limited(lowest: ssl.TLSVersion, highest: ssl.TLSVersion, ciphers: str = "") -> ssl.SSLContext:
    context = trusting()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = lowest, highest
    if ciphers:
        context.set_ciphers(ciphers)
    return context


V1_1, V1_2, V1_3 = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


OLDER_SUITES = "ECDHE+AES+SHA:ECDHE+AES+SHA256:ECDHE+AES+SHA384:kRSA+AES:DHE+AES:!AESGCM:!AESCCM:@SECLEVEL=0"


def versions_served(server: SecureServer) -> set[ssl.TLSVersion]:
    asked = {V1_1: "ALL:@SECLEVEL=0", V1_2: "", V1_3: ""}
    return {one for one, ciphers in asked.items() if is_served(server, limited(one, one, ciphers))}


def test_versions_older_than_the_minimum_are_refused(tmp_path: Path) -> None:
    with stopped(secure_server(tmp_path, tls="    minimumtls: tls1.3\n")) as server:
        assert versions_served(server) == {V1_3}


def openssl_name(suite: str) -> str:
    name = suite.removeprefix("TLS_").replace("_WITH", "").replace("AES_", "AES").replace("_", "-")
    return name.removesuffix("-SHA256") if "CHACHA" in name else name


@pytest.fixture(
    scope="module", params=[ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)]
)
def of_each_kind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SecureServer, str]]:
    """A server, and how suites of TLS 1.2 call the kind of its key."""
    key: Key = request.param
    with stopped(secure_server(tmp_path_factory.mktemp("suites"), AUTHORITY.issue(key=key))) as server:
        yield server, "RSA" if isinstance(key, rsa.RSAPrivateKey) else "ECDSA"


def test_the_suites_of_the_page_are_offered_and_no_older_ones(
    of_each_kind: tuple[SecureServer, str],
) -> None:
    server, kind = of_each_kind
    ours = [suite for suite in SUITES if f"_{kind}_WITH_" in suite]
    assert len(ours) == 3
    for suite in ours:
        assert is_served(server, limited(V1_2, V1_2, openssl_name(suite))), suite
    assert not is_served(server, limited(V1_2, V1_2, OLDER_SUITES))
    assert versions_served(server) == {V1_2, V1_3}
    with server.connect() as connection:
        found = connection.cipher()
        assert found
        assert found[0] in SUITES


def test_a_chain_reaches_clients_that_know_only_its_root(tmp_path: Path) -> None:
    """With the kind of key that the others do not have."""
    key = ed25519.Ed25519PrivateKey.generate()
    with stopped(secure_server(tmp_path, Authority("Below", above=AUTHORITY).issue(key=key))) as server:
        assert server.get("/v2/") == 200


@pytest.mark.parametrize("mode", MODES)
def test_certificates_of_clients_are_looked_at_as_is_configured(tmp_path: Path, mode: str) -> None:
    (tmp_path / "one.pem").write_bytes(FIRST.pem)
    third = Authority("Third", key=SECOND.key)
    (tmp_path / "two.pem").write_bytes(SECOND.pem + third.pem)
    tls = f"    clientcas: [{tmp_path}/one.pem, {tmp_path}/two.pem]\n" + (
        f"    clientauth: {mode}\n" if mode else ""
    )
    server = secure_server(tmp_path, tls=tls)
    contexts = {name: trusting(client=client, folder=tmp_path) for name, client in CLIENTS.items()}
    server.context = contexts["of the first authority"]
    with stopped(server):
        assert {name for name, context in contexts.items() if is_served(server, context)} == MODES[mode]
        for version in (V1_2, V1_3):
            refused = trusting(client=CLIENTS["of another authority"], folder=tmp_path)
            refused.minimum_version = refused.maximum_version = version
            assert is_served(server, refused) == (mode == "request-client-cert")


def test_tls_is_spoken_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = secure_server(tmp_path)
    config = Path(server.command[-1])
    config.write_text(config.read_text().replace(f"127.0.0.1:{server.port}", f"{path}\n  net: unix"))

    class OnUnix(SecureServer):
        def connect(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
            with contextlib.ExitStack() as opened:
                plain = opened.enter_context(socket.socket(socket.AF_UNIX))
                plain.settimeout(30)
                plain.connect(str(path))
                opened.pop_all()
                return (context or trusting()).wrap_socket(plain, server_hostname="localhost")

    with stopped(OnUnix(server.command, server.port, server.root, server.log)) as started:
        assert started.get("/v2/") == 200
        # Its connections could not be told apart: see `moorage.server.protocols`.
        with started.connect(trusting(protocols=["h2", "http/1.1"])) as connection:
            assert connection.selected_alpn_protocol() == "http/1.1"
