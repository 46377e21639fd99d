"""`GET /v2/<name>/referrers/<digest>`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from moorage.api.referrers import PAGE_BYTES
from moorage.digest import Digest
from moorage.manifest import OCI_INDEX
from moorage.names import Name, Tag
from moorage.store import layout
from tests.api.client import DISCONNECT, Client
from tests.api.pushing import push, put_manifest
from tests.api.test_pages import walk
from tests.store.images import Image, descriptor, image

SUBJECT = image("subject")
TYPE = "application/vnd.example.signature+json"


def signature(number: int, subject: Image = SUBJECT, kind: str = TYPE) -> Image:
    return image(
        f"signature {number}", subject=subject, artifactType=kind, annotations={"number": str(number)}
    )


def target(subject: str = SUBJECT.digest) -> str:
    return f"/v2/a/referrers/{subject}"


async def test_what_refers_to_a_manifest_is_listed(client: Client) -> None:
    await push(client, "a", SUBJECT, "latest")
    pushed = [signature(number) for number in range(3)]
    for one in pushed:
        await push(client, "a", one)
    answer = await client.get(target())
    assert (answer.status, answer.headers["content-type"]) == (200, OCI_INDEX)
    assert (answer.json["schemaVersion"], answer.json["mediaType"]) == (2, OCI_INDEX)
    by_digest = {one.digest: (number, one) for number, one in enumerate(pushed)}
    assert [entry["digest"] for entry in answer.json["manifests"]] == sorted(by_digest)
    for entry in answer.json["manifests"]:
        number, one = by_digest[entry["digest"]]
        assert entry["size"] == len(one.payload)
        assert entry["mediaType"] == one.media_type
        assert entry["artifactType"] == TYPE
        assert entry["annotations"] == {"number": str(number)}


async def test_nothing_refers_is_an_empty_index(client: Client) -> None:
    for subject in (SUBJECT.digest, Digest.of(b"", "sha512")):
        answer = await client.get(target(subject))
        assert (answer.status, answer.json["manifests"]) == (200, [])
    assert (await client.head(target())).status == 200


async def test_the_subject_need_not_exist(client: Client) -> None:
    await push(client, "a", signature(1))
    assert len((await client.get(target())).json["manifests"]) == 1


async def test_a_filter_is_applied_and_told(client: Client) -> None:
    await push(client, "a", signature(1))
    await push(client, "a", signature(2, kind="application/x+y"))
    # A client may leave the plus sign as it is, which then stands for a space.
    for plus in ("%2B", "+", "%20"):
        answer = await client.get(f"{target()}?artifactType=application/x{plus}y")
        assert answer.headers["oci-filters-applied"] == "artifactType"
        assert [entry["artifactType"] for entry in answer.json["manifests"]] == ["application/x+y"]
    assert "oci-filters-applied" not in (await client.get(target())).headers


async def test_without_an_artifact_type_that_of_the_config_counts(client: Client) -> None:
    one = image("plain", subject=SUBJECT)
    await push(client, "a", one)
    found = (await client.get(target())).json["manifests"]
    assert found[0]["artifactType"] == "application/vnd.oci.image.config.v1+json"


async def test_pages_joined_are_the_whole_list(client: Client) -> None:
    for number in range(7):
        await push(client, "a", signature(number, kind="a/b+c" if number % 2 else TYPE))
    for query, count in (("?n=2", 7), ("?n=2&artifactType=a/b%2Bc", 3), ("?n=7", 7)):
        pages = await walk(client, target() + query, "manifests")
        assert len({entry["digest"] for page in pages for entry in page}) == count
        assert sum(map(len, pages)) == count


def large(number: int, size: int, kind: str = TYPE) -> Image:
    return image(f"large {number}", subject=SUBJECT, artifactType=kind, annotations={"x": "y" * size})


async def test_a_page_ends_after_so_many_bytes_of_descriptors(client: Client) -> None:
    pushed = [large(number, 1 << 20) for number in range(8)] + [signature(number) for number in range(8)]
    for one in pushed:
        await push(client, "a", one)
    for query in ("", "?n=5"):
        pages = await walk(client, target() + query, "manifests")
        assert [entry["digest"] for page in pages for entry in page] == sorted(one.digest for one in pushed)
        assert all(len(page) <= 5 for page in pages if query)
    pages = await walk(client, target(), "manifests")
    assert len(pages) == 3, "each page takes three large ones"
    for page in pages:
        assert len(json.dumps(page)) <= PAGE_BYTES * 1.01


async def test_a_page_shows_at_least_one_referrer_however_large(client: Client) -> None:
    """Here two that no page takes together. What a client asked for is said in the Link, not what it got."""
    pushed = [large(number, 3 << 20) for number in range(3)]
    for one in pushed:
        await push(client, "a", one)
    answer = await client.get(f"{target()}?n=2")
    assert len(answer.json["manifests"]) == 1
    assert "n=2" in answer.headers["link"]
    pages = await walk(client, target(), "manifests")
    assert [[entry["digest"] for entry in page] for page in pages] == [
        [digest] for digest in sorted(one.digest for one in pushed)
    ]


async def test_pages_of_many_bytes_are_filtered_and_have_the_list_of_older_clients(
    disk: Client, tmp_path: Path
) -> None:
    kind = "a/b+c"
    linked = [large(number, 1 << 20, kind if number % 2 else TYPE) for number in range(12)]
    listed = [signature(number, kind=kind) for number in range(4)]
    for one in (*linked, *listed):
        await push(disk, "a", one)
    await keep_list(disk, *listed, listed[0], linked[1])
    await unlink(disk, tmp_path, *listed)
    pages = await walk(disk, f"{target()}?artifactType=a/b%2Bc", "manifests")
    found = {entry["digest"]: entry for page in pages for entry in page}
    assert len(pages) > 1
    assert sum(map(len, pages)) == len(found)
    assert list(found) == sorted(one.digest for one in (*linked[1::2], *listed))
    await disk.delete(f"/v2/a/manifests/{listed[0].digest}")
    pages = await walk(disk, f"{target()}?artifactType=a/b%2Bc", "manifests")
    assert listed[0].digest not in {entry["digest"] for page in pages for entry in page}


async def test_a_page_of_nothing_is_empty_and_leads_nowhere(client: Client) -> None:
    await push(client, "a", signature(1))
    answer = await client.get(f"{target()}?n=0")
    assert (answer.status, answer.json["manifests"], "link" in answer.headers) == (200, [], False)


async def test_a_deleted_referrer_is_gone(client: Client) -> None:
    one, two = signature(1), signature(2)
    for pushed in (one, two):
        await push(client, "a", pushed)
    await client.delete(f"/v2/a/manifests/{one.digest}")
    assert [entry["digest"] for entry in (await client.get(target())).json["manifests"]] == [two.digest]


async def test_the_search_ends_when_the_client_leaves(client: Client) -> None:
    for number in range(3):
        await push(client, "a", large(number, 1 << 20))
    assert (await client("GET", target(), [DISCONNECT])).status == 0
    assert len((await client.get(target())).json["manifests"]) == 3
    half_sent = await client("GET", target(), [DISCONNECT], {"Content-Length": "9"})
    assert half_sent.status == 200, "whoever ends a body early may still wait for the answer"


async def test_a_referrer_of_a_referrer(client: Client) -> None:
    one = signature(1)
    two = signature(2, subject=one)
    for pushed in (two, one):
        await push(client, "a", pushed)
    assert [entry["digest"] for entry in (await client.get(target(one.digest))).json["manifests"]] == [
        two.digest
    ]


async def keep_list(client: Client, *listed: Image, algorithm: str = "sha256", **members: Any) -> None:
    """As older clients do: an index under a tag made of the subject's digest."""
    entries = [{**descriptor(one.payload, one.media_type, algorithm), **members} for one in listed]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    payload = json.dumps(document).encode()
    await push(client, "a", Image(payload, (), (), OCI_INDEX), SUBJECT.digest.replace(":", "-"))


