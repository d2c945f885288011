"""What people are told of one sweep: at most one message of each kind. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from discovery.config.notify import NotifyKind
from discovery.model.codes import Action, IamVerdict, Severity
from discovery.model.ownership import parse_cache_arn
from discovery.model.values import Complete, Failed, Scanned
from discovery.notify.conditions import Conditions, is_conflict, key_of
from discovery.plan.item import Item
from discovery.reports.exit import is_expected
from discovery.reports.report import Report
from discovery.reports.summary import counted

MOST_NAMED: Final = 20
"""How many caches or scopes a message names; it has the number of all."""
TEST: Final = "test"
"""The kind of a message that only tries a sink."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One cache, registration or scope that a message names."""

    name: str
    """The registered name, else the cache's own, else the ARN; of a scope `ACCOUNT/REGION`."""
    account_id: str | None = None
    account_name: str | None = None
    region: str | None = None
    arn: str | None = None
    cache: str | None = None
    owner: str | None = None
    reason: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one sweep did or found, of one kind."""

    kind: str
    """A `NotifyKind`, or `test`."""
    group: str
    sweep_id: str
    at: datetime
    text: str
    """One sentence without text of others."""
    count: int = 0
    """How many happened or began."""
    first: tuple[Subject, ...] = ()
    """The first of them, `MOST_NAMED` at most."""
    ended_count: int = 0
    ended: tuple[Subject, ...] = ()
    """The first of those that ended."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What is to be told of one kind."""

    text: str
    began: Sequence[Subject] = ()
    ended: Sequence[Subject] = ()


def make_messages(
    report: Report, before: Conditions, after: Conditions, group: str
) -> tuple[Message, ...]:
    """Make the messages of a sweep.

    Args:
        report: Of the sweep.
        before: What people were told of until now.
        after: What holds now (`next_conditions`).
        group: Whose registrations they are about.
    """
    found = {
        **dict(_written(report)),
        **dict(_Turns(report, before, after).found()),
    }
    return tuple(
        Message(
            kind=kind,
            group=group,
            sweep_id=report.sweep_id,
            at=report.finished_at,
            text=found[kind].text,
            count=len(found[kind].began),
            first=tuple(found[kind].began[:MOST_NAMED]),
            ended_count=len(found[kind].ended),
            ended=tuple(found[kind].ended[:MOST_NAMED]),
        )
        for kind in NotifyKind
        if kind in found
    )


def make_test_message(group: str, test_id: str, at: datetime) -> Message:
    """Make a message that says that it is a test."""
    text = "this is a test of `cachemuster doctor --notify`; nothing has happened"
    return Message(kind=TEST, group=group, sweep_id=test_id, at=at, text=text)


def _written(report: Report) -> Iterator[tuple[NotifyKind, _Found]]:
    for kind, action in (
        (NotifyKind.REGISTERED, Action.CREATE),
        (NotifyKind.REMOVED, Action.DELETE),
    ):
        done = [item for item in report.items if item.applied and item.action is action]
        if done:
            text = f"{counted(len(done), 'database')} {_was(done)} {kind.value}"
            yield kind, _Found(text, [_of_item(item, report) for item in done])


