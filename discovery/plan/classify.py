"""Decide once what becomes of each found cache: before names, policy and guard (R4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from discovery.model.codes import Reason
from discovery.model.values import Arn
from discovery.plan.desired import (
    Blocked,
    Desired,
    Matched,
    Register,
    Skip,
    Undetermined,
    Unreadable,
)
from discovery.plan.facts import CacheFacts
from discovery.plan.iam.findings import USERS_ADVICE
from discovery.plan.inputs import ObservedCache
from discovery.plan.registration_index import Owned, RegistrationIndex

_REMOVAL_REASON = {
    Reason.NO_MATCHER: Reason.UNMATCHED,
    Reason.EXCLUDED: Reason.EXCLUDED,
    Reason.DELETING: Reason.DELETING,
    Reason.ENGINE: Reason.INELIGIBLE,
    Reason.CREATE_FAILED: Reason.INELIGIBLE,
    Reason.PUBLIC: Reason.INELIGIBLE,
}
"""Reason to remove a registration, by the reason to skip its cache.

Other reasons to skip pass by themselves, so they remove nothing.
"""


class DecisionKind(Enum):
    """What becomes of a found cache: the eight cases that a plan knows."""

    NEW = "NEW"
    """To be registered."""
    KEEP = "KEEP"
    """Registered; updated under its present name where something differs."""
    RENAME = "RENAME"
    """Registered; to have another name."""
    FINISH_RENAME = "FINISH_RENAME"
    """Registered under two names, since a crash cut its rename in two (R6)."""
    REMOVE = "REMOVE"
    """Registered, and no longer wanted."""
    HOLD = "HOLD"
    """Left as it is until something was read, or AWS is done with it."""
    BLOCK = "BLOCK"
    """Left as it is until what prevents it has changed."""
    SKIP = "SKIP"
    """Not registered, and not to be."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One found cache and what becomes of it."""

    found: ObservedCache
    kind: DecisionKind
    reason: Reason | None = None
    """Set when the kind is REMOVE, HOLD, BLOCK or SKIP."""
    message: str = ""

    @property
    def arn(self) -> Arn:
        """The ARN of the cache."""
        return self.found.arn

    @property
    def desired(self) -> Register:
        """What the cache is to be registered as; only of kinds that register."""
        assert isinstance(self.found.desired, Register)  # noqa: S101 - by its kind
        return self.found.desired

    @property
    def live(self) -> Owned:
        """The registration of the cache; only of kinds that have one."""
        assert self.found.live is not None  # noqa: S101 - by its kind
        return self.found.live


def classify(found: ObservedCache, registry: RegistrationIndex) -> Decision:
    """Decide what becomes of a found cache."""
    live, desired = found.live, found.desired
    if live is None:
        return _classify_new(found)
    reason = removal_reason(found.facts, desired)
    if reason is not None:
        return Decision(found, DecisionKind.REMOVE, reason, _removal_text(desired))
    if not isinstance(desired, Register):
        return _classify_kept(found, live, desired)
    if found.arn in registry.half_renamed:
        return Decision(found, DecisionKind.FINISH_RENAME)
    # A name tag counts only when tags were read in this scan (R12).
    if live.database.name != desired.name.value and found.facts.tags_read_now:
        return Decision(found, DecisionKind.RENAME)
    return Decision(found, DecisionKind.KEEP)


def removal_reason(facts: CacheFacts, desired: Desired) -> Reason | None:
    """Find the reason to remove a cache's registration; None when there is none.

    Where AWS's answer left a fact out there is none: a remembered value is no evidence (R1).
    """
    if facts.remembered or facts.missing:
        return None
    if isinstance(desired, Skip):
        return _REMOVAL_REASON.get(desired.reason)
    return Reason.UNREADY if isinstance(desired, Matched) and desired.is_unready else None


def _classify_new(found: ObservedCache) -> Decision:
    desired = found.desired
    match desired:
        case Register():
            block = desired.iam_block
            if block is None:
                return Decision(found, DecisionKind.NEW)
            return Decision(found, DecisionKind.BLOCK, block, _iam_text(desired, block))
        case Skip():
            kind = DecisionKind.SKIP
        case Undetermined():
            kind = DecisionKind.HOLD
        case Blocked() | Unreadable():
            kind = DecisionKind.BLOCK
        case _:
            assert_never(desired)
    return Decision(found, kind, desired.reason, desired.message)


def _classify_kept(
    found: ObservedCache, live: Owned, desired: Blocked | Skip | Undetermined | Unreadable
) -> Decision:
    """Leave a registration as it is, because its cache cannot be judged or has to wait."""
    stays = "the registration stays as it is"
    if isinstance(desired, Blocked | Unreadable):
        text = f"{stays}: {desired.message}"
        return Decision(found, DecisionKind.BLOCK, desired.reason, text)
    if isinstance(desired, Skip) and desired.reason in _REMOVAL_REASON:
        members = " and ".join(found.facts.remembered)
        text = (
            f"{stays}: {desired.message}, but AWS's answer leaves out {members}, and what is "
            "remembered of that removes nothing; the next sweep asks again"
        )
        return Decision(found, DecisionKind.BLOCK, Reason.UNREADABLE, text)
    reason = Reason.NOT_READY_YET if isinstance(desired, Skip) else desired.reason
    text = f"{live.database.name} stays registered: {desired.message}"
    return Decision(found, DecisionKind.HOLD, reason, text)


def _iam_text(desired: Register, block: Reason) -> str:
    requires = f"matcher {desired.matcher.name} requires a user that can log in with IAM"
    if block is Reason.IAM_NOT_READY:
        return f"{requires}; mend what the IAM findings say, which `cachemuster audit` shows"
    return f"{requires}, and nobody can tell; {USERS_ADVICE}"


def _removal_text(desired: Desired) -> str:
    if isinstance(desired, Skip):
        return desired.message
    iam = desired.iam if isinstance(desired, Matched) else None
    findings = iam.findings if iam is not None else ()
    return findings[0].message if findings else "no user can log in with IAM"
