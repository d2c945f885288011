"""A change of owner as it was asked for and as it went, its exit code and its JSON document."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TextIO

from discovery.model.values import Database, Failed
from discovery.plan.adoption.transfer import Transfer
from discovery.plan.item import Item
from discovery.reports.document import change_entry, database_entry, write_json
from discovery.reports.exit import Exit
from discovery.reports.safe_text import escape_unprintable
from discovery.reports.summary import counted
from discovery.reports.tctl import write_resources

SCHEMA_VERSION: Final = 1
_DENIED: Final = "DENIED"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReport:
    """What a change of owner is to do, or what it did."""

    verb: str
    """`adopt` or `release`."""
    control_plane: str
    """Its kind and name."""
    group: str
    transfer: Transfer
    unread: tuple[Failed, ...] = ()
    """Scopes in which nothing could be looked for."""
    advice: tuple[str, ...] = ()
    """What to do next once it is done, line by line."""

    @property
    def done(self) -> tuple[Item, ...]:
        """Resources whose owner was changed."""
        return tuple(item for item in self.transfer.items if item.applied)

    @property
    def failed(self) -> tuple[Item, ...]:
        """Resources whose owner was not changed, though it was planned."""
        return tuple(item for item in self.transfer.items if not item.applied)


def transfer_exit(report: TransferReport, *, single: bool) -> Exit:
    """Decide the exit code: of one resource, was it done; of many, were all that may be."""
    if single:
        return Exit.DONE if report.done else Exit.FAILED
    return Exit.INCOMPLETE if report.failed or report.unread else Exit.DONE


def write_transfer_document(report: TransferReport, stream: TextIO) -> None:
    """Write one JSON document to `stream`."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "command": report.verb,
        "control_plane": report.control_plane,
        "group": report.group,
        "items": [_entry(item, report) for item in report.transfer.items],
        "refused": [
            {
                "name": each.name,
                "code": each.code.value,
                "message": each.message,
                "by_hand": each.wanted and manual_commands(each.wanted, report.verb, unseen=True),
            }
            for each in report.transfer.refused
        ],
        "unread": [
            {"scope": str(each.scope), "reason": each.reason.value, "message": each.message}
            for each in report.unread
        ],
        "advice": list(report.advice) if report.done else [],
    }
    write_json(document, stream)


def transfer_sentence(report: TransferReport) -> str:
    """Count the resources by outcome: `2 adopted, 1 not done, 1 refused`."""
    counts = (
        (len(report.done), past_tense(report.verb)),
        (len(report.failed), "not done"),
        (len(report.transfer.refused), "refused"),
    )
    parts = [f"{count} {word}" for count, word in counts if count]
    if report.unread:
        parts.append(f"{counted(len(report.unread), 'scope')} unread")
    return ", ".join(parts) or f"nothing to {report.verb}"


def manual_commands(
    database: Database, verb: str, *, replaces: bool = False, unseen: bool = False
) -> str:
    """Word a resource for `tctl create -f`, with what else to do as comments.

    A connect external id is left out: only `export` prints those.

    Args:
        database: The resource as it is to be.
        verb: `adopt` or `release`.
        replaces: The resource has to be deleted first.
        unseen: What exists could not be read, so nothing of it is in the document.
    """
    aws = database.spec.get("aws")
    secret = isinstance(aws, Mapping) and bool(aws.get("external_id"))
    shown = replace(database, spec=_without_external_id(database.spec)) if secret else database
    text = io.StringIO()
    remarks = [*_commands(database, replaces=replaces)]
    if unseen:
        remarks += [
            "What is there could not be read. Look at it before, with `tctl get db`: settings",
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
    yield "The identity in use may not do this; --identity-file names another. Manually:"
    if replaces:
        yield f"  tctl rm {shlex.quote(f'db/{database.name}')}"
    yield "  tctl create -f FILE    # these lines, in a file"


def manual_texts(report: TransferReport) -> Iterator[str]:
    """Yield the commands of each resource that the identity in use may not write."""
    for item in report.failed:
        if (text := _manual_text(item, report)) is not None:
            yield text
    for each in report.transfer.refused:
        if each.wanted is not None:
            yield manual_commands(each.wanted, report.verb, unseen=True)


def _manual_text(item: Item, report: TransferReport) -> str | None:
    denied = item.error is not None and item.error.code == _DENIED
    if not denied or item.database is None:
        return None
    return manual_commands(item.database, report.verb, replaces=item.replaces)


def _entry(item: Item, report: TransferReport) -> dict[str, Any]:
    return {
        "name": item.name,
        "arn": item.arn,
        "account_id": item.scope.account_id,
        "region": item.scope.region,
        "cache": item.cache,
        "outcome": "done" if item.applied else "not done",
        "message": item.message,
        "error": None if item.applied and item.error is None else item_error(item),
        "recreated": item.replaces,
        "changes": [change_entry(change) for change in item.changes],
        "notes": [{"code": each.code.value, "message": each.message} for each in item.notes],
        "database": item.database and database_entry(item.database),
        "by_hand": _manual_text(item, report),
    }


def item_error(item: Item) -> dict[str, str]:
    """Return what went wrong; a conflict or a rejection says it on the item itself."""
    if item.error is not None:
        return {"code": item.error.code, "message": item.error.message}
    return {"code": item.reason.value, "message": item.message}


def past_tense(verb: str) -> str:
    """Return the past tense of `adopt` or `release`."""
    return f"{verb}d" if verb.endswith("e") else f"{verb}ed"


def _without_external_id(spec: Mapping[str, Any]) -> dict[str, Any]:
    aws = {key: value for key, value in spec["aws"].items() if key != "external_id"}
    return {**spec, "aws": aws}
