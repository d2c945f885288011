"""A tale in a cluster, whose bot has the role it should have: what is another's is not shown."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from discovery.model.values import Database, ResourceName
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.roles import EDITOR, bot_role
from discovery.sandbox.teleport.server import SimulatedTeleport
from tests.support.scenario import SETTINGS, Scenario, scenario_in

ELSEWHERE = {"protocol": "redis", "uri": "elsewhere:6379"}


def foreign(name: str) -> Database:
    """A database of somebody else's."""
    labels = {"team": "dba", "teleport.dev/origin": "dynamic"}
    return Database(ResourceName(name), labels, "by hand", ELSEWHERE)


@dataclass
class FencedScenario(Scenario):
    """The same, with a cluster in place of the registry's file."""

    teleport: SimulatedTeleport = field(kw_only=True)
    badges: Path = field(kw_only=True)
    """Where the identities are."""

    @property
    def cluster(self) -> Cluster:
        return self.teleport.cluster

    @property
    def registry(self) -> dict[str, Database]:
        return {name: _database(each) for name, each in self.cluster.databases.items()}

    def put(self, database: Database, name: str | None = None) -> None:
        document = database.document()
        document["metadata"]["name"] = name or database.name
        self.cluster.place(document)

    def unregister(self, name: str) -> None:
        self.cluster.store.delete(name)

    @property
    def operator(self) -> str:
        """The file of an identity that sees everything."""
        file = self.badges / "operator"
        self.cluster.issue("alice", EDITOR).write(file)
        return str(file)

    @property
    def looked_up(self) -> list[str]:
        """The names asked for one by one since this was last read."""
        found = [call.name for call in self.teleport.calls.of("GetDatabase")]
        self.teleport.calls.clear()
        return found


def _database(document: Mapping[str, Any]) -> Database:
    metadata = document["metadata"]
    return Database(
        name=ResourceName(metadata["name"]),
        labels=dict(metadata.get("labels", {})),
        description=metadata.get("description", ""),
        spec=document.get("spec", {}),
    )


@contextlib.contextmanager
def fenced_in(directory: Path, badges: Path) -> Iterator[FencedScenario]:
    """As `scenario_in`, with a cluster and the identity of a bot in it."""
    teleport = SimulatedTeleport(Cluster())
    with scenario_in(directory) as plain, teleport.serve_in_thread() as at:
        identity = badges / "identity"
        teleport.cluster.issue("bot-cachemuster", bot_role("prod")).write(identity)
        environment = {"SSL_CERT_FILE": str(teleport.cluster.write_web_ca(badges / "web-ca.pem"))}
        plain.cli.environment |= environment
        scenario = FencedScenario(plain.cli, dict(SETTINGS), teleport=teleport, badges=badges)
        scenario.configure(
            control_plane={
                "kind": "teleport",
                "address": at.proxy,
                "identity_file": str(identity),
            }
        )
        yield scenario
