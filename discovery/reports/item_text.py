"""How items are called, and what an update changes, in every form of a report."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from discovery.model.codes import ProbeOutcome
from discovery.model.fingerprint import redacted_change
from discovery.model.values import Change, Probe
from discovery.plan.item import Item


def short_name(item: Item) -> str:
    """Name the cache, or the registration where there is no cache."""
    return item.cache or item.name or item.arn or "?"


def probe_text(probe: Probe) -> str:
    """Word what came of a login: `proved as app`, `unreachable at tcp`."""
    at = "" if probe.outcome is ProbeOutcome.PROVED else f" at {probe.step.value}"
    user = f" as {probe.user}" if probe.user is not None else ""
    return f"{probe.outcome.value}{at}{user}"


def login_text(item: Item) -> str:
    """Word what came of a login to the item's cache: `login proved as app`; empty for none."""
    probe = item.iam.probe if item.iam is not None else None
    return f"login {probe_text(probe)}" if probe is not None else ""


def counted_items(items: Iterable[Item]) -> str:
    """Count items, as caches where all of them are: `4 caches`, `1 item`."""
    listed = tuple(items)
    noun = "cache" if all(item.cache for item in listed) else "item"
    return f"{len(listed)} {noun}{'' if len(listed) == 1 else 's'}"


def differences(item: Item) -> tuple[Change, ...]:
    """List where the resource differs; secrets are fingerprints.

    A change of the whole resource is left out: the action says it.
    """
    return tuple(redacted_change(change) for change in item.changes if change.field)


def value_text(value: Any) -> str:
    """Word a value: text as it is, nothing as `none`, everything else as JSON."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, default=dict)
