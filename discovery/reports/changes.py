"""What an update changes, in words; secrets in it are fingerprints by then."""

from __future__ import annotations

import json
from typing import Any

from discovery.model.fingerprint import redacted_change
from discovery.model.values import Change
from discovery.plan.item import Item


def differences(item: Item) -> tuple[Change, ...]:
    """The places where the resource differs, ready to be shown. A change of the whole resource is
    left out: the action says it."""
    return tuple(redacted_change(change) for change in item.changes if change.field)


def value_text(value: Any) -> str:
    """Text as it is, nothing as `none`, everything else as JSON."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, default=dict)
