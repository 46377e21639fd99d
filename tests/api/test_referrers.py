"""`GET /v2/<name>/referrers/<digest>`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from moorage.api.referrers import PAGE_BYTES
from moorage.digest import Digest
from moorage.manifest import OCI_INDEX
from moorage.names import Name
from moorage.store import layout
from tests.api.client import Client
from tests.api.pushing import push
from tests.api.test_pages import walk
from tests.store.images import Image, descriptor, image, index

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
    answer = await client.get(f"{target()}?artifactType=application/x%2By")
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


async def test_pages_of_many_bytes_are_filtered_and_have_the_list_of_older_clients(client: Client) -> None:
    kind = "a/b+c"
    linked = [large(number, 1 << 20, kind if number % 2 else TYPE) for number in range(12)]
    described = {"annotations": {"z": "z" * 1000}, "artifactType": kind}
    listed = [image(f"old {number}") for number in range(4)]
    for one in (*linked, *listed):
        await push(client, "a", one)
    entries = [{**descriptor(one.payload, one.media_type), **described} for one in listed]
    entries.append({**entries[0], "annotations": {"twice": "counts once"}})
    known = {**descriptor(linked[1].payload, linked[1].media_type), "artifactType": "another/one"}
    fallback = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*entries, known]})
    await push(client, "a", Image(fallback.encode(), (), (), OCI_INDEX), SUBJECT.digest.replace(":", "-"))
    pages = await walk(client, f"{target()}?artifactType=a/b%2Bc", "manifests")
    found = {entry["digest"]: entry for page in pages for entry in page}
    assert len(pages) > 1
    assert sum(map(len, pages)) == len(found)
    assert list(found) == sorted(one.digest for one in (*linked[1::2], *listed))
    assert all(found[one.digest]["annotations"] == described["annotations"] for one in listed)
    assert len(found[linked[1].digest]["annotations"]["x"]) == 1 << 20, "its manifest counts, not the list"
    await client.delete(f"/v2/a/manifests/{listed[0].digest}")
    pages = await walk(client, f"{target()}?artifactType=a/b%2Bc", "manifests")
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


async def test_a_referrer_of_a_referrer(client: Client) -> None:
    one = signature(1)
    two = signature(2, subject=one)
    for pushed in (two, one):
        await push(client, "a", pushed)
    assert [entry["digest"] for entry in (await client.get(target(one.digest))).json["manifests"]] == [
        two.digest
    ]


async def test_the_list_that_older_clients_keep_is_merged_in(client: Client) -> None:
    """They push an index under a tag made of the subject's digest."""
    kept, known = signature(1), signature(2)
    old_style = image("old", artifactType=TYPE)
    for one in (known, old_style):
        await push(client, "a", one)
    fallback = index(kept, old_style, known)
    await push(client, "a", fallback, SUBJECT.digest.replace(":", "-"))
    found = [entry["digest"] for entry in (await client.get(target())).json["manifests"]]
    assert found == sorted(one.digest for one in (kept, old_style, known))
    await client.delete(f"/v2/a/manifests/{old_style.digest}")
    found = [entry["digest"] for entry in (await client.get(target())).json["manifests"]]
    assert old_style.digest not in found, "what was deleted is still listed"


async def test_strange_entries_in_that_list_do_no_harm(client: Client) -> None:
    await push(client, "a", SUBJECT)
    odd = index(SUBJECT)
    document = odd.payload.replace(b'"size": %d' % len(SUBJECT.payload), b'"size": 1' + b"0" * 30)
    document = document.replace(
        b'"mediaType"', b'"platform": {"x": 123456789012345678901234567890}, "mediaType"', 1
    )
    await push(client, "a", Image(document, (), (), OCI_INDEX), SUBJECT.digest.replace(":", "-"))
    assert (await client.get(target())).status == 200


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
