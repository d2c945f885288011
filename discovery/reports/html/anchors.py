"""Names of places in the page, the same in every report, so that links stay good."""

from __future__ import annotations

import hashlib
import re
from typing import Final
from urllib.parse import quote_plus

from discovery.plan.item import Item
from discovery.reports.findings import SharedFinding
from discovery.reports.safe_text import escape_unprintable

_NOT_IN_A_SLUG: Final = re.compile("[^a-z0-9]+")


def anchor_of(item: Item) -> str:
    """Name the anchor of an item."""
    return _anchor("cache", item.cache or item.name or "", *item.sort_key)


def finding_anchor(shared: SharedFinding) -> str:
    """Name the anchor of a finding: by its scope, its code and what it is about."""
    finding, scope = shared.finding, shared.scope
    return _anchor("finding", finding.code, *scope.key, finding.code, finding.subject)


def _anchor(kind: str, words: str, *key: str) -> str:
    slug = _NOT_IN_A_SLUG.sub("-", words.lower()).strip("-")[:60]
    digest = hashlib.sha256("\0".join(key).encode(errors="surrogatepass")).hexdigest()
    return f"{kind}-{slug}-{digest[:8]}"


def fragment(filters: str) -> str:
    """Escape a filter such as `owner=a b` for an address, as the page's script writes it."""
    key, _, value = filters.partition("=")
    return f"{key}={quote_plus(escape_unprintable(value))}"
