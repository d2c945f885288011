"""The court: every write is held against the rules, at the moment at which it happens.

It knows the truth of the world, what each scan covered, whom the list has shown, and what was asked
before a removal. It asks nothing of the plan (R1, R2, R3, R6, R10, R12).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from discovery.model import Complete, Database, Scanned
from discovery.reports.report import Report
from discovery.sandbox.aws.calls import Call
from discovery.sandbox.aws.world import World
from discovery.scan import Scan
from tests.faults.hearing import CURRENT, Glimpse, Hearing, Life, rows
from tests.faults.registries import Registry, Resource
from tests.faults.settings import may_take
from tests.faults.times import Times
from tests.faults.wanted import caches, owner_of, scope_of

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
class Court:
    """Judges one story."""

    world: World
    times: Times
    registry: Registry
    accuse: Callable[[str, str], None]
    """Called with the invariant that was violated, and what happened."""
    interlude: Callable[[], None] = lambda: None
    """Called before each call of the agent: people may be quicker."""
    current: Hearing | None = None
    """The round that has read the list last; others do not act meanwhile."""
    open: list[Hearing] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)
    races: int = 0
    """Writes to what became another's after it was read: no server can tell."""
    put_at: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    """When people last changed a resource: the time, and how many calls there had been."""
    read_at: dict[str, int] = field(default_factory=dict)
    """Of each resource, how many calls there had been when it was last read."""
    unknowable: set[str] = field(default_factory=set)
    """Registrations that a short list did not show to an agent whose state never knew them: what is
    registered beside them is told of as a duplicate, and waits for people."""
    wrote_at: dict[str, datetime] = field(default_factory=dict)
    """When the agent last wrote a resource."""
    made_by: dict[str, tuple[Life, datetime, int]] = field(default_factory=dict)
    """Which state file's agent last made a resource: when, and after how many calls."""
    calls: int = 0
    lag: timedelta = timedelta(0)
    """How long after a write reads may still show what was before."""
    is_blind: bool = False
    """True while the agent's role does not let it see all that is its own."""

    # -- what it sees ----------------------------------------------------------------------------

    def glimpse(self, hearing: Hearing) -> Glimpse:
        """The world now."""
        owners = (owner_of(each.labels, each.spec) for each in self.registry.all().values())
        arns = {arn for arn in owners if arn is not None}
        return Glimpse.at(self.world, hearing.settings, arns, self.times.world())

    def before_deed(self) -> None:
        """People are about to do something."""
        for hearing in self.open:
            if hearing.after is not None:
                hearing.past.append(self.glimpse(hearing))

    def scanned(self, hearing: Hearing, before: Glimpse, found: Scan) -> None:
        """A scan is over. What counts as whole has to be whole (R1)."""
        hearing.before, hearing.after = before, self.glimpse(hearing)
        hearing.past.clear()
        hearing.results = _by_scope(found.results)
        for place in caches(self.world):
            seen = hearing.life.tags.setdefault(place.cache.arn, [])
            for tags in (place.tags, place.tags_by_index(self.times.world())):
                if tags not in seen:
                    seen.append(dict(tags))
        for scope, result in hearing.results.items():
            if isinstance(result, Complete):
                stayed = before.there.get(scope, frozenset()) & hearing.after.there.get(
                    scope, frozenset()
                )
                lacking = {name for name, _ in stayed} - {cache.name for cache in result.caches}
                if lacking:
                    self.accuse("R1", f"a scan of {scope} counts as complete without {lacking}")

    def asked(self, call: Call) -> None:
        """AWS has answered a question."""
        if call.error not in (None, "ServerlessCacheNotFoundFault"):
            return
        scope = (str(call.account_id), call.region)
        for hearing in self.open:
            if hearing.after is None:
                continue
            moment = len(hearing.past)
            if name := call.members.get("ServerlessCacheName"):
                arn = f"arn:aws:elasticache:{scope[1]}:{scope[0]}:serverlesscache:{name}"
                hearing.described[arn] = moment
            elif call.operation == "ListTagsForResource":
                hearing.tagged[str(call.members["ResourceName"])] = moment
            elif call.operation in ("DescribeUsers", "DescribeUserGroups"):
                hearing.directories[scope] = moment

    def called(self, call: str, name: str) -> None:
        """The agent calls the control plane."""
        self.calls += 1
        self.interlude()
        self.calls += 1
        if call == "get":
            self.read_at[name] = self.calls
            hearing = self.current
            if hearing is not None and not hearing.touched and self.registry.get(name) is not None:
                hearing.looked_up.add(name)

    def listed(self, found: tuple[Database, ...]) -> None:
        """The agent has read the list; it plans now."""
        hearing = CURRENT.get()
        self.current = hearing
        hearing.began_at_call = self.calls
        hearing.planned_at = self.times.agent()
        hearing.listed = frozenset(str(each.name) for each in found)
        known = rows(hearing.state, "SELECT name, arn FROM registrations")
        hearing.remembered = {str(name): str(arn) for name, arn in known}
        owners = ((str(each.name), owner_of(each.labels, each.spec)) for each in found)
        hearing.ours = frozenset((name, arn) for name, arn in owners if arn is not None)
        hearing.population = max(len(hearing.ours), len(hearing.remembered))

    def people_put(self, name: str) -> None:
        """People have changed a resource of the registry."""
        self.put_at[name] = (self.times.world(), self.calls)

    # -- a write ---------------------------------------------------------------------------------

    def written(
        self, what: str, name: str, standing: Resource | None, new: Resource | None
    ) -> None:
        """Judges a write that happens now."""
        hearing = self.current
        if hearing is None or hearing.is_dry:
            self.accuse("R5", f"{what} of {name} by what may only read")
            return
        self.writes[what] += 1
        self.wrote_at[name] = self.times.world()
        if hearing.is_paused:
            self.accuse("pause", f"{what} of {name} during a pause")
        intent = self._intent(hearing, what, name)
        if intent is None:
            self.accuse("journal", f"{what} of {name} without an intent")
            return
        hearing.touched.add(intent.arn)
        if self._is_foreign(name, standing, intent):
            return
        self._judge_policy(hearing, what, intent)
        if what == "create":
            self._judge_create(hearing, intent, new)
            self.made_by[name] = (hearing.life, self.times.world(), self.calls)
            hearing.life.made.add((name, intent.arn))
            hearing.life.claims.add((name, intent.arn))
        elif what == "delete":
            self._judge_claim(hearing, name, intent)
            self._judge_delete(hearing, name, intent)
            hearing.life.made.discard((name, intent.arn))
            hearing.life.claims.discard((name, intent.arn))

    def _intent(self, hearing: Hearing, what: str, name: str) -> Intent | None:
        found = [Intent(*row) for row in rows(hearing.state, _INTENTS, name)]  # type: ignore[arg-type]
        return next((each for each in found if each.kind in _KINDS[what]), None)

    def _is_foreign(self, name: str, standing: Resource | None, intent: Intent) -> bool:
        """Whether what is overwritten or removed is not ours, or another cache's (R2)."""
        if standing is None or owner_of(standing.labels, standing.spec) == intent.arn:
            return False
        put = self.put_at.get(name)
        if put is not None and self._is_too_late(name, put):
            self.races += 1
        else:
            self.accuse("R2", f"{intent.kind} wrote to {name}, which is not ours: {standing}")
        return True

    def _is_too_late(self, name: str, put: tuple[datetime, int]) -> bool:
        """Whether people were there after the agent had looked, or its look was of before."""
        return put[1] >= self.read_at.get(name, 0) or self._is_hidden(put[0])

    def _is_hidden(self, at: datetime) -> bool:
        """Whether reads may still show what was before that moment."""
        return self.times.world() - at <= self.lag

    def _judge_policy(self, hearing: Hearing, what: str, intent: Intent) -> None:
        policy = hearing.settings.policy
        is_new = intent.kind == "create"
        if policy == "create-only" and not is_new:
            self.accuse("policy", f"{intent.kind} of {intent.name} under create-only")
        if policy == "upsert-only" and intent.kind not in ("create", "update"):
            self.accuse("policy", f"{intent.kind} of {intent.name} under upsert-only")
        if not hearing.is_complete(intent.arn) and intent.reason != "OUT_OF_SCOPE":
            self.accuse("R1", f"{what} of {intent.name}, whose scope was not read to its end")

    def _judge_create(self, hearing: Hearing, intent: Intent, new: Resource | None) -> None:
        assert new is not None
        if owner_of(new.labels, new.spec) != intent.arn:
            self.accuse("R2", f"{new.name} was registered for another cache than was journaled")
        if intent.kind != "create":
            return
        moments = (hearing.before, hearing.after, *hearing.past, self.glimpse(hearing))
        seen = [each for each in moments if each is not None]
        recreated = len({each.born.get(intent.arn) for each in seen}) > 1
        # Made anew between two questions of one scan, its parts are of two caches.
        if not recreated and not any(intent.arn in each.welcome for each in seen):
            self.accuse("R1", f"{intent.name} was registered, which nothing asks for")
        twins = [
            each.name
            for each in self.registry.all().values()
            if owner_of(each.labels, each.spec) == intent.arn and not self._is_unseen(each.name)
        ]
        known = [name for name in twins if name in hearing.listed or name in hearing.remembered]
        if not known:
            self.unknowable.update(twins)
        if known and not self.is_blind:
            self.accuse("twice", f"{intent.name} was registered beside {known}")

    def _is_unseen(self, name: str) -> bool:
        """Whether no read shows yet what the agent has written: it looks, and is told no."""
        wrote_at = self.wrote_at.get(name)
        return wrote_at is not None and self._is_hidden(wrote_at)

    # -- a removal -------------------------------------------------------------------------------

    def _judge_claim(self, hearing: Hearing, name: str, intent: Intent) -> None:
        """No agent removes what it never made, adopted or matched (R2)."""
        goes = intent.reason in ("ABSENT", "DELETING") or intent.kind != "delete"
        pruned = intent.reason == "OUT_OF_SCOPE" and hearing.prunes
        if goes or pruned or (name, intent.arn) in hearing.life.claims:
            return
        life, at, calls = self.made_by.get(name, (hearing.life, self.times.world(), -1))
        if life is not hearing.life and self._is_too_late(name, (at, calls)):
            self.races += 1
        else:
            self.accuse("R2", f"{name} was removed as {intent.reason} by who never had it")

    def _judge_delete(self, hearing: Hearing, name: str, intent: Intent) -> None:
        hearing.removals += 1
        hearing.life.removed_at.append(self.times.agent())
        if not hearing.life.rounds and intent.kind == "delete":
            self.accuse("R3", f"{name} was removed by the first sweep of a state file")
        if intent.kind == "rename":
            self._judge_rename(hearing, name, intent)
        elif intent.kind == "delete":
            for problem in self._against(hearing, intent):
                self.accuse("R3", f"{name} was removed as {intent.reason}: {problem}")

    def _judge_rename(self, hearing: Hearing, name: str, intent: Intent) -> None:
        new = self.registry.get(intent.name)
        put = self.put_at.get(intent.name, (self.times.world(), -1))
        stands = new is not None and owner_of(new.labels, new.spec) == intent.arn
        if not stands and put[1] < hearing.began_at_call:  # people did not take it away again
            self.accuse("R12", f"{name} was removed before {intent.name} stood in its place")
        if intent.arn not in hearing.tagged:
            self.accuse("R12", f"{name} was renamed without a look at its tags")

    def _against(self, hearing: Hearing, intent: Intent) -> list[str]:
        """All that speaks against a removal."""
        problems = [*self._not_proven(hearing, intent), *self._too_early(hearing, intent)]
        if intent.reason == "OUT_OF_SCOPE":
            if not (hearing.prunes or hearing.settings.out_of_scope == "remove"):
                problems.append("the configuration says to hold it")
        elif not hearing.is_complete(intent.arn):
            problems.append("its scope was not read to its end")
        elif intent.reason == "EXCLUDED" and self._matching_before(hearing) not in (
            None,
            hearing.settings.matching,
        ):
            problems.append("matchers were edited since the last sweep")
        return problems

    def _not_proven(self, hearing: Hearing, intent: Intent) -> list[str]:
        now, arn, reason = self.glimpse(hearing), intent.arn, intent.reason
        asked = [hearing.described.get(arn)] if reason != "OUT_OF_SCOPE" else [0]
        if reason in ("UNMATCHED", "EXCLUDED"):
            asked.append(hearing.tagged.get(arn))
        if reason == "UNREADY":
            asked.append(hearing.directories.get(scope_of(arn)))
        if None in asked:
            return ["AWS was not asked once more"]
        since = min(moment for moment in asked if moment is not None)
        if hearing.held_since(arn, reason, since, now) or (
            reason == "DELETING" and hearing.held_since(arn, "ABSENT", since, now)
        ):
            return []
        return [f"it is not so; true is {sorted(now.reasons.get(arn, ()))}"]

    def _too_early(self, hearing: Hearing, intent: Intent) -> list[str]:
        if intent.reason in AT_ONCE:
            return []
        count, since = self._held(hearing, intent)
        settings = hearing.settings
        assert hearing.planned_at is not None
        problems = []
        if count < settings.missed_sweeps:
            problems.append(f"seen so in {count} complete scan(s) of {settings.missed_sweeps}")
        if since is not None and hearing.planned_at - since < settings.grace:
            problems.append(f"the grace of {settings.grace} began at {since}")
        return problems

    def _held(self, hearing: Hearing, intent: Intent) -> tuple[int, datetime | None]:
        """In how many scans in a row the reason held, and since when the grace counts."""
        count, since, last, born = 0, None, None, None
        for each in (*hearing.life.rounds, hearing):
            told = each.tells(intent.arn, intent.reason)
            assert each.planned_at is not None
            if told is None:
                continue
            edited = (
                intent.reason in ("UNMATCHED", "EXCLUDED")
                and each.settings.matching != hearing.settings.matching
            )
            recreated = intent.reason != "OUT_OF_SCOPE" and each.born(intent.arn) != born
            if not told or edited or recreated:
                count, since, last, born = 0, None, None, each.born(intent.arn)
            if told and not edited:
                count += 1
                if since is None or (last is not None and each.planned_at < last):
                    since = each.planned_at
                last = each.planned_at
        return count, since

    def _matching_before(self, hearing: Hearing) -> object:
        whole = [each for each in hearing.life.rounds if not each.only]
        return whole[-1].settings.matching if whole else None

    # -- a round is over -------------------------------------------------------------------------

    def close(self, hearing: Hearing, report: Report | None) -> None:
        """Judges a round as a whole: the budget, and whether the list was worth trusting."""
        self.open.remove(hearing)
        if self.current is hearing:
            self.current = None
        if hearing.removals:
            self._judge_budget(hearing)
            self._judge_list(hearing)
        if report is None or report.error is not None or hearing.planned_at is None:
            return
        if not hearing.is_dry:
            # What a later scan had overtaken was not acted on, and tells nothing.
            hearing.results = _by_scope(report.scopes)
            hearing.life.rounds.append(hearing)
            self._remember_claims(hearing)

    def _remember_claims(self, hearing: Hearing) -> None:
        """What the round can have matched is the agent's from now on; of what it has made, only
        what it has always been shown is so for sure."""
        life, matchers = hearing.life, hearing.settings.matchers
        for name, arn in hearing.ours:
            place = scope_of(arn)
            cache = arn.rsplit(":", 1)[-1]
            if any(may_take(each, place, cache, life.tags.get(arn, [])) for each in matchers):
                life.claims.add((name, arn))
        life.made = {
            (name, arn)
            for name, arn in life.made
            if hearing.covers(scope_of(arn)[0])
            and ((name, arn) in hearing.ours or arn in hearing.touched)
        }

    def _judge_budget(self, hearing: Hearing) -> None:
        settings = hearing.settings
        assert hearing.planned_at is not None
        oldest = hearing.planned_at - settings.window
        before = hearing.life.removed_at[: -hearing.removals]
        # What a person allowed for one sweep is what still pended, whatever went before it.
        done = 0 if hearing.allowed else sum(1 for at in before if at > oldest)
        limit = settings.limit(hearing.population, hearing.allowed)
        if hearing.removals + done > limit:
            self.accuse(
                "budget",
                f"{hearing.removals} removals and {done} before, of {hearing.population} only "
                f"{limit} may go",
            )
        found = [each for each in hearing.results.values() if isinstance(each, Complete)]
        is_empty = not any(each.caches for each in found)
        if is_empty and not (hearing.from_event or settings.allow_empty or hearing.allowed):
            self.accuse("budget", "removals although no cache was found anywhere")

    def _judge_list(self, hearing: Hearing) -> None:
        in_part = {
            name
            for name, arn in hearing.remembered.items()
            if hearing.from_event or not hearing.only or scope_of(arn) in hearing.only
        }
        lacking = in_part - hearing.listed - hearing.looked_up
        if len(lacking) * 2 > len(in_part):
            self.accuse("R10", f"removals although the list lacked {lacking} of {in_part}")


def _by_scope(results: Iterable[Scanned]) -> dict[tuple[str, str], Scanned]:
    return {
        (each.scope.account_id, each.scope.region): each
        for each in results
        if each.scope.region is not None
    }
