from __future__ import annotations

import itertools
import mmap
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.auth.remembered import BUCKETS, SECONDS, SIZE, WAYS, Remembered, encoded
from tests.auth.hashing import Clock

HASH = b"$2y$05$" + b"a" * 53
ENTRY = 40


def bucket(proof: bytes) -> int:
    return int.from_bytes(proof[:8], "big") % BUCKETS


def in_one_bucket(remembered: Remembered, count: int) -> list[bytes]:
    """Proofs of as many users who share a bucket."""
    proofs = (remembered.proof(HASH, f"user{number}", "p") for number in itertools.count())
    first = next(proofs)
    return [
        first,
        *itertools.islice((proof for proof in proofs if bucket(proof) == bucket(first)), count - 1),
    ]


def test_what_was_remembered_is_known_and_nothing_else() -> None:
    remembered = Remembered()
    proof = remembered.proof(HASH, "alice", "secret")
    assert not remembered.knows(proof)
    remembered.remember(proof)
    assert remembered.knows(proof)
    assert remembered.knows(remembered.proof(HASH, "alice", "secret"))
    for other in [
        (HASH, "alice", "Secret"),
        (HASH, "alice", ""),
        (HASH, "bob", "secret"),
        (HASH, "alices", "ecret"),
        (HASH[:-1] + b"b", "alice", "secret"),
        (b"", "alice", "secret"),
    ]:
        assert not remembered.knows(remembered.proof(*other))


def test_another_table_knows_nothing_of_it() -> None:
    memory = mmap.mmap(-1, SIZE)
    one, other = Remembered(memory), Remembered(memory)
    one.remember(one.proof(HASH, "alice", "secret"))
    assert not other.knows(other.proof(HASH, "alice", "secret"))


def test_it_ends_after_its_time_however_often_it_was_used() -> None:
    clock = Clock()
    remembered = Remembered(now=clock)
    proof = remembered.proof(HASH, "alice", "secret")
    remembered.remember(proof)
    for _ in range(10):
        clock.seconds += SECONDS / 10 - 0.001
        assert remembered.knows(proof)
    clock.seconds += 0.011
    assert not remembered.knows(proof)
    remembered.remember(proof)
    assert remembered.knows(proof)


def test_neither_passwords_nor_hashes_nor_proofs_are_in_the_memory() -> None:
    memory = mmap.mmap(-1, SIZE)
    remembered = Remembered(memory)
    proof = remembered.proof(HASH, "alice", "a long secret")
    remembered.remember(proof)
    held = memory[:]
    assert len(held) - held.count(0) >= ENTRY // 2
    assert not any(part in held for part in (b"alice", b"a long secret", HASH, proof, proof[:8]))


def test_as_many_as_a_bucket_has_places_are_known_at_the_same_time() -> None:
    clock = Clock()
    remembered = Remembered(now=clock)
    *fitting, another = in_one_bucket(remembered, WAYS + 1)
    for proof in fitting:
        remembered.remember(proof)
        clock.seconds += 1
    assert all(map(remembered.knows, fitting))
    remembered.remember(another)
    assert remembered.knows(another)
    assert [remembered.knows(proof) for proof in fitting] == [False] + [True] * (WAYS - 1), "the oldest goes"


def test_four_hundred_credentials_in_use_are_all_known() -> None:
    remembered = Remembered()
    proofs = [remembered.proof(HASH, f"user{number}", "p") for number in range(400)]
    for proof in proofs:
        remembered.remember(proof)
    assert sum(map(remembered.knows, proofs)) >= 399


def test_a_half_written_entry_is_nobodys() -> None:
    memory = mmap.mmap(-1, SIZE)
    clock = Clock()
    remembered = Remembered(memory, now=clock)
    old, new = in_one_bucket(remembered, 2)
    start = bucket(old) * WAYS * ENTRY
    remembered.remember(old)
    first = memory[start : start + ENTRY]
    memory[start : start + ENTRY] = bytes(ENTRY)
    clock.seconds += 200
    remembered.remember(new)
    second = memory[start : start + ENTRY]
    torn = {first[:cut] + second[cut:] for cut in range(ENTRY)} | {
        second[:cut] + first[cut:] for cut in range(ENTRY)
    }
    for entry in torn - {first, second}:
        memory[start : start + ENTRY] = entry
        assert not remembered.knows(old)
        assert not remembered.knows(new)
    assert len(torn) > ENTRY
    clock.seconds += 150
    for entry in torn:
        memory[start : start + ENTRY] = entry
        assert not remembered.knows(old), "another's time has made it live longer"


def test_rubbish_in_the_memory_lets_nobody_in_and_is_written_over() -> None:
    memory = mmap.mmap(-1, SIZE)
    memory[:] = os.urandom(SIZE)
    remembered = Remembered(memory)
    proofs = in_one_bucket(remembered, WAYS)
    assert not any(map(remembered.knows, proofs))
    for proof in proofs:
        remembered.remember(proof)
    assert all(map(remembered.knows, proofs))


FORKED = """
import os, sys
from moorage.auth.remembered import Remembered

remembered = Remembered()
mine, yours = (remembered.proof(b"hash", user, "password") for user in ("parent", "child"))
remembered.remember(mine)
child = os.fork()
if child == 0:
    known = remembered.knows(mine) and not remembered.knows(yours)
    remembered.remember(yours)
    os._exit(0 if known else 1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), remembered.knows(yours))
"""

CROWD = """
import os, sys
from moorage.auth.remembered import BUCKETS, Remembered

remembered = Remembered()
proofs = [p for n in range(40_000) if int.from_bytes((p := remembered.proof(b"", str(n), ""))[:8], "big") % BUCKETS == 0]
written, never = proofs[:20], proofs[20:]
children = []
for number in range(2):
    if (child := os.fork()) == 0:
        for turn in range(8_000):
            remembered.remember(written[(turn * (number + 1)) % len(written)])
        os._exit(0)
    children.append(child)
found = wrong = 0
while children:
    found += sum(map(remembered.knows, written))
    wrong += sum(map(remembered.knows, never))
    children = [child for child in children if os.waitpid(child, os.WNOHANG)[0] == 0]
found += sum(map(remembered.knows, written))
print(len(never) > 20, found > 0, wrong)
"""


def ran(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_forked_processes_share_what_they_remember() -> None:
    assert ran(FORKED) == "0 True"


def test_processes_that_write_over_each_other_let_nobody_in_who_was_not_remembered() -> None:
    assert ran(CROWD) == "True True 0"


PARTS = st.lists(st.binary(max_size=6), max_size=4)


@given(one=PARTS, other=PARTS)
def test_different_parts_have_different_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (encoded(*one) == encoded(*other)) is (one == other)


@pytest.mark.parametrize("cut", range(1, 8))
def test_no_part_can_be_shifted_into_the_next(cut: int) -> None:
    remembered = Remembered()
    text = "alicepass"
    shifted = remembered.proof(HASH, text[:cut], text[cut:])
    assert shifted != remembered.proof(HASH, text[: cut + 1], text[cut + 1 :])
    assert shifted != remembered.proof(HASH + text[:1].encode(), text[1:cut], text[cut:])
