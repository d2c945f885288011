"""The rules of the house for tests: nothing is left running, and nobody leaves this machine.

Subprocesses are excepted: they keep rules of their own.
"""

from __future__ import annotations

import asyncio
import asyncio.runners
import contextlib
import gc
import ipaddress
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

_LOOKUPS = frozenset(
    {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
)
_SENDS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class House:
    """What broke a rule since it was last asked."""

    def __init__(self) -> None:
        self._broken: list[str] = []

    def keep_watch(self) -> None:
        """From now on, and for this whole process, the rules are watched over."""
        asyncio.runners._cancel_all_tasks = self._watching(  # type: ignore[attr-defined]
            asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]
        )
        logging.getLogger("asyncio").addHandler(_Complaints(self._broken.append))
        # An audit hook sees what the interpreter itself is about to do, whoever asks for it.
        sys.addaudithook(self._audit)

    def inspection(self) -> list[str]:
        """What was broken since the last inspection. The garbage is collected, so that whatever
        lies about unclosed says so now."""
        gc.collect()
        broken, self._broken[:] = list(self._broken), ()
        return broken

    def forget(self) -> None:
        """Begin anew; what was broken between two tests is nobody's."""
        self._broken.clear()

    def _watching(self, cancel_all: Callable[[Any], None]) -> Callable[[Any], None]:
        def watched(loop: asyncio.AbstractEventLoop) -> None:
            left = [task for task in asyncio.all_tasks(loop) if not task.done()]
            self._broken.extend(f"left running: {task!r}" for task in left)
            cancel_all(loop)

        return watched

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _SENDS:
            place = arguments[1]
            host = place[0] if isinstance(place, tuple) else None  # a path is on this machine
        elif event in _LOOKUPS:
            host = arguments[0][0] if isinstance(arguments[0], tuple) else arguments[0]
        else:
            return
        if _is_here(host):
            return
        host = host.decode() if isinstance(host, bytes) else host
        if str(host).endswith(".invalid"):  # RFC 6761: there is no such name, and no need to ask
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        self._broken.append(f"left this machine: {event} {host!r}")
        raise OSError(f"tests stay on this machine: {event} {host!r}")


class _Complaints(logging.Handler):
    """What asyncio can only log: a task that was destroyed, or that failed with nobody looking."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        why = record.exc_info[1] if record.exc_info else None
        self._tell(f"asyncio complained: {record.getMessage()}" + (f" ({why!r})" if why else ""))


def _is_here(host: object) -> bool:
    if host in (None, "", b"", "localhost"):
        return True
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
        return address.is_loopback or address.is_unspecified
    return False


HOUSE = House()


@contextlib.contextmanager
def rules_kept() -> Iterator[None]:
    """Raises: AssertionError that names all that was broken inside."""
    HOUSE.forget()
    # What was there before is not looked through again, neither here nor by the interpreter: the
    # modules and the tests alone are a million objects, half a second each time.
    gc.freeze()
    yield
    broken = HOUSE.inspection()
    assert not broken, "\n".join(broken)
