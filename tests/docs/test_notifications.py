"""The page of the service says what is told, and shows an event as it is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema

import discovery.notify
from discovery.config.notify import NotifyKind
from discovery.notify.cloudevents import event_body
from discovery.notify.messages import make_messages
from tests.support.report_samples import carried_out, full_report

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "deploy" / "service" / "README.md").read_text("utf-8")
SCHEMA = json.loads((Path(discovery.notify.__file__).parent / "event.schema.json").read_text())


def test_every_kind_is_in_the_table() -> None:
    table = PAGE.partition("| `on` | when |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert {name for row in rows for name in re.findall("`([a-z_]+)`", row)} == set(NotifyKind)


def test_the_event_on_the_page_is_one() -> None:
    (text,) = re.findall(r"```json\n(\{\n  \"specversion\".*?)```", PAGE, re.DOTALL)
    shown = json.loads(text)
    (message, *_) = make_messages(carried_out(full_report()), {}, {}, "prod")
    sent = json.loads(event_body(message))
    assert list(shown) == list(sent)
    assert list(shown["data"]) == list(sent["data"])
    assert list(shown["data"]["first"][0]) == list(sent["data"]["first"][0])
    assert (shown["type"], shown["source"]) == (sent["type"], sent["source"])
    assert shown["id"] == f"{shown['subject']}.{shown['data']['kind']}"
    jsonschema.validate(shown["data"], SCHEMA)
