from __future__ import annotations

from functools import lru_cache
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth import globs
from moorage.auth.base import CATALOG, Access, AuthError
from moorage.auth.explaining import as_text, explain
from moorage.auth.rules import Rule, Rules
from tests.auth.deployment import of, rule

NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("app", ["app"], ["apps", "ap", "x/app", "app/x", "", "xapp"]),
        ("team/*", ["team/app", "team/a.b-c__d"], ["team", "team/app/web", "teams/app", "x/team/app"]),
        ("team/**", ["team/app", "team/app/web"], ["team", "teams/app", "x/team/app"]),
        ("team**", ["team", "teams", "team/app", "team/app/web"], ["tea", "x/team"]),
        ("**", ["a", "a/b", "a/b/c"], []),
        ("*", ["a", "a.b"], ["a/b"]),
        ("**/app", ["x/app", "x/y/app"], ["app", "xapp", "app/x"]),
        ("*/app", ["x/app"], ["x/y/app", "app"]),
        ("team/*/app", ["team/x/app"], ["team/app", "team/x/y/app"]),
        ("team/**/app", ["team/x/app", "team/x/y/app"], ["team/app"]),
        ("app-?", ["app-1", "app-x"], ["app-", "app-12", "app-/"]),
        ("a?c", ["abc"], ["a/c", "ac"]),
        ("a.c", ["a.c"], ["abc"]),
        ("*-dev", ["x-dev", "a-dev-dev"], ["x-devs", "t/x-dev"]),
        ("**-dev/*", ["x-dev/a", "t/x-dev/a"], ["x-dev", "x-dev/a/b"]),
        ("**a**b**b", ["abb", "a/b/b", "x/a-b-b"], ["ab", "bab"]),
        ("a*b*b", ["abb", "a.b-b"], ["ab", "a/bb"]),
        ("**a*b**b", ["abb", "a-b/b", "x/abb"], ["ab", "a/bb"]),
        ("a**b*c", ["abc", "a/b/bxc", "axbyc"], ["a/b/c/d", "ab/c"]),
    ],
)
def test_globs_match_whole_names(glob: str, matching: list[str], others: list[str]) -> None:
    pattern = globs.compiled([glob])
    assert [name for name in matching if not pattern.fullmatch(name)] == []
    assert [name for name in others if pattern.fullmatch(name)] == []


@lru_cache(maxsize=100_000)
def plainly(glob: str, name: str) -> bool:
    """What a glob means, said without any cleverness."""
    if not glob:
        return not name
    if glob.startswith("**"):
        return any(plainly(glob[2:], name[end:]) for end in range(len(name) + 1))
    if glob.startswith("*"):
        reach = name.find("/") if "/" in name else len(name)
        return any(plainly(glob[1:], name[end:]) for end in range(reach + 1))
    return (
        bool(name)
        and (glob[0] == name[0] or (glob[0] == "?" and name[0] != "/"))
        and plainly(glob[1:], name[1:])
    )


PIECES = st.lists(st.sampled_from(["a", "b", "/", "*", "**", "?", "ab"]), min_size=1, max_size=8).map("".join)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(PIECES, PIECES, st.randoms(use_true_random=False))
def test_compiled_globs_match_what_they_plainly_mean(one: str, other: str, random: Random) -> None:
    pattern = globs.compiled([one, other])
    for _ in range(30):
        name = "".join(random.choices("aab/", k=random.randrange(12)))
        assert (pattern.fullmatch(name) is not None) == (plainly(one, name) or plainly(other, name)), name


def test_names_made_to_be_slow_are_not() -> None:
    """With going back, these would take longer than anybody lives."""
    slow = globs.compiled(["*a" * 20 + "b", "**a" * 20 + "b", "**a*a" * 20 + "b", "*a**" * 20 + "b"])
    assert slow.fullmatch("a" * 255) is None
    assert slow.fullmatch("a/" * 127) is None


@pytest.mark.parametrize(
    "glob",
    [
        "",
        "Team/*",
        "team app",
        "team:5000/app",
        "[ab]",
        "{a,b}",
        "!a",
        "a\\b",
        "ä",
        "/a",
        "a/",
        "a//b",
        "a\n",
    ],
)
def test_a_glob_that_no_name_can_match_is_refused_with_its_place(glob: str) -> None:
    with pytest.raises(AuthError, match=r"^access\[2\]: ") as caught:
        rule_of(glob)
    assert "\n" not in str(caught.value)


