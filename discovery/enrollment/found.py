"""The items of found caches: new ones, registered ones, and those that no longer belong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from discovery.codes import Action, IamVerdict, NoteCode, Reason
from discovery.enrollment.contention import Loss
from discovery.enrollment.item import Item
from discovery.enrollment.registry import Owned, Registry
from discovery.enrollment.removal import Grounds, rule_on
from discovery.enrollment.resource import changes_between, merged
from discovery.enrollment.rules import Rules, WritePolicy
from discovery.enrollment.survey import Found, Survey
from discovery.enrollment.update import changes_origin, reason_for, under_its_present_name
from discovery.enrollment.wish import Blocked, Undecided, Unwanted, Wanted
from discovery.model import Change, Database, Note
from matchers.matcher import IamUsers
from state.records import Memory

_REMOVAL_REASON = {
    Reason.NO_MATCHER: Reason.UNMATCHED,
    Reason.EXCLUDED: Reason.EXCLUDED,
    Reason.DELETING: Reason.DELETING,
    Reason.ENGINE: Reason.INELIGIBLE,
    Reason.CREATE_FAILED: Reason.INELIGIBLE,
    Reason.PUBLIC: Reason.INELIGIBLE,
}
"""Why a registration goes, by why its cache is not wanted. The rest only have to wait."""


def removal_reason(found: Found) -> Reason | None:
    """The reason to remove this cache's registration, None when there is none."""
    wish = found.wish
    if isinstance(wish, Unwanted):
        return _REMOVAL_REASON.get(wish.reason)
    if isinstance(wish, Wanted) and _goes_unready(wish):
        return Reason.UNREADY
    return None


def finishes_rename(found: Found, registry: Registry) -> bool:
    """True when a crash left this cache's rename half done, and it is to be finished (R6)."""
    return isinstance(found.wish, Wanted) and found.arn in registry.half_renamed


def wants_other_name(found: Found, registry: Registry) -> bool:
    """True for a new cache that may be registered, and for one that is to be renamed."""
    if not isinstance(found.wish, Wanted) or finishes_rename(found, registry):
        return False
    if found.live is None:
        return _iam_block(found.wish) is None
    return found.live.database.name != found.wish.name.value and removal_reason(found) is None


def item_for(
    found: Found, loss: Loss | None, survey: Survey, rules: Rules
) -> tuple[Item, Item | None]:
    """The item of a found cache, and what is done instead when the guard refuses it."""
    base = _base(found, survey)
    if found.live is None:
        return _new(found, loss, base), None
    reason = removal_reason(found)
    if reason is not None:
        return _removal(found, found.live, reason, base, survey, rules), None
    wish = found.wish
    if not isinstance(wish, Wanted):
        return _standing(found, found.live, base), None
    if finishes_rename(found, survey.registry):
        return _finish_rename(found.live, wish, base, survey, rules), None
    return _wanted(found, found.live, wish, loss, base, survey, rules)


def _base(found: Found, survey: Survey) -> Item:
    """The parts that every item of a found cache has; action and message are yet to come."""
    cache, wish, live = found.facts.cache, found.wish, found.live
    blank = wish.name.value if isinstance(wish, Wanted | Blocked) else None
    return Item(
        scope=cache.scope,
        arn=cache.arn,
        cache=cache.name,
        name=live.database.name if live is not None else blank,
        matcher=wish.matcher.name if isinstance(wish, Wanted | Blocked) else None,
        action=Action.SKIPPED,
        reason=Reason.NO_MATCHER,
        message="",
        notes=wish.notes + _live_notes(found, survey),
        iam=wish.iam if isinstance(wish, Wanted | Blocked) else None,
        database=live.database if live is not None else None,
        live=live.database if live is not None else None,
        found=cache,
    )


