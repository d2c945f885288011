"""Why one cache is where it is, from what state remembers: a value, a table, a document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TextIO

from rich.console import Console
from rich.text import Text

from discovery.model.codes import Action
from discovery.model.ownership import CacheArn, parse_cache_arn
from discovery.model.values import Arn
from discovery.plan.item import Item
from discovery.reports.document import timestamp
from discovery.reports.summary import counted
from discovery.reports.terminal.style import cell, columns, console_for, heading
from state.records import HistoryEntry, PendingRemoval, Registration, RememberedCache, TakenName

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything state knows of one cache."""

    arn: Arn
    cache: RememberedCache | None
    """None: only its registration is remembered."""
    registration: Registration | None
    miss: PendingRemoval | None
    taken: TakenName | None
    """The name that it is to have, and that something holds which the list does not show."""
    matchers: tuple[str, ...]
    """One sentence for each matcher that was asked."""
    last: HistoryEntry | None
    next: Item | None
    """What a sweep does if nothing has changed since the last one."""
    gone_at: datetime | None = None
    """The complete scan that no longer showed the cache; None for one that was there."""

    @property
    def connect_resources(self) -> tuple[str, ...]:
        """What `elasticache:Connect` has to be allowed on: the cache, and the users who could log
        in when they were last read (aws/README: Permissions); none when nobody could, or it
        is not wanted. Of a cache that was never judged the user's id is for the reader to fill
        in."""
        parsed = parse_cache_arn(self.arn)
        iam = self.cache.iam if self.cache is not None else None
        users = iam.users if iam is not None else ("USER_ID",)
        is_wanted = self.next is None or self.next.action is not Action.SKIPPED
        if self.gone_at is not None:
            return ()
        if parsed is None or not users or not is_wanted:
            return ()
        return (str(self.arn), *(user_arn(parsed, user_id) for user_id in users))


def user_arn(cache: CacheArn, user_id: str) -> str:
    """The ARN of a user in the account and region of a cache."""
    return f"arn:{cache.partition}:elasticache:{cache.region}:{cache.account_id}:user:{user_id}"


def write_explanations(found: Iterable[Explanation], stream: TextIO) -> None:
    """Each explanation stands in `stream`, for a person."""
    console = console_for(stream)
    for each in found:
        console.print(heading(str(each.arn)))
        table = columns(12, None)
        for title, lines in _rows(each):
            table.add_row(cell(title, "dim"), Text("\n").join(cell(line) for line in lines))
        console.print(table)
        _print_connecting(each, console)
        console.print()


def _print_connecting(each: Explanation, console: Console) -> None:
    """ARNs stand unbroken on lines of their own, to be copied."""
    if not each.connect_resources:
        return
    console.print(cell("connecting: allow elasticache:Connect on the cache and the user", "dim"))
    for arn in each.connect_resources:
        console.print(cell(f"  {arn}"), soft_wrap=True)


def _rows(each: Explanation) -> Iterator[tuple[str, list[str]]]:
    yield "found", _found(each.cache, each.gone_at)
    if each.matchers:
        yield "matchers", list(each.matchers)
    if each.cache is not None:
        yield "IAM login", list(_login(each.cache))
    yield "registered", _registered(each.registration)
    if each.miss is not None:
        miss = each.miss
        scans = counted(miss.scans, "scan")
        yield "missed", [f"{miss.reason.value} in {scans} since {_when(miss.since)}"]
    if each.taken is not None:
        held = f"{each.taken.name} since {_when(each.taken.since)}"
        yield "name taken", [f"{held}, by a resource that the agent's role does not list"]
    if each.last is not None:
        last = each.last
        yield "last", [f"{_when(last.at)} {last.verdict}: {last.message}"]
    if each.next is not None:
        item = each.next
        yield (
            "next sweep",
            [
                f"{item.action.value}/{item.reason.value}: {item.message}",
                "if nothing has changed since the last scan; `cachemuster audit` asks AWS",
            ],
        )


def _login(cache: RememberedCache) -> Iterator[str]:
    iam = cache.iam
    if iam is None:
        yield "never judged: no matcher took it, or its users could not be read"
        return
    yield f"{iam.verdict.value}: {', '.join(iam.users)}" if iam.users else iam.verdict.value
    if iam.codes:
        yield (
            f"found {', '.join(iam.codes)}: `cachemuster audit --only {cache.scope}` "
            "says more and prints the repairs"
        )


def _found(cache: RememberedCache | None, gone_at: datetime | None) -> list[str]:
    if cache is None:
        return ["not by the last complete scan of its scope"]
    tags = cache.tags
    told = (
        "tags never read"
        if tags is None
        else f"tags of {_when(tags.read_at)}: "
        + (", ".join(f"{key}={value}" for key, value in sorted(tags.values.items())) or "none")
    )
    facts = f"{cache.status}, {cache.engine} {cache.engine_version}".rstrip()
    if gone_at is None:
        where = f"in {cache.scope}, {facts}"
    else:
        where = f"no longer in {cache.scope} by the scan of {_when(gone_at)}; it was {facts}"
    return [
        where,
        f"first seen {_when(cache.first_seen_at)}, last seen {_when(cache.last_seen_at)}",
        told,
    ]


def _registered(registration: Registration | None) -> list[str]:
    if registration is None:
        return ["no"]
    return [
        f"as {registration.name} since {_when(registration.registered_at)}",
        f"last written {_when(registration.updated_at)}",
    ]


def _when(moment: datetime) -> str:
    return timestamp(moment)[:19] + "Z"


def write_explanation_document(found: Iterable[Explanation], stream: TextIO) -> None:
    """One JSON document stands in `stream`; times are RFC 3339 UTC."""
    document = {"schema_version": SCHEMA_VERSION, "caches": [_entry(each) for each in found]}
    stream.write(json.dumps(document, indent=2) + "\n")


def _entry(each: Explanation) -> dict[str, Any]:
    cache, registration, miss = each.cache, each.registration, each.miss
    return {
        "arn": each.arn,
        "found": cache
        and {
            "account_id": cache.scope.account_id,
            "region": cache.scope.region,
            "name": cache.name,
            "status": cache.status,
            "engine": cache.engine,
            "first_seen_at": timestamp(cache.first_seen_at),
            "last_seen_at": timestamp(cache.last_seen_at),
            "gone_at": each.gone_at and timestamp(each.gone_at),
            "tags": cache.tags and dict(cache.tags.values),
            "iam": cache.iam and cache.iam.verdict.value,
            "iam_users": list(cache.iam.users) if cache.iam else [],
            "iam_findings": list(cache.iam.codes) if cache.iam else [],
        },
        "matchers": list(each.matchers),
        "registered": registration
        and {
            "name": registration.name,
            "registered_at": timestamp(registration.registered_at),
            "updated_at": timestamp(registration.updated_at),
        },
        "missed": miss
        and {
            "reason": miss.reason.value,
            "scans": miss.scans,
            "since": timestamp(miss.since),
        },
        "name_taken": each.taken
        and {"name": each.taken.name, "since": timestamp(each.taken.since)},
        "last": each.last
        and {
            "at": timestamp(each.last.at),
            "action": each.last.action and each.last.action.value,
            "reason": each.last.reason,
            "message": each.last.message,
        },
        "next": each.next
        and {
            "action": each.next.action.value,
            "reason": each.next.reason.value,
            "message": each.next.message,
        },
        "connect_resources": list(each.connect_resources),
    }
