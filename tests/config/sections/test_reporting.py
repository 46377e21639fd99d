import pytest
from pydantic import ValidationError

from moorage.config.sections.reporting import Reporting, Sentry


@pytest.mark.parametrize(
    "dsn",
    ["https://key@o1.ingest.example.com/42", "http://key:secret@127.0.0.1:9000/sub/folder/7"],
)
def test_a_dsn_is_taken_and_its_key_not_shown(dsn: str) -> None:
    section = Sentry(dsn=dsn)
    assert section.dsn == dsn
    assert "key" not in repr(section)
    assert "***@" in section.model_dump()["dsn"]


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "key",
        "https://example.com/42",
        "https://key@example.com/",
        "https://key@example.com/name",
        "ftp://key@h/1",
    ],
)
def test_what_is_no_dsn_is_refused(dsn: str) -> None:
    with pytest.raises(ValidationError, match="must be"):
        Sentry(dsn=dsn)


def test_nothing_is_on_by_itself() -> None:
    section = Reporting()
    assert (section.bugsnag.apikey, section.newrelic.licensekey, section.sentry.dsn) == (None, None, None)
