"""One line of a plan: a cache or a registration, its action, its reason, and what changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from discovery.model.codes import Action, Reason
from discovery.model.fingerprint import redacted_change
from discovery.model.values import (
    Arn,
    Cache,
    Change,
    Database,
    IamJudgement,
    ItemError,
    Note,
    ResourceName,
    Scope,
)

_INCONCLUSIVE = frozenset(
    {Reason.SCOPE_FAILED, Reason.NOT_IN_RUN, Reason.TARGETS_UNKNOWN, Reason.TAGS_UNKNOWN}
)


@dataclass(frozen=True, slots=True)
class MissCount:
    """For how many scans, and since when, the reason to remove a registration has held."""

    scans: int
    """Complete scans in a row, the present one included."""
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One cache found, one registration of ours, or one foreign resource in a wanted name (R4)."""

    scope: Scope
    arn: Arn | None
    cache: str | None
    """The cache's own name."""
    name: ResourceName | None
    """The registered or wanted resource name."""
    previous_name: ResourceName | None = None
    matcher: str | None = None
    owner: str | None = None
    """The value of the tag that `reports.owner_tag` names; None: not tagged, or tags unknown."""
    action: Action
    reason: Reason
    message: str
    notes: tuple[Note, ...] = ()
    applied: bool | None = None
    """None: a dry run, or nothing to apply."""
    error: ItemError | None = None
    changes: tuple[Change, ...] = ()
    missed: MissCount | None = None
    removal_reason: Reason | None = None
    """Why it is, or is to be, removed; kept while the removal is held, since misses are counted
    for each reason. Not part of the document."""
    iam: IamJudgement | None = None
    database: Database | None = None
    """What is registered once the action is carried out; of a removal, what was."""
    wanted: Database | None = None
    """What a new cache is to become, also while something prevents it. Not part of the document."""
    live: Database | None = None
    """The registration as it was listed, None if there is none. Not part of the document."""
    unlisted: ResourceName | None = None
    """Of a new cache: another name, under which state remembers it as registered although the list
    does not show that. Not part of the document."""
    taken_name: ResourceName | None = None
    """The wanted name, where a resource has it that the list does not show (R10). Not part of the
    document."""
    found: Cache | None = None
    """The cache as scanned, None if it was not found. Not part of the document."""
    removed_before: bool = False
    """True for a removal of the very revision that this state removed already and the list still
    shows: a resource that has replaced it since is left alone (R2). Not part of the document."""
    finishes: bool = False
    """True for the second half of a rename: both names exist, and its intent is open (R6)."""
    replaces: bool = False
    """True for a change of origin: delete, then create under the same name (R12)."""

    @property
    def removes(self) -> bool:
        """True for what the budget of R3 counts: removals, renames, changes of origin."""
        return self.action is Action.DELETE or (
            self.action is Action.UPDATE and (self.reason is Reason.RENAMED or self.replaces)
        )

    @property
    def is_inconclusive(self) -> bool:
        """True when it neither confirms nor refutes an earlier miss, so that the count is kept."""
        if self.reason is Reason.UNREADABLE:
            return True
        return self.action is Action.HELD and self.reason in _INCONCLUSIVE

    @property
    def log_fields(self) -> dict[str, str | None]:
        """Fields that identify the item in log events."""
        return {
            "account_id": self.scope.account_id,
            "region": self.scope.region,
            "arn": self.arn,
            "name": self.name,
            "action": self.action.value,
            "reason": self.reason.value,
        }

    @property
    def sort_key(self) -> tuple[str, str, str, str]:
        """Key that sorts items by account, region, cache and name."""
        return (
            self.scope.account_id,
            self.scope.region or "",
            self.cache or "",
            self.name or "",
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """An item before write policy and guard, and what takes its place when one refuses it."""

    item: Item
    cause: str = ""
    """Why a registration that still waits is to be removed, without what it waits for."""
    if_policy_refuses: Item | None = None
    """None: the item is held."""
    if_guard_refuses: Item | None = None
    """None: the item is held."""


def hold_instead(item: Item, reason: Reason, message: str) -> Item:
    """Turn a removal, rename or change of origin into a hold of what is registered."""
    stays = (
        item if item.finishes else replace(item, name=_registered_name(item), database=item.live)
    )
    return replace(
        stays,
        action=Action.HELD,
        reason=reason,
        message=message,
        previous_name=item.previous_name if item.finishes else None,
        changes=(),
        replaces=False,
    )


def _registered_name(item: Item) -> ResourceName | None:
    return item.live.name if item.live is not None else item.previous_name or item.name


def in_order(items: Iterable[Item]) -> tuple[Item, ...]:
    """Sort items by account, region, cache and name (R4)."""
    return tuple(sorted(items, key=lambda item: item.sort_key))


def checksum_of(items: Iterable[Item]) -> str:
    """Compute the checksum of a plan: what a person reviewed is what is applied.

    SHA-256 hex of the canonical JSON of every create, update and delete, in their order.

    Canonical: keys sorted, no white space, UTF-8. External ids count by their fingerprint, so the
    checksum can be made again from the printed document (discovery/README: Report document).
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
