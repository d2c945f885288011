"""What every report must satisfy, and what the registry must contain once faults have ended."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from discovery.reports.document import document
from discovery.reports.exit import exit_code
from discovery.reports.report import Report
from discovery.reports.schema import committed_schema
from discovery.sandbox.aws.world import World
from tests.faults.expected_state import Expected, expected, find, is_unfinished, owner_of, scope_of
from tests.faults.observation import Registered, rows
from tests.faults.registries import Resource
from tests.faults.settings import Settings

_VALIDATOR = Draft202012Validator(committed_schema())
_DUPLICATES = frozenset({"DUPLICATE_REGISTRATION", "REGISTRY_UNREAD"})
"""Reasons of a second registration of one cache: by the list, or by what is remembered alone."""


def report_problems(report: Report) -> Iterator[str]:
    """List what is wrong with a report by itself."""
    shown = json.loads(json.dumps(document(report)))
    yield from (f"schema: {error.message}" for error in _VALIDATOR.iter_errors(shown))
    code = int(exit_code(report))
    if code != _code(report, shown):
        yield f"exit code {code} instead of {_code(report, shown)}"
    names = Counter(
        item["previous_name"] or item["name"] for item in shown["items"] if item["database"]
    )
    held = {item["name"] for item in shown["items"] if item["action"] == "blocked"}
    yield from (f"{n} is reported {k} times" for n, k in names.items() if k > 1 and n not in held)
    arns = Counter(item["arn"] for item in shown["items"] if item["reason"] not in _DUPLICATES)
    yield from (f"{arn} is reported {k} times" for arn, k in arns.items() if arn and k > 1)


def _code(report: Report, shown: Mapping[str, Any]) -> int:
    """discovery/README: Exit codes, read once more."""
    if report.interrupted:
        return 130
    if report.error is not None:
        return 1
    if shown["guard"]["refused"] or report.plan_changed:
        return 4
    failed = any(scope["status"] == "failed" for scope in shown["scopes"])
    return 3 if failed or any(item["error"] for item in shown["items"]) else 0


_HISTORY = """
    SELECT id, at, sweep_id, arn, name, previous_name, action, reason, message, event, changes
    FROM history ORDER BY id
"""
_JOURNAL = "SELECT id, kind, arn, name, previous_name, at, outcome, proven_at FROM journal"


@dataclass
class Rows:
    """History and journal as they were last seen. The history only grows; what is closed in the
    journal may go once it is older than the window, a write that failed or was abandoned once the
    same one was tried again; an abandoned change of origin counts as a removal and stays."""

    history: tuple[Any, ...] = ()
    journal: Mapping[int, Any] = field(default_factory=dict)
    shortest: timedelta = timedelta.max
    """The least window that was configured since the state was new."""

    def lost_rows(self, state: Path, window: timedelta) -> Iterator[str]:
        """List the rows that were lost or altered since."""
        self.shortest = min(self.shortest, window)
        history = tuple(rows(state, _HISTORY))
        journal: dict[int, Any] = {int(str(row[0])): row for row in rows(state, _JOURNAL)}
        [(latest,)] = rows(state, "SELECT max(proven_at) FROM sweeps") or [(None,)]
        if history[: len(self.history)] != self.history:
            yield f"history was altered in {state.name}"
        for number, before in self.journal.items():
            now = journal.get(number)
            if now is None:
                if not self._may_go(
                    before, None if latest is None else str(latest), journal.values()
                ):
                    yield f"the journal lost {before} in {state.name}"
            elif now[:6] != before[:6] or (before[6] is not None and now[6] != before[6]):
                yield f"the journal altered {before} in {state.name}"
        self.history, self.journal = history, journal

    def _may_go(self, row: Any, latest: str | None, journal: Iterable[Any]) -> bool:
        number, kind, arn, name, _, _, outcome, proven_at = row
        if outcome is None:
            return False
        if outcome == "failed" or (outcome == "abandoned" and kind != "replace"):
            same = (each for each in journal if each[1:4] == (kind, arn, name))
            if any(each[0] > number for each in same):
                return True
        if latest is None:
            return False
        dated = datetime.fromisoformat(proven_at or latest)
        return datetime.fromisoformat(latest) - dated >= self.shortest or proven_at is None


@dataclass(frozen=True)
class Owner:
    """One agent, as far as it matters who removes what."""

    settings: Settings
    covers: Callable[[str], bool]
    """Whether an account is this shard's."""
    made: Set[Registered]
    """Registrations that are surely its own."""
    lacks_most: bool = False
    """Whether most of what it remembers is not ours any more, so that a person has to look."""

    @property
    def removes(self) -> bool:
        """Whether it ever removes anything, the old half of a rename included."""
        settings = self.settings
        return settings.policy == "sync" and settings.max_count > 0 and not self.lacks_most

    def has_to_remove(self, name: str, arn: str, world: World) -> bool:
        """Whether it is for this agent to remove what no agent wants."""
        settings, place = self.settings, find(world, arn)
        account_id, region = scope_of(arn)
        if not self.removes or not self.covers(account_id):
            return False
        is_own = (name, arn) in self.made
        if not settings.covers(account_id, region, world.accounts[account_id].enabled):
            return is_own and settings.out_of_scope == "remove"
        if place is None:
            return True
        return is_own and not is_unfinished(place.cache)


