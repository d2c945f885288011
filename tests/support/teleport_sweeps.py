"""Whole commands before a simulated cloud and a simulated Teleport.

The bot has the role that it should have, so what is another's does not exist for it; and another's
database stands in the name that one of the caches is to have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from discovery.cli import control_planes
from discovery.model.values import Database, ResourceName
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.roles import Role, bot_role
from discovery.sandbox.teleport.server import SimulatedTeleport
from tests.support.command_line import FRANKFURT, HUB, VIRGINIA, Rig, Run, rig

CONFIGURATION = f"""\
version: 1
group: prod
aws: {{regions: [{FRANKFURT}, {VIRGINIA}]}}
control_plane: {{kind: teleport, address: "%s", identity_file: ./identity}}
"""
TAKEN = "reports"
THEIRS = f"{TAKEN}-elasticache-serverless-{FRANKFURT}-{HUB}"
ELSEWHERE = {"protocol": "redis", "uri": "elsewhere.example.com:6379"}


@dataclass
class Stage:
    rig: Rig
    teleport: SimulatedTeleport
    control: str = ""
    """Where the sandbox's own door is."""
    taken_as: str = "NAME_TAKEN_UNSEEN"
    """As what the other's database is told to who looks."""

    def sweep(self, command: str = "sweep") -> tuple[Run, dict[str, Any]]:
        """One sweep, and its document without the item of the cache whose name is taken."""
        run = self.rig.run(command, "--format", "json")
        assert run.out, run.err
        document = json.loads(run.out)
        [theirs] = [item for item in document["items"] if item["cache"] == TAKEN]
        expected = ("held", "REGISTRY_UNREAD") if run.code == 1 else ("conflict", self.taken_as)
        assert (theirs["action"], theirs["reason"]) == expected, run.err
        assert self.teleport.cluster.databases[THEIRS]["spec"]["uri"] == ELSEWHERE["uri"]
        document["items"].remove(theirs)
        return run, document

    def without_theirs(self) -> None:
        """Nobody else's database stands in a wanted name."""
        self.rig.region().remove_cache(TAKEN)
        self.teleport.cluster.store.delete(THEIRS)

    @property
    def databases(self) -> dict[str, dict[str, Any]]:
        """What stands in the cluster, but for the other's."""
        found = self.teleport.cluster.databases
        return {name: each for name, each in found.items() if name != THEIRS}

    def writes(self) -> list[str]:
        found = [method for method, _ in self.teleport.calls.writes]
        self.teleport.calls.clear()
        return found


@contextmanager
def waiting_for(cluster: Cluster) -> Iterator[None]:
    """Between two commands nobody waits for a cluster whose reads do not lag (`read_step`)."""
    lag = control_planes.READ_LAG if cluster.store.step else timedelta(0)
    with patch.object(control_planes, "READ_LAG", lag):
        yield


@contextmanager
def stage(directory: Path, cluster: Cluster, *roles: Role) -> Iterator[Stage]:
    teleport = SimulatedTeleport(cluster)
    with (
        waiting_for(cluster),
        rig(directory) as made,
        teleport.serve_in_thread() as at,
    ):
        made.configure(CONFIGURATION % at.proxy)
        cluster.issue("bot-cachemuster", *(roles or (bot_role("prod"),))).write(
            directory / "identity"
        )
        made.region().add_cache(TAKEN)
        cluster.place(
            Database(
                ResourceName(THEIRS),
                {"team": "dba", "teleport.dev/origin": "dynamic"},
                "",
                ELSEWHERE,
            )
        )
        made.environment["SSL_CERT_FILE"] = str(cluster.write_web_ca(directory / "web-ca.pem"))
        yield Stage(made, teleport, at.control)


def by_name(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The items, sorted."""
    return sorted(document["items"], key=lambda item: str(item["name"]))
