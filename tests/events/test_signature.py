from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from moorage.events.signature import key, signed

RAW = bytes(range(24))
SECRET = "whsec_" + base64.b64encode(RAW).decode()
BODY = '{"events":[{"id":"é"}]}'.encode()


def headers(*secrets: str, body: bytes = BODY, moment: float | None = None) -> dict[str, str]:
    keys = [key(secret) for secret in secrets]
    return dict(signed(keys, "an-id", int(moment or time.time()), body))


def test_a_listener_of_standard_webhooks_believes_the_signature() -> None:
    assert Webhook(SECRET).verify(BODY, headers(SECRET)) == {"events": [{"id": "é"}]}


def test_while_a_secret_is_replaced_listeners_with_either_believe_it() -> None:
    both = headers(SECRET, "another")
    assert both["webhook-signature"].count(" ") == 1
    Webhook(SECRET).verify(BODY, both)
    Webhook(b"another").verify(BODY, both)


@pytest.mark.parametrize(
    "change", [{"body": BODY + b" "}, {"moment": time.time() - 3600}], ids=["another body", "an hour ago"]
)
def test_nothing_else_is_believed(change: dict[str, object]) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, headers(SECRET, **change))  # type: ignore[arg-type]


def test_another_id_or_another_secret_is_not_believed() -> None:
    for wrong in (headers(SECRET) | {"webhook-id": "another"}, headers("another")):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(BODY, wrong)


def test_a_secret_is_base64_behind_its_prefix_and_itself_without() -> None:
    assert key(SECRET) == RAW
    assert key("whsec_" + base64.b64encode(b"four").decode().rstrip("=")) == b"four"
    assert key("c2VjcmV0") == b"c2VjcmV0"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_$$$$", "whsec_abcde", "whsec_é"])
def test_a_secret_that_is_none_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ValueError) as found:  # noqa: PT011 - its text is checked below
        key(secret)
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(found.value)


def test_without_secrets_there_are_no_headers() -> None:
    assert headers() == {}
