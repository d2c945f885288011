"""The control endpoints of the simulated Teleport: changes, roles, identities, rotation, clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

from discovery.sandbox.control import (
    SHOWN_CALLS,
    BadRequest,
    Body,
    ControlApi,
    done,
    durations,
)
from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.teleport.calls import CallLog
from discovery.sandbox.teleport.changes import change_from_document
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Fault
from discovery.sandbox.teleport.roles import Role

_SETTABLE = {"page_size": int, "tls_routing": bool, "behind_load_balancer": bool}


class TeleportControlApi(ControlApi[Fault]):
    """Answers the requests under `/_sandbox/` of the simulated Proxy's web side."""

    fault_type = Fault

    def __init__(
        self,
        cluster: Cluster,
        faults: FaultBoard[Fault],
        calls: CallLog,
        disconnect: Callable[[], None],
    ) -> None:
        endpoints = {
            ("POST", "deeds"): self._do,
            ("POST", "roles"): lambda body: done(
                lambda: cluster.set_role(Role.from_document(body))
            ),
            ("POST", "identities"): self._issue,
            ("POST", "rotation"): self._rotate,
            ("POST", "disconnect"): lambda _: done(disconnect),
            ("POST", "habits"): self._set_behaviour,
            ("POST", "clock"): self._move_clock,
            ("POST", "locks"): self._lock,
        }
        super().__init__(faults, calls, endpoints)
        self._cluster = cluster
        self._handshakes = calls.handshakes

    def state(self) -> Body:
        """Describe the clock, the faults, and what the cluster holds."""
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
            "faults": self.listed_faults(),
        }

    def recent_calls(self) -> Body:
        """Describe the latest calls and handshakes."""
        calls = [asdict(call) for call in tuple(self._calls)[-SHOWN_CALLS:]]
        handshakes = [asdict(shake) for shake in tuple(self._handshakes)[-SHOWN_CALLS:]]
        for row in (*calls, *handshakes):
            row["at"] = row["at"].isoformat()
        return {"calls": calls, "handshakes": handshakes}

    def described_fault(self, fault: Fault) -> Body:
        """Return a fault's settings, with its deed as text."""
        deed = repr(fault.deed) if fault.deed else None
        return {**super().described_fault(fault), "deed": deed}

    def read_fault(self, body: Body) -> Fault:
        """Return the fault that a request describes."""
        deed = body.get("deed")
        return Fault(**{**body, "deed": change_from_document(deed) if deed is not None else None})

    def _do(self, sent: Body) -> Body:
        try:
            change_from_document(sent).do(self._cluster, "")
        except (TypeError, AttributeError) as error:
            raise BadRequest(str(error)) from error
        return {}

    def _lock(self, sent: Body) -> Body:
        users = sent.get("users")
        if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
            raise BadRequest("give users, a list of those who are locked; the others are not")
        self._cluster.locked = set(users)
        return {}

    def _issue(self, sent: Body) -> Body:
        try:
            user, roles = str(sent["user"]), [str(role) for role in sent["roles"]]
            lifetime = timedelta(seconds=sent.get("lifetime_s", 3600))
        except (KeyError, TypeError, OverflowError) as error:
            raise BadRequest("give user, roles (a list), and lifetime_s if not an hour") from error
        unknown = sorted(set(roles) - set(self._cluster.roles))
        if unknown:
            raise BadRequest(f"no such role: {', '.join(unknown)}")
        identity = self._cluster.issue(user, *roles, lifetime=lifetime)
        return {"identity": identity.text, "expires_at": identity.expires_at.isoformat()}

    def _rotate(self, sent: Body) -> Body:
        phases = {
            "begin": self._cluster.begin_rotation,
            "finish": self._cluster.finish_rotation,
            "whole": self._cluster.rotate,
        }
        phase = phases.get(str(sent.get("phase")))
        if phase is None:
            raise BadRequest(f"phase is one of {', '.join(phases)}")
        phase()
        return {}

    def _set_behaviour(self, sent: Body) -> Body:
        for name, value in sent.items():
            if type(value) is not _SETTABLE.get(name):
                known = ", ".join(f"{key} ({kind.__name__})" for key, kind in _SETTABLE.items())
                raise BadRequest(f"{name} cannot be {value!r}; there are {known}")
        for name, value in sent.items():
            setattr(self._cluster.behaviour, name, value)
        return {name: getattr(self._cluster.behaviour, name) for name in _SETTABLE}

    def _move_clock(self, sent: Body) -> Body:
        known = {
            "advance_s": "time passes",
            "step_s": "how often reads follow writes",
            "lag_s": "how late they are besides",
        }
        moves = durations(sent, known)
        self._cluster.clock.advance(moves.get("advance_s", timedelta(0)))
        store = self._cluster.store
        store.lag = moves.get("lag_s", store.lag)
        store.step = moves.get("step_s", store.step)
        return {"clock": self._cluster.clock().isoformat()}