def rule_of(glob: str) -> Rule:
    return Rule((glob,), users=frozenset({"a"}), allow=frozenset({"pull"}), place="access[2]")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: rule("", "alice", "pull"), "names no repository"),
        (lambda: rule("**", "", "pull"), "names nobody"),
        (lambda: rule("**", "alice", ""), "allows nothing"),
        (lambda: rule("**", "alice", "pull write"), "'write'"),
        (lambda: rule("**", "alice", "*"), r"'\*'"),
        (
            lambda: Rule(("**",), users=frozenset({""}), allow=frozenset({"pull"}), place="access[0]"),
            "empty name",
        ),
        (
            lambda: Rule(("**",), groups=frozenset({""}), allow=frozenset({"pull"}), place="access[0]"),
            "empty name",
        ),
    ],
)
def test_half_a_rule_is_refused_with_its_place(broken: object, message: str) -> None:
    assert callable(broken)
    with pytest.raises(AuthError, match=rf"^access\[0\]: .*{message}"):
        broken()


TABLE = Rules(
    [
        rule("public/**", "anonymous", "pull", "access[0]"),
        rule("team/**", "@developers", "push", "access[1]"),
        rule("team/**", "@leads", "delete", "access[2]"),
        rule("shared/*", "*", "pull push", "access[3]"),
        rule("**", "admin", "pull push delete catalog", "access[4]"),
        rule("team/app", "robot", "pull", "access[5]"),
    ]
)


@pytest.mark.parametrize(
    ("who", "action", "name", "deciding"),
    [
        ("", "pull", "public/app", "access[0]"),
        ("alice", "pull", "public/app", "access[0]"),
        ("", "push", "public/app", None),
        ("", "pull", "team/app", None),
        ("", "pull", "shared/app", None),
        ("alice", "pull", "shared/app", "access[3]"),
        ("alice", "push", "shared/app", "access[3]"),
        ("alice", "delete", "shared/app", None),
        ("alice", "pull", "shared/app/web", None),
        ("alice", "pull", "team/app", None),
        ("alice @developers", "pull", "team/app", "access[1]"),
        ("alice @developers", "push", "team/app", "access[1]"),
        ("alice @developers", "delete", "team/app", None),
        ("alice @leads", "delete", "team/app", "access[2]"),
        ("alice @leads", "pull", "team/app", None),
        ("alice @leads @developers", "delete", "team/x/y", "access[2]"),
        ("developers", "pull", "team/app", None),
        ("robot", "pull", "team/app", "access[5]"),
        ("robot", "pull", "team/app2", None),
        ("robot", "pull", "team/ap", None),
        ("Robot", "pull", "team/app", None),
        ("robot2", "pull", "team/app", None),
        ("admin", "delete", "any/thing", "access[4]"),
        ("@developers", "pull", "team/app", None),
        ("admin", "*", "any/thing", None),
        ("admin", "catalog", "any/thing", "access[4]"),
        ("admin", "", "any/thing", None),
    ],
)
def test_the_first_rule_that_allows_decides_and_without_one_it_is_denied(
    who: str, action: str, name: str, deciding: str | None
) -> None:
    words = who.split()
    user = next((word for word in words if not word.startswith("@")), "")
    groups = frozenset(word[1:] for word in words if word.startswith("@"))
    rule = TABLE.deciding(user, groups, of(action, name))
    assert (rule.place if rule else None) == deciding
    assert TABLE.allows(user, groups, of(action, name)) == (deciding is not None)


@pytest.mark.parametrize(("who", "allowed"), [("", True), ("alice", True), ("lister", True)])
def test_the_catalog_may_be_open_to_everybody(who: str, allowed: bool) -> None:
    assert Rules([rule("public/*", "anonymous", "catalog")]).allows(who, NOBODY, CATALOG) == allowed


