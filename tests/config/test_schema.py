import pytest

from moorage.config import Configuration
from moorage.config.schema import Keys, Leaf, innermost, keys, shape_at, variable_name, walk
from moorage.config.sections.base import Section
from moorage.config.sections.log import MailOptions
from moorage.config.sections.notifications import Endpoint

EVERYTHING = dict(walk(Configuration))


def sections() -> set[type[Section]]:
    shapes = [innermost(key.shape) for key in EVERYTHING.values()]
    return {shape.section for shape in shapes if isinstance(shape, Keys)}


def leaf(path: str) -> Leaf:
    shape = innermost(EVERYTHING[path].shape)
    assert isinstance(shape, Leaf), f"{path} is a section"
    return shape


def test_keys_are_lower_case_as_in_the_file() -> None:
    assert all(part == part.lower() for part in EVERYTHING)


def test_no_two_keys_share_a_variable() -> None:
    names = [variable_name(path) for path in EVERYTHING]
    assert len(names) == len(set(names))


def test_older_keys_lead_to_keys_that_exist() -> None:
    older = {path: key.replaced_by for path, key in EVERYTHING.items() if key.replaced_by}
    assert {"loglevel", "redis.addr", "redis.pool.maxidle", "storage.cache.layerinfo"} <= older.keys()
    for path, target in older.items():
        up = len(target) - len(target.lstrip("^"))
        base = path.replace("[0]", "").split(".")[: -1 - up]
        newer = ".".join([*base, *target.lstrip("^").removesuffix(".0").split(".")])
        assert newer in {known.replace("[0]", "") for known in EVERYTHING}, (
            f"{path} leads to {newer}, which is no key"
        )


def test_every_section_refuses_what_it_does_not_know() -> None:
    assert len(sections()) > 40
    assert all(section.model_config.get("extra") == "forbid" for section in sections())
    assert all(section.model_config.get("frozen") for section in sections())


@pytest.mark.parametrize(
    "word", ["password", "secret", "accesskey", "secretkey", "accountkey", "apikey", "licensekey", "headers"]
)
def test_keys_that_sound_secret_are_secret(word: str) -> None:
    named = [path for path in EVERYTHING if path.endswith(f".{word}") and path != "http.headers"]
    assert named
    assert all(leaf(path).kind.secret for path in named)


def test_a_shape_is_found_by_path() -> None:
    assert shape_at(Configuration, ("http", "headers", "X-A", 3)) == leaf("http.headers")
    assert shape_at(Configuration, ("http", "addr", "x")) is None
    assert shape_at(Configuration, ("http", "nothing")) is None
    assert shape_at(Configuration, ("notifications", "endpoints", 0)) == Keys(Endpoint)


def test_the_key_is_not_the_attribute_where_python_needs_another_name() -> None:
    assert "from" in keys(MailOptions)
    assert MailOptions.model_validate({"from": "me@example.com"}).from_ == "me@example.com"
