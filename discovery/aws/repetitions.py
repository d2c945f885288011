"""What a list names twice: once where both agree, no answer at all where they do not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from discovery.aws.errors import malformed_response
from discovery.aws.session import Session

Key = TypeVar("Key")
Value = TypeVar("Value")


def each_once(
    entries: Iterable[tuple[Key, Value]],
    action: str,
    session: Session,
    found: dict[Key, Value] | None = None,
) -> dict[Key, Value]:
    """The entries by key. Lists shift while they are read page by page, so the same entry may come
    again; one that says something else makes the answer contradict itself. `found` has those of
    earlier pages, and gets these.

    Raises: AwsCallFailed, MALFORMED.
    """
    found = {} if found is None else found
    for key, value in entries:
        if found.setdefault(key, value) != value:
            what = f"it describes {key} twice, and not alike"
            raise malformed_response(what, action, str(session.scope))
    return found
