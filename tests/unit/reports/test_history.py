"""The history as a table."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest

from discovery.reports.terminal.history import write_history_table
from state.records import HistoryEvent
from tests.support.state_records import entry_of


@pytest.mark.parametrize(
    "event", sorted(set(HistoryEvent) - {HistoryEvent.OBSERVED, HistoryEvent.CHANGED})
)
def test_what_happened_does_not_run_into_where(event: HistoryEvent) -> None:
    stream = StringIO()
    entry = replace(entry_of("why"), arn=None, name=None, action=None, reason="DENIED", event=event)
    write_history_table([entry], {}, stream, limit=1)
    words = event.value.replace("_", " ")
    assert f"Z · {words} · {entry.scope} · DENIED" in " ".join(stream.getvalue().split())
