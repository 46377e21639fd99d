"""What `moorage config check` builds to see whether a server would start with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moorage.cli.refusals import refusals
from moorage.config import load
from tests.support.server import moorage_command


def refused(text: str, folder: Path) -> list[str]:
    path = folder / "config.yml"
    path.write_text(f"version: 0.1\n{text}\n")
    return list(refusals(load(path, {}).configuration))


HTPASSWD = "auth: {htpasswd: {realm: r, path: p}}"
S3 = "bucket: b, region: r"
OIDC = "issuer: 'https://ci.example.com', audience: a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HTPASSWD}\naccess: [{{repositories: Team/**, users: a, allow: pull}}]", "access[0]: no repository matches 'Team/**'"),
        (f"{HTPASSWD}\naccess: [{{repositories: a, users: [''], allow: pull}}]", "access[0]: "),
        (f"auth: {{oidc: {{{OIDC}, signingalgorithms: [HS256]}}}}", "auth.oidc.signingalgorithms: 'HS256' cannot be used"),
        ("auth: {oidc: {issuer: 'https://gitlab.com', audience: a}}", "auth.oidc.required: anybody can get a token"),
        ("auth: {extension: {name: nobody}}", "auth.extension.name: no package here has 'nobody'"),
        (f"storage: {{s3: {{{S3}}}, cache: {{blobdescriptor: redis}}}}", "redis.addrs: needs the address of a Redis server"),
        ("storage: {gcs: {bucket: b, keyfile: /k}, cache: {blobdescriptor: redis}}", "redis.addrs: needs the address"),
        (f"storage: {{s3: {{{S3}, keyid: 'é'}}}}", "storage.s3.keyid: "),
        ("storage: {azure: {accountname: a, accountkey: '!!', container: c}}", "storage.azure"),
        ("storage: {gcs: {bucket: b, credentials: {private_key: k, private_key_id: i, client_email: e}}}", "storage.gcs.credentials: "),
        ("middleware: {storage: [{name: rewrite, options: {scheme: 'ht tp'}}]}", "middleware.storage[0].options: "),
        ("notifications: {endpoints: [{name: a, url: 'http://h', secrets: 'whsec_!!'}]}", "notifications.endpoints: a: a secret is not base64"),
        ("http: {tls: {letsencrypt: {cachefile: /c, hosts: '*.example.com'}}}", "http.tls.letsencrypt.hosts: *.example.com: wildcards"),
    ],
)  # fmt: skip
def test_what_no_server_would_start_with_is_told(text: str, message: str, tmp_path: Path) -> None:
    storage = "" if text.startswith("storage") else "storage: inmemory\n"
    (told,) = refused(f"{storage}{text}", tmp_path)
    assert told.startswith(message)
    assert "\n" not in told


@pytest.mark.parametrize(
    "text",
    [
        f"{HTPASSWD}\naccess: [{{repositories: '**', users: a, allow: pull}}]\nstorage: inmemory",
        f"auth: {{oidc: {{{OIDC}}}}}\nstorage: inmemory",
        "auth: {token: {realm: r, service: s, issuer: i, jwks: /missing}}\nstorage: inmemory",
        f"redis: {{addrs: 'h:1', tls: {{rootcas: /missing}}}}\nstorage: {{s3: {{{S3}}}, cache: {{blobdescriptor: redis}}}}",
        "storage: {azure: {accountname: a, accountkey: aGVsbG8=, container: c}}",
        "storage: {gcs: {bucket: b, keyfile: /missing}}\nmiddleware: {storage: [{name: rewrite, options: {host: h}}]}",
        f"storage: {{s3: {{{S3}}}}}\nmiddleware: {{storage: [{{name: cloudfront, options: {{baseurl: h, privatekey: /missing, keypairid: i}}}}]}}",
        "notifications: {endpoints: [{name: a, url: 'http://h', secrets: whsec_aGVsbG8=}]}\nstorage: filesystem",
        "http: {tls: {letsencrypt: {cachefile: /missing, hosts: a.example.com}}}\nstorage: inmemory",
        "http: {tls: {certificate: /missing, key: /missing}}\nstorage: {filesystem: {rootdirectory: /missing}}",
    ],
)
def test_no_file_that_the_configuration_names_is_opened(text: str, tmp_path: Path) -> None:
    assert refused(text, tmp_path) == []


@pytest.mark.parametrize("key", ["auth.htpasswd.path", "auth.groupfile"])
def test_a_folder_in_place_of_a_file_with_users_is_told(key: str, tmp_path: Path) -> None:
    files = {"auth.htpasswd.path": "/missing", "auth.groupfile": "/missing", key: str(tmp_path)}
    auth = f"{{htpasswd: {{realm: r, path: {files['auth.htpasswd.path']}}}, groupfile: {files['auth.groupfile']}}}"
    assert refused(f"storage: inmemory\nauth: {auth}", tmp_path) == [
        f"{key}: {tmp_path}: is a folder, where the name of a file is expected"
    ]


def test_certificates_are_refused_without_the_library_that_asks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "acme", None)
    text = "http: {tls: {letsencrypt: {cachefile: /missing, hosts: a.example.com}}}\nstorage: inmemory"
    assert refused(text, tmp_path) == [
        "http.tls.letsencrypt: acme is not installed: pip install 'moorage[letsencrypt]'"
    ]


def test_googles_store_is_refused_without_its_library(tmp_path: Path) -> None:
    """The credentials are those of the environment, which are not looked for."""
    config = tmp_path / "config.yml"
    config.write_text("version: 0.1\nstorage: {gcs: {bucket: b}}\n")
    (tmp_path / "obstore.py").write_text(
        "raise ModuleNotFoundError('as if it were not there', name='obstore')"
    )
    done = subprocess.run(
        moorage_command("config", "check", str(config)),
        check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == f"moorage: {config}: storage.gcs: obstore is not installed: pip install 'moorage[gcs]'\n"
    )
