"""The HTTP endpoints under `/_sandbox/`, by which other processes steer a simulation.

Writing needs `Content-Type: application/json`, so that no web page can reach it from a browser.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar

from aiohttp import web

from discovery.sandbox.calls import RecentCalls
from discovery.sandbox.faults import Fault, FaultBoard

PREFIX = "/_sandbox/"
SHOWN_CALLS = 1000
"""Number of the latest calls that `GET calls` answers."""

Body = Mapping[str, Any]
Endpoint = Callable[[Body], Body]
F = TypeVar("F", bound=Fault)


class BadRequest(ValueError):
    """A request that cannot be done; the message says why."""


class ControlApi(ABC, Generic[F]):
    """The endpoints that both simulations have: state, calls and faults."""

    fault_type: ClassVar[type[Fault]]
    prefix: ClassVar[str] = PREFIX
    """What the paths of its endpoints begin with."""

    def __init__(
        self,
        faults: FaultBoard[F],
        calls: RecentCalls[Any],
        endpoints: Mapping[tuple[str, str], Endpoint],
    ) -> None:
        """Take the endpoints of this simulation, by method and path below `prefix`."""
        self._faults = faults
        self._calls = calls
        self._endpoints: Mapping[tuple[str, str], Endpoint] = {
            ("GET", "state"): lambda _: self.state(),
            ("GET", "calls"): lambda _: self.recent_calls(),
            ("DELETE", "calls"): lambda _: done(self._calls.clear),
            ("GET", "faults"): lambda _: {"faults": self.listed_faults()},
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): lambda _: done(self._faults.clear),
            **endpoints,
        }

    def answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """Answer a request, always in JSON."""
        path = request.path.removeprefix(self.prefix)
        if request.method == "DELETE" and path.startswith("faults/"):
            number = path.removeprefix("faults/")
            removed = number.isdecimal() and self._faults.remove(int(number))
            return web.json_response({"removed": removed})
        endpoint = self._endpoints.get((request.method, path))
        if endpoint is None:
            known = ", ".join(f"{method} {self.prefix}{name}" for method, name in self._endpoints)
            return _error(404, f"no such endpoint; there are: {known}")
        if request.method == "POST" and request.content_type != "application/json":
            return _error(415, "send Content-Type: application/json")
        try:
            return web.json_response(endpoint(_object(body)))
        except ValueError as error:
            return _error(400, str(error))

    @abstractmethod
    def state(self) -> Body:
        """Describe the clock, the faults and everything that the simulation holds."""

    @abstractmethod
    def recent_calls(self) -> Body:
        """Describe the latest calls."""

    def listed_faults(self) -> list[Body]:
        """List the faults in force, each with its number as `id`."""
        return [{"id": number, **self.described_fault(fault)} for number, fault in self._faults]

    def described_fault(self, fault: F) -> Body:
        """Return a fault's settings in JSON's types."""
        return {field.name: getattr(fault, field.name) for field in fields(fault)}

    def read_fault(self, body: Body) -> Any:
        """Return the fault that a request describes. Raises TypeError or ValueError."""
        return self.fault_type(**body)

    def _add_fault(self, body: Body) -> Body:
        known = {field.name for field in fields(self.fault_type)}
        unknown = sorted(set(body) - known)
        if unknown:
            raise BadRequest(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        try:
            return {"id": self._faults.add(self.read_fault(body))}
        except TypeError as error:
            raise BadRequest(str(error)) from error


def done(act: Callable[[], None]) -> Body:
    """Act, and answer with an empty object."""
    act()
    return {}


def durations(body: Body, known: Mapping[str, str]) -> Mapping[str, timedelta]:
    """Return the times that a request gives, each a number of seconds. Raises BadRequest.

    Args:
        body: The request.
        known: What each member that may be given means.
    """
    if not body or set(body) - set(known):
        spelled = ", ".join(f"{name} ({meaning})" for name, meaning in known.items())
        raise BadRequest(f"give some of these, in seconds: {spelled}")
    try:
        return {name: timedelta(seconds=seconds) for name, seconds in body.items()}
    except (TypeError, OverflowError) as error:
        raise BadRequest("each is a number of seconds") from error


def _object(body: bytes) -> Body:
    if not body:
        return {}
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not JSON") from error
    if not isinstance(sent, dict):
        raise BadRequest("the body is not a JSON object")
    return sent


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
