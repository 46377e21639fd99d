"""Tokens that are signed rightly and must be refused all the same, for what they say."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.auth.hostile import ROOT, RS256, Hostile, signed
from tests.auth.tokens import GONE, ISSUER, NOW, SERVICE, base64url, changed, claims, rsa_key, token

ODD_VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    "",
    "soon",
    "1800000100",
    [],
    [1_800_000_100],
    {},
    {"exp": 1},
)
WHOLE: Final[dict[str, Any]] = {"type": "repository", "name": "team/app", "actions": ["pull"]}
NO_ISSUERS: Final[tuple[Any, ...]] = (GONE, None, 1, True, [], [ISSUER], {}, {"iss": ISSUER}, [[ISSUER]])
NO_AUDIENCES: Final[tuple[Any, ...]] = (
    GONE, None, 1, True, [], {}, {"aud": SERVICE}, {SERVICE: True}, [[SERVICE]], [None], [1], [SERVICE, 1],
    [SERVICE, None], [SERVICE, [SERVICE]], [{"aud": SERVICE}], ["other.example.org"],
    ["other.example.org", "another.example.org"],
)  # fmt: skip
NO_NAMES: Final[tuple[Any, ...]] = (
    1, 1.5, True, [], ["ada"], {}, {"name": "ada"}, "ada\0", "ada\nroot", "\x1b[2J", "ada\x7f", "\x85", "\ud800", "\udfff",
)  # fmt: skip
NO_GROUPS: Final[tuple[Any, ...]] = (
    "", "admins", "admins,users", 1, True, {}, {"admins": True}, [1], [None], [["admins"]], [{"name": "admins"}], ["a\0"],
    ["\ud800"],
)  # fmt: skip
NO_ACCESSES: Final[tuple[Any, ...]] = (
    "", "repository:team/app:pull", 1, 0, True, False, {}, WHOLE, {"repository:team/app": ["pull"]}, [None], [1], [True],
    [[]], [[WHOLE]], ["repository:team/app:pull"], [WHOLE, None], [WHOLE, "x"], [WHOLE, []],
)  # fmt: skip
NO_MEMBERS: Final[tuple[Any, ...]] = (1, True, {}, [1], [None], [["pull"]], [{}], {"pull": True}, 1.5, ["\0"])
BAD_TIMES: Final = (-1, -0.5, -(10**30), 10**30, 10**300, 253_402_300_800, 1.8e12, 1e308)


def times() -> Hostile:
    for name in ("exp", "nbf", "iat"):
        for value in (*ODD_VALUES, *BAD_TIMES):
            if (name, value) != ("exp", 253_402_300_800):
                yield f"{name} {value!r:.30}", token(rsa_key(ROOT), **{name: value})
        for literal in (
            "NaN",
            "Infinity",
            "-Infinity",
            "1e999",
            "-1e999",
            "1e400",
            "0x7fffffff",
            "1_800_000_100",
            "+1800000100",
            "9" * 5000,
        ):
            payload = json.dumps(claims(**{name: "HERE"})).replace('"HERE"', literal).encode()
            yield f"{name} {literal:.20}", signed(RS256, payload)
    yield "no exp", token(rsa_key(ROOT), exp=GONE)
    yield "no time at all", token(rsa_key(ROOT), exp=GONE, nbf=GONE, iat=GONE)
    yield "exp in the year 10000", token(rsa_key(ROOT), exp=253_402_300_800)
    yield "not yet", token(rsa_key(ROOT), nbf=NOW + 61)
    yield "not yet, and over", token(rsa_key(ROOT), nbf=NOW + 61, exp=NOW + 60)
    yield "issued tomorrow", token(rsa_key(ROOT), iat=NOW + 86_400, exp=NOW + 90_000)
    yield "over before it began", token(rsa_key(ROOT), nbf=NOW + 30, iat=NOW + 30, exp=NOW + 20)
    # A token that is over gives nothing, unless all else is right.
    over: dict[str, Any] = {"exp": NOW - 3600, "nbf": NOW - 7200, "iat": NOW - 7200}
    yield "over, of a stranger", token(rsa_key(9), **over)
    yield "over, of another issuer", token(rsa_key(ROOT), **over, iss="auth.example.com")
    yield "over, for another service", token(rsa_key(ROOT), **over, aud="other.example.org")
    yield "over, access malformed", token(rsa_key(ROOT), **over, access=[{}])
    yield "over, signature cut", token(rsa_key(ROOT), **over)[:-4]
    yield "over, kid unknown", token(rsa_key(ROOT), header={"kid": "nobody"}, **over)


def parties() -> Hostile:
    """Of somebody else, or for somebody else."""
    key = rsa_key(ROOT)
    for text in _near(ISSUER):
        yield f"iss {text!r}", token(key, iss=text)
    for value in NO_ISSUERS:
        yield f"iss {value!r:.40}", token(key, iss=value)
    for text in _near(SERVICE):
        yield f"aud {text!r}", token(key, aud=text)
        yield f"aud [{text!r}]", token(key, aud=[text])
    for value in NO_AUDIENCES:
        yield f"aud {value!r:.60}", token(key, aud=value)
    for name in ("sub", "jti"):
        for value in NO_NAMES:
            yield f"{name} {value!r}", token(key, **{name: value})
    for value in NO_GROUPS:
        yield f"groups {value!r}", token(key, groups=value)


def _near(text: str) -> tuple[str, ...]:
    return (
        "", " ", text.upper(), text.title(), f"{text} ", f" {text}", f"{text}.", f"{text}/", f"https://{text}",
        text[:-1], text[1:], f"{text}\0", f"{text}\n", text.replace("e", "\u0435"), f"{text}.attacker.example",
        f"{text},{text}", f"{text} {text}", "*", "null",
    )  # fmt: skip


def accesses() -> Hostile:
    """A list of access that is not one."""
    key = rsa_key(ROOT)
    for value in NO_ACCESSES:
        yield f"access {value!r:.60}", token(key, access=value)
    for name in ("type", "name", "actions", "class"):
        for value in NO_MEMBERS:
            yield f"{name} {value!r}", token(key, access=[{**WHOLE, name: value}])
    for name in ("type", "name"):
        for value in (GONE, None, [], ["repository"], "\0", "team/app\0", "\ud800"):
            yield f"{name} {value!r:.20}", token(key, access=[changed(WHOLE, {name: value})])
    for value in ("pull", "pull,push", "*", "", False, 0):
        yield f"actions {value!r}", token(key, access=[{**WHOLE, "actions": value}])


def payloads() -> Hostile:
    right = json.dumps(claims())
    for raw in (
        b"null", b"true", b"0", b'""', b"[]", f"[{right}]".encode(), b"{}", b"{", right[:-1].encode(), f"{right}}}".encode(),
        f"{right} {right}".encode(), f"{right[:-1]},}}".encode(), f"\ufeff{right}".encode(), right.encode("utf-16"), right.encode("utf-32"),
        f"{right}\0".encode(), f"\0{right}".encode(), right.replace("ada", "ad\xe9").encode("latin-1"), right.replace("ada", "a\nd").encode(),
        f'{right[:-1]},"exp":9999999999}}'.encode(), f'{right[:-1]},"sub":"root"}}'.encode(), f'{right[:-1]},"\\u0073ub":"root"}}'.encode(),
        f'{right[:-1]},"iss":"{ISSUER}"}}'.encode(), f'{right[:-1]},"x":{{"y":1,"y":1}}}}'.encode(), f'{right[:-1]},"x":NaN}}'.encode(),
        right.replace('"actions"', '"actions":[],"actions"').encode(), f'{right[:-1]},"x":{"[" * 4000}{"]" * 4000}}}'.encode(),
        ('{"x":' * 2200 + "1" + "}" * 2200).encode(), b"[" * 11_000, right.replace("'", '"').replace('"', "'").encode(),
        token(rsa_key(ROOT)).encode(), json.dumps(right).encode(), base64url(right.encode()).encode(),
    ):  # fmt: skip
        yield f"payload {raw[:40]!r} of {len(raw)}", signed(RS256, raw)
    yield "nested", signed({**RS256, "cty": "JWT"}, token(rsa_key(ROOT)).encode())


def insufficient() -> Hostile:
    """Right in all, but they give something else than to pull `team/app`."""
    key = rsa_key(ROOT)

    def entry(**members: Any) -> dict[str, Any]:
        return changed(WHOLE, members)

    yield "no access", token(key, access=GONE)
    yield "access null", token(key, access=None)
    yield "access empty", token(key, access=[])
    for name in (
        "*", "team/*", "team/ap", "team/app2", "team/appp", "team", "team/", "/team/app", "team/app/", "Team/App", "TEAM/APP", "", "team//app",
        "team/app:latest", "team/app@sha256:0", "./team/app", "team/../team/app", "team%2Fapp", "**", ".*", "team/app ", " team/app", "team\\app",
        "registry.example.org/team/app", "team/\u0430pp", "app", "team/?pp", "team/[a]pp",
    ):  # fmt: skip
        yield f"name {name!r}", token(key, access=[entry(name=name)])
    for actions in (
        [],
        None,
        [""],
        ["push"],
        ["delete"],
        ["Pull"],
        ["PULL"],
        ["pull,push"],
        ["pull "],
        [" pull"],
        ["pull*"],
        ["**"],
        ["p"],
        ["pul"],
        ["pulll"],
        [".*"],
        ["all"],
    ):
        yield f"actions {actions!r}", token(key, access=[entry(actions=actions)])
    yield "actions missing", token(key, access=[entry(actions=GONE)])
    for kind in (
        "",
        "*",
        "Repository",
        "repositories",
        "registry",
        "repo",
        "repository(plugin)",
        "repository ",
        "image",
    ):
        yield f"type {kind!r}", token(key, access=[entry(type=kind)])
    yield "the catalog", token(key, access=[entry(type="registry", name="catalog", actions=["*"])])
    yield "a scope claim instead", token(key, access=GONE, scope="repository:team/app:pull")
    yield "permissions instead", token(key, access=GONE, permissions=[entry()])
    yield "access under another name", token(key, access=GONE, Access=[entry()])
    yield "halves of what is needed", token(key, access=[entry(name="team"), entry(actions=["push"])])
