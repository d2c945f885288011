"""Choose how each cache of a scope is repaired: one way, the least intrusive. Pure.

Where nobody can log in, a member is switched on before a user who is there is added, and that
before one is created. Steps that take access away from anybody are left to a person, unless
nothing else lets somebody in. What is expected after each step is judged again, so that what hides
behind it is repaired too, and what caches share is repaired once.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from discovery.model.codes import FindingCode, Severity
from discovery.model.repair_steps import (
    AttachGroup,
    Comment,
    Count,
    CreateGroup,
    ModifyGroup,
    ModifyUser,
    RaiseVersion,
    RepairStep,
    RepairSteps,
    Wait,
    Waited,
    cuts_off,
)
from discovery.model.values import (
    UNKNOWN,
    CacheUser,
    Finding,
    KnownCache,
    UnknownType,
    UserGroup,
    UsersAndGroups,
)
from discovery.plan.iam.effects import Facts, facts_after
from discovery.plan.iam.members import (
    candidates,
    current_members,
    is_default,
    is_on,
    is_service_owned,
    obstacle,
)
from discovery.plan.iam.repairs import Repairs
from discovery.plan.iam.verdict import iam_verdict

Selects = Callable[[Finding], bool]
"""Tells whether a finding is to be repaired."""

MOST_OF_A_KIND: Final = 2
"""Ways of one kind that are shown: users to switch on, to add, to make IAM."""
_MOST_REPAIRS: Final = 200
"""Repairs of one cache, more than the members of a group."""

_USER_ID: Final = re.compile("[a-zA-Z][a-zA-Z0-9-]*")
"""What requests that change a group take (the service model of botocore)."""
_PRINTABLE: Final = re.compile("[ -~]+")
_F = FindingCode


@dataclass(frozen=True, slots=True)
class Repair:
    """How one finding on a cache is repaired."""

    finding: Finding
    steps: RepairSteps
    """Empty: nothing is done by itself."""
    alternatives: tuple[RepairSteps, ...] = ()
    """Other ways, for a person to choose: instead of `steps` if there are any."""


@dataclass(frozen=True, slots=True)
class CacheRepairs:
    """How one cache is repaired, in order."""

    cache: KnownCache
    repairs: tuple[Repair, ...]
    """Empty: what was wrong is repaired with an earlier cache of the scope."""


def repairs_in_scope(
    caches: Iterable[KnownCache],
    users_and_groups: UsersAndGroups | UnknownType,
    selects: Selects,
) -> tuple[CacheRepairs, ...]:
    """Choose the repairs of caches of one scope; caches without a selected finding are left out."""
    selected = [
        cache
        for cache in caches
        if any(map(selects, iam_verdict(cache, users_and_groups).findings))
    ]
    chosen = []
    for cache in selected:
        repairs, (_, users_and_groups) = _repair((cache, users_and_groups), selects)
        chosen.append(CacheRepairs(cache, repairs))
    return tuple(chosen)


def _repair(facts: Facts, selects: Selects) -> tuple[tuple[Repair, ...], Facts]:
    """Choose the repairs of one cache; returns them and what is expected afterwards."""
    repairs: list[Repair] = []
    seen: set[tuple[FindingCode, str]] = set()
    while len(repairs) < _MOST_REPAIRS:
        finding = _next_finding(facts, selects, seen)
        if finding is None:
            break
        seen.add((finding.code, finding.subject))
        repair = _repair_for(finding, facts)
        repairs.append(repair)
        facts = facts_after(repair.steps, facts)
    return tuple(repairs), facts


def _next_finding(
    facts: Facts, selects: Selects, seen: set[tuple[FindingCode, str]]
) -> Finding | None:
    findings = filter(selects, iam_verdict(*facts).findings)
    return next((each for each in findings if (each.code, each.subject) not in seen), None)


def _repair_for(finding: Finding, facts: Facts) -> Repair:
    ways: tuple[RepairSteps, ...] = (finding.steps,)
    if finding.code is _F.NO_IAM_USER:
        ways = tuple(_ways_in(*facts))
    ways = tuple(filter(_is_for_a_script, ways))
    if not ways:
        return Repair(finding, ())
    first, others = ways[0], ways[1:]
    if cuts_off(first) and finding.severity is not Severity.BLOCKER:
        return Repair(finding, (), (first, *others))
    return Repair(finding, first, others)


def _ways_in(cache: KnownCache, known: UsersAndGroups | UnknownType) -> Iterator[RepairSteps]:
    """Ways to let somebody log in through a group in which nobody can, the least intrusive first.

    Raises: KeyError where the group is not known, which then has another finding.
    """
    if known is UNKNOWN:
        return
    repairs, group = Repairs(cache, known), known.groups[cache.user_group_id or ""]
    if is_service_owned(group.group_id):
        yield repairs.new_member(group)
        return
    members = tuple(_changeable_members(group, known))
    disabled = [user for user in members if user.authentication == "iam"]
    unused = [user for user in members if user not in disabled and not is_on(user.access_string)]
    used = [user for user in members if user not in disabled and user not in unused]
    joining = heapq.nsmallest(MOST_OF_A_KIND, candidates(group, known), key=_preference)
    yield from (repairs.fix_user(user, group) for user in disabled[:MOST_OF_A_KIND])
    yield from (repairs.add(user_id, group) for user_id in joining)
    yield from (repairs.fix_user(user, group) for user in unused[:MOST_OF_A_KIND])
    yield repairs.new_member(group)
    yield from (repairs.fix_user(user, group) for user in used[:MOST_OF_A_KIND])


def _changeable_members(group: UserGroup, known: UsersAndGroups) -> Iterator[CacheUser]:
    """Members who can log in with IAM once their access string or authentication is changed."""
    changeable = {_F.PASSWORDLESS_USER, _F.USER_NOT_IAM, _F.USER_DISABLED}
    for user_id in current_members(group):
        user = known.users.get(user_id)
        if user is None or is_default(user_id, user) or is_service_owned(user_id):
            continue
        fits = obstacle(_as_iam_user(user), group) is None
        if fits and obstacle(user, group) in changeable:
            yield user


def _as_iam_user(user: CacheUser) -> CacheUser:
    return replace(user, authentication="iam", access_string="on")


def _preference(user_id: str) -> tuple[bool, str]:
    """Users made for Teleport first, as this program names them."""
    return (not user_id.startswith("teleport"), user_id)


def _is_for_a_script(steps: RepairSteps) -> bool:
    """True for steps that change something, or wait for what surely ends.

    A user in a state that nobody knows may stay so for good. Ids of other characters than AWS
    allows are left to a person.
    """
    changes = [step for step in steps if not isinstance(step, Comment)]
    if not changes or any(isinstance(step, Count) for step in changes):
        return False
    if all(isinstance(step, Wait) and step.kind is Waited.USER for step in changes):
        return False
    return all(map(_is_legal, changes))


def _is_legal(step: RepairStep) -> bool:
    """True for ids that AWS gives: others are not taken back by all of its requests."""
    match step:
        case ModifyUser(user_id) | Wait(Waited.USER, user_id):
            return _USER_ID.fullmatch(user_id) is not None
        case CreateGroup(group_id, _, users):
            return _are_legal(group_id, users)
        case ModifyGroup(group_id, add, remove):
            return _are_legal(group_id, (*add, *remove))
        case Wait(_, name) | RaiseVersion(name) | AttachGroup(name):
            return _PRINTABLE.fullmatch(name) is not None
        case _:
            return True


def _are_legal(group_id: str, user_ids: tuple[str, ...]) -> bool:
    return all(map(_USER_ID.fullmatch, user_ids)) and _PRINTABLE.fullmatch(group_id) is not None
