"""A tale: a cloud, a registry and a clock in the hands of a test, told through the real command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from discovery.control_plane.embedded.control_plane import Embedded, EmbeddedReader
from discovery.model.values import Database, ResourceName
from discovery.reports.schema import committed_schema
from discovery.sandbox.aws.faults import Effect, Fault
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.values import Cache
from discovery.sandbox.aws.world import World
from state.records import RememberedState
from state.store import load_state
from tests.support.command_line import (
    FRANKFURT,
    HUB,
    MEMBER,
    VIRGINIA,
    CommandLine,
    Run,
    agent_environment,
)

__all__ = ["FRANKFURT", "HUB", "MEMBER", "VIRGINIA", "RunOutput", "Scenario", "scenario_in"]

VALIDATOR = Draft202012Validator(committed_schema())
LISTING = {"service": "elasticache", "operation": "DescribeServerlessCaches"}
LONG_AGO = timedelta(days=30)
SETTINGS: Mapping[str, Any] = {
    "version": 1,
    "group": "prod",
    "aws": {"regions": [FRANKFURT]},
    "deregistration": {"missed_sweeps": 2, "grace": "10m", "max_percent": 100},
}


@dataclass(frozen=True)
class RunOutput:
    """What a sweep or audit told: its one document, valid by the committed schema."""

    run: Run
    document: Mapping[str, Any]

    @property
    def verdicts(self) -> dict[str, str]:
        """Action and reason by cache, else by name."""
        return {
            item["cache"] or item["name"]: f"{item['action']}/{item['reason']}"
            for item in self.document["items"]
        }

    @property
    def by_name(self) -> dict[str | None, str]:
        """Action and reason by the name of the registration."""
        items = self.document["items"]
        return {item["name"]: f"{item['action']}/{item['reason']}" for item in items}

    def item(self, cache: str) -> Mapping[str, Any]:
        """The one item of this cache, or of this name."""
        items = self.document["items"]
        (found,) = [one for one in items if cache == (one["cache"] or one["name"])]
        return dict(found)

    def notes(self, cache: str) -> set[str]:
        return {note["code"] for note in self.item(cache)["notes"]}

    @property
    def failed_scopes(self) -> dict[str, str]:
        """The reason of every failed scope, by account and region."""
        return {
            f"{scope['account_id']}/{scope['region']}": scope["reason"]
            for scope in self.document["scopes"]
            if scope["status"] == "failed"
        }

    @property
    def writes(self) -> int:
        """How many items were to be written."""
        summary = self.document["summary"]
        return int(summary["create"] + summary["update"] + summary["delete"])


@dataclass
class Scenario:
    """Everything a story needs."""

    cli: CommandLine
    settings: dict[str, Any]
    offset: timedelta = timedelta(0)
    """How far the agent's clock is ahead of the machine's."""
    environment: dict[str, str] = field(default_factory=dict)

    # -- the cloud -------------------------------------------------------------------------------

    @property
    def aws(self) -> SimulatedAws:
        return self.cli.aws

    def region(self, region: str = FRANKFURT, account: str = HUB) -> Region:
        return self.cli.region(region, account)

    def cache(self, name: str, region: str = FRANKFURT, account: str = HUB, **more: Any) -> Cache:
        """A cache exists, old enough for every shortcut that is made for old ones."""
        made = {"created_at": self.now() - LONG_AGO, **more}
        return self.region(region, account).add_cache(name, **made)

    def gone(self, name: str, region: str = FRANKFURT, account: str = HUB) -> None:
        self.region(region, account).remove_cache(name)

    def tag(self, name: str, tags: Mapping[str, str], **where: str) -> None:
        """The cache has exactly these tags, and everybody knows at once."""
        region = self.region(**where)
        cache = region.caches.get(name)
        assert cache is not None
        region.set_tags(cache.arn, tags, lag=timedelta(0))

    def fault(self, effect: Effect, **where: Any) -> int:
        return self.aws.faults.add(Fault(effect=effect, **where))

    def healed(self) -> None:
        self.aws.faults.clear()

    def member(self, account: str = MEMBER, regions: tuple[str, ...] = (FRANKFURT,)) -> None:
        """One more account, whose role lets the agent in, stands in the configuration."""
        made = self.aws.world.account(account, regions=regions)
        role = made.add_role("cachemuster", trusted=[HUB])
        aws = self.settings["aws"]
        accounts = [*aws.get("accounts", [{"id": HUB}]), {"id": account, "role_arn": role.arn}]
        self.configure(aws={**aws, "accounts": accounts})

    # -- the agent -------------------------------------------------------------------------------

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def later(self, **span: float) -> None:
        """The agent's clock has gone on, or back if the span is negative."""
        self.offset += timedelta(**span)

    def configure(self, **sections: Any) -> None:
        """These sections of the configuration are replaced; None takes one out."""
        merged = {**self.settings, **sections}
        self.settings = {key: value for key, value in merged.items() if value is not None}
        self.cli.configure(json.dumps(self.settings))

    def run(self, *arguments: str) -> Run:
        run = self.cli.run(*arguments, **self.environment)
        assert "Traceback" not in run.err, run
        return run

    def run_for_document(self, *arguments: str, exits: int = 0) -> RunOutput:
        """One command with a document."""
        run = self.run(*arguments, "--format", "json")
        assert run.code == exits, f"exit {run.code}\n{run.err}"
        VALIDATOR.validate(run.document)
        return RunOutput(run, run.document)

    def sweep(self, *arguments: str, exits: int = 0) -> RunOutput:
        return self.run_for_document("sweep", *arguments, exits=exits)

    def audit(self, *arguments: str, exits: int = 0) -> RunOutput:
        return self.run_for_document("audit", *arguments, exits=exits)

    def another(self, name: str = "another", **sections: Any) -> Scenario:
        """A second agent with its own state, on the same cloud, registry and clock."""
        directory = self.directory / name
        directory.mkdir()
        shared = {"kind": "embedded", "path": str(self.registry_file)}
        second = Scenario(
            CommandLine(directory, self.aws, self.cli.environment), dict(self.settings)
        )
        second.configure(control_plane=shared, **sections)
        return second

    # -- what it leaves behind -------------------------------------------------------------------

    @property
    def directory(self) -> Path:
        return self.cli.directory

    @property
    def state_file(self) -> Path:
        return self.directory / "cachemuster.db"

    @property
    def registry_file(self) -> Path:
        return self.directory / "registry.db"

    @property
    def state(self) -> RememberedState:
        return load_state(self.state_file)

    @property
    def registry(self) -> dict[str, Database]:
        listed = asyncio.run(EmbeddedReader(self.registry_file).list_databases())
        return {str(database.name): database for database in listed}

    def put(self, database: Database, name: str | None = None) -> None:
        """Somebody has registered this by hand, in place of what had its name."""

        async def write() -> None:
            async with Embedded(self.registry_file) as plane:
                wanted = replace(database, name=ResourceName(name or database.name))
                if await plane.get(wanted.name) is None:
                    await plane.create(wanted)
                else:
                    await plane.update(wanted)

        asyncio.run(write())

    def edit(self, name: str, change: Callable[[Database], Database]) -> None:
        """Somebody has edited a registration by hand."""
        self.put(change(self.registry[name]))

    def relabel(self, name: str, **labels: str | None) -> None:
        """Labels of a registration are set by hand, or taken away with None; `__` reads `/`,
        `_` reads `-`."""
        keys = {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}

        def change(database: Database) -> Database:
            merged = {**database.labels, **keys}
            kept = {key: value for key, value in merged.items() if value is not None}
            return replace(database, labels=kept)

        self.edit(name, change)

    def unregister(self, name: str) -> None:
        """Somebody has removed a registration by hand."""
        with contextlib.closing(sqlite3.connect(self.registry_file)) as file, file:
            file.execute("DELETE FROM databases WHERE name = ?", [name])

    def forget(self) -> None:
        """The state file is lost."""
        for file in self.directory.glob("cachemuster.db*"):
            file.unlink()

    def lose_registry(self) -> None:
        for file in self.directory.glob("registry.db*"):
            file.unlink()

    def files(self) -> dict[str, bytes]:
        """Every file of the directory with its bytes."""
        found = sorted(self.directory.rglob("*"))
        return {str(file): file.read_bytes() for file in found if file.is_file()}


@contextlib.contextmanager
def scenario_in(directory: Path) -> Iterator[Scenario]:
    """A hub account with two regions, a ready user group in each, and no cache yet."""
    world = World()
    hub = world.account(HUB, regions=(FRANKFURT, VIRGINIA))
    key = hub.add_key("agent")
    for name in (FRANKFURT, VIRGINIA):
        region = hub.region(name)
        region.add_user("app")
        region.add_user_group("people", users=("app",))
    aws = SimulatedAws(world)
    with aws.serve_in_thread() as url:
        environment = agent_environment(url, key, FRANKFURT)
        scenario = Scenario(CommandLine(directory, aws, environment), dict(SETTINGS))
        scenario.configure()
        yield scenario
