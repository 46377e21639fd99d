"""Tokens that must be refused for how they are written or signed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.auth.hostile import ROOT, RS256, Hostile, signed
from tests.auth.tokens import NOW, SECRET, base64url, claims, ec_key, ed_key, rsa_key, sign, token

P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
CRITS: Final[tuple[Any, ...]] = (
    ["exp"], ["b64"], [], None, "exp", [1], ["alg"], ["http://example.org/x"], {}, True, ["typ", "typ"],
)  # fmt: skip
MARKS: Final = (
    " ", "\t", "\n", "\r\n", "\0", "=", "==", ".", "..", "+", "/", "%", "%3D", "\u00a0", "\u200b", "\ufeff", "é", "\ud800", ",", ";",
    '"', "~",
)  # fmt: skip
WORDS: Final = (
    "null", "undefined", "true", "{}", "[]", "0", "none", "anonymous", "<token>", "%00", "../../etc/passwd", "' OR 1=1 --",
)  # fmt: skip


def headers() -> Hostile:
    for crit in CRITS:
        yield f"crit {crit!r}", signed({**RS256, "crit": crit, "exp": NOW, "http://example.org/x": 1})
    for b64 in (False, True, None, "false", 0):
        yield f"b64 {b64!r}", signed({**RS256, "b64": b64})
        yield f"b64 {b64!r}, critical", signed({**RS256, "b64": b64, "crit": ["b64"]})
    for typ in (
        "", "JWE", "JWS", "JOSE", "jwt+jwt", "JWT ", "JWTS", "secevent+jwt", "logout+jwt", "dpop+jwt", "id_token",
        "application/json", "application/application/jwt", "text/jwt", "none", None, 1, True, [], ["JWT"], {"JWT": 1},
    ):  # fmt: skip
        yield f"typ {typ!r}", signed({**RS256, "typ": typ})
    for raw in (
        b"", b"null", b"true", b"0", b'"RS256"', b"[]", b'[{"alg":"RS256"}]', b"{}", b"{", b"}", b'{"alg":"RS256"', b"alg=RS256",
        b'{"alg":"RS256"}}', b'{"alg":"RS256"}{"alg":"RS256"}', b'{"alg":"RS256",}', b"{'alg':'RS256'}", b'{alg:"RS256"}',
        b'\xef\xbb\xbf{"alg":"RS256"}', '{"alg":"RS256"}'.encode("utf-16"), '{"alg":"RS256"}'.encode("utf-32-le"),
        b'{"alg":"RS256"}\0', b'\0{"alg":"RS256"}', b'{"alg":"RS256","x":"\xff"}', b'{"alg":"RS256","x":"\xed\xa0\x80"}',
        b'{"alg":"RS256","x":NaN}', b'{"alg":"RS256","x":Infinity}', b'{"alg":"RS256","x":"\t"}', b'{"alg":"RS256","x":01}',
        b'{"alg":"RS256"/**/}', b'{"alg":"none","alg":"RS256"}', b'{"alg":"RS256","alg":"RS256"}',
        b'{"alg":"RS256","\\u0061lg":"none"}', b'{"alg":"RS256","x":{"y":1,"y":2}}', b'{"alg":"RS256","kid":"a","kid":"b"}',
        b'{"ALG":"RS256"}', b'{"alg":"RS256","x":' + b"9" * 5000 + b"}", b'{"alg":"RS256","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"x":' * 2000 + b"1" + b"}" * 2000,
    ):  # fmt: skip
        yield f"header {raw[:40]!r} of {len(raw)}", signed(raw)


def signatures() -> Hostile:
    head, _, signature = token(rsa_key(ROOT)).rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    others = {
        "a byte short": raw[:-1], "half": raw[:128], "one byte": raw[:1], "a byte long": raw + b"\0", "a zero before": b"\0" + raw, "twice": raw * 2,
        "of zeros": bytes(256), "of ones": b"\xff" * 256, "the number one": bytes(255) + b"\1", "backwards": raw[::-1],
        "first bit": bytes([raw[0] ^ 128]) + raw[1:], "last bit": raw[:-1] + bytes([raw[-1] ^ 1]), "inverted": bytes(one ^ 255 for one in raw),
        "of the payload": sign(rsa_key(ROOT), "RS256", head.partition(".")[2].encode()), "of the header": sign(rsa_key(ROOT), "RS256", head.partition(".")[0].encode()),
        "with the last dot": sign(rsa_key(ROOT), "RS256", f"{head}.".encode()), "of SHA-512": sign(rsa_key(ROOT), "RS512", head.encode()),
        "of PSS": sign(rsa_key(ROOT), "PS256", head.encode()), "of another statement": sign(rsa_key(ROOT), "RS256", b"x"), "of nothing": sign(rsa_key(ROOT), "RS256", b""),
        "of a stranger": sign(rsa_key(9), "RS256", head.encode()), "of the hash alone": b"\x5a" * 32,
        "PSS without salt": rsa_key(ROOT).sign(head.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 0), hashes.SHA256()),
    }  # fmt: skip
    for name, other in others.items():
        yield f"RS256, {name}", f"{head}.{base64url(other)}"
    yield "RS256, none", f"{head}."
    yield "RS256, without its dot", head
    other_head = token(rsa_key(ROOT), sub="root").rpartition(".")[0]
    yield "the signature of another payload", f"{other_head}.{signature}"
    yield "the signature of another header", f"{base64url(b'{}')}{head[head.index('.') :]}.{signature}"
    yield (
        "the same header, written otherwise",
        f"{base64url(json.dumps(RS256, indent=1).encode())}{head[head.index('.') :]}.{signature}",
    )
    yield from _elliptic()
    yield from _keyed()


def _elliptic() -> Hostile:
    head, _, signature = token(ec_key(ROOT)).rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = raw[:32], raw[32:]
    zero, order, one = bytes(32), P256_ORDER.to_bytes(32, "big"), (1).to_bytes(32, "big")
    der = ec_key(ROOT).sign(head.encode(), ec.ECDSA(hashes.SHA256()))
    others = {
        "r and s zero": zero + zero, "r zero": zero + s, "s zero": r + zero, "r and s one": one + one, "r and s the order": order + order, "s the order": r + order,
        "swapped": s + r, "DER": der, "DER filled up": der[:64].ljust(64, b"\0"), "r alone": r, "s alone": s, "a byte short": raw[:-1], "a byte long": raw + b"\0",
        "of P-384": sign(ec_key(ROOT, ec.SECP384R1), "ES384", head.encode()), "filled up to P-384": bytes(16) + r + bytes(16) + s,
        "r again": r + r, "of ones": b"\xff" * 64, "s beyond the order": r + (int.from_bytes(s, "big") + P256_ORDER & (1 << 256) - 1).to_bytes(32, "big"),
        "of SHA-384": _fixed(ec_key(ROOT).sign(head.encode(), ec.ECDSA(hashes.SHA384()))), "none": b"",
    }  # fmt: skip
    for name, other in others.items():
        yield f"ES256, {name}", f"{head}.{base64url(other)}"


def _fixed(der: bytes) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))


def _keyed() -> Hostile:
    for name, text in {"EdDSA": token(ed_key(ROOT)), "HS256": token(SECRET[:32])}.items():
        head, _, signature = text.rpartition(".")
        raw = base64.urlsafe_b64decode(signature + "==")
        for what, other in {
            "a byte short": raw[:-1], "a byte long": raw + b"\0", "of zeros": bytes(len(raw)), "of ones": b"\xff" * len(raw), "last bit": raw[:-1] + bytes([raw[-1] ^ 1]),
            "one byte": raw[:1], "twice": raw * 2, "the first half": raw[: len(raw) // 2], "the second half": raw[len(raw) // 2 :],
        }.items():  # fmt: skip
            yield f"{name}, {what}", f"{head}.{base64url(other)}"


def marked() -> Hostile:
    """A good token with something in it that does not belong there."""
    text = token(rsa_key(ROOT))
    head, body, signature = text.split(".")
    for mark in MARKS:
        yield f"{mark!r} after", text + mark
        yield f"{mark!r} before", mark + text
        yield f"{mark!r} in the header", f"{head[:4]}{mark}{head[4:]}.{body}.{signature}"
        yield f"{mark!r} after the payload", f"{head}.{body}{mark}.{signature}"
    yield "padded", ".".join(part + "=" * (-len(part) % 4) for part in (head, body, signature))
    other = token(ed_key(ROOT), sub="\u00bf\u00ff~~??").translate(str.maketrans("-_", "+/"))
    yield "the other alphabet", f"{other}+"
    for part in range(3):
        for number, one in enumerate(_left_over(part)):
            yield f"bits left over in part {part}, {number}", one


def rearranged() -> Hostile:
    text = token(rsa_key(ROOT))
    head, body, signature = text.split(".")
    yield "a part less", f"{head}.{body}"
    yield "a part more", f"{text}.{signature}"
    yield "five parts", f"{head}.{body}.{signature}.{signature}.{signature}"
    yield "the parts swapped", f"{body}.{head}.{signature}"
    yield "no header", f".{body}.{signature}"
    yield "no payload", f"{head}..{signature}"
    yield "twice", text + text
    yield "in lower case", text.lower()
    yield "in upper case", text.upper()
    yield "quoted", f'"{text}"'
    yield "two tokens", f"{text} {text}"
    yield "two schemes", f"Bearer {text}"
    yield "the scheme of another", f"Basic {text}"
    yield "wide letters", "".join(chr(ord(one) + 0xFEE0) if one.isalnum() else one for one in text)
    yield "wide digits", text.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)})
    yield "as JSON", json.dumps({"payload": body, "protected": head, "signature": signature})
    several = {"payload": body, "signatures": [{"protected": head, "signature": signature}]}
    yield "as general JSON", json.dumps(several)


def foreign() -> Hostile:
    """No signed tokens at all."""
    encrypted = {"alg": "RSA-OAEP", "enc": "A256GCM", "typ": "JWT"}
    parts = (json.dumps(encrypted).encode(), bytes(256), bytes(12), b"x" * 99, bytes(16))
    yield "encrypted", ".".join(base64url(one) for one in parts)
    direct = (b'{"alg":"dir","enc":"A128GCM"}', b"", bytes(12), b"x", bytes(16))
    yield "encrypted directly", ".".join(base64url(one) for one in direct)
    yield "encrypted, in three parts", signed(encrypted)
    yield "a PASETO", "v4.public." + base64url(json.dumps(claims()).encode() + bytes(64))
    yield "a macaroon", base64url(b"0024location https://registry.example.org\n")
    yield "a password", base64.b64encode(b"ada:secret").decode()
    for word in WORDS:
        yield f"the word {word}", word
    for dots in (".", "..", "...", "." * 100):
        yield f"{len(dots)} dots", dots


def _left_over(part: int) -> Iterator[str]:
    """The same bytes with bits behind them that should be zero: another text that a lenient reader takes for the same."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for length in range(9):
        parts = token(
            rsa_key(ROOT) if part == 2 else ed_key(ROOT), header={"x": "x" * length}, jti="j" * length
        ).split(".")
        free = {2: 16, 3: 4}.get(len(parts[part]) % 4)
        if free is not None:
            last = letters.index(parts[part][-1])
            for bits in (1, free - 1):
                other = [*parts]
                other[part] = parts[part][:-1] + letters[last | bits]
                if part < 2:
                    # The signature is over the text as it is now.
                    other[2] = base64url(sign(ed_key(ROOT), "EdDSA", ".".join(other[:2]).encode()))
                yield ".".join(other)
            return