@dataclass
class ConvergenceCheck:
    """Compares the registry with what should be registered once faults have ended."""

    world: World
    owners: Sequence[Owner]
    registry: Mapping[str, Resource]
    registered_by_people: frozenset[str]
    """Names under which people have registered something by hand."""

    def problems(self) -> Iterator[str]:
        """All that is not as it should be."""
        targets: dict[str, Expected] = {}
        for owner in self.owners:
            targets = expected(self.world, owner.settings) | targets
        ours: dict[str, list[Resource]] = defaultdict(list)
        for resource in self.registry.values():
            if (arn := owner_of(resource.labels, resource.spec)) is not None:
                ours[arn].append(resource)
        for arn, found in ours.items():
            left = [each.name for each in found if self._has_to_go(each.name, arn)]
            if arn not in targets and left:
                yield f"left over: {left} for {arn}"
            # Of an earlier state or another shard it is inherited, and a person has to adopt it.
            made = [each.name for each in found if self._is_sure(each.name, arn)]
            # A rename that is half done goes on when its cache has a legal name again.
            waits = arn in targets and not targets[arn].is_legal
            if len(made) > 1 and self._removes and not waits:
                yield f"registered twice: {made} for {arn}"
        for arn, target in targets.items():
            yield from self._missing_or_wrong(target, ours.get(arn, []), targets)

    @property
    def settings(self) -> Settings:
        """Names, labels and habits are the same for all agents."""
        return self.owners[0].settings

    @property
    def _removes(self) -> bool:
        return self.owners[0].removes

    def _is_sure(self, name: str, arn: str) -> bool:
        by_agents = any((name, arn) in owner.made for owner in self.owners)
        return by_agents and name not in self.registered_by_people

    def _has_to_go(self, name: str, arn: str) -> bool:
        return any(owner.has_to_remove(name, arn, self.world) for owner in self.owners)

    def _missing_or_wrong(
        self, target: Expected, found: list[Resource], targets: Mapping[str, Expected]
    ) -> Iterator[str]:
        named = [each for each in found if each.name == target.name]
        if named:
            yield from self._differing(target, named[0], found)
        elif not self._is_blocked(target, found, targets):
            names = [each.name for each in found]
            yield f"not registered: {target.name} for {target.arn}, but {names or 'nothing'}"

    def _is_blocked(
        self, target: Expected, found: list[Resource], targets: Mapping[str, Expected]
    ) -> bool:
        """Whether something a person must change stands in the way."""
        if not target.is_legal or (target.may_be_missing and not found):
            return True
        if found and not self._removes:
            return True  # it is to be renamed
        taken = {
            name.casefold()
            for name, each in self.registry.items()
            if owner_of(each.labels, each.spec) != target.arn
        }
        rivals = [
            each for each in targets.values() if each.name.casefold() == target.name.casefold()
        ]
        return target.name.casefold() in taken or len(rivals) > 1

    def _differing(self, target: Expected, named: Resource, found: list[Resource]) -> Iterator[str]:
        """What is wrong with the one that has the wanted name. If people have made it, it does not
        count beside one that an agent has made."""
        is_copy = named.name in self.registered_by_people
        if not (is_copy and any(self._is_sure(each.name, target.arn) for each in found)):
            yield from self._wrong(target, named)

    def _wrong(self, target: Expected, found: Resource) -> Iterator[str]:
        origin = found.labels.get("teleport.dev/origin")
        if self.settings.policy == "create-only" or (
            self.settings.policy == "upsert-only" and origin != self.settings.origin
        ):
            return  # another origin needs a removal
        kept = {
            key: value
            for key, value in found.labels.items()
            if any(fnmatchcase(key, glob) for glob in self.settings.keep_labels)
        }
        labels = {**kept, **target.labels}
        if dict(found.labels) != labels:
            odd = sorted(set(found.labels.items()) ^ set(labels.items()))
            yield f"{target.name} has wrong labels: {odd}"
        if found.spec.get("uri") != target.uri:
            yield f"{target.name} leads to {found.spec.get('uri')} instead of {target.uri}"
