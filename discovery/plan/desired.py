"""Decide what a found cache is to be registered as, whatever is registered for it now.

See discovery/README: Registrations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from discovery.model.cache_status import ENGINES
from discovery.model.codes import FindingCode, IamVerdict, NoteCode, Reason
from discovery.model.values import (
    UNKNOWN,
    AccountId,
    Cache,
    Database,
    IamJudgement,
    KnownCache,
    Note,
    UnknownType,
    UsersAndGroups,
)
from discovery.plan.cache_facts import remembered_notes
from discovery.plan.facts import CacheFacts
from discovery.plan.iam.verdict import iam_verdict
from discovery.plan.labels import (
    build_labels,
    discovery_labels,
    ownership_labels,
    tag_notes,
)
from discovery.plan.naming import Name, is_legal_name, name_of
from discovery.plan.resource import ConnectRole, desired_database
from discovery.plan.rules import Rules
from matchers import evaluate
from matchers.explain import explain
from matchers.label_templates import ACCOUNT_NAME, fill_in_label
from matchers.matcher import IamUsers, Matcher
from matchers.subject import LabelSet, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A cache that a matcher takes."""

    matcher: Matcher
    name: Name
    iam: IamJudgement | None
    """None: the matcher ignores users."""
    notes: tuple[Note, ...]

    @property
    def iam_block(self) -> Reason | None:
        """Why `iam_users: require` keeps a new cache out; None when it does not."""
        if self.matcher.iam_users is not IamUsers.REQUIRE or self.iam is None:
            return None
        if self.iam.verdict is IamVerdict.READY:
            return None
        unknown = self.iam.verdict is IamVerdict.UNKNOWN
        return Reason.IAM_UNKNOWN if unknown else Reason.IAM_NOT_READY

    @property
    def is_unready(self) -> bool:
        """True when the matcher deregisters unready caches, and this one certainly is unready."""
        return self.matcher.deregister_unready and self.iam_block is Reason.IAM_NOT_READY

    @property
    def makes_ours(self) -> bool:
        """True when an inherited registration counts as made here from now on (R2).

        Where the matcher deregisters unready caches, only a verdict of ready is enough.
        """
        return not (self.matcher.deregister_unready and self.iam_block is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(Matched):
    """A cache to be registered as `database`, unless another registration prevents it."""

    database: Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked(Matched):
    """A cache that a matcher takes and that waits for a person to change something."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A cache that is not to be registered; a registration of it may be removed (R3)."""

    reason: Reason
    """A reason of the action `skipped`."""
    message: str
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Undetermined:
    """A cache of which nothing can be decided until its tags are read."""

    message: str
    notes: tuple[Note, ...]
    reason: Reason = field(default=Reason.TAGS_UNKNOWN, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A cache that cannot be judged: a senseless answer of AWS, or a defect of this program."""

    message: str
    notes: tuple[Note, ...] = ()
    reason: Reason = field(default=Reason.UNREADABLE, init=False)


Desired = Register | Skip | Undetermined | Blocked | Unreadable

_TAGS_ADVICE = "allow elasticache:ListTagsForResource"
_MALFORMED_ADVICE = (
    "look at it with `aws elasticache describe-serverless-caches`, and at proxies and endpoint "
    "overrides in between"
)


def desired_for(
    facts: CacheFacts,
    users_and_groups: UsersAndGroups | UnknownType,
    rules: Rules,
    verdict: IamJudgement | None = None,
) -> Desired:
    """Decide what a cache is to become. Pure: the same facts give the same answer.

    `verdict`: the IAM verdict to use where users were not read, such as a remembered one.
    """
    if facts.cache.malformed:
        members = " and ".join(facts.cache.malformed)
        text = f"AWS answered with a value of {members} that cannot be one; {_MALFORMED_ADVICE}"
        return Unreadable(message=text, notes=facts.notes)
    unfit = ineligible(facts.cache, rules)
    if unfit is not None:
        return replace(unfit, notes=remembered_notes(facts.remembered))
    outcome = outcome_for(facts, rules)
    notes = facts.notes
    if isinstance(outcome, evaluate.Taken):
        return _build_database(facts, outcome.matcher, users_and_groups, rules, verdict)
    if isinstance(outcome, evaluate.MatchUndecided):
        missing = ", ".join(sorted({each.key or each.kind.value for each in outcome.missing}))
        lacking = f"matcher {outcome.matcher} needs {missing or 'tags'}, which could not be read"
        message = f"{lacking}; {_TAGS_ADVICE}"
        return Undetermined(message=message, notes=notes)
    if isinstance(outcome, evaluate.MatchExcluded):
        message = f"matcher {outcome.matcher} excludes it: tag {outcome.key} is {outcome.value}"
        return Skip(reason=Reason.EXCLUDED, message=message, notes=notes)
    message = "; ".join(explain(outcome)) or "no matcher takes it"
    return Skip(reason=Reason.NO_MATCHER, message=message, notes=notes)


def ineligible(cache: KnownCache, rules: Rules) -> Skip | None:
    """Say why a cache cannot be registered whatever matches; None when it can.

    Source: control_plane/README: Inclusion; a status that nobody knows counts as available.
    """
    if cache.engine.lower() not in ENGINES:
        text = f"engine {cache.engine or 'unknown'} is neither redis nor valkey"
        return Skip(reason=Reason.ENGINE, message=text)
    if cache.status == "deleting":
        return Skip(reason=Reason.DELETING, message="AWS is deleting the cache")
    if cache.status == "creating":
        return Skip(reason=Reason.CREATING, message="AWS is still creating the cache")
    if cache.status == "create-failed":
        return Skip(reason=Reason.CREATE_FAILED, message="AWS could not create the cache")
    if cache.endpoint is None:
        return Skip(reason=Reason.NO_ENDPOINT, message="the cache has no endpoint yet")
    if cache.endpoint.is_public and not rules.enrolls_public:
        text = (
            "the cache has a public endpoint, which Teleport may not recognise; "
            "aws.public_caches: enroll registers it all the same"
        )
        return Skip(reason=Reason.PUBLIC, message=text)
    return None


def wanted_name(facts: CacheFacts, rules: Rules) -> Name:
    """Return the name that a cache is to have."""
    return name_by(facts.cache, {} if facts.tags is UNKNOWN else facts.tags, rules)


def name_by(cache: Cache, tags: Mapping[str, str], rules: Rules) -> Name:
    """Return the name that a cache with these tags is to have."""
    return name_of(
        cache.name,
        cache.region,
        cache.account_id,
        tags=tags,
        override=rules.honours_name_tag(cache.account_id),
    )


def outcome_for(facts: CacheFacts, rules: Rules) -> evaluate.MatchResult:
    """Ask the matchers. By a remembered value they may take a cache, never refuse it (R1)."""
    discovery = discovery_labels(facts.cache)
    likely = _decide(facts.cache, LabelSet.of(discovery, facts.tags), rules)
    if facts.tags_read_now and not facts.vpc_by_label:
        return likely
    if facts.vpc_by_label:
        discovery["vpc-id"] = UNKNOWN
    read = facts.tags if facts.tags_read_now else UNKNOWN
    certain = _decide(facts.cache, LabelSet.of(discovery, read), rules)
    return likely if isinstance(likely, evaluate.Taken) else certain


def _decide(cache: KnownCache, labels: LabelSet, rules: Rules) -> evaluate.MatchResult:
    return evaluate.decide(rules.matchers, Subject.of(cache, labels))


def _build_database(
    facts: CacheFacts,
    matcher: Matcher,
    users_and_groups: UsersAndGroups | UnknownType,
    rules: Rules,
    verdict: IamJudgement | None,
) -> Desired:
    if facts.tags is UNKNOWN:
        message = f"its tags could not be read, and they become its labels; {_TAGS_ADVICE}"
        return Undetermined(message=message, notes=facts.notes)
    cache = facts.cache
    name = wanted_name(facts, rules)
    ignored = matcher.iam_users is IamUsers.IGNORE
    iam = None if ignored else verdict or iam_verdict(cache, users_and_groups)
    notes = facts.notes + tag_notes(facts.tags) + _users_note(iam)
    connect, wrong = _connect(cache, matcher, rules)
    if wrong is not None or not is_legal_name(name.value):
        reason = Reason.CONNECT_ROLE_INVALID if wrong is not None else Reason.NAME_INVALID
        text = wrong or _illegal(name)
        return Blocked(
            reason=reason, message=text, matcher=matcher, name=name, iam=iam, notes=notes
        )
    labels = build_labels(
        cache,
        facts.tags,
        ours=ownership_labels(cache, rules.group, rules.origin),
        matcher_labels=_matcher_labels(matcher, facts),
        iam=_label_verdict(iam, facts),
        discovered_name=name.discovered,
    )
    database = desired_database(cache, name.value, labels, connect)
    return Register(matcher=matcher, name=name, database=database, iam=iam, notes=notes)


def _matcher_labels(matcher: Matcher, facts: CacheFacts) -> dict[str, str | None]:
    """Fill in the matcher's labels; one that needs a name never read keeps its value (R1)."""
    cache = facts.cache
    values = {
        "account_id": cache.account_id,
        ACCOUNT_NAME: facts.account_name,
        "region": cache.region,
        "cache": cache.name,
    }
    filled = ((key, fill_in_label(text, values)) for key, text in matcher.labels.items())
    last = facts.registered_labels
    return {key: last.get(key) if value is None else value for key, value in filled}


def _label_verdict(iam: IamJudgement | None, facts: CacheFacts) -> IamVerdict:
    """Choose the value of the IAM label.

    It changes only when all users were read, and gets worse only when the cache's facts were, too.
    """
    surely = (IamVerdict.READY,) if facts.remembered else (IamVerdict.READY, IamVerdict.NOT_READY)
    if iam is not None and iam.verdict in surely:
        return iam.verdict
    return (facts.last_verdict if iam is not None else None) or IamVerdict.UNKNOWN


def _connect(
    cache: KnownCache, matcher: Matcher, rules: Rules
) -> tuple[ConnectRole | None, str | None]:
    """Fill in the connect role for a cache; return it, or what is wrong with it."""
    if matcher.connect is None:
        return None, None
    arn = matcher.connect.role_arn(
        partition=cache.partition, account_id=cache.account_id, region=cache.region
    )
    fields = arn.split(":")
    if len(fields) < 6 or (fields[1], AccountId(fields[4])) != (cache.partition, cache.account_id):
        text = (
            f"matcher {matcher.name}: connect role {arn} is not in the cache's account "
            f"{cache.account_id} and partition {cache.partition}; write it with {{account_id}}"
        )
        return None, text
    reference = matcher.connect.external_id
    return ConnectRole(arn, rules.external_ids.get(reference) if reference else None), None


def _illegal(name: Name) -> str:
    remedy = "Change the cache's name tag" if name.overridden else "Give the cache a name tag"
    return (
        f"{name.value!r} is no legal database name: a letter first, then letters, digits and "
        f"hyphens, no hyphen last. {remedy}"
    )


def _users_note(iam: IamJudgement | None) -> tuple[Note, ...]:
    if iam is None or iam.verdict is not IamVerdict.UNKNOWN:
        return ()
    messages = (each.message for each in iam.findings if each.code is FindingCode.USERS_UNREADABLE)
    return (Note(NoteCode.USERS_UNKNOWN, "users", next(messages, "the users could not be read")),)
