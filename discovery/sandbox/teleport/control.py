"""The sandbox's own door, `/_sandbox/` on the web side: state, faults, deeds, identities, clock.

Writing needs `Content-Type: application/json`, so that no web page can reach it from a browser.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any

from aiohttp import web

from discovery.sandbox.teleport.calls import CallLog
from discovery.sandbox.teleport.changes import deed_from
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Fault, FaultBoard
from discovery.sandbox.teleport.messages import Unfit
from discovery.sandbox.teleport.roles import Role

PREFIX = "/_sandbox/"

Sent = Mapping[str, Any]
Reply = Callable[[Sent], Mapping[str, Any]]

_SETTABLE = {"page_size": int, "tls_routing": bool, "behind_load_balancer": bool}
_SHOWN_CALLS = 1000


class BadOrder(Exception):
    """What was sent cannot be done; the message says why."""


class Controls:
    """Answers the requests under `/_sandbox/`."""

    def __init__(
        self,
        cluster: Cluster,
        faults: FaultBoard,
        calls: CallLog,
        disconnect: Callable[[], None],
    ) -> None:
        self._cluster = cluster
        self._faults = faults
        self._calls = calls
        self._disconnect = disconnect
        self._routes: Mapping[tuple[str, str], Reply] = {
            ("GET", "state"): lambda _: self.state(),
            ("GET", "calls"): lambda _: self._recent_calls(),
            ("DELETE", "calls"): lambda _: self._forget_calls(),
            ("GET", "faults"): lambda _: {"faults": self._listed_faults()},
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): lambda _: self._clear_faults(),
            ("POST", "deeds"): self._do,
            ("POST", "roles"): self._set_role,
            ("POST", "identities"): self._issue,
            ("POST", "rotation"): self._rotate,
            ("POST", "disconnect"): lambda _: self._cut(),
            ("POST", "habits"): self._set_habits,
            ("POST", "clock"): self._move_clock,
            ("POST", "locks"): self._lock,
        }

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """The answer, always JSON."""
        path = request.path.removeprefix(PREFIX)
        if request.method == "DELETE" and path.startswith("faults/"):
            number = path.removeprefix("faults/")
            removed = number.isdecimal() and self._faults.remove(int(number))
            return web.json_response({"removed": removed})
        reply = self._routes.get((request.method, path))
        if reply is None:
            known = ", ".join(f"{method} {PREFIX}{name}" for method, name in self._routes)
            return _error(404, f"no such door; there are: {known}")
        if request.method == "POST" and request.content_type != "application/json":
            return _error(415, "send Content-Type: application/json")
        try:
            return web.json_response(reply(_sent(await request.read())))
        except (BadOrder, Unfit) as error:
            return _error(400, str(error))

    def state(self) -> Sent:
        """The clock, the faults, and what the cluster holds."""
        cluster = self._cluster
        return {
            "cluster": cluster.name,
            "version": cluster.release.version,
            "clock": cluster.clock().isoformat(),
            "lag_s": cluster.store.lag.total_seconds(),
            "step_s": cluster.store.step.total_seconds(),
            "databases": cluster.databases,
            "visible": [stored.name for stored in cluster.store.visible],
            "roles": sorted(cluster.roles),
            "services": sorted(cluster.services),
            "servers": sorted(cluster.servers),
            "calls": len(self._calls),
            "faults": self._listed_faults(),
        }

    def _recent_calls(self) -> Sent:
        calls = [asdict(call) for call in tuple(self._calls)[-_SHOWN_CALLS:]]
        handshakes = [asdict(shake) for shake in tuple(self._calls.handshakes)[-_SHOWN_CALLS:]]
        for row in (*calls, *handshakes):
            row["at"] = row["at"].isoformat()
        return {"calls": calls, "handshakes": handshakes}

    def _forget_calls(self) -> Sent:
        self._calls.clear()
        return {}

    def _listed_faults(self) -> list[Sent]:
        return [
            {
                "id": number,
                **{f.name: getattr(fault, f.name) for f in fields(fault)},
                "deed": repr(fault.deed) if fault.deed else None,
            }
            for number, fault in self._faults
        ]

    def _add_fault(self, sent: Sent) -> Sent:
        known = {field.name for field in fields(Fault)}
        unknown = sorted(set(sent) - known)
        if unknown:
            raise BadOrder(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        try:
            deed = sent.get("deed")
            given = {**sent, "deed": deed_from(deed) if deed is not None else None}
            return {"id": self._faults.add(Fault(**given))}
        except (TypeError, ValueError) as error:
            raise BadOrder(str(error)) from error

    def _clear_faults(self) -> Sent:
        self._faults.clear()
        return {}

    def _do(self, sent: Sent) -> Sent:
        try:
            deed_from(sent).do(self._cluster, "")
        except (ValueError, TypeError, AttributeError) as error:
            raise BadOrder(str(error)) from error
        return {}

    def _set_role(self, sent: Sent) -> Sent:
        try:
            self._cluster.set_role(Role.from_document(sent))
        except ValueError as error:
            raise BadOrder(str(error)) from error
        return {}

    def _lock(self, sent: Sent) -> Sent:
        users = sent.get("users")
        if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
            raise BadOrder("give users, a list of those who are locked; the others are not")
        self._cluster.locked = set(users)
        return {}

    def _issue(self, sent: Sent) -> Sent:
        try:
            user, roles = str(sent["user"]), [str(role) for role in sent["roles"]]
            lifetime = timedelta(seconds=sent.get("lifetime_s", 3600))
        except (KeyError, TypeError, OverflowError) as error:
            raise BadOrder("give user, roles (a list), and lifetime_s if not an hour") from error
        unknown = sorted(set(roles) - set(self._cluster.roles))
        if unknown:
            raise BadOrder(f"no such role: {', '.join(unknown)}")
        identity = self._cluster.issue(user, *roles, lifetime=lifetime)
        return {"identity": identity.text, "expires_at": identity.expires_at.isoformat()}

    def _rotate(self, sent: Sent) -> Sent:
        phases = {
            "begin": self._cluster.begin_rotation,
            "finish": self._cluster.finish_rotation,
            "whole": self._cluster.rotate,
        }
        phase = phases.get(str(sent.get("phase")))
        if phase is None:
            raise BadOrder(f"phase is one of {', '.join(phases)}")
        phase()
        return {}

    def _cut(self) -> Sent:
        self._disconnect()
        return {}

    def _set_habits(self, sent: Sent) -> Sent:
        for name, value in sent.items():
            if type(value) is not _SETTABLE.get(name):
                known = ", ".join(f"{key} ({kind.__name__})" for key, kind in _SETTABLE.items())
                raise BadOrder(f"{name} cannot be {value!r}; there are {known}")
        for name, value in sent.items():
            setattr(self._cluster.habits, name, value)
        return {name: getattr(self._cluster.habits, name) for name in _SETTABLE}

    def _move_clock(self, sent: Sent) -> Sent:
        if not sent or set(sent) - {"advance_s", "lag_s", "step_s"}:
            raise BadOrder(
                "give advance_s (time passes), step_s (how often reads follow writes) or lag_s "
                "(how late they are besides)"
            )
        try:
            moves = {name: timedelta(seconds=seconds) for name, seconds in sent.items()}
            self._cluster.clock.advance(moves.get("advance_s", timedelta(0)))
        except (TypeError, OverflowError) as error:
            raise BadOrder("each is a number of seconds") from error
        store = self._cluster.store
        store.lag = moves.get("lag_s", store.lag)
        store.step = moves.get("step_s", store.step)
        return {"clock": self._cluster.clock().isoformat()}


def _sent(body: bytes) -> Sent:
    if not body:
        return {}
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadOrder("the body is not JSON") from error
    if not isinstance(sent, dict):
        raise BadOrder("the body is not a JSON object")
    return sent


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