async def unlink(disk: Client, root: Path, *listed: Image) -> None:
    """As a program that knows no referrers leaves what it stores in a repository whose links were complete."""
    await disk.get(target())
    for one in listed:
        link = layout.referrer_link(Name("a"), SUBJECT.digest, one.digest)
        shutil.rmtree(Path(f"{root}/root{link}").parent)


async def test_the_list_that_older_clients_keep_is_merged_in(disk: Client, tmp_path: Path) -> None:
    linked, both, listed = (signature(number) for number in range(3))
    for one in (linked, both, listed):
        await push(disk, "a", one)
    await keep_list(disk, listed, both)
    await unlink(disk, tmp_path, listed)
    found = [entry["digest"] for entry in (await disk.get(target())).json["manifests"]]
    assert found == sorted(one.digest for one in (linked, both, listed))
    await disk.delete(f"/v2/a/manifests/{listed.digest}")
    found = [entry["digest"] for entry in (await disk.get(target())).json["manifests"]]
    assert listed.digest not in found, "what was deleted is still listed"


async def test_what_that_list_says_of_a_referrer_does_not_count_but_its_manifest(
    disk: Client, tmp_path: Path
) -> None:
    one = signature(1)
    await push(disk, "a", one)
    expected = (await disk.get(target())).json
    await keep_list(disk, one, size=7, artifactType="false/type", annotations={"false": "yes"})
    await unlink(disk, tmp_path, one)
    assert (await disk.get(target())).json == expected
    assert (await disk.get(f"{target()}?artifactType={TYPE.replace('+', '%2B')}")).json == expected
    assert (await disk.get(f"{target()}?artifactType=false/type")).json["manifests"] == []


