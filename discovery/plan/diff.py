"""The items of found caches: new ones, registered ones, and those that no longer belong."""

from __future__ import annotations

from dataclasses import replace

from discovery.model.codes import Action, IamVerdict, Reason
from discovery.model.ownership import CacheArn
from discovery.model.values import Cache, Change
from discovery.plan.desired import Blocked, Register, Skip, Undetermined, Unreadable
from discovery.plan.iam.findings import USERS_ADVICE
from discovery.plan.inputs import ObservedCache, ObservedState
from discovery.plan.item import Item
from discovery.plan.name_conflicts import NameRefusal
from discovery.plan.notes import registration_notes
from discovery.plan.registered import finished_rename, needs_rename, registered_item
from discovery.plan.registration_index import Owned, RegistrationIndex
from discovery.plan.removal import RemovalReason, decide_removal
from discovery.plan.rules import Rules
from matchers.matcher import IamUsers

_REMOVAL_REASON = {
    Reason.NO_MATCHER: Reason.UNMATCHED,
    Reason.EXCLUDED: Reason.EXCLUDED,
    Reason.DELETING: Reason.DELETING,
    Reason.ENGINE: Reason.INELIGIBLE,
    Reason.CREATE_FAILED: Reason.INELIGIBLE,
    Reason.PUBLIC: Reason.INELIGIBLE,
}
"""Why a registration goes, by why its cache is not wanted. The rest only have to wait."""


def removal_reason(found: ObservedCache) -> Reason | None:
    """The reason to remove this cache's registration, None when there is none. An answer with a
    hole removes nothing: what stands in for a fact is no evidence (R1)."""
    if found.facts.remembered or found.facts.missing:
        return None
    desired = found.desired
    if isinstance(desired, Skip):
        return _REMOVAL_REASON.get(desired.reason)
    if isinstance(desired, Register | Blocked) and _goes_unready(desired):
        return Reason.UNREADY
    return None


def finishes_rename(found: ObservedCache, registry: RegistrationIndex) -> bool:
    """True when a crash left this cache's rename half done, and it is to be finished (R6)."""
    wanted = isinstance(found.desired, Register) and removal_reason(found) is None
    return wanted and found.arn in registry.half_renamed


def wants_other_name(found: ObservedCache, registry: RegistrationIndex) -> bool:
    """True for a new cache that may be registered, and for one that is to be renamed."""
    if not isinstance(found.desired, Register) or finishes_rename(found, registry):
        return False
    if found.live is None:
        return _iam_block(found.desired) is None
    return needs_rename(found, found.live) and removal_reason(found) is None


def plan_cache(
    found: ObservedCache, loss: NameRefusal | None, observed: ObservedState, rules: Rules
) -> tuple[Item, Item | None]:
    """The item of a found cache, and what is done instead when the guard refuses it."""
    base = base_item(found, observed)
    if found.live is None:
        return _plan_new(found, loss, base), None
    reason = removal_reason(found)
    if reason is not None:
        return _removal(found, found.live, reason, base, observed, rules), None
    desired = found.desired
    if not isinstance(desired, Register):
        return _plan_kept(found, found.live, base), None
    if finishes_rename(found, observed.registry):
        return finished_rename(found.live, desired, base, observed, rules), None
    return registered_item(found, found.live, desired, loss, base, observed, rules)


def unreadable_item(
    cache: Cache | CacheArn, live: Owned | None, message: str, found: Cache | None = None
) -> Item:
    """The item of what could not be judged: a registration stays as it is."""
    database = live.database if live is not None else None
    return Item(
        scope=cache.scope,
        arn=cache.arn,
        cache=cache.name,
        name=database.name if database is not None else None,
        action=Action.BLOCKED,
        reason=Reason.UNREADABLE,
        message=message,
        database=database,
        live=database,
        found=found,
    )


def base_item(found: ObservedCache, observed: ObservedState) -> Item:
    """The parts that every item of a found cache has; action and message are yet to come."""
    cache, desired, live = found.facts.cache, found.desired, found.live
    blank = desired.name.value if isinstance(desired, Register | Blocked) else None
    return Item(
        scope=cache.scope,
        arn=cache.arn,
        cache=cache.name,
        name=live.database.name if live is not None else blank,
        matcher=desired.matcher.name if isinstance(desired, Register | Blocked) else None,
        action=Action.SKIPPED,
        reason=Reason.NO_MATCHER,
        message="",
        notes=desired.notes + registration_notes(found, observed),
        iam=desired.iam if isinstance(desired, Register | Blocked) else None,
        database=live.database if live is not None else None,
        live=live.database if live is not None else None,
        found=cache,
    )