@dataclass(slots=True)
class _Turns:
    """The conditions that began or ended with one sweep."""

    report: Report
    before: Conditions
    after: Conditions
    _items: dict[str, Item] = field(init=False)
    _scopes: dict[str, Scanned] = field(init=False)

    def __post_init__(self) -> None:
        # Of two items with one ARN, the one that is in conflict is the one to name.
        ordered = sorted(self.report.items, key=is_conflict)
        self._items = {key_of(item): item for item in ordered}
        self._scopes = {str(each.scope): each for each in self.report.scopes}

    def found(self) -> Iterator[tuple[NotifyKind, _Found]]:
        yield from self._refused()
        yield from self._scopes_turned()
        yield from self._unready()
        yield from self._conflicts()

    def _refused(self) -> Iterator[tuple[NotifyKind, _Found]]:
        began, ended = self._turned(NotifyKind.REFUSED)
        guard = self.report.guard
        refused = [item for item in self.report.items if item.reason.value == guard.code]
        over = [Subject(name=code, reason=code, message="refused no more") for code in ended]
        if began:
            text = f"all removals are refused: {guard.message}"
            yield (
                NotifyKind.REFUSED,
                _Found(text, [_of_item(item, self.report) for item in refused], over),
            )
        elif ended:
            yield NotifyKind.REFUSED, _Found("removals are refused no more", (), over)

    def _scopes_turned(self) -> Iterator[tuple[NotifyKind, _Found]]:
        began, ended = self._turned(NotifyKind.SCOPE_FAILING)
        if began:
            text = f"{counted(len(began), 'scope')} cannot be read"
            yield NotifyKind.SCOPE_FAILING, _Found(text, [self._of_scope(each) for each in began])
        if ended:
            text = f"{counted(len(ended), 'scope')} {_fails(ended)} no more"
            yield NotifyKind.SCOPE_BACK, _Found(text, [self._of_scope(each) for each in ended])

    def _unready(self) -> Iterator[tuple[NotifyKind, _Found]]:
        began, ended = self._turned(NotifyKind.NOT_READY)
        texts = []
        if began:
            texts.append(f"nobody can log in with IAM to {counted(len(began), 'cache')}")
        if ended:
            texts.append(f"this ended for {counted(len(ended), 'cache')}")
        if texts:
            yield (
                NotifyKind.NOT_READY,
                _Found(
                    "; ".join(texts),
                    [self._of_key(key, _blocker) for key in began],
                    [self._of_key(key, _readiness) for key in ended],
                ),
            )

    def _conflicts(self) -> Iterator[tuple[NotifyKind, _Found]]:
        began, ended = self._turned(NotifyKind.CONFLICT)
        texts = []
        if began:
            texts.append(f"{counted(len(began), 'new conflict')} over what is not ours")
        if ended:
            texts.append(f"{counted(len(ended), 'conflict')} ended")
        if texts:
            yield (
                NotifyKind.CONFLICT,
                _Found(
                    "; ".join(texts),
                    [self._of_key(key, lambda item: item.message) for key in began],
                    [self._of_key(key, _conflict_end) for key in ended],
                ),
            )

    def _turned(self, kind: NotifyKind) -> tuple[list[str], list[str]]:
        before = self.before.get(kind, frozenset())
        after = self.after.get(kind, frozenset())
        return sorted(after - before), sorted(before - after)

    def _of_key(self, key: str, message_of: Callable[[Item], str]) -> Subject:
        item = self._items.get(key)
        if item is not None:
            return replace(_of_item(item, self.report), message=message_of(item))
        cache = parse_cache_arn(key)
        if cache is None:
            return Subject(name=key, message="it is gone")
        return Subject(
            name=cache.name,
            account_id=cache.account_id,
            account_name=self.report.account_names.get(cache.account_id),
            region=cache.region,
            arn=cache.arn,
            cache=cache.name,
            message="it is gone",
        )

    def _of_scope(self, key: str) -> Subject:
        account_id, _, region = key.partition("/")
        scanned = self._scopes.get(key)
        return Subject(
            name=key,
            account_id=account_id,
            account_name=self.report.account_names.get(account_id),
            region=region or None,
            reason=scanned.reason.value if isinstance(scanned, Failed) else None,
            message=self._scope_message(scanned, region),
        )

    def _scope_message(self, scanned: Scanned | None, region: str) -> str:
        if isinstance(scanned, Failed):
            expected = is_expected(scanned.scope, self.report)
            return "its failure is expected from now on" if expected else scanned.message
        if isinstance(scanned, Complete) or (scanned is None and not region):
            return "read again"
        return "not among the targets any more"


def _of_item(item: Item, report: Report) -> Subject:
    return Subject(
        name=item.name or item.cache or item.arn or "",
        account_id=item.scope.account_id or None,
        account_name=report.account_names.get(item.scope.account_id),
        region=item.scope.region,
        arn=item.arn,
        cache=item.cache,
        owner=item.owner,
        reason=item.reason.value,
        message=item.message,
    )


def _blocker(item: Item) -> str:
    findings = item.iam.findings if item.iam is not None else ()
    return next((each.message for each in findings if each.severity is Severity.BLOCKER), "")


def _readiness(item: Item) -> str:
    is_ready = item.iam is not None and item.iam.verdict is IamVerdict.READY
    return "somebody can log in" if is_ready else "it is not judged any more"


def _conflict_end(item: Item) -> str:
    return f"it is {item.action.value}/{item.reason.value} now"


def _was(found: Sequence[object]) -> str:
    return "was" if len(found) == 1 else "were"


def _fails(found: Sequence[object]) -> str:
    return "fails" if len(found) == 1 else "fail"
