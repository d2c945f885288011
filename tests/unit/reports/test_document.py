"""The report document: its names, its times, and what never stands in it."""

import gc
import io
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from discovery.model.codes import Action, Reason
from discovery.model.fingerprint import fingerprint
from discovery.model.values import Change
from discovery.plan.item import MissCount
from discovery.reports.document import (
    change_entry,
    document,
    document_text,
    timestamp,
    write_document,
)
from tests.support.report_samples import (
    EARLIER,
    NOW,
    OTHER,
    SECRET,
    WEST,
    database,
    full_report,
    item,
    report,
    scopes,
)


def written(found: Any) -> str:
    stream = io.StringIO()
    write_document(found, stream)
    return stream.getvalue()


def test_the_stream_holds_the_document() -> None:
    assert json.loads(written(full_report())) == document(full_report())


def test_an_empty_report_is_a_document() -> None:
    found = json.loads(written(report(scopes=())))
    assert (found["items"], found["scopes"]) == ([], [])


def test_the_text_is_indented_by_two_and_ends_with_a_newline() -> None:
    text = written(full_report())
    assert text == json.dumps(json.loads(text), indent=2) + "\n"


def test_times_are_rfc_3339_in_utc() -> None:
    assert timestamp(NOW) == "2026-11-23T09:24:07.250Z"


def test_an_external_id_never_stands_there() -> None:
    text = written(full_report())
    assert SECRET not in text
    assert "old-secret" not in text
    assert fingerprint(SECRET) in text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("/spec/aws/external_id", SECRET, id="alone"),
        pytest.param("/spec/aws", {"external_id": SECRET}, id="in-aws"),
        pytest.param("/spec", {"aws": {"external_id": SECRET}}, id="in-spec"),
    ],
)
def test_a_change_shows_only_that_the_external_id_differs(field: str, value: Any) -> None:
    entry = change_entry(Change(field, value, None))
    assert SECRET not in json.dumps(entry)
    assert fingerprint(SECRET) in json.dumps(entry)
    assert entry["new"] is None


def test_a_failed_scope_says_since_when() -> None:
    (failed,) = [s for s in document(full_report())["scopes"] if s["status"] == "failed"]
    assert failed["message"] == (
        "AWS throttled DescribeServerlessCaches; nothing here was changed; "
        "failing since 2026-11-23T09:14:07.250Z"
    )
    assert (failed["reason"], failed["caches"]) == ("THROTTLED", None)
    assert failed["account_id"] == OTHER.account_id


def test_a_complete_scope_has_no_reason_and_a_number() -> None:
    complete = document(full_report())["scopes"][0]
    assert (complete["reason"], complete["caches"]) == (None, 2)


def test_misses_and_judgements_are_null_where_there_are_none() -> None:
    (found,) = document(report(item(Action.KEEP, Reason.UNCHANGED, database=None)))["items"]
    assert (found["missed"], found["iam"], found["error"], found["database"]) == (None,) * 4


def test_a_miss_is_counted_and_dated() -> None:
    missed = MissCount(2, EARLIER)
    (found,) = document(report(item(Action.HELD, Reason.WAITING, missed=missed)))["items"]
    assert found["missed"] == {"scans": 2, "since": timestamp(EARLIER)}


def test_any_mapping_becomes_an_object() -> None:
    resource = database("orders")
    frozen = replace(resource, spec=MappingProxyType({"uri": "x:1", "ad": MappingProxyType({})}))
    found = json.loads(written(report(item(Action.CREATE, Reason.NEW, database=frozen))))
    assert found["items"][0]["database"]["spec"] == {"uri": "x:1", "ad": {}}


def test_the_text_is_ascii_whatever_a_tag_holds() -> None:
    labels = {"x[/bold]y": "\x1b[2J\u202e\ud800 Zürich"}
    resource = replace(database("orders"), labels=labels)
    text = written(report(item(Action.CREATE, Reason.NEW, database=resource)))
    assert text.isascii()
    assert not any(ord(character) < 32 for character in text if character != "\n")
    assert json.loads(text)["items"][0]["database"]["metadata"]["labels"] == labels


@pytest.fixture
def collects_often() -> Iterator[None]:
    """What is held is measured, not what waits to be collected."""
    before = gc.get_threshold()
    gc.set_threshold(700)
    yield
    gc.set_threshold(*before)


@pytest.mark.slow
@pytest.mark.usefixtures("collects_often")
def test_thousands_of_items_need_no_more_memory_than_one() -> None:
    one = full_report().items[0]
    many = report(*(one for _ in range(4_000)))
    tracemalloc.start()
    length = sum(len(piece) for piece in document_text(many))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length > 4_000 * 1_000
    assert peak < 1 << 20


def test_accounts_have_their_names_and_caches_their_owners() -> None:
    shown = document(
        report(
            item(Action.KEEP, Reason.UNCHANGED, owner="edge"),
            item(Action.KEEP, Reason.UNCHANGED, "carts", OTHER),
            scopes=scopes(),
            account_names={WEST.account_id: "payments"},
        )
    )
    assert [(each["account_name"], each["owner"]) for each in shown["items"]] == [
        ("payments", "edge"),
        (None, None),
    ]
    named = {each["account_id"]: each["account_name"] for each in shown["scopes"]}
    assert named == {WEST.account_id: "payments", OTHER.account_id: None}
