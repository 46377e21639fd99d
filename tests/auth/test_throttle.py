from __future__ import annotations

import pytest

from moorage.auth.throttle import Throttle
from tests.auth.hashing import Clock

HERE, THERE = "192.0.2.1", "192.0.2.2"


def failing(throttle: Throttle, address: str, times: int, user: str = "") -> list[bool]:
    return [throttle.failed(address, user=user) for _ in range(times)]


def test_after_ten_failures_an_address_waits_until_its_window_is_over() -> None:
    clock = Clock()
    throttle = Throttle(now=clock)
    assert throttle.wait(HERE) == 0
    assert failing(throttle, HERE, 9) == [False] * 9
    assert throttle.wait(HERE) == 0
    clock.seconds += 20
    assert throttle.failed(HERE)
    assert throttle.wait(HERE) == 40
    clock.seconds += 39.5
    assert throttle.wait(HERE) == 0.5
    clock.seconds += 0.5
    assert throttle.wait(HERE) == 0


def test_only_the_failure_that_fills_the_window_tells() -> None:
    assert failing(Throttle(now=Clock()), HERE, 13) == [False] * 9 + [True] + [False] * 3


def test_the_next_window_counts_from_nothing() -> None:
    clock = Clock()
    throttle = Throttle(now=clock)
    failing(throttle, HERE, 10)
    clock.seconds += 60
    assert failing(throttle, HERE, 9) == [False] * 9
    assert throttle.wait(HERE) == 0
    assert throttle.failed(HERE)
    assert throttle.wait(HERE) == 60


def test_other_addresses_need_not_wait() -> None:
    throttle = Throttle(now=Clock())
    failing(throttle, HERE, 10)
    assert throttle.wait(HERE)
    assert not throttle.wait(THERE)


def test_success_forgives_what_was_counted_in_that_name() -> None:
    throttle = Throttle(now=Clock())
    failing(throttle, HERE, 9, "alice")
    throttle.succeeded(HERE, "alice")
    throttle.succeeded(THERE, "alice")
    assert throttle.size == 0
    assert not any(failing(throttle, HERE, 9, "alice"))
    assert throttle.wait(HERE) == 0


def test_success_forgives_nothing_that_was_counted_in_other_names() -> None:
    throttle = Throttle(now=Clock())
    failing(throttle, HERE, 4, "alice")
    failing(throttle, HERE, 4)
    failing(throttle, HERE, 1, "bob")
    failing(throttle, THERE, 9, "bob")
    throttle.succeeded(HERE, "bob")
    assert failing(throttle, HERE, 2, "bob") == [False, True]
    assert failing(throttle, THERE, 1, "bob") == [True]


def test_success_does_not_prolong_the_window() -> None:
    clock = Clock()
    throttle = Throttle(now=clock)
    failing(throttle, HERE, 5, "alice")
    clock.seconds += 50
    throttle.succeeded(HERE, "bob")
    failing(throttle, HERE, 5, "alice")
    assert throttle.wait(HERE) == 10


def test_success_forgives_the_refusals_of_that_name_only() -> None:
    throttle = Throttle(refusals=20, now=Clock())
    for user in ("alice", "bob"):
        for _ in range(9):
            throttle.refused(HERE, user)
    throttle.succeeded(HERE, "bob")
    assert [throttle.refused(HERE, "bob") for _ in range(11)] == [False] * 10 + [True]
    assert throttle.shut(HERE)


def test_who_goes_on_guessing_is_shut_out_until_the_window_is_over() -> None:
    clock = Clock()
    throttle = Throttle(refusals=20, now=clock)
    failing(throttle, HERE, 10)
    clock.seconds += 10
    assert [throttle.refused(HERE) for _ in range(20)] == [False] * 19 + [True]
    assert throttle.shut(HERE) == 50
    assert throttle.shut(THERE) == 0
    clock.seconds += 50
    assert throttle.shut(HERE) == 0


def test_waiting_is_not_being_shut_out() -> None:
    throttle = Throttle(now=Clock())
    failing(throttle, HERE, 10)
    throttle.refused(HERE)
    assert throttle.wait(HERE)
    assert not throttle.shut(HERE)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:0DB8:0001:0002:0:0:0:1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.3", False),
        ("", "not an address", True),
        ("", "192.0.2.1", False),
    ],
)
def test_networks_of_ipv6_count_as_one_address(one: str, other: str, same: bool) -> None:
    throttle = Throttle(now=Clock())
    failing(throttle, one, 10, "alice")
    assert bool(throttle.wait(other)) is same
    throttle.succeeded(other, "alice")
    assert bool(throttle.wait(one)) is not same


def test_memory_is_bounded_and_who_failed_longest_ago_is_forgotten() -> None:
    throttle = Throttle(addresses=100, now=Clock())
    failing(throttle, HERE, 10)
    failing(throttle, THERE, 10)
    for number in range(98):
        throttle.failed(f"198.51.100.{number}")
    throttle.failed(HERE)
    throttle.failed("203.0.113.1")
    assert throttle.size == 100
    assert throttle.wait(HERE)
    assert not throttle.wait(THERE)
    for number in range(500):
        throttle.failed(f"2001:db8:0:{number:x}::1")
        throttle.refused(f"2001:db8:1:{number:x}::1")
    assert throttle.size == 100


def test_an_old_password_that_a_client_sends_for_each_layer_counts_for_less_than_guesses() -> None:
    throttle = Throttle()
    for _ in range(40):
        assert not throttle.failed(HERE, b"alice, old password")
    assert throttle.wait(HERE) == 0.0
    for _ in range(9):
        throttle.failed(HERE, b"alice, old password")
    assert throttle.wait(HERE) > 0.0
    other = Throttle()
    assert [other.failed(THERE, b"%d" % number) for number in range(10)].index(True) == 9
