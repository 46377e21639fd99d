from __future__ import annotations

import pytest
from yarl import URL

from moorage.location import joined, without_user

HERE = URL("https://ada:secret@one.example/a/b?x=1")


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        *(("/c", "https://one.example/c"), ("c", "https://one.example/a/c")),
        *(("//two.example/c", "https://two.example/c"), ("http://two.example", "http://two.example")),
        ("https://bob:word@two.example/c", "https://two.example/c"),
        *(
            ("ftp://two.example/c", None),
            ("mailto:ada@two.example", None),
            ("http://", None),
            ("http://[", None),
        ),
    ],
)
def test_a_location_leads_to_an_address_of_http_without_a_user(header: str, wanted: str | None) -> None:
    found = joined(HERE, header)
    assert found == (URL(wanted) if wanted is not None else None)


def test_without_a_user_there_is_no_password_either() -> None:
    assert str(without_user(HERE)) == "https://one.example/a/b?x=1"
    assert str(without_user(URL("https://:secret@one.example/"))) == "https://one.example/"
    assert str(without_user(URL("https://one.example/"))) == "https://one.example/"
