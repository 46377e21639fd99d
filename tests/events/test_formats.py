from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from moorage.events import formats
from moorage.events.base import Actor, Request, Source, gone, happened
from moorage.events.formats import message_id
from tests.events.making import DIGEST, identity, kept


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("count", [1, 3])
def test_an_envelope_has_the_events_as_they_are_kept(version: Any, count: int) -> None:
    events = [kept(tag=str(number)) for number in range(count)]
    body = formats.body(version, events, batched=True)
    assert body.content_type == f"application/vnd.docker.distribution.events.{version}+json"
    assert json.loads(body.content) == {"events": [json.loads(event) for event in events]}
    assert all(event in body.content for event in events)


def test_an_envelope_is_made_without_a_look_at_the_events() -> None:
    assert formats.body("v2", [b"no JSON", b"at all"], batched=True).content == b'{"events":[no JSON,at all]}'


def test_a_cloud_event_says_what_happened_around_the_whole_event() -> None:
    event = kept("team/app", "v1")
    body = formats.body("cloudevents", [event], batched=False)
    assert body.content_type == "application/cloudevents+json"
    found = json.loads(body.content)
    assert found == {
        "specversion": "1.0",
        "id": identity(event),
        "source": "//registry:5000",
        "type": "io.moorage.push",
        "subject": "team/app:v1",
        "time": json.loads(event)["timestamp"],
        "datacontenttype": "application/json",
        "data": json.loads(event),
    }


def test_the_subject_of_what_has_no_tag_is_its_digest() -> None:
    found = json.loads(formats.body("cloudevents", [kept("team/app", "")], batched=False).content)
    assert found["subject"] == f"team/app@{DIGEST}"


def test_a_deleted_tag_is_the_subject_too() -> None:
    event = happened("delete", gone("a", tag="t"), Request("", "DELETE", ""), Actor(), Source())
    found = json.loads(formats.body("cloudevents", [msgspec.json.encode(event)], batched=False).content)
    assert (found["type"], found["subject"]) == ("io.moorage.delete", "a:t")


@pytest.mark.parametrize("addr", ["registry:5000", "[::1]:5000", "", "odd name/with?#", "hôte:1"])
def test_the_source_is_a_reference_to_a_host(addr: str) -> None:
    event = happened("pull", gone("a", tag="t"), Request("", "GET", ""), Actor(), Source(addr))
    source = json.loads(formats.body("cloudevents", [msgspec.json.encode(event)], batched=False).content)[
        "source"
    ]
    assert source.startswith("//")
    assert source.isascii()
    assert urlsplit(source)[2:] == ("", "", "")


@pytest.mark.parametrize("count", [1, 3])
def test_an_endpoint_that_takes_several_cloud_events_gets_a_list_always(count: int) -> None:
    events = [kept(tag=str(number)) for number in range(count)]
    body = formats.body("cloudevents", events, batched=True)
    assert body.content_type == "application/cloudevents-batch+json"
    assert [one["data"] for one in json.loads(body.content)] == [json.loads(event) for event in events]


def test_the_id_of_one_event_is_its_own() -> None:
    event = kept()
    assert message_id([event]) == identity(event)


def test_the_id_of_several_stands_for_exactly_these_in_this_order() -> None:
    first, second, third = kept(), kept(), kept()
    several = message_id([first, second])
    assert several == message_id([first, second])
    others = [[first], [second], [first, second, third], [second, first]]
    assert several not in [message_id(other) for other in others]
