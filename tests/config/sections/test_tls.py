import pytest
from pydantic import ValidationError

from moorage.config.sections.tls import LetsEncrypt, Tls


def test_tls_is_off_until_there_is_a_certificate() -> None:
    assert not Tls().enabled
    assert Tls(certificate="c", key="k").enabled


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"certificate": "c"}, "both certificate and key"),
        ({"key": "k"}, "both certificate and key"),
        ({"clientcas": ["ca"]}, "client certificates need TLS"),
        ({"certificate": "c", "key": "k", "letsencrypt": LetsEncrypt(cachefile="f")}, "remove one"),
        ({"certificate": "c", "key": "k", "minimumtls": "tls1.1"}, "tls1.2"),
    ],
)
def test_halves_and_contradictions_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Tls.model_validate(keys)
