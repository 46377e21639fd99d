import pytest
from pydantic import ValidationError

from moorage.config.sections.auth import Auth, Htpasswd, Silly, Token

TOKEN = {"realm": "r", "service": "s", "issuer": "i"}


def test_the_kind_is_none_until_one_is_there() -> None:
    assert Auth().kind == "none"
    assert Auth(htpasswd=Htpasswd(realm="r", path="p")).kind == "htpasswd"
    assert Auth(silly=Silly(realm="r", service="s")).kind == "silly"
    assert Auth(token=Token(realm="r", service="s", issuer="i", jwks="j")).kind == "token"


def test_a_token_needs_a_key_to_check_it_with() -> None:
    with pytest.raises(ValidationError, match="rootcertbundle or jwks"):
        Token.model_validate(TOKEN)


def test_two_kinds_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most one kind"):
        Auth(silly=Silly(realm="r", service="s"), htpasswd=Htpasswd(realm="r", path="p"))


def test_tokens_that_nobody_signed_cannot_be_allowed() -> None:
    with pytest.raises(ValidationError):
        Token.model_validate({**TOKEN, "jwks": "j", "signingalgorithms": ["none"]})


@pytest.mark.parametrize("path", ["auth/token", "/auth/token"])
def test_the_path_of_a_realm_begins_with_a_slash(path: str) -> None:
    token = Token.model_validate({**TOKEN, "jwks": "j", "autoredirectpath": path})
    assert token.autoredirectpath == "/auth/token"
