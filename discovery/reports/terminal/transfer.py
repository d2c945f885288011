"""A change of owner, to be agreed to and as it went: for a person, as a document, by exit code."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TextIO

from rich.console import Console
from rich.padding import Padding

from discovery.model.values import Change, Database, Failed
from discovery.plan.adoption.transfer import Handover
from discovery.plan.item import Item
from discovery.reports.changes import differences, value_text
from discovery.reports.document import change_entry, database_entry
from discovery.reports.exit import Exit
from discovery.reports.safe_text import escape_unprintable
from discovery.reports.summary import counted
from discovery.reports.tctl import write_resources
from discovery.reports.terminal.style import NAME_LIMIT, cell, console_for, heading

SCHEMA_VERSION: Final = 1
_CHANGES: Final = 6
"""Changes shown of each of several resources; of a single one all are."""
_DENIED: Final = "DENIED"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverReport:
    """What is asked, or what was done."""

    verb: str
    """`adopt` or `release`."""
    control_plane: str
    """Its kind and name."""
    group: str
    handover: Handover
    unread: tuple[Failed, ...] = ()
    """Scopes in which nothing could be looked for."""
    advice: tuple[str, ...] = ()
    """What to do next once it is done, line by line."""

    @property
    def done(self) -> tuple[Item, ...]:
        return tuple(item for item in self.handover.items if item.applied)

    @property
    def failed(self) -> tuple[Item, ...]:
        return tuple(item for item in self.handover.items if not item.applied)


def handover_exit(report: HandoverReport, *, single: bool) -> Exit:
    """Of a single resource, whether it was done; of many, whether all could be that may be."""
    if single:
        return Exit.DONE if report.done else Exit.FAILED
    return Exit.INCOMPLETE if report.failed or report.unread else Exit.DONE


def write_plan(report: HandoverReport, stream: TextIO) -> None:
    """What a person is to agree to stands in `stream`: every resource, and what changes in it."""
    console = console_for(stream)
    console.print(_title(report))
    few = len(report.handover.items) == 1
    for item in report.handover.items:
        _print_planned(item, console, limit=None if few else _CHANGES)
    _print_refused(report, console)
    console.print()


def write_handover(report: HandoverReport, stream: TextIO) -> None:
    """What was done stands in `stream`, then what is to be done by hand, then one sentence."""
    console = console_for(stream)
    console.print(_title(report))
    for item in report.done:
        console.print(cell(f"~ {_past(report.verb)} {item.name}", "yellow", limit=NAME_LIMIT))
        console.print(_detail(item.message))
        if item.error is not None:
            console.print(_detail(f"{item.error.code}: {item.error.message}", "red"))
    for item in report.failed:
        console.print(cell(f"! {item.name}", "bold red", limit=NAME_LIMIT))
        console.print(_detail(_why(item)))
    _print_refused(report, console)
    for block in _by_hand(report):
        stream.write(f"\n{block}")
    if report.done:
        for line in report.advice:
            stream.write(f"{escape_unprintable(line)}\n")
    console.print(cell(handover_sentence(report), "bold"), soft_wrap=True)


def write_handover_document(report: HandoverReport, stream: TextIO) -> None:
    """One JSON document stands in `stream`."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "command": report.verb,
        "control_plane": report.control_plane,
        "group": report.group,
        "items": [_entry(item, report) for item in report.handover.items],
        "refused": [
            {
                "name": each.name,
                "code": each.code.value,
                "message": each.message,
                "by_hand": each.wanted and manual_commands(each.wanted, report.verb, unseen=True),
            }
            for each in report.handover.refused
        ],
        "unread": [
            {"scope": str(each.scope), "reason": each.reason.value, "message": each.message}
            for each in report.unread
        ],
        "advice": list(report.advice) if report.done else [],
    }
    stream.write(json.dumps(document, indent=2, default=_plain) + "\n")


def handover_sentence(report: HandoverReport) -> str:
    """`2 adopted, 1 not done, 1 refused`."""
    counts = (
        (len(report.done), _past(report.verb)),
        (len(report.failed), "not done"),
        (len(report.handover.refused), "refused"),
    )
    parts = [f"{count} {word}" for count, word in counts if count]
    if report.unread:
        parts.append(f"{counted(len(report.unread), 'scope')} unread")
    return ", ".join(parts) or f"nothing to {report.verb}"