async def test_what_that_list_names_and_has_another_subject_or_none_is_no_referrer(client: Client) -> None:
    without, of_another = image("without"), signature(1, subject=image("another subject"))
    for one in (without, of_another):
        await push(client, "a", one)
    await keep_list(client, without, of_another)
    assert (await client.get(target())).json["manifests"] == []


async def test_a_referrer_that_is_listed_by_both_its_digests_is_told_once(
    disk: Client, tmp_path: Path
) -> None:
    linked, listed = signature(1), signature(2)
    for one in (linked, listed):
        await push(disk, "a", one)
        assert (await put_manifest(disk, "a", one, one.sha512)).status == 201
    await keep_list(disk, linked, listed, algorithm="sha512")
    await unlink(disk, tmp_path, listed)
    for query in ("", "?n=1"):
        pages = await walk(disk, target() + query, "manifests")
        found = [entry["digest"] for page in pages for entry in page]
        assert found == [linked.digest, listed.sha512]


async def test_strange_entries_in_that_list_do_no_harm(disk: Client, tmp_path: Path) -> None:
    await push(disk, "a", SUBJECT)
    await keep_list(disk, SUBJECT, size=1, platform={"x": 10**29})
    tag = f"{tmp_path}/root{layout.tag_link(Name('a'), Tag(SUBJECT.digest.replace(':', '-')))}"
    data = Path(f"{tmp_path}/root{layout.blob_data(Digest(Path(tag).read_text()))}")
    strange = data.read_bytes().replace(b'"size": 1', b'"size": 1' + b"0" * 30)
    digest = Digest.of(strange)
    for path, content in (
        (layout.blob_data(digest), strange),
        (layout.revision_link(Name("a"), digest), digest.encode()),
    ):
        file = Path(f"{tmp_path}/root{path}")
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    Path(tag).write_text(digest)
    assert (await disk.get(target())).status == 200


async def test_they_are_derived_for_a_tree_of_another_program(disk: Client, tmp_path: Path) -> None:
    one = signature(1)
    await push(disk, "a", one)
    shutil.rmtree(str(tmp_path / "root") + layout.referrers(Name("a")))
    for _ in range(2):
        assert [entry["digest"] for entry in (await disk.get(target())).json["manifests"]] == [one.digest]
    two = signature(2)
    await push(disk, "a", two)
    assert len((await disk.get(target())).json["manifests"]) == 2


@pytest.mark.parametrize("subject", ["x", "sha256:1", "latest", "md5:" + "0" * 32])
async def test_a_bad_subject_is_refused(memory: Client, subject: str) -> None:
    answer = await memory.get(target(subject))
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
