"""Plan the take-over of resources that somebody else registered (R2). Pure.

A sweep never writes to what is not ours. This plan does, on the word of a person who was shown it;
what does not fit together is refused with the reason, as a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from discovery.model.codes import Action, Reason
from discovery.model.ownership import (
    GROUP_LABEL,
    MANAGED_BY_LABEL,
    CacheArn,
    NotOurs,
    owner_of,
)
from discovery.model.values import Database, ResourceName
from discovery.plan.adoption.identify import identify_cache
from discovery.plan.adoption.transfer import (
    Obstacle,
    Refused,
    Transfer,
    not_found,
    refusing,
    transfer_of,
)
from discovery.plan.desired import (
    Blocked,
    Register,
    Skip,
    Undetermined,
    Unreadable,
    wanted_name,
)
from discovery.plan.inputs import ObservedCache, ObservedState
from discovery.plan.item import Item
from discovery.plan.labels import DISCOVERY_GROUP_LABEL, ORIGIN_LABEL
from discovery.plan.registered import changes_origin, reason_for
from discovery.plan.registration_index import provenance_of
from discovery.plan.resource import changes_between, merge_into_live
from discovery.plan.rules import Rules
from state.records import RememberedState


def adoption(
    observed: ObservedState, rules: Rules, *, name: ResourceName | None, from_group: str | None
) -> Transfer:
    """Plan the take-over of `name`, or of every resource that has the wanted name of a cache.

    Only what has no group is taken, or what `from_group` has, if that is given.
    """
    listed = observed.plan_input.listed
    if name is None:
        theirs = tuple(_in_wanted_names(observed, rules, from_group))
    else:
        theirs = tuple(each for each in listed if each.name == name)
        if not theirs:
            return Transfer(refused=(not_found(name),))
    return transfer_of(_adopted(each, observed, rules, from_group) for each in theirs)


def unseen(name: ResourceName, observed: ObservedState) -> Refused:
    """Refuse to adopt what exists but the identity in use may not see.

    The refusal shows what its cache is to be registered as.
    """
    wanted = next(
        (
            each.desired.database
            for each in observed.found
            if isinstance(each.desired, Register) and each.desired.name.value == name
        ),
        None,
    )
    text = (
        "it exists, and the identity in use may not see it. Name an operator's identity with "
        "--identity-file: a bot that is fenced in by db_labels sees its own databases only"
    )
    return Refused(name, Obstacle.NOT_VISIBLE, text, wanted)


def own_to_claim(live: Database, group: str, state: RememberedState) -> CacheArn | None:
    """Find the cache of a registration of our group that state does not call its own yet (R2)."""
    owner = owner_of(live, group)
    if not isinstance(owner, CacheArn):
        return None
    return owner if provenance_of(live, owner.arn, state).may_be_claimed else None


def _claimed(live: Database, owner: CacheArn, observed: ObservedState) -> Item | Refused:
    """State takes it as its own, matched or not; the control plane has it as it should be."""
    counted = observed.registry.ours[owner.arn].database.name
    if counted != live.name:
        text = (
            f"cache {owner.name} is registered as {counted} already; remove this one manually if "
            "nothing needs it"
        )
        return refusing(live.name)(Obstacle.ALREADY_REGISTERED, text)
    return Item(
        scope=owner.scope,
        arn=owner.arn,
        cache=owner.name,
        name=live.name,
        action=Action.KEEP,
        reason=Reason.UNCHANGED,
        message="taken as this agent's own; nothing is written to the control plane. Where no "
        "matcher takes it, sweeps count its misses from now and then remove it",
        database=live,
        live=live,
    )


def refused_unowned(live: Database, group: str, from_group: str | None) -> Refused | None:
    """Say why a resource may not be taken from its owner; None when it may be."""
    owner = owner_of(live, group)
    theirs = live.labels.get(GROUP_LABEL, "")
    refuse = refusing(live.name)
    if isinstance(owner, CacheArn):
        text = f"it is registered by group {group}, and this state has it as its own"
        return refuse(Obstacle.ALREADY_OURS, text)
    if owner is NotOurs.IDENTITY_MISMATCH:
        text = "it is marked as ours but disagrees with itself; fix or remove it manually"
        return refuse(Obstacle.IDENTITY_MISMATCH, text)
    if owner is NotOurs.OTHER_GROUP and theirs != from_group:
        text = f"it belongs to the cachemuster group {theirs}; name it with --from-group"
        return refuse(Obstacle.OTHER_GROUP, text)
    if owner is NotOurs.FOREIGN and from_group is not None:
        text = f"it does not belong to the cachemuster group {from_group}; leave out --from-group"
        return refuse(Obstacle.OTHER_GROUP, text)
    return None


def _adopted(
    live: Database, observed: ObservedState, rules: Rules, from_group: str | None
) -> Item | Refused:
    claimable = own_to_claim(live, rules.group, observed.plan_input.state)
    if claimable is not None:
        return _claimed(live, claimable, observed)
    refused = refused_unowned(live, rules.group, from_group)
    if refused is not None:
        return refused
    found = identify_cache(live, observed)
    refuse = refusing(live.name)
    if not isinstance(found, ObservedCache):
        return refuse(Obstacle[found.why.name], found.message)
    return (
        _refused_group(live, rules)
        or _refused_cache(live, found)
        or _item(live, found, _registered_as(found), rules)
    )


def _refused_group(live: Database, rules: Rules) -> Refused | None:
    """Refuse what the Discovery Service would still call its own (control_plane/README)."""
    discovered = live.labels.get(ORIGIN_LABEL) == rules.origin == "cloud"
    if not discovered or live.labels.get(DISCOVERY_GROUP_LABEL) != rules.group:
        return None
    text = (
        f"Teleport's Discovery Service has the group {rules.group} too, and would remove it once "
        "its matcher is gone; set another `group`, or control_plane.origin: dynamic"
    )
    return refusing(live.name)(Obstacle.SAME_DISCOVERY_GROUP, text)


def _refused_cache(live: Database, found: ObservedCache) -> Refused | None:
    """Why a sweep would not leave this resource to its cache as it is, None when it does."""
    refuse, desired, cache = refusing(live.name), found.desired, found.facts.cache
    if found.live is not None:
        text = (
            f"cache {cache.name} is registered as {found.live.database.name} already; remove this "
            "one manually if nothing needs it"
        )
        return refuse(Obstacle.ALREADY_REGISTERED, text)
    if isinstance(desired, Undetermined):
        return refuse(Obstacle.TAGS_UNKNOWN, desired.message)
    if isinstance(desired, Skip | Blocked | Unreadable):
        why = f"{desired.reason.value}, {desired.message}"
        text = f"cache {cache.name} is not to be registered: {why}"
        return refuse(Obstacle.NOT_WANTED, text)
    if desired.name.value != live.name:
        text = (
            f"cache {cache.name} is to be named {desired.name.value}, and the next sweep would "
            f"rename it; to keep the name, give the cache the tag TeleportDatabaseName={live.name}"
        )
        return refuse(Obstacle.OTHER_NAME, text)
    if desired.iam_block is not None:
        text = (
            f"matcher {desired.matcher.name} requires a user that can log in with IAM; mend what "
            "the IAM findings of `cachemuster audit` say"
        )
        return refuse(Obstacle.IAM_NOT_READY, text)
    return None


def _registered_as(found: ObservedCache) -> Register:
    assert isinstance(found.desired, Register)  # noqa: S101 - the rest has been refused
    return found.desired


def _item(live: Database, found: ObservedCache, desired: Register, rules: Rules) -> Item:
    """The desired resource on top of what is there (R7)."""
    target = merge_into_live(desired.database, live, rules.keeps_label)
    changes = changes_between(live, target)
    replaces = changes_origin(changes)
    cache = found.facts.cache
    return Item(
        scope=cache.scope,
        arn=cache.arn,
        cache=cache.name,
        name=live.name,
        matcher=desired.matcher.name,
        action=Action.UPDATE,
        reason=reason_for(changes, target, None, recreated=False),
        message=_taken_over(live.labels) + (_anew(live, target) if replaces else ""),
        notes=desired.notes,
        changes=changes,
        iam=desired.iam,
        database=target,
        live=live,
        found=cache,
        replaces=replaces,
    )


def _taken_over(labels: Mapping[str, str]) -> str:
    return f"taken over from {_whose(labels)}"


def _whose(labels: Mapping[str, str]) -> str:
    if labels.get(GROUP_LABEL):
        return f"the cachemuster group {labels[GROUP_LABEL]}"
    if labels.get(ORIGIN_LABEL) == "cloud":
        group = labels.get(DISCOVERY_GROUP_LABEL)
        return "Teleport's Discovery Service" + (f", group {group}" if group else "")
    owner = labels.get(MANAGED_BY_LABEL)
    return owner or "whoever registered it manually"


def _anew(live: Database, target: Database) -> str:
    before, after = (each.labels.get(ORIGIN_LABEL, "none") for each in (live, target))
    return (
        f"; deleted and created again, since its origin changes from {before} to {after} and "
        "Database Services take that from a new resource only"
    )


def _in_wanted_names(
    observed: ObservedState, rules: Rules, from_group: str | None
) -> Iterator[Database]:
    """What has the wanted name of a cache without a registration of ours, and may be taken."""
    shown: set[ResourceName] = set()
    for found in observed.found:
        if found.live is not None or isinstance(found.desired, Skip):
            continue
        for holder in observed.registry.holders(wanted_name(found.facts, rules).value):
            if holder.name not in shown and not refused_unowned(holder, rules.group, from_group):
                shown.add(holder.name)
                yield holder
