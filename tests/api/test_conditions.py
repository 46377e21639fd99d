"""Preconditions on immutable content (RFC 9110, section 13)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from moorage.api.conditions import check_precondition, ranges_apply, unchanged
from moorage.digest import Digest
from moorage.errors import PreconditionFailed
from tests.api.client import Client
from tests.api.pushing import push, push_blob, put_manifest
from tests.store.images import image

DIGEST = Digest.of(b"content")
STRONG, WEAK, OTHER = f'"{DIGEST}"', f'W/"{DIGEST}"', '"other"'
FIRST, SECOND = image("first"), image("second")
TARGET = "/v2/a/manifests/list"


def asked(**headers: str) -> Any:
    def header(name: bytes) -> str | None:
        return headers.get(name.decode().replace("-", "_"))

    return SimpleNamespace(header=header, combined=header)


@pytest.mark.parametrize("header", [STRONG, WEAK, str(DIGEST), f"{OTHER}, {WEAK}", "*"])
def test_content_that_the_client_has_is_unchanged(header: str) -> None:
    assert unchanged(asked(if_none_match=header), DIGEST)


def test_content_that_the_client_does_not_have_is_sent() -> None:
    assert not unchanged(asked(if_none_match=OTHER), DIGEST)
    assert not unchanged(asked(), DIGEST)


@pytest.mark.parametrize("header", [STRONG, str(DIGEST), f"{OTHER}, {STRONG}", "*"])
def test_a_precondition_that_names_the_content_holds(header: str) -> None:
    check_precondition(asked(if_match=header), DIGEST)


@pytest.mark.parametrize("header", [WEAK, OTHER, ""])
def test_a_precondition_with_a_weak_or_another_tag_fails(header: str) -> None:
    with pytest.raises(PreconditionFailed):
        check_precondition(asked(if_match=header), DIGEST)


@pytest.mark.parametrize(("header", "applies"), [(STRONG, True), (WEAK, False), (OTHER, False)])
def test_a_range_applies_to_the_very_content(header: str, applies: bool) -> None:
    assert ranges_apply(asked(if_range=header), DIGEST) is applies


async def test_conditions_on_several_lines_count_as_one(client: Client) -> None:
    digest = await push_blob(client, "a", b"x")
    await push(client, "a", FIRST, "list")
    for target, tag in ((f"/v2/a/blobs/{digest}", digest), (TARGET, FIRST.digest)):
        for name, status in (("if-none-match", 304), ("if-match", 200)):
            lines = [(name, OTHER), (name, f'"{tag}"')]
            assert (await client("GET", target, headers=lines)).status == status, (target, name)


async def test_a_blob_is_deleted_only_if_it_is_the_one_that_is_meant(client: Client) -> None:
    digest = await push_blob(client, "a", b"x")
    target = f"/v2/a/blobs/{digest}"
    for headers in ({"if_match": OTHER}, {"if_none_match": "*"}):
        answer = await client.delete(target, **headers)
        assert (answer.status, answer.codes) == (412, ["UNSUPPORTED"])
    assert (await client.delete(target, if_match=f'"{digest}"')).status == 202
    assert (await client.delete(target, if_match="*")).status == 404


async def replaced(client: Client, **headers: str) -> int:
    """The status of a push of SECOND to the tag of TARGET, which has to do what it tells."""
    for blob in SECOND.blobs:
        await push_blob(client, "a", blob)
    before = await client.get(TARGET)
    answer = await client.put(TARGET, SECOND.payload, content_type=SECOND.media_type, **headers)
    if answer.status == 412:
        assert answer.codes == ["UNSUPPORTED"]
    after = await client.get(TARGET)
    assert (after.status, after.body) == (
        (200, SECOND.payload) if answer.status == 201 else (before.status, before.body)
    )
    return answer.status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_match": f'"{FIRST.digest}"'}, 201),
        ({"if_match": "*"}, 201),
        ({"if_match": f'"{SECOND.digest}"'}, 412),
        ({"if_none_match": "*"}, 412),
        ({"if_none_match": f'"{FIRST.digest}"'}, 412),
        ({"if_none_match": f'"{SECOND.digest}"'}, 201),
    ],
)
async def test_a_tag_is_moved_only_from_where_the_client_believes_it_to_be(
    client: Client, headers: dict[str, str], status: int
) -> None:
    await push(client, "a", FIRST, "list")
    assert await replaced(client, **headers) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"if_match": "*"}, 412), ({"if_match": f'"{FIRST.digest}"'}, 412), ({"if_none_match": "*"}, 201)],
)
async def test_a_tag_that_is_not_there_matches_nothing(
    client: Client, headers: dict[str, str], status: int
) -> None:
    assert await replaced(client, **headers) == status


async def test_of_two_clients_that_add_to_one_list_the_later_is_told_to_read_it_again(client: Client) -> None:
    """The list of referrers that old clients keep under a tag (distribution-spec, "Referrers Tag Schema")."""
    await push(client, "a", image("none"), "list")
    read = (await client.get(TARGET)).headers["etag"]
    for blob in (*FIRST.blobs, *SECOND.blobs):
        await push_blob(client, "a", blob)
    answers = [
        await client.put(TARGET, one.payload, content_type=one.media_type, if_match=read)
        for one in (FIRST, SECOND)
    ]
    assert [answer.status for answer in answers] == [201, 412]
    assert (await client.get(TARGET)).body == FIRST.payload


@pytest.mark.parametrize("reference", ["list", str(FIRST.digest)])
async def test_a_manifest_is_deleted_only_if_it_is_the_one_that_the_client_means(
    client: Client, reference: str
) -> None:
    await push(client, "a", FIRST, "list")
    target = f"/v2/a/manifests/{reference}"
    for headers in ({"if_match": f'"{SECOND.digest}"'}, {"if_none_match": "*"}):
        answer = await client.delete(target, **headers)
        assert (answer.status, answer.codes) == (412, ["UNSUPPORTED"])
        assert (await client.get(target)).body == FIRST.payload
    assert (await client.delete(target, if_match=f'"{FIRST.digest}"')).status == 202
    assert (await client.delete(target, if_match="*")).status == 404


async def test_a_manifest_that_is_wrong_is_400_whatever_is_there(client: Client) -> None:
    await push(client, "a", FIRST, "list")
    answer = await client.put(TARGET, b"{", content_type=FIRST.media_type, if_none_match="*")
    assert (answer.status, answer.codes) == (400, ["MANIFEST_INVALID"])


async def test_a_push_by_digest_can_be_the_first(client: Client) -> None:
    await push(client, "a", FIRST)
    again = await client.put(
        f"/v2/a/manifests/{FIRST.digest}", FIRST.payload, content_type=FIRST.media_type, if_none_match="*"
    )
    assert again.status == 412
    assert (await put_manifest(client, "a", FIRST)).status == 201
