"""What an existing registration needs: nothing, an update, or another name (R2, R7, R12)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from discovery.model.codes import Reason
from discovery.model.fingerprint import redacted
from discovery.model.values import Change, Database
from discovery.plan.labels import DISCOVERED_NAME_LABEL, ORIGIN_LABEL
from discovery.plan.resource import changes_between
from state.records import Registration

_LABELS = "/metadata/labels/"
_ORIGIN = f"{_LABELS}{ORIGIN_LABEL.replace('/', '~1')}"


def under_its_present_name(desired: Database, live: Database) -> Database:
    """The desired resource without the rename: name and name label stay as they are."""
    labels = {key: value for key, value in desired.labels.items() if key != DISCOVERED_NAME_LABEL}
    if DISCOVERED_NAME_LABEL in live.labels:
        labels[DISCOVERED_NAME_LABEL] = live.labels[DISCOVERED_NAME_LABEL]
    return replace(desired, name=live.name, labels=labels)


def changes_origin(changes: Iterable[Change]) -> bool:
    """True when the origin label changes, which Teleport allows on a new resource only (R12)."""
    return any(change.field == _ORIGIN for change in changes)


def reason_for(
    changes: tuple[Change, ...],
    target: Database,
    written: Registration | None,
    *,
    recreated: bool,
) -> Reason:
    """The first reason that holds for an update.

    What this agent wrote last tells a change in AWS or in the configuration from a change that
    somebody made in the control plane: if the resource wanted now is the one written then, the
    difference is drift.
    """
    if recreated:
        return Reason.RECREATED
    if written is None:
        return _without_memory(changes)
    before = replace(written.database, spec=redacted(written.database.spec))
    wanted = replace(target, spec=redacted(target.spec))
    differing = {change.field for change in changes}
    ours = tuple(c for c in changes_between(before, wanted) if c.field in differing)
    return _by_field(ours) if ours else Reason.DRIFT


def _by_field(changes: tuple[Change, ...]) -> Reason:
    fields = [change.field for change in changes]
    if "/spec/uri" in fields:
        return Reason.URI_CHANGED
    if any(not field.startswith(_LABELS) for field in fields):
        return Reason.SPEC_CHANGED
    return Reason.LABELS_CHANGED


def _without_memory(changes: tuple[Change, ...]) -> Reason:
    surplus = all(change.field.startswith(_LABELS) and change.new is None for change in changes)
    return Reason.DRIFT if surplus else _by_field(changes)
