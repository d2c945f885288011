"""Outcomes of writing one item, with their messages for people."""

from __future__ import annotations

from dataclasses import dataclass, replace

from discovery.control_plane.base import (
    AlreadyExists,
    ControlPlaneError,
    Denied,
    NotFound,
    Rejected,
)
from discovery.model.codes import Action, Reason
from discovery.model.fingerprint import fingerprint
from discovery.model.values import Database, ItemError, ResourceName
from discovery.plan.item import Item
from state.records import IntentOutcome

CALL_DEADLINE_S = 20.0
"""Seconds for one step, all attempts and the pauses between them included."""

_ANSWERS = (Denied, Rejected, AlreadyExists, NotFound)
"""Errors after which it is certain that nothing was written."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """Outcome of writing one item, for the report and for the journal."""

    item: Item
    outcome: IntentOutcome | None
    """None: not known, or half done; the intent stays open."""
    error: ItemError | None = None
    """For the journal; a conflict has one here and none on its item."""


@dataclass(slots=True)
class CreateAttempts:
    """Facts about the calls of one creation, kept over its retries."""

    unanswered: bool = False
    """True when a call had no answer, so that it may have created the resource."""


@dataclass(slots=True)
class DeletedResource:
    """The resource that a delete found and removed, kept over its retries."""

    database: Database | None = None


class WriteAborted(Exception):
    """The write of an item ended without success, as `result` says."""

    def __init__(self, result: WriteResult) -> None:
        super().__init__()
        self.result = result


def refused(item: Item, error: ControlPlaneError | TimeoutError) -> WriteResult:
    """Return the result of a write that the control plane refused or did not answer."""
    found = _error_of(item, error)
    if isinstance(error, Rejected) and item.action is not Action.DELETE:
        blocked = replace(
            item, action=Action.BLOCKED, reason=Reason.REJECTED, message=found.message
        )
        return WriteResult(blocked, IntentOutcome.FAILED, found)
    outcome = IntentOutcome.FAILED if isinstance(error, _ANSWERS) else None
    return _failure(item, found, outcome)


def failed(item: Item, error: ItemError) -> Item:
    """Return the item with the error that kept it from being applied."""
    return replace(item, applied=False, error=error)


def _failure(item: Item, error: ItemError, outcome: IntentOutcome | None) -> WriteResult:
    return WriteResult(failed(item, error), outcome, error)


def _error_of(item: Item, error: BaseException) -> ItemError:
    if isinstance(error, WriteAborted) and error.result.error is not None:
        return error.result.error
    if isinstance(error, ControlPlaneError):
        return ItemError(error.code, _discreet(str(error), item), error.retryable)
    return ItemError(
        "TIMEOUT",
        f"the control plane did not answer within {CALL_DEADLINE_S:g} s; whether it was written "
        "is not known. The next sweep looks and goes on",
        retryable=True,
    )


def conflict(item: Item, reason: Reason, message: str) -> WriteAborted:
    """Return the result for a resource that is not ours; nothing was written."""
    found = replace(item, action=Action.CONFLICT, reason=reason, message=message)
    error = ItemError(reason.value, message, retryable=False)
    return WriteAborted(WriteResult(found, IntentOutcome.FAILED, error))


def name_taken(item: Item, name: ResourceName, ours_in: str | None) -> WriteAborted:
    """Return the result of a creation whose name is taken; `ours_in`: our group, if by us."""
    text = (
        f"the name {name} is taken by a resource that the list did not show; it was left "
        "alone. Take it over by `cachemuster adopt --identity-file FILE` with an operator's "
        "identity, or remove it"
    )
    if ours_in is not None:
        text = (
            f"{name} is registered for this cache already, which the list did not show: "
            f"another agent of group {ours_in} was a moment faster, or the list lags. It "
            "was left alone; the next sweep goes on from there"
        )
    return conflict(item, Reason.NAME_TAKEN_UNSEEN, text)


def registered_unlisted(item: Item, name: ResourceName) -> WriteAborted:
    """Return the result of a creation for a cache that has a registration the list lacks."""
    text = (
        f"the cache is registered as {name}, which the list did not show; nothing was "
        "written. Let the agent's role see it; the next sweep that does goes on from there"
    )
    return conflict(item, Reason.NAME_TAKEN_UNSEEN, text)


def owner_changed(item: Item, name: ResourceName) -> WriteAborted:
    """Return the result of a write to what is not ours any more."""
    text = (
        f"{name} got another owner after it was listed; it was left alone. "
        "The next sweep says whose it is"
    )
    return conflict(item, Reason.OWNER_CHANGED, text)


def no_longer_visible(item: Item, name: ResourceName, cause: Denied) -> WriteAborted:
    """Return the result of a write to what the agent's role may not see any more."""
    text = (
        f"{name} was listed and may not be seen any more: it got another owner, or the "
        f"agent's role was changed. It was left alone. {cause}"
    )
    return conflict(item, Reason.OWNER_CHANGED, text)


def restored_unlisted(item: Item, name: ResourceName, group: str) -> WriteAborted:
    """Return the result of a removal of what somebody registered again after ours."""
    text = (
        f"{name} was removed here and exists again, which the list did not show: "
        f"another agent may be at work in group {group}. It was left alone"
    )
    return conflict(item, Reason.RESTORED, text)


def missing_on_update(item: Item) -> WriteAborted:
    """Return the result of an update that found nothing to update."""
    # Not created again here: somebody may have removed it on purpose, and only a plan can tell.
    error = ItemError(
        NotFound.code,
        f"{item.name} vanished after it was listed; nothing was written. "
        "The next sweep registers it anew if it is still wanted",
        retryable=True,
    )
    return WriteAborted(_failure(item, error, IntentOutcome.FAILED))


def create_unknown(item: Item, cause: BaseException, name: str) -> WriteAborted:
    """Return the result of a creation without an answer whose name may not be read."""
    message = (
        f"{name} is taken, perhaps by a call of this item that was not answered, and may not be "
        "read now. The next sweep looks and goes on"
    )
    error = ItemError(_error_of(item, cause).code, message, retryable=True)
    return WriteAborted(_failure(item, error, None))


def half_applied(item: Item, cause: BaseException, message: str) -> WriteAborted:
    """Return the result of a rename whose second half failed; the next sweep finishes it."""
    why = _error_of(item, cause)
    error = ItemError(why.code, f"{message} ({why.message})", retryable=True)
    return WriteAborted(_failure(item, error, None))


def rolled_back(item: Item, cause: BaseException, message: str) -> WriteAborted:
    """Return the result of a replacement whose second half failed and was rolled back."""
    why = _error_of(item, cause)
    error = ItemError(why.code, f"{message} ({why.message})", why.retryable)
    return WriteAborted(_failure(item, error, IntentOutcome.FAILED))


def not_replaced(item: Item, code: str) -> WriteAborted:
    """Return the result of a replacement not begun because creations fail at the moment."""
    error = ItemError(
        code,
        f"{item.name} is unchanged: to change its origin it is removed and registered anew, "
        f"and the last registration of this sweep failed ({code}). The next sweep tries again",
        retryable=True,
    )
    return WriteAborted(_failure(item, error, IntentOutcome.FAILED))


def _discreet(message: str, item: Item) -> str:
    """Remove the external id from the server's message, should it repeat it."""
    for database in (item.database, item.live):
        aws = database.spec.get("aws") if database is not None else None
        external_id = aws.get("external_id") if isinstance(aws, dict) else None
        if isinstance(external_id, str) and len(external_id) > 1:
            message = message.replace(external_id, fingerprint(external_id))
    return message
