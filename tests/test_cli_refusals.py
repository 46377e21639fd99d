"""What `moorage config check` builds to see whether a server would start with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage.cli.refusals import refusals
from moorage.config import load


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
