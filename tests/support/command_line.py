"""Commands run as a shell runs them, against a simulated AWS."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog

from discovery.cli.app import run
from discovery.sandbox.aws.keys import Key
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.world import World

HUB = "111122223333"
MEMBER = "222233334444"
FRANKFURT = "eu-central-1"
VIRGINIA = "us-east-1"
SCRIPT = (sys.executable, "-m", "discovery.cli")


@dataclass(frozen=True)
class Run:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """stdout as one JSON document, with nothing around it."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


@dataclass
class CommandLine:
    """A directory with a configuration, and a cloud behind it."""

    directory: Path
    aws: SimulatedAws
    environment: dict[str, str] = field(default_factory=dict)

    def region(self, region: str = FRANKFURT, account: str = HUB) -> Region:
        return self.aws.world.account(account).region(region)

    def configure(self, text: str) -> None:
        (self.directory / "cachemuster.yaml").write_text(text, "utf-8")

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """A command in a process of its own, to be signalled or left alone."""
        return subprocess.Popen(
            [*SCRIPT, *arguments],
            cwd=self.directory,
            env={**self.environment, **environment},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *arguments: str, **environment: str) -> Run:
        """One command in this process, which is quicker; nothing else differs."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.directory),
            patch.dict(os.environ, {**self.environment, **environment}, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = run(arguments)
        structlog.reset_defaults()
        return Run(int(code), out.getvalue(), err.getvalue())


CONFIGURATION = f"""\
version: 1
group: trial
aws: {{regions: [{FRANKFURT}, {VIRGINIA}], expected_failures: []}}
deregistration: {{missed_sweeps: 2, grace: 0s, min_allowed: 2}}
"""


@contextmanager
def cli(directory: Path, *, configuration: str = CONFIGURATION) -> Iterator[CommandLine]:
    """A hub account with two regions and three caches, one of them without a user group."""
    world = World()
    hub = world.account(HUB, regions=(FRANKFURT, VIRGINIA))
    key = hub.add_key("agent")
    frankfurt, virginia = hub.region(FRANKFURT), hub.region(VIRGINIA)
    frankfurt.add_user("app")
    frankfurt.add_user_group("people", users=("app",))
    frankfurt.add_cache("orders", tags={"env": "prod"}, group="people")
    frankfurt.add_cache("payments", tags={"env": "prod"}, group="people")
    virginia.add_cache("legacy", engine="redis", tags={"env": "dev"})
    aws = SimulatedAws(world)
    with aws.serve_in_thread() as url:
        environment = agent_environment(url, key, FRANKFURT)
        made = CommandLine(directory, aws, environment)
        made.configure(configuration)
        yield made


def agent_environment(url: str, key: Key, region: str) -> dict[str, str]:
    """That of an agent which has this key of the simulated AWS at `url`, and nothing besides."""
    return {
        **bare_environment(),
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def bare_environment() -> dict[str, str]:
    """Nothing of the AWS setup of whoever runs the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2]), "LC_ALL": "C.UTF-8"}
