"""Whole commands before a simulated cloud and a simulated Teleport."""

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
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.roles import Role, fenced_bot
from discovery.sandbox.teleport.server import SimulatedTeleport
from tests.unit.cli.rig import FRANKFURT, VIRGINIA, Rig, Run, rig

CONFIGURATION = f"""\
version: 1
group: prod
aws: {{regions: [{FRANKFURT}, {VIRGINIA}]}}
control_plane: {{kind: teleport, address: "%s", identity_file: ./identity}}
"""


@dataclass
class Stage:
    rig: Rig
    teleport: SimulatedTeleport
    control: str = ""
    """Where the sandbox's own door is."""

    def sweep(self, command: str = "sweep") -> tuple[Run, dict[str, Any]]:
        run = self.rig.run(command, "--format", "json")
        assert run.out, run.err
        return run, json.loads(run.out)

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
        cluster.issue("bot-cachemuster", *(roles or (fenced_bot("prod"),))).write(
            directory / "identity"
        )
        made.environment["SSL_CERT_FILE"] = str(cluster.write_web_ca(directory / "web-ca.pem"))
        yield Stage(made, teleport, at.control)


def by_name(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The items, sorted."""
    return sorted(document["items"], key=lambda item: str(item["name"]))