def _new(found: Found, loss: Loss | None, base: Item) -> Item:
    wish = found.wish
    if isinstance(wish, Unwanted):
        return replace(base, action=Action.SKIPPED, reason=wish.reason, message=wish.message)
    if isinstance(wish, Undecided):
        return replace(base, action=Action.HELD, reason=Reason.TAGS_UNKNOWN, message=wish.message)
    if isinstance(wish, Blocked):
        return replace(base, action=Action.BLOCKED, reason=wish.reason, message=wish.message)
    block = _iam_block(wish)
    if block is not None:
        text = f"matcher {wish.matcher.name} requires a user that can log in with IAM"
        return replace(base, action=Action.BLOCKED, reason=block, message=text)
    if loss is not None:
        return replace(base, action=loss.action, reason=loss.reason, message=loss.message)
    return replace(
        base,
        action=Action.CREATE,
        reason=Reason.NEW,
        message=f"matcher {wish.matcher.name} takes it",
        changes=(Change("", None, wish.database.document()),),
        database=wish.database,
    )


def _standing(found: Found, live: Owned, base: Item) -> Item:
    """A registration that stays as it is, because nothing better can be said of its cache."""
    wish = found.wish
    if isinstance(wish, Blocked):
        text = f"{wish.message}; the registration stays as it is"
        return replace(base, action=Action.BLOCKED, reason=wish.reason, message=text)
    reason = Reason.NOT_READY_YET if isinstance(wish, Unwanted) else Reason.TAGS_UNKNOWN
    message = wish.message if isinstance(wish, Unwanted | Undecided) else ""
    text = f"{message}; {live.database.name} stays registered"
    return replace(base, action=Action.HELD, reason=reason, message=text)


def _removal(
    found: Found, live: Owned, reason: Reason, base: Item, survey: Survey, rules: Rules
) -> Item:
    text = found.wish.message if isinstance(found.wish, Unwanted) else _unready_text(found)
    grounds = Grounds(
        name=live.database.name,
        arn=found.arn,
        reason=reason,
        message=text,
        forgets=found.facts.recreated,
    )
    ruling = rule_on(grounds, survey.situation.memory, rules, survey.situation.now)
    return replace(
        base,
        action=ruling.action,
        reason=ruling.reason,
        message=ruling.message,
        missed=ruling.missed,
        grounds=reason,
    )


def _finish_rename(live: Owned, wish: Wanted, base: Item, survey: Survey, rules: Rules) -> Item:
    old = survey.registry.half_renamed[live.cache.arn]
    target = merged(
        under_its_present_name(wish.database, live.database), live.database, rules.keeps_label
    )
    return replace(
        base,
        action=Action.UPDATE,
        reason=Reason.RENAMED,
        previous_name=old.database.name,
        message="an interrupted rename is finished: the old name goes",
        changes=(Change("/metadata/name", old.database.name, live.database.name),),
        database=target,
        live=old.database,
    )


def _wanted(
    found: Found,
    live: Owned,
    wish: Wanted,
    loss: Loss | None,
    base: Item,
    survey: Survey,
    rules: Rules,
) -> tuple[Item, Item | None]:
    stays = _in_place(found, live.database, wish, base, survey.situation.memory, rules)
    if live.database.name == wish.name.value:
        return stays, None
    if loss is not None:
        text = f"it is to be named {wish.name.value}, but {loss.message}"
        return replace(base, action=Action.BLOCKED, reason=loss.reason, message=text), None
    target = replace(merged(wish.database, live.database, rules.keeps_label), revision="")
    renamed = replace(
        base,
        action=Action.UPDATE,
        reason=Reason.RENAMED,
        name=wish.name.value,
        previous_name=live.database.name,
        message=f"its name is now {wish.name.value}",
        changes=changes_between(live.database, target),
        database=target,
    )
    allowed = _allowed(renamed, rules)
    return allowed, stays if allowed is renamed and stays.action is Action.UPDATE else None