def sizes() -> Hostile:
    key = rsa_key(ROOT)
    yield "a little too long", token(key, padding="x" * 12_000)
    yield "much too long", token(key, padding="x" * 100_000)
    yield (
        "a million of access",
        token(
            key,
            access=[{"type": "repository", "name": f"team/{n}", "actions": ["pull"]} for n in range(20_000)],
        ),
    )
    yield "two million dots", "." * 2_000_000
    yield "a million of parts", "A." * 1_000_000
    yield "ten million letters", "A" * 10_000_000
    yield "a good one, and two million dots", token(key) + "." * 2_000_000
    yield "200,000 arrays", signed(RS256, b"[" * 200_000 + b"]" * 200_000)
    yield "200,000 arrays in the header", signed(b'{"alg":"RS256","x":' + b"[" * 200_000)
    yield "100,000 objects", signed(RS256, b'{"x":' * 100_000 + b"1" + b"}" * 100_000)
    yield "a header of a million bytes", signed({**RS256, "x": "y" * 1_000_000})
    yield "a kid of a million bytes", signed({**RS256, "kid": "k" * 1_000_000})
    yield "a signature of a million bytes", token(key).rpartition(".")[0] + "." + "A" * 1_000_000
    yield "a million bytes that are no letters", "\u00e9" * 1_000_000
    yield "a million spaces", " " * 1_000_000
    yield "16 KiB of dots", "." * 16_384
    yield "16 KiB of one letter", "A" * 16_384
    yield "16 KiB of padding", "=" * 16_384
    yield "one character too many", of_length(16_385)


def of_length(wanted: int) -> str:
    """A token that is good, if it may be as long as that."""
    for more in range(4):
        header = {"x": "x" * more}
        least = (wanted - len(token(ed_key(ROOT), header=header, padding=""))) * 3 // 4 - 4
        for filling in range(least, least + 8):
            text = token(ed_key(ROOT), header=header, padding="x" * filling)
            if len(text) == wanted:
                return text
    raise AssertionError(f"no token of {wanted} characters")
