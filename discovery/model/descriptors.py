"""The limit of open files and connections of this process, and whether it is reached."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator

_OUT = (errno.EMFILE, errno.ENFILE)
_UNLIMITED = 1 << 20
_AT_ONCE = 8
"""More than any one thing needs: SQLite takes four for a file, and has let go when it fails."""


def descriptor_limit() -> int:
    """The number of descriptors this process may have at once (`ulimit -n`)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if 0 <= soft < _UNLIMITED else _UNLIMITED


def exhaustion(error: BaseException) -> str:
    """Write a sentence that names the limit when `error` came of it; empty when it did not.

    Not every error says so: SQLite knows "cannot open" only, and a name that cannot be looked up
    for want of a socket looks like one that does not exist. So it is tried, too.
    """
    says_so = any(isinstance(each, OSError) and each.errno in _OUT for each in causes(error))
    if not says_so and _has_spare(_AT_ONCE):
        return ""
    return (
        f"too many files and connections are open: this process may have {descriptor_limit()} at "
        "once. Raise that limit (`ulimit -n`, LimitNOFILE= of a systemd unit), or see who keeps "
        "connections to service.listen open"
    )


def _has_spare(count: int) -> bool:
    """True when so many more descriptors can be had at this moment."""
    opened: list[int] = []
    try:
        for _ in range(count):
            opened.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))  # noqa: PERF401
    except OSError as refusal:
        return refusal.errno not in _OUT
    finally:
        for each in opened:
            os.close(each)
    return True


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what caused it, the SDK's own way of wrapping included."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        wrapped = getattr(error, "kwargs", None)
        inner = wrapped.get("error") if isinstance(wrapped, dict) else None
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
