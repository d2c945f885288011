"""Print why a cache is where it is, for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TextIO

from rich.console import Console
from rich.text import Text

from discovery.reports.account_names import scope_text
from discovery.reports.document import timestamp
from discovery.reports.explanation import Explanation
from discovery.reports.summary import counted
from discovery.reports.terminal.style import cell, columns, console_for, heading
from state.records import Registration, RememberedCache


def write_explanations(found: Iterable[Explanation], stream: TextIO) -> None:
    """Write each explanation to `stream`, for a person."""
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
    yield "found", _found(each)
    if each.owner is not None:
        yield "owner", [each.owner]
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


def _found(each: Explanation) -> list[str]:
    cache, gone_at = each.cache, each.gone_at
    if cache is None:
        return ["not by the last complete scan of its scope"]
    tags = cache.tags
    tagged = (
        "tags never read"
        if tags is None
        else f"tags of {_when(tags.read_at)}: "
        + (", ".join(f"{key}={value}" for key, value in sorted(tags.values.items())) or "none")
    )
    facts = f"{cache.status}, {cache.engine} {cache.engine_version}".rstrip()
    where = scope_text(cache.scope, each.account_names)
    if gone_at is None:
        where = f"in {where}, {facts}"
    else:
        where = f"no longer in {where} by the scan of {_when(gone_at)}; it was {facts}"
    return [
        where,
        f"first seen {_when(cache.first_seen_at)}, last seen {_when(cache.last_seen_at)}",
        tagged,
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
