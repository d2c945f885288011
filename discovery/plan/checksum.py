"""The checksum of a plan: what a person reviewed is what is applied.

See discovery/README: Report document.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from discovery.model.fingerprint import redacted_change
from discovery.plan.item import Item


def checksum_of(items: Iterable[Item]) -> str:
    """SHA-256 hex of the canonical JSON of every create, update and delete, in their order.

    Canonical: keys sorted, no white space, UTF-8. External ids count by their fingerprint, so the
    checksum can be made again from the printed document.
    """
    rows = [_row(item) for item in items if item.action.writes]
    text = json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _row(item: Item) -> list[Any]:
    changes = [redacted_change(change) for change in item.changes]
    return [
        item.action.value,
        item.reason.value,
        item.name,
        item.previous_name,
        item.arn,
        [{"field": each.field, "old": each.old, "new": each.new} for each in changes],
    ]
