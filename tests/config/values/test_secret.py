import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from moorage.config.values import URL, HiddenURL, Host, Secret

HOSTS = TypeAdapter(Host)
URLS = TypeAdapter(URL)
SECRETS = TypeAdapter(Secret)


@given(st.text("abcXYZ0189!$&'()*+,;=%-._~@", min_size=4))
def test_user_and_password_of_a_url_are_hidden_but_usable(password: str) -> None:
    whole = f"https://robot:{password}@registry.example.com/path"
    url = URLS.validate_python(whole)
    assert str(url) == whole
    assert repr(url) == "'https://***@registry.example.com/path'"
    assert URLS.dump_python(url) == "https://***@registry.example.com/path"


@pytest.mark.parametrize(
    ("whole", "shown"),
    [
        ("http://localhost:5000/a", "http://localhost:5000/a"),
        ("https://h/a?b=c@d", "https://h/a?***"),
        ("https://robot:secret@h/?b=c#d", "https://***@h/?***#d"),
        ("/a/path?with=mark", "/a/path?with=mark"),
    ],
)
def test_a_url_is_shown_without_user_and_query_and_a_path_as_it_is(whole: str, shown: str) -> None:
    assert HiddenURL(whole).shown == shown


@pytest.mark.parametrize(
    ("whole", "shown"),
    [("h", "h"), ("[::1]:80", "[::1]:80"), ("robot:secret@h:80", "***@h:80"), ("a:b@c@h", "***@h")],
)
def test_a_host_is_shown_without_user(whole: str, shown: str) -> None:
    host = HOSTS.validate_python(whole)
    assert (str(host), repr(host), HOSTS.dump_python(host)) == (whole, repr(shown), shown)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "registry.example.com",
        "ftp://host/",
        "https://",
        "http://[::1",
        "http://host:99999/",
        "http://a b/",
    ],
)
def test_what_no_client_can_ask_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="http://"):
        URLS.validate_python(text)


def test_a_secret_shows_neither_itself_nor_its_length() -> None:
    long, short = SECRETS.validate_python("a long password"), SECRETS.validate_python("x")
    assert long.get_secret_value() == "a long password"
    assert repr(long) == repr(short)
    assert SECRETS.dump_python(long) == SECRETS.dump_python(short) == "***"
