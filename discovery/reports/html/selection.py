"""Choose the caches that get a part of the page of their own, and name its anchor."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from discovery.model.codes import Action, IamVerdict
from discovery.plan.item import Item
from discovery.reports.attention import Attention, Group, title_of

_PARTS: Final = 2_000
"""Parts of the page for each kind of attention: a browser still likes to show that many."""
_NOT_IN_A_SLUG: Final = re.compile("[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class PageSection:
    """Items that have a part of the page, and how many there are of their kind."""

    title: str
    remark: str
    items: tuple[Item, ...]
    total: int

    @property
    def left_out(self) -> int:
        """How many of the kind have no part."""
        return self.total - len(self.items)


@dataclass(frozen=True, slots=True)
class Selection:
    """The sections of the page that show caches one by one, and their anchors."""

    sections: tuple[PageSection, ...]
    anchors: Mapping[int, str]
    """By the `id` of the item."""

    def anchor(self, item: Item) -> str | None:
        """Return where the item's part begins; None when it has none."""
        return self.anchors.get(id(item))


def select(groups: Iterable[Group], *, dry_run: bool, verbose: bool) -> Selection:
    """Choose every cache that is not simply kept and ready, most pressing first.

    If there are too many of a kind, those with findings; verbose: all of them.
    """
    sections = tuple(_sections(groups, None if verbose else _PARTS, dry_run=dry_run))
    anchors = {id(item): anchor_of(item) for section in sections for item in section.items}
    return Selection(sections, anchors)


def is_simple(item: Item) -> bool:
    """Tell whether a cache is kept, a person can log in, and it has no note or finding."""
    return item.action is Action.KEEP and not _is_remarkable(item) and not item.notes


def anchor_of(item: Item) -> str:
    """Name the anchor of an item, the same in every report, so that links stay good."""
    slug = _NOT_IN_A_SLUG.sub("-", (item.cache or item.name or "").lower()).strip("-")[:60]
    key = "\0".join(item.sort_key).encode(errors="surrogatepass")
    return f"cache-{slug}-{hashlib.sha256(key).hexdigest()[:8]}"


def _sections(groups: Iterable[Group], most: int | None, *, dry_run: bool) -> Iterator[PageSection]:
    for group in groups:
        title, remark = title_of(group.attention, dry_run=dry_run)
        if group.attention is not Attention.QUIET:
            yield _section(title, remark, group.items, most)
            continue
        kept = [item for item in group.items if item.action is Action.KEEP]
        remarkable = tuple(item for item in kept if not is_simple(item))
        unwanted = tuple(item for item in group.items if item.action is not Action.KEEP)
        if remarkable:
            yield _section("Kept", "with something to say about them", remarkable, most)
        if unwanted:
            yield _section("Not wanted", "and not registered", unwanted, most)


def _section(title: str, remark: str, items: tuple[Item, ...], most: int | None) -> PageSection:
    if most is None or len(items) <= most:
        return PageSection(title, remark, items, len(items))
    shown = sorted(items, key=lambda item: not _is_remarkable(item))[:most]
    return PageSection(title, remark, tuple(shown), len(items))


def _is_remarkable(item: Item) -> bool:
    """Somebody looked at who can log in, and found something."""
    iam = item.iam
    return iam is not None and (iam.verdict is not IamVerdict.READY or bool(iam.findings))
