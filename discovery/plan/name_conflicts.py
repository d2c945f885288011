"""Decide who gets a name that is taken, or that several caches want (R7, R12)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from discovery.model.codes import Action, Reason
from discovery.model.ownership import CacheArn, NotOurs
from discovery.model.values import Arn, Database, ResourceName
from discovery.plan.classify import Decision, DecisionKind
from discovery.plan.naming import same_name
from discovery.plan.registration_index import RegistrationIndex


@dataclass(frozen=True, slots=True)
class NameRefusal:
    """Why a cache does not get the name it is to have."""

    action: Action
    reason: Reason
    message: str
    holder: ResourceName | None = None
    """The resource that has the name; the item of the cache shows it."""
    unseen: bool = False
    """True when the list does not show the resource that has the name (R10)."""


def resolve_name_conflicts(
    decisions: Iterable[Decision],
    registry: RegistrationIndex,
    taken: frozenset[ResourceName] = frozenset(),
) -> Mapping[Arn, NameRefusal]:
    """Refuse a name to new and renamed caches where another holds it or is preferred.

    `taken`: names of resources that the list does not show.
    """
    rivals: dict[str, list[Decision]] = defaultdict(list)
    refusals: dict[Arn, NameRefusal] = {}
    for each in decisions:
        if each.kind not in (DecisionKind.NEW, DecisionKind.RENAME):
            continue
        refusal = _held_by_another(each, registry) or _taken_unseen(each, taken)
        if refusal is None:
            rivals[same_name(each.desired.name.value)].append(each)
        else:
            refusals[each.arn] = refusal
    for several in rivals.values():
        refusals.update(_resolve_rivals(several))
    return refusals


def _held_by_another(decision: Decision, registry: RegistrationIndex) -> NameRefusal | None:
    holders = registry.holders(decision.desired.name.value)
    live = decision.found.live
    present = live.database.name if live is not None else None
    others = [each for each in holders if each.name != present]
    if not others:
        return None
    owner = registry.owner_of(others[0])
    text = _taken(others[0], owner)
    if live is not None or isinstance(owner, CacheArn):
        return NameRefusal(Action.BLOCKED, Reason.NAME_COLLISION, text)
    return NameRefusal(Action.CONFLICT, Reason(owner.value), text, holder=others[0].name)


def _taken_unseen(decision: Decision, taken: frozenset[ResourceName]) -> NameRefusal | None:
    name = decision.desired.name.value
    if name not in taken:
        return None
    text = (
        f"the name {name} is taken by a resource that the list does not show; it is left alone. "
        "Take it over by `cachemuster adopt --identity-file FILE` with an operator's identity, or "
        "remove it"
    )
    if decision.kind is DecisionKind.RENAME:
        return NameRefusal(Action.BLOCKED, Reason.NAME_COLLISION, text, unseen=True)
    return NameRefusal(Action.CONFLICT, Reason.NAME_TAKEN_UNSEEN, text, unseen=True)


def _resolve_rivals(several: list[Decision]) -> dict[Arn, NameRefusal]:
    """Refuse the name to all but one cache: a generated name beats one by tag, else all lose."""
    generated = [each for each in several if not each.desired.name.overridden]
    best = generated or several
    losers = [each for each in several if len(best) > 1 or each is not best[0]]
    return {
        each.arn: NameRefusal(Action.BLOCKED, Reason.NAME_COLLISION, _wanted_too(each, several))
        for each in losers
    }


def _wanted_too(decision: Decision, several: list[Decision]) -> str:
    others = ", ".join(sorted(each.arn for each in several if each is not decision))
    return (
        f"{others} wants the name {decision.desired.name.value} too; "
        "give one of them another name with the tag TeleportDatabaseName"
    )


_RENAME = "give this cache another name with the tag TeleportDatabaseName"


def _taken(holder: Database, owner: CacheArn | NotOurs) -> str:
    if isinstance(owner, CacheArn):
        return f"the name {holder.name} is registered for {owner.arn}, which keeps it; {_RENAME}"
    whose = {
        NotOurs.FOREIGN: "not cachemuster's; `cachemuster adopt` takes it over",
        NotOurs.OTHER_GROUP: f"another cachemuster group's, never to be written to; {_RENAME}",
        NotOurs.IDENTITY_MISMATCH: "marked as ours but disagrees with itself; remove it manually",
    }
    return f"a database named {holder.name} exists and is {whose[owner]}"
