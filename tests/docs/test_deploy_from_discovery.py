"""deploy/from-teleport-discovery: every line is run in order, and no database is ever missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.roles import EDITOR, bot_role
from discovery.sandbox.teleport.server import SimulatedTeleport
from discovery.sandbox.teleport.store import Store, Stored
from tests.docs.pages import DEPLOY, shell_lines
from tests.support.command_line import FRANKFURT, HUB, MEMBER, VIRGINIA, CommandLine, cli
from tests.support.discovery_service import GROUP, DiscoveryService
from tests.support.page_shell import NotInstalled, PageShell, StandIn
from tests.support.teleport_sweeps import waiting_for

pytestmark = pytest.mark.slow

PAGE = (DEPLOY / "from-teleport-discovery" / "README.md").read_text("utf-8")
SECRET = "known-to-both"
ROLES = {account: f"arn:aws:iam::{account}:role/teleport-discovery" for account in (HUB, MEMBER)}
TELEPORT_YAML = f"""\
teleport: {{proxy_server: "%s"}}
discovery_service:
  enabled: yes
  discovery_group: aws-prod
  aws:
  - types: [elasticache-serverless, rds]
    regions: [{FRANKFURT}, {VIRGINIA}]
    assume_role: {{role_arn: "{ROLES[HUB]}", external_id: {SECRET}}}
  - types: [elasticache-serverless]
    regions: [{FRANKFURT}]
    tags: {{"*": "*"}}
    assume_role_arn: {ROLES[MEMBER]}
    external_id: {SECRET}
"""


class WatchedStore(Store):
    """Looks after every write whether all that there was at the beginning is still there."""

    before: Mapping[str, Stored] = {}
    lost: Sequence[str] = ()

    def _record(self, name: str, stored: Stored | None) -> None:
        super()._record(name, stored)
        there = {each.name: each for each in self.present}
        self.lost = [
            *self.lost,
            *(each for each in self.before if not self._is_served(each, there.get(each))),
        ]

    def _is_served(self, name: str, stored: Stored | None) -> bool:
        """Whether people reach it as before: by its address, role and labels of their own."""
        before = self.before[name]
        own = {key: value for key, value in before.labels.items() if key != GROUP}
        return (
            stored is not None
            and stored.document["spec"] == before.document["spec"]
            and own.items() <= stored.labels.items()
        )


@dataclass
class Move:
    """Somebody who goes by the page, while the Discovery Service polls."""

    cli: CommandLine
    cluster: Cluster
    service: DiscoveryService
    shell: PageShell
    done: list[str] = field(default_factory=list)

    def section(self, number: str) -> str:
        """Run the lines of a section, with a poll after each. Returns what they show."""
        _, _, rest = PAGE.partition(f"\n## {number}.")
        shown = ""
        for line in shell_lines(rest.partition("\n## ")[0]):
            shown += self.shell.run(line.replace("/etc/teleport.yaml", "teleport.yaml"))
            self.done.append(line)
            self._use_the_identity_file_here()
            self.service.poll()
        return " ".join(shown.split())

    def _use_the_identity_file_here(self) -> None:
        """The page has it in a place of the host's."""
        file = self.cli.directory / "cachemuster.yaml"
        if file.exists():
            file.write_text(file.read_text().replace("/opt/machine-id/identity", "./identity"))

    def groups(self) -> set[str]:
        return {each["metadata"]["labels"][GROUP] for each in self.cluster.databases.values()}


def _tctl(cluster: Cluster, words: Sequence[str]) -> str:
    assert words[:2] == ["get", "db"], words
    listed = list(cluster.databases.values())
    if "--format=json" in words:
        return json.dumps(listed)
    return "\n".join(each["metadata"]["name"] for each in listed)


@pytest.fixture
def move(tmp_path: Path) -> Iterator[Move]:
    """Two accounts with four caches, all registered by the Discovery Service."""
    cluster = Cluster()
    cluster.store = store = WatchedStore(cluster.clock)
    teleport = SimulatedTeleport(cluster)
    with waiting_for(cluster), cli(tmp_path) as made, teleport.serve_in_thread() as at:
        (tmp_path / "cachemuster.yaml").unlink()
        (tmp_path / "teleport.yaml").write_text(TELEPORT_YAML % at.proxy)
        for account in ROLES:
            owner = made.aws.world.account(account, regions=(FRANKFURT, VIRGINIA))
            owner.add_role("teleport-discovery", trusted=[HUB], external_id=SECRET)
        made.region(account=MEMBER).add_cache("carts", tags={"team": "shop"})
        made.environment["CACHEMUSTER_EXTERNAL_ID"] = SECRET
        made.environment["SSL_CERT_FILE"] = str(cluster.write_web_ca(tmp_path / "web-ca.pem"))
        cluster.issue("bot-cachemuster", bot_role("prod")).write(tmp_path / "identity")
        matchers = {
            ROLES[HUB]: (made.region(), made.region(VIRGINIA)),
            ROLES[MEMBER]: (made.region(account=MEMBER),),
        }
        service = DiscoveryService(cluster, "aws-prod", matchers, SECRET)
        service.poll()
        store.before = {each.name: each for each in store.present}

        def log_in(_: Sequence[str]) -> str:
            cluster.issue("alice", EDITOR).write(tmp_path / "operator.identity")
            return ""

        def restart(_: Sequence[str]) -> str:
            """The matchers for caches have been taken out of its file."""
            service.matchers.clear()
            return ""

        stand_ins: dict[str, StandIn] = {
            "tsh": log_in,
            "tctl": lambda words: _tctl(cluster, words),
            "systemctl": restart,
        }
        yield Move(made, cluster, service, PageShell(made, stand_ins))
        assert not store.lost


def test_no_database_is_missing_at_any_time(move: Move) -> None:
    assert len(move.cluster.databases) == 4
    move.section("2")
    shown = move.section("3")
    assert "4 caches" in shown
    assert "FOREIGN 4" in shown
    assert (move.groups(), move.service.errors) == ({"aws-prod"}, [])
    shown = move.section("4")
    assert "4 adopted" in shown
    assert "deleted and created again" not in shown
    assert move.groups() == {"prod"}
    shown = move.section("5")
    assert shown.count("= 4 keep") == 2
    assert set(move.service.errors) == set(move.cluster.databases)
    try:
        shown = move.section("6")
    except NotInstalled as error:
        pytest.skip(f"{error} is not installed: the last section is not run")
    assert "aws-prod" not in shown
    assert "4 caches in 2 accounts; nothing to change" in shown
    assert set(move.shell.codes) == {(line, 0) for line, _ in move.shell.codes}
    assert move.done == list(shell_lines(PAGE))


def test_a_matcher_that_is_taken_out_too_early_costs_every_database(move: Move) -> None:
    """So that the watch above is one that sees."""
    move.service.matchers.clear()
    move.service.poll()
    store = move.cluster.store
    assert isinstance(store, WatchedStore)
    assert set(store.lost) == set(store.before)
    store.lost = ()
