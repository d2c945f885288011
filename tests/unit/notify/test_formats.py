"""A message as CloudEvents says and as Slack says; text of others means nothing in either."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import discovery.notify
from discovery.config.notify import NotifyKind
from discovery.notify.cloudevents import CONTENT_TYPE, event_body
from discovery.notify.conditions import next_conditions
from discovery.notify.messages import MOST_NAMED, Message, Subject, make_messages
from discovery.notify.slack import SECTION_LIMIT, code, escape, slack_body
from discovery.reports.safe_text import escape_unprintable
from tests.support.report_samples import REFUSED, carried_out, full_report

SCHEMA = json.loads((Path(discovery.notify.__file__).parent / "event.schema.json").read_text())
AT = datetime(2026, 11, 23, 9, 24, 7, 250_000, tzinfo=UTC)
HOSTILE = "<!channel> <https://evil.test|login> `*_~& \u202egnp.exe\x1b[2J"


def messages() -> tuple[Message, ...]:
    found = carried_out(full_report(guard=REFUSED))
    after = next_conditions({}, found, tuple(NotifyKind), whole=True)
    return make_messages(found, {}, after, "prod")


def event(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event_body(message))
    return found


class TestCloudEvents:
    """CloudEvents 1.0.2, Context Attributes; JSON Event Format."""

    @pytest.mark.parametrize("message", messages(), ids=lambda each: each.kind)
    def test_every_kind_has_the_attributes_and_the_data_of_the_schema(
        self, message: Message
    ) -> None:
        found = event(message)
        assert found["specversion"] == "1.0"
        for required in ("id", "source", "type"):
            assert isinstance(found[required], str)
            assert found[required]
        assert urlsplit(found["source"]).path == found["source"] == "/cachemuster/prod"
        assert re.fullmatch(r"dev\.cachemuster\.[a-z_]+\.v1", found["type"])
        at = datetime.fromisoformat(found["time"])
        assert at == message.at
        assert found["datacontenttype"] == "application/json"
        assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in found)
        jsonschema.validate(found["data"], SCHEMA, cls=jsonschema.Draft202012Validator)
        assert "data_base64" not in found

    def test_the_content_type_is_that_of_structured_mode(self) -> None:
        assert CONTENT_TYPE.split(";")[0] == "application/cloudevents+json"

    def test_the_id_is_of_sweep_and_kind_so_that_a_repetition_is_known(self) -> None:
        found = [event(each) for each in messages()]
        assert [each["id"] for each in found] == [
            f"{full_report().sweep_id}.{each.kind}" for each in messages()
        ]
        assert len({each["id"] for each in found}) == len(found)
        assert event_body(messages()[0]) == event_body(messages()[0])

    def test_the_schema_knows_every_kind(self) -> None:
        known = set(SCHEMA["properties"]["kind"]["enum"])
        assert known == {kind.value for kind in NotifyKind} | {"test"}

    def test_the_schema_refuses_what_is_no_event(self) -> None:
        data = event(messages()[0])["data"]
        for broken in ({**data, "kind": "other"}, {**data, "count": -1}):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(broken, SCHEMA)


def subjects(text: str, count: int = MOST_NAMED) -> tuple[Subject, ...]:
    one = Subject(
        name=text,
        account_id=text,
        account_name=text,
        region=text,
        arn=text,
        cache=text,
        owner=text,
        reason=text,
        message=text,
    )
    return (one,) * count


def message(text: str) -> Message:
    return Message(
        kind="conflict",
        group="prod",
        sweep_id="s",
        at=AT,
        text="20 new conflicts",
        count=100,
        first=subjects(text),
        ended_count=20,
        ended=subjects(text),
    )


def texts(found: Message) -> list[str]:
    payload = json.loads(slack_body(found))
    for block in payload["blocks"]:
        assert block["text"]["type"] == "mrkdwn"
        assert block["text"]["verbatim"] is True
    return [payload["text"], *(block["text"]["text"] for block in payload["blocks"])]


class TestSlack:
    def test_a_message_reads_like_this(self) -> None:
        found = next(each for each in messages() if each.kind == "registered")
        assert texts(found)[1:] == [
            "*cachemuster* `prod`: 1 database was registered",
            "• `orders-elasticache-serverless-eu-west-1-111122223333` in "
            "`111122223333/eu-west-1` - `why orders is create`",
        ]

    def test_what_is_not_named_is_counted(self) -> None:
        assert texts(message("x"))[-1].count("\n") == 20
        assert "\nand 80 more" in "\n".join(texts(message("x")))
        assert "\nEnded:\n" in "\n".join(texts(message("x")))

    def test_a_hostile_name_mentions_links_and_formats_nothing(self) -> None:
        shown = code(HOSTILE)
        assert "&lt;!channel&gt;" in shown
        assert "<" not in shown
        assert shown.count("`") == 2
        assert "\\u202e" in shown
        assert "\\x1b" in shown

    @given(st.text(max_size=50))
    def test_text_of_others_stays_in_its_code_span(self, text: str) -> None:
        shown = code(text, 2000)
        inner = shown[1:-1]
        assert shown[0] == shown[-1] == "`"
        assert inner
        assert not set("`<>\n") & set(inner)
        assert not re.search(r"&(?!amp;|lt;|gt;)", inner)
        wanted = escape_unprintable(text.replace("`", "'")).strip()
        assert html.unescape(inner) == (wanted or "-")

    @given(st.text(max_size=50), st.integers(2, 60))
    def test_a_cut_leaves_no_half_of_an_escape(self, text: str, limit: int) -> None:
        shown = escape(text, limit)
        assert len(shown) <= limit
        assert not re.search(r"&(?!amp;|lt;|gt;)", shown)

    @pytest.mark.parametrize("text", ["&" * 700, "<`" * 350, "\u202e" * 130, "x" * 700])
    def test_limits_of_slack_hold_for_the_longest_names(self, text: str) -> None:
        found = texts(message(text))
        assert len(found) <= 50
        assert all(0 < len(each) <= SECTION_LIMIT for each in found)
