"""Which tokens are right: by every way to name a key, with every algorithm, and in time."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from moorage.auth.base import Access, AuthError
from moorage.auth.claims import Claims
from moorage.auth.compact import LONGEST
from moorage.auth.keyfiles import parse_bundle, parse_jwks
from moorage.auth.keys import SUPPORTED, TrustedKeys
from moorage.auth.scopes import Scope
from moorage.auth.verification import TokenOver, TokenRefused, Verifier
from moorage.auth.verified import VerifiedTokens
from tests.auth.hashing import Clock
from tests.auth.hostileforms import P256_ORDER, of_length
from tests.auth.keystore import FixedKeys, trusting
from tests.auth.test_keys import SPECIFICATION, SPECIFICATION_KID
from tests.auth.tokens import (
    GONE,
    ISSUER,
    NOW,
    SECRET,
    SERVICE,
    Private,
    Secret,
    base64url,
    certificate,
    claims,
    compact,
    ec_key,
    ed_key,
    jwk,
    jwks,
    libtrust_kid,
    pem,
    rsa_key,
    thumbprint,
    token,
    x5c,
)

SPECIFICATION_HEADER = f'{{"typ":"JWT","alg":"ES256","kid":"{SPECIFICATION_KID}"}}'
SPECIFICATION_CLAIMS = (
    '{"iss":"auth.docker.com","sub":"jlhawn","aud":"registry.docker.com","exp":1415387315,"nbf":1415387015,"iat":1415387015,'
    '"jti":"tYJCO1c6cnyy7kAn0c7rKPgbV1H1bFws","access":[{"type":"repository","name":"samalba/my-app","actions":["push"]}]}'
)
SPECIFICATION_NUMBER = "R7OnbfMaD5J2jl7GeE8ESo7CnHSBm_1N2k9IXYFrKJA"
SPECIFICATION_SIGNATURE = (
    "QhflHPfbd6eVF4lM9bwYpFZIV0PfikbyXuLx959ykRTBpe3CYnzs6YBK8FToVb5R47920PVLrh8zuLzdCr9t3w"
)
"""The example in Docker Registry, "Token authentication implementation", with its private key. Its signature is not that of its
text, which must have been changed later."""


class Rotating:
    """Keys that are others when they are asked for anew. `asked`: how often that was; `used`: how often for those there are."""

    def __init__(self, *stages: TrustedKeys) -> None:
        self.stages = list(stages)
        self.asked = self.used = 0

    async def current(self) -> TrustedKeys:
        self.used += 1
        return self.stages[0]

    async def newer(self) -> TrustedKeys:
        self.asked += 1
        if len(self.stages) > 1:
            self.stages.pop(0)
        return self.stages[0]

    async def close(self) -> None:
        """Nothing is open."""


def refusing(reason: str) -> None:
    raise ValueError(reason)


def verifier(
    keys: TrustedKeys, *, algorithms: Sequence[str] = (), clock: Clock | None = None, leeway: float = 60.0
) -> Verifier:
    return Verifier(ISSUER, SERVICE, algorithms, FixedKeys(keys), leeway=leeway, clock=clock or Clock(NOW))


def of(*keys: Private) -> TrustedKeys:
    return trusting(*(key.public_key() for key in keys))


async def refused(by: Verifier, text: str) -> bool:
    try:
        await by.verify(text)
    except TokenRefused:
        return True
    return False


async def test_a_token_says_who_may_do_what_and_when() -> None:
    entry = {"type": "repository", "class": "image", "name": "team/app", "actions": ["pull", "push"]}
    found = await verifier(of(rsa_key())).verify(
        token(rsa_key(), access=[entry], groups=["ops", "ops", "all"])
    )
    assert found == Claims(
        subject="ada",
        access=(Scope("repository", "team/app", frozenset({"pull", "push"})),),
        groups=frozenset({"ops", "all"}),
        start=NOW - 10,
        end=NOW + 300,
        id="tYJCO1c6cnyy7kAn0c7rKPgbV1H1bFws",
    )
    assert found.allows(Access("repository", "team/app", "push"))
    assert not found.allows(Access("repository", "team/app", "delete"))


async def test_the_token_of_the_specification_is_right_if_it_is_signed() -> None:
    clock = Clock(NOW)
    clock.seconds = 1415387100.0
    keys = FixedKeys(parse_jwks(jwks(SPECIFICATION), refusing))
    by = Verifier("auth.docker.com", "registry.docker.com", ["ES256"], keys, clock=clock)
    number = int.from_bytes(base64.urlsafe_b64decode(SPECIFICATION_NUMBER + "="), "big")
    key = ec.derive_private_key(number, ec.SECP256R1())
    text = compact(SPECIFICATION_HEADER.encode(), SPECIFICATION_CLAIMS.encode(), key, "ES256")
    found = await by.verify(text)
    assert (found.subject, found.start, found.end) == ("jlhawn", 1415387015, 1415387315)
    assert found.allows(Access("repository", "samalba/my-app", "push"))
    assert await refused(by, f"{text.rpartition('.')[0]}.{SPECIFICATION_SIGNATURE}")
    clock.seconds = 1415387376.0
    with pytest.raises(TokenOver):
        await by.verify(text)


@pytest.mark.parametrize(
    "key", [rsa_key(), ec_key(), ec_key(0, ec.SECP384R1), ed_key()], ids=["RSA", "P-256", "P-384", "Ed25519"]
)
async def test_one_bundle_verifies_whatever_way_a_token_names_its_key(key: Private) -> None:
    """By libtrust's fingerprint as before version 3, by RFC 7638 as since then, with its certificates, with `jwk`, or not at all;
    the bundle has others too."""
    root = certificate("root", key, authority=True)
    leaf = certificate("leaf", ec_key(4), "root", key)
    bundle = pem(certificate("other", rsa_key(5)), root, certificate("another", ec_key(6)))
    by = verifier(parse_bundle(bundle, refusing))
    for header in (
        {},
        {"kid": libtrust_kid(key)},
        {"kid": thumbprint(key)},
        {"x5c": x5c(root)},
        {"jwk": jwk(key)},
    ):
        assert (await by.verify(token(key, header=header))).subject == "ada", header
    for name in ("kid", "x5t", "jku"):
        beside = {"x5c": x5c(leaf), name: "whatever"}
        assert (await by.verify(token(ec_key(4), header=beside))).subject == "ada", name
    assert await refused(by, token(ec_key(4)))
    assert await refused(by, token(key, header={"kid": "whatever"}))


KEYS: dict[str, Private | Secret] = {
    "R": rsa_key(), "P": rsa_key(), "H": SECRET, "D": ed_key(),
    "ES256": ec_key(), "ES384": ec_key(0, ec.SECP384R1), "ES512": ec_key(0, ec.SECP521R1),
}  # fmt: skip


@pytest.mark.parametrize("algorithm", SUPPORTED)
async def test_only_algorithms_that_are_allowed_pass(algorithm: str) -> None:
    keys = parse_jwks(jwks(*(jwk(key) for key in KEYS.values())), refusing)
    key = KEYS[algorithm if algorithm[0] == "E" and algorithm != "EdDSA" else algorithm[0].replace("E", "D")]
    text = compact({"alg": algorithm}, claims(), key, algorithm)
    for allowed in ((), (algorithm,), SUPPORTED):
        assert (await verifier(keys, algorithms=allowed).verify(text)).subject == "ada"
    others = [one for one in SUPPORTED if one != algorithm]
    assert await refused(verifier(keys, algorithms=others), text)
    for other in others:
        assert await refused(verifier(keys, algorithms=[other]), text)


def test_an_unknown_algorithm_is_a_mistake_in_the_configuration() -> None:
    for name in ("none", "rs256", "RS1", ""):
        with pytest.raises(AuthError, match=r"auth\.token\.signingalgorithms"):
            verifier(of(rsa_key()), algorithms=["RS256", name])


async def test_clocks_may_differ_by_a_minute() -> None:
    clock = Clock(NOW)
    by = verifier(of(rsa_key()), clock=clock)
    text = token(rsa_key())
    for moment in (NOW - 70, NOW, NOW + 360):
        clock.seconds = moment
        assert (await by.verify(text)).end == NOW + 300
    clock.seconds = NOW - 70.001
    fresh = verifier(of(rsa_key()), clock=clock)
    assert await refused(fresh, text)


async def test_a_token_that_is_over_tells_when_it_was_accepted() -> None:
    clock = Clock(NOW)
    by = verifier(of(rsa_key()), clock=clock)
    text = token(rsa_key())
    assert (await by.verify(text)).subject == "ada"
    clock.seconds = NOW + 360.001
    for one in (by, verifier(of(rsa_key()), clock=clock)):
        with pytest.raises(TokenOver) as caught:
            await one.verify(text)
        assert (caught.value.start, caught.value.end) == (NOW - 70, NOW + 360)
        assert caught.value.claims.subject == "ada"
        assert caught.value.claims.allows(Access("repository", "team/app", "push"))


async def test_where_nothing_tells_since_when_it_was_there_a_token_that_is_over_was_never() -> None:
    clock = Clock(NOW)
    by = verifier(of(rsa_key()), clock=clock)
    text = token(rsa_key(), nbf=GONE, iat=GONE)
    assert (await by.verify(text)).start is None
    clock.seconds = NOW + 361
    with pytest.raises(TokenOver) as caught:
        await by.verify(text)
    assert caught.value.start == caught.value.end == NOW + 360


async def test_the_later_of_both_times_is_the_beginning_and_times_may_be_fractions() -> None:
    by = verifier(of(ed_key()))
    for nbf, iat, start in (
        (0, NOW - 5, NOW - 5),
        (NOW - 5, GONE, NOW - 5),
        (NOW + 60, NOW - 5.5, NOW + 60),
        (GONE, NOW - 5.5, NOW - 5.5),
    ):
        assert (await by.verify(token(ed_key(), nbf=nbf, iat=iat, exp=NOW + 300.25))).start == start
    assert (await by.verify(token(ed_key(), exp=NOW + 300.25))).end == NOW + 300.25
    assert (await by.verify(token(ed_key(), exp=253_402_300_799))).end == 253_402_300_799


async def test_forms_that_tokens_of_the_field_have_are_read() -> None:
    by = verifier(of(ed_key()))
    forms: list[dict[str, Any]] = [
        {"aud": [SERVICE]},
        {"aud": ["other.example.org", SERVICE]},
        {"access": None},
        {"access": GONE, "jti": GONE},
        {"access": [{"type": "repository", "name": "team/app", "actions": None}]},
        {"access": [{"type": "repository", "name": "team/app", "class": None, "actions": []}]},
        {"groups": None, "jti": None},
        {"groups": []},
        {"unknown": {"nested": [1, 2.5, None]}},
        {"sub": "Ada Lovelace <ada@example.org>"},
        {"sub": "Жанна"},
    ]
    for changes in forms:
        assert (await by.verify(token(ed_key(), **changes))).subject == changes.get("sub", "ada"), changes
    for nobody in (GONE, None, ""):
        assert (await by.verify(token(ed_key(), sub=nobody))).subject == ""
    for typ in (GONE, "JWT", "jwt", "application/jwt", "at+jwt", "application/at+jwt"):
        assert (
            await by.verify(token(ed_key(), header={"typ": typ, "cty": "x", "extra": {"more": 1}}))
        ).subject == "ada"


async def test_access_to_what_is_unknown_here_is_kept_and_matches_nothing() -> None:
    entries = [
        {"type": "registry", "name": "catalog", "actions": ["*"]},
        {"type": "chart", "name": "team/app", "actions": ["install"]},
        {"type": "repository", "name": "team/*", "actions": ["*"]},
    ]
    found = await verifier(of(ed_key())).verify(token(ed_key(), access=entries))
    assert len(found.access) == 3
    assert found.allows(Access("registry", "catalog", "*"))
    for action in ("pull", "push", "delete", "*"):
        assert not found.allows(Access("repository", "team/app", action))


@pytest.mark.parametrize("cls", ["", "image", "plugin", None])
async def test_the_class_of_a_repository_makes_no_difference(cls: str | None) -> None:
    """Both versions of the reference ignore it."""
    entry = {"type": "repository", "class": cls, "name": "team/app", "actions": ["pull"]}
    found = await verifier(of(ed_key())).verify(token(ed_key(), access=[entry]))
    assert found.allows(Access("repository", "team/app", "pull"))
    assert not found.allows(Access("repository", "team/app", "push"))


@pytest.mark.parametrize("cls", [1, ["image"], "a\nb"])
async def test_a_class_that_is_no_text_is_refused(cls: object) -> None:
    entry = {"type": "repository", "class": cls, "name": "team/app", "actions": ["pull"]}
    assert await refused(verifier(of(ed_key())), token(ed_key(), access=[entry]))


async def test_a_token_of_the_greatest_length_is_read() -> None:
    text = of_length(LONGEST)
    assert len(text) == LONGEST
    assert (await verifier(of(ed_key())).verify(text)).subject == "ada"


async def test_one_that_is_longer_is_refused_before_anything_is_looked_at() -> None:
    keys = Rotating(of(ed_key()))
    by = Verifier(ISSUER, SERVICE, (), keys, clock=Clock(NOW))
    for text in (of_length(LONGEST + 1), "." * 10_000_000, "é"):
        assert await refused(by, text)
    assert keys.used == 0


async def test_the_other_form_of_an_elliptic_signature_is_the_same_statement() -> None:
    """Whoever has a token can make this of it (s and n - s both verify), and has gained nothing: it says the same."""
    head, _, signature = token(ec_key()).rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    twin = raw[:32] + (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    by = verifier(of(ec_key()))
    assert await by.verify(f"{head}.{base64url(twin)}") == await by.verify(f"{head}.{signature}")


async def test_a_token_is_not_accepted_any_more_when_its_key_is_not() -> None:
    keys = Rotating(of(rsa_key(), ec_key()), of(ec_key()))
    by = Verifier(ISSUER, SERVICE, (), keys, clock=Clock(NOW))
    by_rsa, by_ec = token(rsa_key()), token(ec_key())
    for _ in range(2):
        assert (await by.verify(by_rsa)).subject == (await by.verify(by_ec)).subject == "ada"
    await keys.newer()
    for _ in range(2):
        assert await refused(by, by_rsa)
        assert (await by.verify(by_ec)).subject == "ada"


async def test_newer_keys_are_asked_for_only_when_none_fits() -> None:
    old, new = of(rsa_key(), ec_key()), of(ec_key(), ed_key())
    for text in (token(ed_key()), token(ed_key(), header={"kid": libtrust_kid(ed_key())})):
        keys = Rotating(old, new)
        by = Verifier(ISSUER, SERVICE, (), keys, clock=Clock(NOW))
        assert (await by.verify(text)).subject == "ada"
        assert keys.asked == 1
        assert (await by.verify(text)).subject == "ada"
        assert keys.asked == 1
    keys = Rotating(old)
    by = Verifier(ISSUER, SERVICE, (), keys, clock=Clock(NOW))
    assert (await by.verify(token(rsa_key()))).subject == "ada"
    for text in (
        "A" * 20_000,
        "x",
        token(rsa_key(), exp=GONE),
        token(rsa_key(), header={"kid": libtrust_kid(ec_key())}),
        token(rsa_key(), header={"alg": "none"}),
    ):
        assert await refused(by, text)
    assert keys.asked == 0
    assert await refused(by, token(ed_key()))
    assert keys.asked == 1


async def test_newer_keys_are_asked_for_when_a_key_of_that_name_may_have_been_replaced() -> None:
    named = parse_jwks(jwks(jwk(ec_key(), kid="main")), refusing)
    for kid, asked in (("main", 1), (libtrust_kid(ec_key()), 0)):
        keys = Rotating(named)
        by = Verifier(ISSUER, SERVICE, (), keys, clock=Clock(NOW))
        for key in (ec_key(1), rsa_key()):
            assert await refused(by, token(key, header={"kid": kid}))
        assert keys.asked == 2 * asked, kid


async def test_a_chain_that_is_over_ends_the_token_before_its_time() -> None:
    clock = Clock(NOW)
    root = certificate("root", rsa_key(), authority=True)
    leaf = certificate("leaf", ec_key(), "root", rsa_key(), end=NOW + 100)
    by = verifier(parse_bundle(pem(root), refusing), clock=clock)
    text = token(ec_key(), header={"x5c": x5c(leaf)})
    for moment in (NOW, NOW, NOW + 100):
        clock.seconds = moment
        assert (await by.verify(text)).subject == "ada"
    clock.seconds = NOW + 101
    assert await refused(by, text)


def remembered(found: Claims, tokens: VerifiedTokens, keys: TrustedKeys, texts: Sequence[str]) -> int:
    return sum(tokens.get(text, keys, NOW) is found for text in texts)


async def test_what_is_remembered_of_tokens_is_bounded() -> None:
    found = await verifier(of(ed_key())).verify(token(ed_key()))
    tokens, keys = VerifiedTokens(most_characters=1000), of(ed_key())
    texts = [f"{number:0100}" for number in range(50)]
    for text in texts:
        tokens.put(text, keys, found, math.inf)
        tokens.put(text, keys, found, math.inf)
    assert remembered(found, tokens, keys, texts) == 10
    assert remembered(found, tokens, keys, texts[-10:]) == 10
    tokens.put("x" * 1001, keys, found, math.inf)
    assert remembered(found, tokens, keys, [*texts, "x" * 1001]) == 0
    many = replace(found, access=found.access * 6)
    for text in texts[:3]:
        tokens.put(text, keys, many, math.inf)
    assert remembered(many, tokens, keys, texts) == 2, "a short token may have long claims"
    tokens = VerifiedTokens(most_characters=1000)
    tokens.put("a", keys, found, NOW - 1)
    tokens.put("b", keys, found, NOW)
    assert remembered(found, tokens, keys, ["a", "b"]) == 1
    assert remembered(found, tokens, of(ed_key()), ["b"]) == 0