def test_the_catalog_is_for_those_whom_some_rule_lets_whatever_its_repositories_are() -> None:
    rules = Rules([rule("one/app", "lister", "catalog"), rule("**", "alice", "pull push delete")])
    assert rules.allows("lister", NOBODY, CATALOG)
    assert not rules.allows("alice", NOBODY, CATALOG)
    assert not rules.allows("", NOBODY, CATALOG)
    assert not rules.allows("lister", NOBODY, of("pull", "one/app"))


@pytest.mark.parametrize(
    "access",
    [
        Access("registry", "catalog", "pull"),
        Access("registry", "other", "*"),
        Access("plugin", "app", "pull"),
        Access("", "app", "pull"),
        Access("repository", "catalog", "*"),
    ],
)
def test_what_is_not_known_is_denied_to_everybody(access: Access) -> None:
    assert not TABLE.allows("admin", NOBODY, access)


def test_no_rules_allow_nothing() -> None:
    assert not Rules([]).allows("admin", frozenset({"admins"}), of("pull", "app"))


NAMES = st.sampled_from(["a", "b", "a/b", "team/app", "public/x"])
WORDS = st.sampled_from(["alice", "bob", "*", "@dev", "@ops", "anonymous"])
RULES = st.lists(
    st.builds(
        rule,
        st.sampled_from(["**", "*", "a", "team/*", "public/** b"]),
        st.lists(WORDS, min_size=1, max_size=3).map(" ".join),
        st.lists(st.sampled_from(["pull", "push", "delete", "catalog"]), min_size=1).map(" ".join),
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    RULES,
    RULES,
    st.sampled_from(["", "alice", "bob"]),
    st.frozensets(st.sampled_from(["dev", "ops"])),
    st.builds(of, st.sampled_from(["pull", "push", "delete"]), NAMES),
)
def test_rules_only_add_and_whoever_pushes_may_pull_and_signing_in_takes_nothing_away(
    some: list[Rule], more: list[Rule], user: str, groups: frozenset[str], access: Access
) -> None:
    rules, all_of_them = Rules(some), Rules([*more, *some])
    if rules.allows(user, groups, access):
        assert all_of_them.allows(user, groups, access)
        if access.action == "push":
            assert rules.allows(user, groups, of("pull", access.name))
    if rules.allows("", NOBODY, access):
        assert rules.allows(user, groups, access)


def test_decisions_are_remembered_but_not_without_end() -> None:
    for number in range(20_000):
        assert not TABLE.allows("", NOBODY, of("pull", f"team/{number}"))
    assert TABLE._remembered.cache_info().currsize <= 8192


def test_groups_of_which_no_rule_speaks_are_not_remembered_with_decisions() -> None:
    rules = Rules([Rule(("**",), groups=frozenset({"builders"}), allow=frozenset({"pull"}))])
    for number in range(100):
        others = frozenset(f"group-{number}-{one}" for one in range(3))
        assert rules.allows("ada", others | {"builders"}, of("pull", "team/app"))
        assert not rules.allows("bob", others, of("pull", "team/app"))
    assert rules._remembered.cache_info().currsize == 2


def test_an_explanation_of_what_is_allowed_names_the_rule() -> None:
    found = explain(TABLE, "alice", frozenset({"developers"}), of("pull", "team/app"))
    assert (found.allowed, found.place, found.near) == (True, "access[1]", ())
    assert found.text == "{repositories: ['team/**'], groups: ['developers'], allow: [push]}"


def test_an_explanation_of_what_is_denied_names_the_nearest_rules_first() -> None:
    found = explain(TABLE, "alice", frozenset({"developers"}), of("delete", "team/app"))
    assert (found.allowed, found.place, found.text) == (False, "", "")
    assert [(near.place, near.lacks) for near in found.near] == [
        ("access[1]", "action"),
        ("access[2]", "user"),
        ("access[4]", "user"),
    ]
    found = explain(TABLE, "robot", NOBODY, of("pull", "team/other"))
    assert (found.near[-1].place, found.near[-1].lacks) == ("access[5]", "repository")


def test_a_rule_reads_as_the_yaml_that_it_came_from() -> None:
    text = as_text(rule("team/** a", "* o'neil @ops anonymous", "push pull"))
    assert yaml.safe_load(text) == {
        "repositories": ["team/**", "a"],
        "users": ["*", "o'neil"],
        "groups": ["ops"],
        "anonymous": True,
        "allow": ["pull", "push"],
    }
