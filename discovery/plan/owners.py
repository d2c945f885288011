"""Whose a cache is, by the tag that `reports.owner_tag` names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from discovery.model.values import Arn
from discovery.plan.facts import likely_tags
from discovery.plan.item import Item
from discovery.plan.rules import Rules
from state.records import RememberedCache


def with_owners(
    items: Iterable[Item], caches: Mapping[Arn, RememberedCache], rules: Rules
) -> tuple[Item, ...]:
    """Set the owner of each item. `caches`: what is remembered of them."""
    tag = rules.owner_tag
    if tag is None:
        return tuple(items)
    return tuple(replace(item, owner=_tags(item, caches).get(tag) or None) for item in items)


def _tags(item: Item, caches: Mapping[Arn, RememberedCache]) -> Mapping[str, str]:
    """Return the tags just read, else those read last, else none."""
    before = caches.get(item.arn) if item.arn is not None else None
    if item.found is not None:
        return likely_tags(item.found, before)
    return before.tags.values if before is not None and before.tags is not None else {}
