"""Close the intents that an earlier process left open, before a plan is made (R6)."""

from __future__ import annotations

import asyncio
from datetime import datetime

from discovery.model.values import Database
from discovery.plan.open_intents import classify_open_intents, state_after_closing
from state.records import IntentOutcome, RememberedState
from state.store import Store


async def close_open_intents(
    store: Store, state: RememberedState, listed: tuple[Database, ...], group: str, now: datetime
) -> RememberedState:
    """Close each open intent by what is registered, and load the state anew. Raises: StateError."""
    if not state.open_intents:
        return state
    known = classify_open_intents(state.open_intents, listed, group)
    for each in known.landed:
        await asyncio.to_thread(store.finish, each.intent_id, IntentOutcome.DONE, None, now)
    ids = [each.intent_id for each in known.abandoned]
    await asyncio.to_thread(store.abandon, ids, now)
    return await asyncio.to_thread(store.load)


def preview_closed_intents(
    state: RememberedState, listed: tuple[Database, ...], group: str, now: datetime
) -> RememberedState:
    """Work out what `close_open_intents` returns, without writing (R5)."""
    known = classify_open_intents(state.open_intents, listed, group)
    return state_after_closing(state, known, now)
