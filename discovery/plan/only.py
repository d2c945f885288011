"""Whether anything is in what `--only` names: a slip must not look like a sweep without news."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from discovery.model.values import Scope
from discovery.plan.targets import ScopeFilter, Targets
from matchers.regions import ScopeMembership


class NoSuchScope(Exception):
    """`--only` names what is neither a target nor holds a registration of ours."""


def check_named_scopes(
    targets: Targets, *, scanned: Collection[Scope], registered: Iterable[Scope]
) -> None:
    """Check each scope of `--only`. What hangs on a list that was not read may be there.

    Raises: NoSuchScope.
    """
    held = frozenset(registered)
    unknown = [each for each in targets.part.only if not _fits(each, targets, scanned, held)]
    if unknown:
        lines = (*(_about(scope, targets) for scope in unknown), "Nothing was written.")
        raise NoSuchScope("\n".join(lines))


def _fits(
    scope: Scope, targets: Targets, scanned: Collection[Scope], held: frozenset[Scope]
) -> bool:
    part = ScopeFilter(only=(scope,))
    if scope in scanned or any(part.covers(each) for each in held):
        return True
    return targets.membership(scope) is not ScopeMembership.OUT_OF_SCOPE


def _about(scope: Scope, targets: Targets) -> str:
    regions = targets.accounts.get(scope.account_id)
    if scope.region is None or regions is None:
        what = "no such account is configured or listed"
        near = _nearest(scope.account_id, targets.accounts)
    elif targets.excludes(scope):
        what, near = "aws.exclude_regions leaves that region out", ()
    else:
        what = f"account {scope.account_id} has no such region that is configured and enabled"
        near = _nearest(scope.region, regions.listed)
    hint = f". Nearest: {', '.join(near)}" if near else ""
    return f"--only {scope}: {what}, and nothing of ours is registered there{hint}."


def _nearest(word: str, known: Iterable[str]) -> tuple[str, ...]:
    return tuple(difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.0))
