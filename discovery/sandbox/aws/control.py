"""The sandbox's own door, `/_sandbox/`: faults, clock, sessions and state, for other processes.

Writing needs `Content-Type: application/json`, so that no web page can reach it from a browser.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any

from aiohttp import web

from discovery.sandbox.aws.calls import CallLog
from discovery.sandbox.aws.faults import Fault, FaultBoard
from discovery.sandbox.aws.wire.message import Request
from discovery.sandbox.aws.world import World

PREFIX = "/_sandbox/"

Reply = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class BadOrder(Exception):
    """What was sent cannot be done; the message says why."""


class Controls:
    """Answers the requests under `/_sandbox/`."""

    def __init__(self, world: World, faults: FaultBoard, calls: CallLog) -> None:
        self._world = world
        self._faults = faults
        self._calls = calls
        self._routes: Mapping[tuple[str, str], Reply] = {
            ("GET", "state"): lambda _: self.state(),
            ("GET", "calls"): lambda _: self._recent_calls(),
            ("GET", "tally"): lambda _: {"tally": self._calls.tally},
            ("DELETE", "calls"): lambda _: self._forget_calls(),
            ("GET", "faults"): lambda _: {"faults": self._listed_faults()},
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): lambda _: self._clear_faults(),
            ("POST", "clock"): self._move_clock,
            ("POST", "regions"): self._change_regions,
            ("POST", "sessions/expire"): lambda _: {"expired": self._world.expire_sessions()},
            ("POST", "web-identity"): self._issue_web_identity,
        }

    def answer(self, request: Request) -> web.Response:
        """The answer, always JSON."""
        path = request.path.partition("?")[0].removeprefix(PREFIX)
        if request.method == "DELETE" and path.startswith("faults/"):
            return _json(200, {"removed": self._remove_fault(path.removeprefix("faults/"))})
        reply = self._routes.get((request.method, path))
        if reply is None:
            known = [f"{method} {PREFIX}{name}" for method, name in self._routes]
            return _json(404, {"error": f"no such door; there are: {', '.join(known)}"})
        if request.method == "POST" and not _is_json(request):
            return _json(415, {"error": "send Content-Type: application/json"})
        try:
            return _json(200, reply(_sent(request)))
        except BadOrder as error:
            return _json(400, {"error": str(error)})

    def state(self) -> Mapping[str, Any]:
        """The clock, the faults and what every account holds."""
        now = self._world.clock()
        accounts = {}
        for account in tuple(self._world.accounts.values()):
            regions = {}
            for region in account.regions:
                region.settle(now)
                regions[region.place.name] = {
                    "caches": {cache.name: cache.status for cache in region.caches.values()},
                    "users": [user.id for user in region.users.values()],
                    "user_groups": [group.id for group in region.groups.values()],
                    "queues": {name: len(queue) for name, queue in region.queues.items()},
                }
            accounts[account.id] = {
                "enabled_regions": sorted(account.enabled),
                "denied_regions": sorted(account.denied_regions),
                "roles": sorted(account.roles),
                "regions": regions,
            }
        return {
            "clock": now.isoformat(),
            "front_door_clock": self._world.front_door().isoformat(),
            "calls": len(self._calls),
            "faults": self._listed_faults(),
            "accounts": accounts,
        }

    def _recent_calls(self) -> Mapping[str, Any]:
        rows = []
        for call in tuple(self._calls)[-1000:]:
            row = {f.name: getattr(call, f.name) for f in fields(call) if f.name != "members"}
            rows.append({**row, "at": call.at.isoformat()})
        return {"calls": rows}

    def _forget_calls(self) -> Mapping[str, Any]:
        self._calls.clear()
        return {}

    def _listed_faults(self) -> list[Mapping[str, Any]]:
        return [{"id": number, **asdict(fault)} for number, fault in self._faults]

    def _add_fault(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        known = {field.name for field in fields(Fault)}
        unknown = sorted(set(sent) - known)
        if unknown:
            raise BadOrder(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        try:
            return {"id": self._faults.add(Fault(**sent))}
        except (TypeError, ValueError) as error:
            raise BadOrder(str(error)) from error

    def _clear_faults(self) -> Mapping[str, Any]:
        self._faults.clear()
        return {}

    def _remove_fault(self, number: str) -> bool:
        return number.isdecimal() and self._faults.remove(int(number))

    def _issue_web_identity(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        """A token for a token file, and a role of the account that lets its subject in."""
        account_id, subject, name = (
            str(sent.get(key) or usual)
            for key, usual in (
                ("account", min(self._world.accounts, default="")),
                ("subject", "system:serviceaccount:cachemuster:cachemuster"),
                ("role", "cachemuster-pod"),
            )
        )
        account = self._world.accounts.get(account_id)
        if account is None:
            raise BadOrder(f"there is no account {account_id}")
        role = account.add_role(name, trusted=[subject])
        token = self._world.issue_web_identity(subject)
        return {"token": token, "role_arn": role.arn, "subject": subject}

    def _change_regions(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        """An account has regions enabled or disabled, or denied by a service control policy."""
        account = self._world.accounts.get(str(sent.get("account")))
        known = {"account", "enable", "disable", "deny"}
        if account is None or set(sent) - known:
            raise BadOrder("give account, an id that is there, and lists: enable, disable, deny")
        lists = {name: sent.get(name, []) for name in known - {"account"}}
        if not all(isinstance(each, list) for each in lists.values()):
            raise BadOrder("enable, disable and deny are lists of regions")
        known_regions = account.partition.regions
        for region in (region for each in lists.values() for region in each):
            if region not in known_regions:
                raise BadOrder(f"partition {account.partition.name} has no region {region!r}")
        account.enabled = (account.enabled | set(lists["enable"])) - set(lists["disable"])
        if "deny" in sent:
            account.denied_regions = set(lists["deny"])
        return {
            "enabled_regions": sorted(account.enabled),
            "denied_regions": sorted(account.denied_regions),
        }

    def _move_clock(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        moves = {"advance_s": self._world.clock, "skew_s": self._world.front_door}
        if not sent or set(sent) - set(moves):
            raise BadOrder(
                "give advance_s (resources' time) or skew_s (signatures' time), in seconds"
            )
        for name, seconds in sent.items():
            try:
                moves[name].advance(timedelta(seconds=seconds))
            except (TypeError, OverflowError) as error:
                raise BadOrder(f"{name} is a number of seconds") from error
        return {"clock": self._world.clock().isoformat()}


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").split(";")[0].strip() == "application/json"


def _sent(request: Request) -> Mapping[str, Any]:
    if not request.body:
        return {}
    try:
        sent = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise BadOrder("the body is not JSON") from error
    if not isinstance(sent, dict):
        raise BadOrder("the body is not a JSON object")
    return sent


def _json(status: int, content: Mapping[str, Any]) -> web.Response:
    return web.json_response(content, status=status)
