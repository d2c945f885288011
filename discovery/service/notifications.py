"""Tell people what each sweep and re-scan of the service did and found."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from discovery.config.notify import NotifyKind
from discovery.notify.conditions import Conditions, next_conditions
from discovery.notify.messages import Message, make_messages
from discovery.notify.sinks import Sinks
from discovery.reports.report import Report
from state.errors import StateError
from state.store import Store

log = structlog.get_logger()


@dataclass(slots=True)
class Notifications:
    """Work out what people are to be told of a run, and hand it to the sinks."""

    sinks: Sinks
    _notified: Conditions | None = field(default=None, init=False)
    """The conditions that people were told of; None: as state has them."""

    async def after_run(self, report: Report, group: str, store: Store, *, whole: bool) -> None:
        """Tell what a run did, and which conditions began or ended. Never raises.

        What was told is remembered first: after a crash in between nothing is told twice.
        `whole`: False for a re-scan.
        """
        if not self.sinks.kinds:
            return
        try:
            messages = await asyncio.to_thread(self._take_in, report, group, store, whole=whole)
        except Exception as error:
            log.error("notify.broke", sweep_id=report.sweep_id, why=str(error), exc_info=error)
        else:
            self.sinks.enqueue(messages)

    def _take_in(
        self, report: Report, group: str, store: Store, *, whole: bool
    ) -> tuple[Message, ...]:
        before = self._notified if self._notified is not None else _load_notified(store)
        after = next_conditions(before, report, self.sinks.kinds, whole=whole)
        self._notified = after
        if after != before:
            _remember(after, store)
        return make_messages(report, before, after, group)


def _load_notified(store: Store) -> Conditions:
    known = {kind.value: kind for kind in NotifyKind}
    found = store.load_notified()
    return {known[kind]: keys for kind, keys in found.items() if kind in known}


def _remember(conditions: Conditions, store: Store) -> None:
    try:
        store.set_notified({kind.value: keys for kind, keys in conditions.items()})
    except StateError as error:
        why = "a restart of the service would tell of some conditions again"
        log.warning("notify.not_remembered", error=str(error), why=why)