def _plan_new(found: ObservedCache, loss: NameRefusal | None, base: Item) -> Item:
    desired = found.desired
    if isinstance(desired, Skip):
        return replace(base, action=Action.SKIPPED, reason=desired.reason, message=desired.message)
    if isinstance(desired, Undetermined):
        return replace(
            base, action=Action.HELD, reason=Reason.TAGS_UNKNOWN, message=desired.message
        )
    if isinstance(desired, Unreadable):
        return replace(
            base, action=Action.BLOCKED, reason=Reason.UNREADABLE, message=desired.message
        )
    if isinstance(desired, Blocked):
        return replace(base, action=Action.BLOCKED, reason=desired.reason, message=desired.message)
    base = replace(base, wanted=desired.database)
    block = _iam_block(desired)
    if block is not None:
        return replace(base, action=Action.BLOCKED, reason=block, message=_iam_text(desired, block))
    if loss is not None:
        taken = desired.name.value if loss.unseen else None
        refused = replace(base, action=loss.action, reason=loss.reason, taken_name=taken)
        return replace(refused, message=loss.message)
    if found.stands_unlisted:
        text = (
            f"the cache is registered as {found.unlisted}, which the list did not show; nothing "
            "is written. Let the agent's role list it; the next sweep that sees it goes on from "
            "there"
        )
        return replace(
            base,
            action=Action.CONFLICT,
            reason=Reason.NAME_TAKEN_UNSEEN,
            message=text,
            taken_name=found.unlisted,
        )
    return replace(
        base,
        action=Action.CREATE,
        reason=Reason.NEW,
        message=f"matcher {desired.matcher.name} takes it",
        changes=(Change("", None, desired.database.document()),),
        database=desired.database,
        unlisted=found.unlisted if found.unlisted != desired.name.value else None,
    )


def _plan_kept(found: ObservedCache, live: Owned, base: Item) -> Item:
    """A registration that stays as it is, because nothing better can be said of its cache."""
    desired = found.desired
    if isinstance(desired, Blocked | Unreadable):
        reason = desired.reason if isinstance(desired, Blocked) else Reason.UNREADABLE
        text = f"the registration stays as it is: {desired.message}"
        return replace(base, action=Action.BLOCKED, reason=reason, message=text)
    if isinstance(desired, Skip) and desired.reason in _REMOVAL_REASON:
        members = " and ".join(found.facts.remembered)
        text = (
            f"the registration stays as it is: {desired.message}, but AWS's answer leaves out "
            f"{members}, and what is remembered of that removes nothing; the next sweep asks again"
        )
        return replace(base, action=Action.BLOCKED, reason=Reason.UNREADABLE, message=text)
    reason = Reason.NOT_READY_YET if isinstance(desired, Skip) else Reason.TAGS_UNKNOWN
    message = desired.message if isinstance(desired, Skip | Undetermined) else ""
    text = f"{live.database.name} stays registered: {message}"
    return replace(base, action=Action.HELD, reason=reason, message=text)


def _removal(
    found: ObservedCache,
    live: Owned,
    reason: Reason,
    base: Item,
    observed: ObservedState,
    rules: Rules,
) -> Item:
    text = found.desired.message if isinstance(found.desired, Skip) else _unready_text(found)
    grounds = RemovalReason(
        live=live.database,
        arn=found.arn,
        reason=reason,
        message=text,
        forgets=found.facts.recreated,
    )
    ruling = decide_removal(grounds, observed.plan_input.state, rules, observed.plan_input.now)
    return replace(
        base,
        action=ruling.action,
        reason=ruling.reason,
        message=ruling.message,
        missed=ruling.missed,
        grounds=reason,
        removed_before=ruling.lags,
    )


def _goes_unready(desired: Register | Blocked) -> bool:
    """True when the matcher requires users, lets go of caches without, and this is surely one."""
    matcher = desired.matcher
    requires = matcher.iam_users is IamUsers.REQUIRE and matcher.deregister_unready
    return requires and desired.iam is not None and desired.iam.verdict is IamVerdict.NOT_READY


def _iam_block(desired: Register) -> Reason | None:
    """Why `iam_users: require` keeps a new cache out, None when it does not."""
    if desired.matcher.iam_users is not IamUsers.REQUIRE or desired.iam is None:
        return None
    if desired.iam.verdict is IamVerdict.READY:
        return None
    unknown = desired.iam.verdict is IamVerdict.UNKNOWN
    return Reason.IAM_UNKNOWN if unknown else Reason.IAM_NOT_READY


def _iam_text(desired: Register, block: Reason) -> str:
    requires = f"matcher {desired.matcher.name} requires a user that can log in with IAM"
    if block is Reason.IAM_NOT_READY:
        return f"{requires}; mend what the IAM findings say, which `cachemuster audit` shows"
    return f"{requires}, and nobody can tell; {USERS_ADVICE}"


def _unready_text(found: ObservedCache) -> str:
    desired = found.desired
    iam = desired.iam if isinstance(desired, Register | Blocked) else None
    findings = iam.findings if iam is not None else ()
    return findings[0].message if findings else "no user can log in with IAM"
