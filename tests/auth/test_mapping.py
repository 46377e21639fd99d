"""What the claims of a token make of somebody."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.mapping import LONGEST, MOST_GROUPS, ClaimMapping, find, texts

JOB: dict[str, Any] = {
    "sub": "repo:acme/app:ref:refs/heads/main",
    "email": "ada@example.org",
    "repository_owner": "acme",
    "project_id": 42,
    "ratio": 1.5,
    "protected": True,
    "nothing": None,
    "empty": "",
    "roles": ["reader", "writer", "reader"],
    "mixed": ["a", 1, False, None, {"name": "x"}, ["y"], ""],
    "realm_access": {"roles": ["admin"], "deeper": {"still": "here"}},
    "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "builder"}},
    "https://example.org/team": "blue",
    "a.b": "its own name",
    "a": {"b": "the way"},
    "accent": "caf\u00e9",
}
WAYS: list[tuple[str, list[str]]] = [
    ("sub", ["repo:acme/app:ref:refs/heads/main"]),
    ("project_id", ["42"]),
    ("ratio", ["1.5"]),
    ("protected", ["true"]),
    ("nothing", []),
    ("empty", [""]),
    ("missing", []),
    ("roles", ["reader", "writer", "reader"]),
    ("mixed", ["a", "1", "false", ""]),
    ("realm_access", []),
    ("realm_access.roles", ["admin"]),
    ("realm_access.deeper.still", ["here"]),
    ("realm_access.missing", []),
    ("realm_access.roles.admin", []),
    ("kubernetes.io.namespace", ["ci"]),
    ("kubernetes.io.serviceaccount.name", ["builder"]),
    ("https://example.org/team", ["blue"]),
    ("a.b", ["its own name"]),
    ("sub.anything", []),
    (".", []),
    ("", []),
    (".roles", []),
    ("realm_access.", []),
]


@pytest.mark.parametrize(("name", "found"), WAYS, ids=[name for name, _ in WAYS])
def test_a_claim_is_found_by_its_name_or_by_the_way_to_it(name: str, found: list[str]) -> None:
    assert texts(find(JOB, name)) == found


@pytest.mark.parametrize(("name", "found"), WAYS, ids=[name for name, _ in WAYS])
def test_each_value_of_a_claim_makes_a_group(name: str, found: list[str]) -> None:
    groups = ClaimMapping(groupclaims=(name,)).groups(JOB)
    assert groups == {f"{name}:{value}" for value in found if value}


def test_groups_of_several_claims_add_up() -> None:
    mapping = ClaimMapping(groupclaims=("repository_owner", "realm_access.roles", "missing"))
    assert mapping.groups(JOB) == {"repository_owner:acme", "realm_access.roles:admin"}


@pytest.mark.parametrize(
    "value", ["x" * LONGEST, "a\nb", "a\0", "\u202egnp.exe", "\ud800", "\x85", "\x1b[2J"]
)
def test_a_value_that_cannot_be_shown_makes_no_group_and_keeps_the_others(value: str) -> None:
    mapping = ClaimMapping(groupclaims=("branch",))
    assert mapping.groups({"branch": [value, "main"]}) == {"branch:main"}


def test_more_groups_than_can_be_meant_are_refused_and_not_chosen_from() -> None:
    mapping = ClaimMapping(groupclaims=("roles",))
    most = [f"role-{number}" for number in range(MOST_GROUPS)]
    assert len(mapping.groups({"roles": most})) == MOST_GROUPS
    with pytest.raises(ValueError, match="are the most"):
        mapping.groups({"roles": [*most, "one-more"]})


@pytest.mark.parametrize(
    ("mapping", "user"),
    [
        (ClaimMapping(), "repo:acme/app:ref:refs/heads/main"),
        (ClaimMapping("email"), "ada@example.org"),
        (ClaimMapping("repository_owner", "github:"), "github:acme"),
        (ClaimMapping("kubernetes.io.serviceaccount.name", "ci/"), "ci/builder"),
        (ClaimMapping("accent"), "caf\u00e9"),
    ],
)
def test_the_user_is_the_claim_with_the_prefix_before_it(mapping: ClaimMapping, user: str) -> None:
    assert mapping.user(JOB) == user


@pytest.mark.parametrize(
    "name", ["missing", "nothing", "empty", "project_id", "protected", "roles", "realm_access", "mixed"]
)
def test_what_is_no_text_is_nobody(name: str) -> None:
    with pytest.raises(ValueError, match="is the user, is no text"):
        ClaimMapping(name, "prefix").user(JOB)


@pytest.mark.parametrize("value", ["x" * (LONGEST - 1), "a\nb", "a\0", "\u202eada", "\ud800", "\x85"])
def test_what_cannot_be_shown_is_nobody(value: str) -> None:
    with pytest.raises(ValueError, match="too long, or not printable"):
        ClaimMapping(userprefix="ci").user({"sub": value})


@pytest.mark.parametrize(
    ("name", "values", "is_there"),
    [
        ("repository_owner", ["acme"], True),
        ("repository_owner", ["other", "acme"], True),
        ("repository_owner", ["Acme"], False),
        ("repository_owner", ["acm"], False),
        ("repository_owner", ["acme2"], False),
        ("repository_owner", ["*"], False),
        ("repository_owner", [""], False),
        ("protected", ["true"], True),
        ("protected", ["True"], False),
        ("project_id", ["42"], True),
        ("roles", ["writer"], True),
        ("roles", ["reader,writer"], False),
        ("realm_access.roles", ["admin"], True),
        ("realm_access", ["admin"], False),
        ("nothing", ["null"], False),
        ("missing", [""], False),
        ("missing", ["acme"], False),
    ],
)
def test_a_required_claim_has_one_of_the_values(name: str, values: list[str], is_there: bool) -> None:
    mapping = ClaimMapping(required={name: frozenset(values)})
    if is_there:
        mapping.check(JOB)
    else:
        with pytest.raises(ValueError, match="none of those that are required"):
            mapping.check(JOB)


def test_all_that_is_required_must_be_there() -> None:
    both = {"repository_owner": frozenset({"acme"}), "protected": frozenset({"false"})}
    with pytest.raises(ValueError, match=r"^protected is none"):
        ClaimMapping(required=both).check(JOB)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
names = st.sampled_from(["sub", "a.b", "a.b.c", "x", "", "."])


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(["sub", "a", "a.b", "b", "x", ""]), json, max_size=5), names)
def test_whatever_the_claims_are_somebody_is_shown_rightly_or_refused(
    claims: dict[str, Any], name: str
) -> None:
    mapping = ClaimMapping(name, "p:", (name,))
    for group in mapping.groups(claims):
        assert group.startswith(f"{name}:")
        assert group.isprintable()
        assert len(group) <= LONGEST
    try:
        user = mapping.user(claims)
    except ValueError:
        return
    assert user.startswith("p:")
    assert user.isprintable()
    assert 2 < len(user) <= LONGEST