def _in_place(
    found: Found, live: Database, wish: Wanted, base: Item, memory: Memory, rules: Rules
) -> Item:
    """Keep or update under the present name."""
    target = merged(under_its_present_name(wish.database, live), live, rules.keeps_label)
    if live.name == wish.name.value:
        target = merged(wish.database, live, rules.keeps_label)
    changes = changes_between(live, target)
    if not changes:
        return replace(
            base, action=Action.KEEP, reason=Reason.UNCHANGED, message="registered as it should be"
        )
    written = memory.registrations.get(live.name)
    if written is not None and written.arn != found.arn:
        written = None
    item = replace(
        base,
        action=Action.UPDATE,
        reason=reason_for(changes, target, written, recreated=found.facts.recreated),
        message=_changed_text(changes),
        changes=changes,
        database=target,
        replaces=changes_origin(changes),
    )
    return _allowed(item, rules)


def _allowed(item: Item, rules: Rules) -> Item:
    """The item, or held, where the policy has no leave for it."""
    needs_sync = item.removes
    policy = rules.policy
    if policy is WritePolicy.SYNC or (policy is WritePolicy.UPSERT_ONLY and not needs_sync):
        return item
    return replace(
        item,
        action=Action.HELD,
        reason=Reason.POLICY,
        name=item.previous_name or item.name,
        previous_name=None,
        message=f"{item.message}; policy {policy.value} does not allow it",
        changes=(),
        database=item.live,
        replaces=False,
    )


def _goes_unready(wish: Wanted) -> bool:
    """True when the matcher requires users, lets go of caches without, and this is surely one."""
    matcher = wish.matcher
    requires = matcher.iam_users is IamUsers.REQUIRE and matcher.deregister_unready
    return requires and wish.iam is not None and wish.iam.verdict is IamVerdict.NOT_READY


def _iam_block(wish: Wanted) -> Reason | None:
    """Why `iam_users: require` keeps a new cache out, None when it does not."""
    if wish.matcher.iam_users is not IamUsers.REQUIRE or wish.iam is None:
        return None
    if wish.iam.verdict is IamVerdict.READY:
        return None
    unknown = wish.iam.verdict is IamVerdict.UNKNOWN
    return Reason.IAM_UNKNOWN if unknown else Reason.IAM_NOT_READY


def _live_notes(found: Found, survey: Survey) -> tuple[Note, ...]:
    notes = []
    live = found.live
    if live is not None and is_inherited(live, survey.situation.memory):
        notes.append(inherited_note(live))
    endpoint = found.facts.cache.endpoint
    if endpoint is not None and isinstance(found.wish, Wanted):
        half = survey.registry.half_renamed.get(found.arn)
        own = {each.database.name for each in (live, half) if each is not None}
        others = [name for name in survey.registry.by_uri.get(endpoint.uri, ()) if name not in own]
        if others:
            text = f"also registered as {', '.join(others)}"
            notes.append(Note(NoteCode.SAME_URI_ELSEWHERE, endpoint.uri, text))
    return tuple(notes)


def is_inherited(live: Owned, memory: Memory) -> bool:
    """True for a registration of ours that the journal does not know (R2)."""
    known = memory.registrations.get(live.database.name)
    return known is None or known.arn != live.cache.arn


def inherited_note(live: Owned) -> Note:
    """The note on an inherited registration."""
    text = "registered by an earlier state file, host or shard; its misses count from now"
    return Note(NoteCode.INHERITED, live.database.name, text)


def _unready_text(found: Found) -> str:
    wish = found.wish
    findings = wish.iam.findings if isinstance(wish, Wanted) and wish.iam is not None else ()
    return findings[0].message if findings else "no user can log in with IAM"


def _changed_text(changes: Iterable[Change]) -> str:
    names = [change.field.rsplit("/", 1)[-1].replace("~1", "/") for change in changes]
    shown = ", ".join(names[:4])
    return f"differs in {shown}" + (f" and {len(names) - 4} more" if len(names) > 4 else "")
