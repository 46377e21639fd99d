"""A registry over a store that fails all the time: clients that try again notice little, and nothing is lost."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from moorage.drivers.base import DriverError
from moorage.store.garbage.collection import CollectionAborted
from tests.faults.images import digest_of, make_image
from tests.stores.bucket import blob_name
from tests.stores.faultrun import LONGEST_SECONDS, FaultRun, faults_in
from tests.stores.retrying import Retrying
from tests.stores.site import Site, site
from tests.support.objectstores import S3
from tests.support.storefaults import Fault, Faults, Refusal

RATE = 0.08
NOISY = [kind for kind in Fault if kind is not Fault.SILENCE]
# So that a layer of 11 MiB is copied in parts.
COPIES = {"multipartcopythresholdsize": 5 << 20, "multipartcopychunksize": 5 << 20}
REPOSITORY = "team/app"
BLOBS = "docker/registry/v2/blobs/"


def hold(run: FaultRun, found: Site, *, pushes: int) -> None:
    """What the run has to have kept to, looked at with a store that works again."""
    found.proxy.faults = Faults()
    print(run.outcome)
    assert run.outcome.wrong == []
    assert run.outcome.pushes >= pushes
    assert len(run.outcome.failed_pushes) <= run.outcome.pushes // 100, run.outcome.failed_pushes
    assert len(run.outcome.failed_pulls) <= run.outcome.pulls // 100, run.outcome.failed_pulls
    assert run.outcome.slowest < LONGEST_SECONDS
    assert run.lost() == []
    purged = found.command("purge-uploads", "--age", "0")
    assert purged.returncode == 0, purged.stderr
    assert found.bucket.unfinished() == []
    assert [name for name in found.bucket.names() if "/_uploads/" in name] == []


@pytest.mark.parametrize(
    ("acl", "pushes", "pulls", "large"),
    [("private", 60, 200, 30), ("public-read", 12, 24, 200)],
    ids=["plain", "acl"],
)
def test_what_was_acknowledged_by_a_failing_store_stays(
    moto_store: S3, tmp_path: Path, acl: str, pushes: int, pulls: int, large: int
) -> None:
    with site(tmp_path, moto_store, keys={**COPIES, "objectacl": acl}) as found:
        found.proxy.faults = Faults(RATE, seed=1, slow_seconds=0.1, silences=2, silent=("GET",))
        run = FaultRun(found.server.port, seed=1, large=large)
        run.work(pushes=pushes, pulls=pulls)
        assert {fault for _, fault in found.proxy.injected} > {Fault.SLOW_DOWN, Fault.RESET, Fault.SILENCE}
        hold(run, found, pushes=pushes)


def test_a_client_that_is_sent_to_a_failing_store_gets_what_it_wants(moto_store: S3, tmp_path: Path) -> None:
    with site(tmp_path, moto_store, redirect=True) as found:
        found.proxy.faults = Faults(RATE, NOISY, seed=2, slow_seconds=0.1)
        run = FaultRun(found.server.port, seed=2)
        run.work(pushes=15, pulls=45)
        hold(run, found, pushes=15)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("redirect", "acl"),
    [(False, "private"), (True, "private"), (False, "public-read")],
    ids=["through", "redirected", "acl"],
)
def test_a_long_run_over_a_failing_store(moto_store: S3, tmp_path: Path, redirect: bool, acl: str) -> None:
    with site(tmp_path, moto_store, redirect=redirect, keys={**COPIES, "objectacl": acl}) as found:
        found.proxy.faults = Faults(RATE, NOISY if redirect else Fault, seed=3, slow_seconds=1.0)
        run = FaultRun(found.server.port, seed=3, large=20)
        run.work(pushes=1000, pulls=1500, clients=16)
        hold(run, found, pushes=1000)


WEATHER = {
    "shut": Faults(refusal=Refusal("403 Forbidden", "AccessDenied")),
    "nothing may go": Faults(refusal=Refusal("403 Forbidden", "AccessDenied", ("POST", "DELETE"))),
    "storm": Faults(0.3, NOISY, seed=4, slow_seconds=0.1),
    "rain": Faults(RATE, NOISY, seed=5, slow_seconds=0.1),
    "fair": Faults(),
}


def test_a_collection_over_a_failing_store_removes_nothing_that_is_needed(
    moto_store: S3, tmp_path: Path
) -> None:
    source = random.Random(4)
    images = [make_image(source) for _ in range(8)]
    kept, gone = images[:5], images[5:]
    with site(tmp_path, moto_store) as found, Retrying(found.server.port, source) as client:
        for number, image in enumerate(images):
            client.push(REPOSITORY, f"v{number}", image)
        found.proxy.faults = Faults(RATE, NOISY, seed=4, slow_seconds=0.1)
        for image in gone:
            client.delete(REPOSITORY, image)
        outcomes = {}
        for name, weather in WEATHER.items():
            blobs = found.bucket.names(BLOBS)
            found.proxy.faults = weather
            outcomes[name] = collected(found)
            found.proxy.faults = Faults()
            assert [fault for image in kept for fault in faults_in(client, REPOSITORY, image)] == []
            if outcomes[name] == "aborted":
                assert found.bucket.names(BLOBS) == blobs
        assert outcomes["shut"] == "aborted"
        assert outcomes["nothing may go"] == "failed"
        assert outcomes["fair"] == "done"
        left = {blob_name(digest_of(data)) for image in kept for data in (image.manifest, *image.blobs)}
        assert set(found.bucket.names(BLOBS)) == left
        found.server.stop()
        found.server.start()
        for image in gone:
            client.push(REPOSITORY, "again", image)
            assert faults_in(client, REPOSITORY, image) == []


def collected(found: Site) -> str:
    try:
        found.collect()
    except CollectionAborted:
        return "aborted"
    except DriverError:
        return "failed"
    return "done"
