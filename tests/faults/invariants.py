"""Checks every write against the rules, at the moment at which it happens.

It knows the truth of the world, what each scan covered, whom the list has shown, and what was asked
before a removal. It asks nothing of the plan (R1, R2, R3, R6, R10, R12).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from discovery.model.values import Complete, Database, Scanned
from discovery.reports.report import Report
from discovery.sandbox.aws.calls import Call
from discovery.sandbox.aws.world import World
from discovery.sweep.scan import Scan
from tests.faults.expected_state import caches, owner_of, scope_of
from tests.faults.observation import Observation, Snapshot, StateLifetime, current, rows
from tests.faults.registries import Registry, Resource
from tests.faults.settings import may_take
from tests.faults.sim_clock import SimClock

AT_ONCE = frozenset({"DELETING", "EXCLUDED"})
_KINDS = {
    "create": ("create", "rename", "replace"),
    "update": ("update",),
    "delete": ("delete", "rename", "replace"),
}
_INTENTS = """
    SELECT kind, reason, arn, name, previous_name FROM journal
    WHERE outcome IS NULL AND (name = ?1 OR previous_name = ?1) ORDER BY id DESC
"""


@dataclass(frozen=True)
class Intent:
    """A row of the journal that stands open."""

    kind: str
    reason: str
    arn: str
    name: str
    previous_name: str | None


@dataclass
class InvariantChecker:
    """Checks the writes of one run."""

    world: World
    clock: SimClock
    registry: Registry
    violation: Callable[[str, str], None]
    """Called with the invariant that was violated, and what happened."""
    between_calls: Callable[[], None] = lambda: None
    """Called before each call of the agent: people may act first."""
    current: Observation | None = None
    """The agent run that has read the list last; others do not act meanwhile."""
    open: list[Observation] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)
    races: int = 0
    """Writes to what became another's after it was read: no server can tell."""
    changed_at: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    """When people last changed a resource: the time, and how many calls there had been."""
    read_at: dict[str, int] = field(default_factory=dict)
    """Of each resource, how many calls there had been when it was last read."""
    unknowable: set[str] = field(default_factory=set)
    """Registrations that a short list did not show to an agent whose state never knew them: what is
    registered beside them is reported as a duplicate, and waits for people."""
    wrote_at: dict[str, datetime] = field(default_factory=dict)
    """When the agent last wrote a resource."""
    made_by: dict[str, tuple[StateLifetime, datetime, int]] = field(default_factory=dict)
    """Which state file's agent last made a resource: when, and after how many calls."""
    calls: int = 0
    lag: timedelta = timedelta(0)
    """How long after a write reads may still show what was before."""
    is_blind: bool = False
    """True while the agent's role does not let it see all that is its own."""

    # -- what it sees ----------------------------------------------------------------------------

    def snapshot(self, observation: Observation) -> Snapshot:
        """Take a snapshot of the world as it is now."""
        owners = (owner_of(each.labels, each.spec) for each in self.registry.all().values())
        arns = {arn for arn in owners if arn is not None}
        return Snapshot.at(self.world, observation.settings, arns, self.clock.world())

    def before_change(self) -> None:
        """Called before people change something."""
        for observation in self.open:
            if observation.after is not None:
                observation.past.append(self.snapshot(observation))

    def scanned(self, observation: Observation, before: Snapshot, found: Scan) -> None:
        """A scan is over. What counts as whole has to be whole (R1)."""
        observation.before, observation.after = before, self.snapshot(observation)
        observation.past.clear()
        observation.results = _by_scope(found.results)
        for place in caches(self.world):
            seen = observation.lifetime.tags.setdefault(place.cache.arn, [])
            for tags in (place.tags, place.tags_by_index(self.clock.world())):
                if tags not in seen:
                    seen.append(dict(tags))
        for scope, result in observation.results.items():
            if isinstance(result, Complete):
                stayed = before.present.get(scope, frozenset()) & observation.after.present.get(
                    scope, frozenset()
                )
                lacking = {name for name, _ in stayed} - {cache.name for cache in result.caches}
                if lacking:
                    self.violation("R1", f"a scan of {scope} counts as complete without {lacking}")

    def asked(self, call: Call) -> None:
        """AWS has answered a question."""
        if call.error not in (None, "ServerlessCacheNotFoundFault"):
            return
        scope = (str(call.account_id), call.region)
        for observation in self.open:
            if observation.after is None:
                continue
            moment = len(observation.past)
            if name := call.members.get("ServerlessCacheName"):
                arn = f"arn:aws:elasticache:{scope[1]}:{scope[0]}:serverlesscache:{name}"
                observation.described[arn] = moment
            elif call.operation == "ListTagsForResource":
                observation.tagged[str(call.members["ResourceName"])] = moment
            elif call.operation in ("DescribeUsers", "DescribeUserGroups"):
                observation.directories[scope] = moment

    def called(self, call: str, name: str) -> None:
        """The agent calls the control plane."""
        self.calls += 1
        self.between_calls()
        self.calls += 1
        if call == "get":
            self.read_at[name] = self.calls
            observation = self.current
            if (
                observation is not None
                and not observation.touched
                and self.registry.get(name) is not None
            ):
                observation.looked_up.add(name)

    def listed(self, found: tuple[Database, ...]) -> None:
        """The agent has read the list; it plans now."""
        observation = current()
        self.current = observation
        observation.began_at_call = self.calls
        observation.planned_at = self.clock.agent()
        observation.planned_in_world = self.clock.world()
        observation.listed = frozenset(str(each.name) for each in found)
        known = rows(observation.state, "SELECT name, arn FROM registrations")
        observation.remembered = {str(name): str(arn) for name, arn in known}
        owners = ((str(each.name), owner_of(each.labels, each.spec)) for each in found)
        observation.ours = frozenset((name, arn) for name, arn in owners if arn is not None)
        observation.population = max(len(observation.ours), len(observation.remembered))

    def changed_by_people(self, name: str) -> None:
        """People have changed a resource of the registry."""
        self.changed_at[name] = (self.clock.world(), self.calls)

    # -- a write ---------------------------------------------------------------------------------

    def written(
        self, what: str, name: str, standing: Resource | None, new: Resource | None
    ) -> None:
        """Check a write that happens now."""
        observation = self.current
        if observation is None or observation.is_dry:
            self.violation("R5", f"{what} of {name} by what may only read")
            return
        self.writes[what] += 1
        self.wrote_at[name] = self.clock.world()
        if observation.is_paused:
            self.violation("pause", f"{what} of {name} during a pause")
        intent = self._intent(observation, what, name)
        if intent is None:
            self.violation("journal", f"{what} of {name} without an intent")
            return
        observation.touched.add(intent.arn)
        if self._is_not_ours(name, standing, intent):
            return
        self._check_policy(observation, what, intent)
        if what == "create":
            self._check_create(observation, intent, new)
            self.made_by[name] = (observation.lifetime, self.clock.world(), self.calls)
            observation.lifetime.made.add((name, intent.arn))
            observation.lifetime.claims.add((name, intent.arn))
        elif what == "delete":
            self._check_claim(observation, name, intent)
            self._check_delete(observation, name, intent)
            observation.lifetime.made.discard((name, intent.arn))
            observation.lifetime.claims.discard((name, intent.arn))

    def _intent(self, observation: Observation, what: str, name: str) -> Intent | None:
        found = [Intent(*row) for row in rows(observation.state, _INTENTS, name)]  # type: ignore[arg-type]
        return next((each for each in found if each.kind in _KINDS[what]), None)

    def _is_not_ours(self, name: str, standing: Resource | None, intent: Intent) -> bool:
        """Whether what is overwritten or removed is not ours, or another cache's (R2)."""
        if standing is None or owner_of(standing.labels, standing.spec) == intent.arn:
            return False
        put = self.changed_at.get(name)
        if put is not None and self._could_not_know(name, put):
            self.races += 1
        else:
            self.violation("R2", f"{intent.kind} wrote to {name}, which is not ours: {standing}")
        return True

    def _could_not_know(self, name: str, put: tuple[datetime, int]) -> bool:
        """Whether people were there after the agent had looked, or its look was of before."""
        return put[1] >= self.read_at.get(name, 0) or self._is_hidden(put[0])

    def _is_hidden(self, at: datetime) -> bool:
        """Whether reads may still show what was before that moment."""
        return self.clock.world() - at <= self.lag

    def _check_policy(self, observation: Observation, what: str, intent: Intent) -> None:
        policy = observation.settings.policy
        is_new = intent.kind == "create"
        if policy == "create-only" and not is_new:
            self.violation("policy", f"{intent.kind} of {intent.name} under create-only")
        if policy == "upsert-only" and intent.kind not in ("create", "update"):
            self.violation("policy", f"{intent.kind} of {intent.name} under upsert-only")
        if not observation.is_complete(intent.arn) and intent.reason != "OUT_OF_SCOPE":
            self.violation("R1", f"{what} of {intent.name}, whose scope was not read to its end")

    def _check_create(self, observation: Observation, intent: Intent, new: Resource | None) -> None:
        assert new is not None
        if owner_of(new.labels, new.spec) != intent.arn:
            self.violation("R2", f"{new.name} was registered for another cache than was journaled")
        if intent.kind != "create":
            return
        moments = (
            observation.before,
            observation.after,
            *observation.past,
            self.snapshot(observation),
        )
        seen = [each for each in moments if each is not None]
        recreated = len({each.created_at.get(intent.arn) for each in seen}) > 1
        # Made anew between two questions of one scan, its parts are of two caches.
        if not recreated and not any(intent.arn in each.eligible for each in seen):
            self.violation("R1", f"{intent.name} was registered, which nothing asks for")
        duplicates = [
            each.name
            for each in self.registry.all().values()
            if owner_of(each.labels, each.spec) == intent.arn and not self._is_unseen(each.name)
        ]
        known = [
            name
            for name in duplicates
            if name in observation.listed or name in observation.remembered
        ]
        if not known:
            self.unknowable.update(duplicates)
        if known and not self.is_blind:
            self.violation("twice", f"{intent.name} was registered beside {known}")

    def _is_unseen(self, name: str) -> bool:
        """Whether no read shows yet what the agent has written."""
        wrote_at = self.wrote_at.get(name)
        return wrote_at is not None and self._is_hidden(wrote_at)

    # -- a removal -------------------------------------------------------------------------------

    def _check_claim(self, observation: Observation, name: str, intent: Intent) -> None:
        """No agent removes what it never made, adopted or matched (R2)."""
        goes = intent.reason in ("ABSENT", "DELETING") or intent.kind != "delete"
        pruned = intent.reason == "OUT_OF_SCOPE" and observation.prunes
        if goes or pruned or (name, intent.arn) in observation.lifetime.claims:
            return
        lifetime, at, calls = self.made_by.get(name, (observation.lifetime, self.clock.world(), -1))
        if lifetime is not observation.lifetime and self._could_not_know(name, (at, calls)):
            self.races += 1
        else:
            self.violation("R2", f"{name} was removed as {intent.reason} by who never had it")

    def _check_delete(self, observation: Observation, name: str, intent: Intent) -> None:
        observation.removals += 1
        observation.lifetime.removed_at.append(self.clock.world())
        if not observation.lifetime.runs and intent.kind == "delete":
            self.violation("R3", f"{name} was removed by the first sweep of a state file")
        if intent.kind == "rename":
            self._check_rename(observation, name, intent)
        elif intent.kind == "delete":
            for problem in self._removal_problems(observation, intent):
                self.violation("R3", f"{name} was removed as {intent.reason}: {problem}")

    def _check_rename(self, observation: Observation, name: str, intent: Intent) -> None:
        new = self.registry.get(intent.name)
        put = self.changed_at.get(intent.name, (self.clock.world(), -1))
        stands = new is not None and owner_of(new.labels, new.spec) == intent.arn
        if not stands and put[1] < observation.began_at_call:  # people did not take it away again
            self.violation("R12", f"{name} was removed before {intent.name} stood in its place")
        if intent.arn not in observation.tagged:
            self.violation("R12", f"{name} was renamed without a look at its tags")

    def _removal_problems(self, observation: Observation, intent: Intent) -> list[str]:
        """All that speaks against a removal."""
        problems = [
            *self._confirmation_problems(observation, intent),
            *self._waiting_problems(observation, intent),
        ]
        if intent.reason == "OUT_OF_SCOPE":
            if not (observation.prunes or observation.settings.out_of_scope == "remove"):
                problems.append("the configuration says to hold it")
        elif not observation.is_complete(intent.arn):
            problems.append("its scope was not read to its end")
        elif intent.reason == "EXCLUDED" and self._matching_before(observation) not in (
            None,
            observation.settings.matching,
        ):
            problems.append("matchers were edited since the last sweep")
        return problems

    def _confirmation_problems(self, observation: Observation, intent: Intent) -> list[str]:
        now, arn, reason = self.snapshot(observation), intent.arn, intent.reason
        asked: list[int | None]
        asked = [observation.described.get(arn)] if reason != "OUT_OF_SCOPE" else [0]
        if reason in ("UNMATCHED", "EXCLUDED"):
            asked.append(observation.tagged.get(arn))
        if reason == "UNREADY":
            asked.append(observation.directories.get(scope_of(arn)))
        if None in asked:
            return ["AWS was not asked once more"]
        since = min(moment for moment in asked if moment is not None)
        if observation.held_since(arn, reason, since, now) or (
            reason == "DELETING" and observation.held_since(arn, "ABSENT", since, now)
        ):
            return []
        return [f"it is not so; true is {sorted(now.reasons.get(arn, ()))}"]

    def _waiting_problems(self, observation: Observation, intent: Intent) -> list[str]:
        if intent.reason in AT_ONCE:
            return []
        count, since = self._held(observation, intent)
        settings = observation.settings
        assert observation.planned_at is not None
        problems = []
        if count < settings.missed_sweeps:
            problems.append(f"seen so in {count} complete scan(s) of {settings.missed_sweeps}")
        if since is not None and observation.planned_at - since < settings.grace:
            problems.append(f"the grace of {settings.grace} began at {since}")
        return problems

    def _held(self, observation: Observation, intent: Intent) -> tuple[int, datetime | None]:
        """In how many scans in a row the reason held, and since when the grace counts."""
        count, since, last, created_at = 0, None, None, None
        for each in (*observation.lifetime.runs, observation):
            shown = each.shows(intent.arn, intent.reason)
            assert each.planned_at is not None
            if shown is None:
                continue
            edited = (
                intent.reason in ("UNMATCHED", "EXCLUDED")
                and each.settings.matching != observation.settings.matching
            )
            recreated = (
                intent.reason != "OUT_OF_SCOPE" and each.created_at(intent.arn) != created_at
            )
            if not shown or edited or recreated:
                count, since, last, created_at = 0, None, None, each.created_at(intent.arn)
            if shown and not edited:
                count += 1
                if since is None or (last is not None and each.planned_at < last):
                    since = each.planned_at
                last = each.planned_at
        return count, since

    def _matching_before(self, observation: Observation) -> object:
        whole = [each for each in observation.lifetime.runs if not each.only]
        return whole[-1].settings.matching if whole else None

    # -- an agent run ends -----------------------------------------------------------------------

    def close(self, observation: Observation, report: Report | None) -> None:
        """Check an agent run as a whole: the budget, and whether the list was to be trusted."""
        self.open.remove(observation)
        if self.current is observation:
            self.current = None
        if observation.removals:
            self._check_budget(observation)
            self._check_list(observation)
        if report is None or report.error is not None or observation.planned_at is None:
            return
        if not observation.is_dry:
            # What a later scan had overtaken was not acted on, and says nothing.
            observation.results = _by_scope(report.scopes)
            observation.lifetime.runs.append(observation)
            self._remember_claims(observation)

    def _remember_claims(self, observation: Observation) -> None:
        """What the agent run can have matched is the agent's from now on; of what it has made, only
        what it has always been shown is so for sure."""
        lifetime, matchers = observation.lifetime, observation.settings.matchers
        for name, arn in observation.ours:
            place = scope_of(arn)
            cache = arn.rsplit(":", 1)[-1]
            if any(may_take(each, place, cache, lifetime.tags.get(arn, [])) for each in matchers):
                lifetime.claims.add((name, arn))
        lifetime.made = {
            (name, arn)
            for name, arn in lifetime.made
            if observation.covers(scope_of(arn)[0])
            and ((name, arn) in observation.ours or arn in observation.touched)
        }

    def _check_budget(self, observation: Observation) -> None:
        settings = observation.settings
        assert observation.planned_in_world is not None
        oldest = observation.planned_in_world - settings.window
        before = observation.lifetime.removed_at[: -observation.removals]
        # What a person allowed for one sweep is what still pended, whatever went before it.
        done = 0 if observation.allowed else sum(1 for at in before if at > oldest)
        limit = settings.limit(observation.population, observation.allowed)
        if observation.removals + done > limit:
            self.violation(
                "budget",
                f"{observation.removals} removals and {done} before, of {observation.population} "
                f"only {limit} may go",
            )
        found = [each for each in observation.results.values() if isinstance(each, Complete)]
        is_empty = not any(each.caches for each in found)
        if is_empty and not (observation.from_event or settings.allow_empty or observation.allowed):
            self.violation("budget", "removals although no cache was found anywhere")

    def _check_list(self, observation: Observation) -> None:
        in_part = {
            name
            for name, arn in observation.remembered.items()
            if observation.from_event or not observation.only or scope_of(arn) in observation.only
        }
        lacking = in_part - observation.listed - observation.looked_up
        if len(lacking) * 2 > len(in_part):
            self.violation("R10", f"removals although the list lacked {lacking} of {in_part}")


def _by_scope(results: Iterable[Scanned]) -> dict[tuple[str, str], Scanned]:
    return {
        (each.scope.account_id, each.scope.region): each
        for each in results
        if each.scope.region is not None
    }