def manual_commands(
    database: Database, verb: str, *, replaces: bool = False, unseen: bool = False
) -> str:
    """What somebody who may hands to `tctl create -f`, with what else to do as remarks.

    `unseen`: what stands there could not be read, so nothing of it is in the document. A connect
    external id is left out: only `export` prints those.
    """
    aws = database.spec.get("aws")
    secret = isinstance(aws, Mapping) and bool(aws.get("external_id"))
    shown = replace(database, spec=_without_external_id(database.spec)) if secret else database
    text = io.StringIO()
    remarks = [*_commands(database, replaces=replaces)]
    if unseen:
        remarks += [
            "What stands there could not be read. Look at it before, with `tctl get db`: settings",
            "of its own are lost, and if its label teleport.dev/origin is another, `tctl rm` it.",
        ]
    if secret and verb == "adopt":
        remarks.append("spec.aws.external_id is left out; the next sweep writes it.")
    elif secret:
        remarks.append("spec.aws.external_id is left out; copy it from `tctl get db` before.")
    text.writelines(f"# {escape_unprintable(remark)}\n" for remark in remarks)
    write_resources([shown], text)
    return text.getvalue()


def _commands(database: Database, *, replaces: bool) -> Iterator[str]:
    yield "The identity in use may not do this; --identity-file names another. By hand:"
    if replaces:
        yield f"  tctl rm {shlex.quote(f'db/{database.name}')}"
    yield "  tctl create -f FILE    # these lines, in a file"


def _by_hand(report: HandoverReport) -> Iterator[str]:
    for item in report.failed:
        if (text := _item_by_hand(item, report)) is not None:
            yield text
    for each in report.handover.refused:
        if each.wanted is not None:
            yield manual_commands(each.wanted, report.verb, unseen=True)


def _item_by_hand(item: Item, report: HandoverReport) -> str | None:
    denied = item.error is not None and item.error.code == _DENIED
    if not denied or item.database is None:
        return None
    return manual_commands(item.database, report.verb, replaces=item.replaces)


def _title(report: HandoverReport) -> Any:
    return heading(f"cachemuster {report.verb}", f"group {report.group}, {report.control_plane}")


def _print_planned(item: Item, console: Console, *, limit: int | None) -> None:
    console.print(cell(f"~ {item.name}", "yellow", limit=NAME_LIMIT))
    console.print(_detail(f"for cache {item.cache} in {item.scope}: {item.message}"))
    changes = differences(item)
    for change in changes[:limit]:
        console.print(_detail(_change(change)))
    if len(changes) > len(changes[:limit]):
        rest = len(changes) - len(changes[:limit])
        console.print(_detail(f"and {counted(rest, 'more change')}", "dim"))
    for note in item.notes:
        console.print(_detail(f"note {note.code.value}: {note.message}", "dim"))


def _detail(text: str, style: str = "") -> Padding:
    return Padding(cell(text, style), (0, 0, 0, 2))


def _change(change: Change) -> str:
    return f"{change.field}: {value_text(change.old)} → {value_text(change.new)}"


def _print_refused(report: HandoverReport, console: Console) -> None:
    for each in report.handover.refused:
        console.print(cell(f"! {each.name} is refused: {each.code.value}", "bold red"))
        console.print(_detail(each.message))
    for scope in report.unread:
        text = f"? {scope.scope} could not be read: {scope.reason.value}, {scope.message}"
        console.print(cell(text, "cyan"))


def _entry(item: Item, report: HandoverReport) -> dict[str, Any]:
    return {
        "name": item.name,
        "arn": item.arn,
        "account_id": item.scope.account_id,
        "region": item.scope.region,
        "cache": item.cache,
        "outcome": "done" if item.applied else "not done",
        "message": item.message,
        "error": None if item.applied and item.error is None else _error(item),
        "recreated": item.replaces,
        "changes": [change_entry(change) for change in item.changes],
        "notes": [{"code": each.code.value, "message": each.message} for each in item.notes],
        "database": item.database and database_entry(item.database),
        "by_hand": _item_by_hand(item, report),
    }


def _error(item: Item) -> dict[str, str]:
    """A conflict or a rejection says on the item itself what is wrong."""
    if item.error is not None:
        return {"code": item.error.code, "message": item.error.message}
    return {"code": item.reason.value, "message": item.message}


def _why(item: Item) -> str:
    error = _error(item)
    return f"{error['code']}: {error['message']}"


def _past(verb: str) -> str:
    return f"{verb}d" if verb.endswith("e") else f"{verb}ed"


def _without_external_id(spec: Mapping[str, Any]) -> dict[str, Any]:
    aws = {key: value for key, value in spec["aws"].items() if key != "external_id"}
    return {**spec, "aws": aws}


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
