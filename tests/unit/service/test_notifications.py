"""What a run tells, and what state keeps of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from discovery.config.notify import NotifyKind, NotifySink
from discovery.model.codes import Action, Reason
from discovery.notify.messages import Message
from discovery.notify.sinks import Sinks
from discovery.service.notifications import Notifications
from state.errors import StateError
from state.store import Store
from tests.support.report_samples import finding, item, judged, report

UNREADY = report(item(Action.KEEP, Reason.UNCHANGED, iam=judged(finding())))


class RecordingSinks(Sinks):
    """Sinks that keep their messages."""

    def __init__(self, *kinds: NotifyKind) -> None:
        super().__init__(lambda *_: None)
        self.wanted = frozenset(kinds or NotifyKind)
        self.messages: list[Message] = []

    @property
    def kinds(self) -> frozenset[NotifyKind]:
        return self.wanted

    def enqueue(self, messages: Any) -> None:
        self.messages += messages


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "state.db") as opened:
        yield opened


async def kinds_sent(notifications: Notifications, store: Store, *runs: Any) -> list[str]:
    sinks = notifications.sinks
    assert isinstance(sinks, RecordingSinks)
    sinks.messages.clear()
    for each in runs:
        await notifications.after_run(each, "prod", store, whole=True)
    return [message.kind for message in sinks.messages]


async def test_a_condition_is_told_once_also_by_the_next_process(store: Store) -> None:
    first = Notifications(RecordingSinks())
    assert await kinds_sent(first, store, UNREADY, UNREADY) == ["not_ready"]
    assert store.load_notified()["not_ready"] == {UNREADY.items[0].arn}
    second = Notifications(RecordingSinks())
    assert await kinds_sent(second, store, UNREADY) == []
    assert await kinds_sent(second, store, report(scopes=UNREADY.scopes)) == ["not_ready"]
    assert store.load_notified()["not_ready"] == frozenset()


async def test_nobody_to_tell_remembers_nothing(store: Store) -> None:
    sinks = RecordingSinks()
    sinks.wanted = frozenset()
    assert await kinds_sent(Notifications(sinks), store, UNREADY) == []
    assert store.load_notified() == {}
    assert await kinds_sent(Notifications(RecordingSinks()), store, UNREADY) == ["not_ready"]


async def test_kinds_of_a_newer_version_are_left_aside(store: Store) -> None:
    store.set_notified({"not_ready": frozenset({UNREADY.items[0].arn or ""}), "later": frozenset()})
    assert await kinds_sent(Notifications(RecordingSinks()), store, UNREADY) == []


async def test_a_state_file_that_cannot_be_written_does_not_tell_twice(tmp_path: Path) -> None:
    class Full(Store):
        def set_notified(self, conditions: Any) -> None:
            raise StateError("the disk is full")

    with Full.open(tmp_path / "state.db") as full, capture_logs() as logged:
        notifications = Notifications(RecordingSinks())
        assert await kinds_sent(notifications, full, UNREADY, UNREADY) == ["not_ready"]
    assert [each["event"] for each in logged] == ["notify.not_remembered"]


async def test_a_defect_here_ends_no_sweep(store: Store) -> None:
    broken: Any = replace(report(), items=None)  # type: ignore[arg-type]
    with capture_logs() as logged:
        assert await kinds_sent(Notifications(RecordingSinks()), store, broken) == []
    assert [each["event"] for each in logged] == ["notify.broke"]


def test_what_was_told_survives_the_process(tmp_path: Path) -> None:
    notified = {kind.value: frozenset({"a", "b"}) for kind in NotifyKind}
    with Store.open(tmp_path / "state.db") as store:
        store.set_notified(notified)
    with Store.open(tmp_path / "state.db") as store:
        assert store.load_notified() == notified


def test_sinks_that_nobody_configured_want_nothing() -> None:
    assert Sinks(lambda *_: None).kinds == frozenset()
    assert NotifySink(webhook="env:X").on == tuple(NotifyKind)
