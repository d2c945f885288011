"""The control endpoints of the simulated AWS: clocks, regions, sessions, web identities."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from discovery.sandbox.aws.calls import CallLog
from discovery.sandbox.aws.faults import Fault
from discovery.sandbox.aws.world import World
from discovery.sandbox.control import SHOWN_CALLS, BadRequest, ControlApi, durations
from discovery.sandbox.faults import FaultBoard


class AwsControlApi(ControlApi[Fault]):
    """Answers the requests under `/_sandbox/` of the simulated AWS."""

    fault_type = Fault

    def __init__(self, world: World, faults: FaultBoard[Fault], calls: CallLog) -> None:
        endpoints = {
            ("GET", "tally"): lambda _: {"tally": calls.tally},
            ("POST", "clock"): self._move_clock,
            ("POST", "regions"): self._change_regions,
            ("POST", "sessions/expire"): lambda _: {"expired": world.expire_sessions()},
            ("POST", "web-identity"): self._issue_web_identity,
        }
        super().__init__(faults, calls, endpoints)
        self._world = world

    def state(self) -> Mapping[str, Any]:
        """Describe the clocks, the faults and what every account holds."""
        now = self._world.clock()
        accounts = {}
        for account in tuple(self._world.accounts.values()):
            regions = {}
            for region in account.regions:
                region.advance(now)
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
            "front_door_clock": self._world.auth_clock().isoformat(),
            "calls": len(self._calls),
            "faults": self.listed_faults(),
            "accounts": accounts,
        }

    def recent_calls(self) -> Mapping[str, Any]:
        """Describe the latest calls, without their input."""
        rows = []
        for call in tuple(self._calls)[-SHOWN_CALLS:]:
            row = {f.name: getattr(call, f.name) for f in fields(call) if f.name != "members"}
            rows.append({**row, "at": call.at.isoformat()})
        return {"calls": rows}

    def _issue_web_identity(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a web identity token, and a role of the account that trusts its subject."""
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
            raise BadRequest(f"there is no account {account_id}")
        role = account.add_role(name, trusted=[subject])
        token = self._world.issue_web_identity(subject)
        return {"token": token, "role_arn": role.arn, "subject": subject}

    def _change_regions(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        """Enable or disable regions of an account, or deny them by a service control policy."""
        account = self._world.accounts.get(str(sent.get("account")))
        known = {"account", "enable", "disable", "deny"}
        if account is None or set(sent) - known:
            raise BadRequest("give account, an id that is there, and lists: enable, disable, deny")
        lists = {name: sent.get(name, []) for name in known - {"account"}}
        if not all(isinstance(each, list) for each in lists.values()):
            raise BadRequest("enable, disable and deny are lists of regions")
        known_regions = account.partition.regions
        for region in (region for each in lists.values() for region in each):
            if region not in known_regions:
                raise BadRequest(f"partition {account.partition.name} has no region {region!r}")
        account.enabled = (account.enabled | set(lists["enable"])) - set(lists["disable"])
        if "deny" in sent:
            account.denied_regions = set(lists["deny"])
        return {
            "enabled_regions": sorted(account.enabled),
            "denied_regions": sorted(account.denied_regions),
        }

    def _move_clock(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        known = {"advance_s": "resources' time", "skew_s": "signatures' time"}
        clocks = {"advance_s": self._world.clock, "skew_s": self._world.auth_clock}
        for name, span in durations(sent, known).items():
            clocks[name].advance(span)
        return {"clock": self._world.clock().isoformat()}
