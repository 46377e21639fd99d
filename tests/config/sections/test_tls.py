import pytest
from pydantic import ValidationError

from moorage.config.sections.tls import SUITES, LetsEncrypt, Tls


def test_tls_is_off_until_there_is_a_certificate() -> None:
    assert not Tls().enabled
    assert Tls(certificate="c", key="k").enabled


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"certificate": "c"}, "both certificate and key"),
        ({"key": "k"}, "both certificate and key"),
        ({"clientcas": ["ca"]}, "client certificates need TLS"),
        (
            {"certificate": "c", "key": "k", "letsencrypt": LetsEncrypt(cachefile="f", hosts=["h"])},
            "remove one",
        ),
        ({"certificate": "c", "key": "k", "minimumtls": "tls1.1"}, "tls1.2"),
    ],
)
def test_halves_and_contradictions_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Tls.model_validate(keys)


SERVED = {"certificate": "c", "key": "k"}
STRANGE = ["TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_AES_128_GCM_SHA256", "none"]


def test_suites_that_cannot_be_offered_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match=r"TLS_RSA_WITH_AES_128_CBC_SHA, none; ") as refused:
        Tls.model_validate({**SERVED, "ciphersuites": STRANGE})
    assert "TLS_AES_128_GCM_SHA256" not in str(refused.value.errors()[0]["ctx"])


@pytest.mark.parametrize(
    "values",
    [
        {**SERVED, "ciphersuites": SUITES},
        {**SERVED, "ciphersuites": SUITES[:1]},
        {**SERVED, "ciphersuites": STRANGE, "minimumtls": "tls1.3"},
        {"ciphersuites": STRANGE},
    ],
    ids=["all", "one", "tls1.3", "without TLS"],
)
def test_suites_that_are_offered_anyway_or_not_looked_at_are_accepted(values: dict[str, object]) -> None:
    assert Tls.model_validate(values).ciphersuites == list(values["ciphersuites"])  # type: ignore[call-overload]
