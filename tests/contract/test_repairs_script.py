"""The script of `cachemuster repairs`, run as it is against the simulated AWS.

AWS's own CLI runs it where there is one; a quick one with the same words runs it always, against
every world that is broken in its own way.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.timed_store import Delays
from discovery.sandbox.aws.world import World
from tests.support.broken_worlds import group, outsider, without_group
from tests.support.command_line import HUB, CommandLine, Run, agent_environment
from tests.support.damaged_fleet import NumberedRegion, add_hostile, damage
from tests.support.quick_aws_cli import quick_aws_cli
from tests.support.started_aws_cli import started_aws_cli

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SHOP, DATA = "222233334444", "333344445555"
REGIONS = ("eu-central-1", "us-east-1")
SECRETS = {SHOP: "the-shops-word", DATA: "the-data-teams-word"}
QUICK = Delays(creating=timedelta(milliseconds=50), modifying=timedelta(milliseconds=50))


class Fleet(CommandLine):
    """Two accounts that are entered by role, each with an external id, and the agent's own."""

    def places(self) -> list[Region]:
        return [self.region(region, account) for account in (SHOP, DATA) for region in REGIONS]

    def script(self, *arguments: str) -> Path:
        """The script as the command writes it; a shell can read it."""
        file = self.directory / "repairs.sh"
        written = self.run("repairs", *arguments, "-o", str(file))
        assert written.code == 0, written
        subprocess.run(["sh", "-n", str(file)], check=True)
        return file

    def run_script(self, file: Path, **environment: str) -> Run:
        """The script unmodified, as a person runs it."""
        variables = {**self.environment, "REPAIR_POLL": "0", **environment}
        done = subprocess.run(
            ["sh", str(file)],
            cwd=self.directory,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def blockers(self) -> list[str]:
        document = self.run("audit", "--no-control-plane", "--format", "json").document
        return [
            f"{item['cache']}: {found['code']}"
            for item in document["items"]
            for found in (item["iam"] or {"findings": ()})["findings"]
            if found["severity"] == "blocker"
        ]

    def writes(self) -> list[str]:
        """Operations that changed something since the log of calls was cleared."""
        calls = self.aws.calls.of(service="elasticache")
        return [call.operation for call in calls if not call.operation.startswith(("Desc", "List"))]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Accounts and regions without caches."""
    world = World(delays=QUICK)
    for account in (HUB, SHOP, DATA):
        world.account(account, regions=REGIONS)
    key = world.account(HUB).add_key("agent")
    entries: list[dict[str, Any]] = [{"id": HUB}]
    secret_file = tmp_path / "it's a secret"
    secret_file.write_text(f"{SECRETS[DATA]}\n", "utf-8")
    references = {SHOP: "env:SHOP_WORD", DATA: f"file:{secret_file}"}
    for account, reference in references.items():
        role = world.account(account).add_role(
            "cachemuster", trusted=[HUB], external_id=SECRETS[account]
        )
        entries.append({"id": account, "role_arn": role.arn, "external_id": reference})
    aws = SimulatedAws(world)
    with aws.serve_in_thread() as url:
        environment = {**agent_environment(url, key, REGIONS[0]), "SHOP_WORD": SECRETS[SHOP]}
        made = Fleet(tmp_path, aws, environment)
        settings = {"accounts": entries, "regions": list(REGIONS)}
        made.configure(json.dumps({"version": 1, "group": "prod", "aws": settings}))
        yield made


@pytest.fixture
def quick(fleet: Fleet) -> Iterator[Fleet]:
    """The same, with a quick `aws` on PATH."""
    with quick_aws_cli(fleet.directory) as program:
        fleet.environment["PATH"] = f"{program}:{fleet.environment['PATH']}"
        yield fleet


def check_repaired(fleet: Fleet, **environment: str) -> Path:
    """One run of the script leaves no blocker."""
    assert fleet.blockers()
    file = fleet.script()
    text = file.read_text("utf-8")
    assert not any(secret in text for secret in SECRETS.values())
    first = fleet.run_script(file, **environment)
    assert first.code == 0, first
    assert fleet.blockers() == []
    assert not (fleet.directory / "pwned").exists()
    return file


def check_done(fleet: Fleet, file: Path, **environment: str) -> None:
    """Another run of the script changes nothing."""
    fleet.aws.calls.clear()
    second = fleet.run_script(file, **environment)
    assert second.code == 0, second
    assert fleet.writes() == []
    assert " 0 changed" in second.out
    assert not (fleet.directory / "pwned").exists()


def test_every_broken_world_is_repaired_by_a_role_with_the_printed_policy(quick: Fleet) -> None:
    """The policy and no more; the roles of the configuration are what the test below enters by."""
    damage(quick.places())
    outsider(quick.region(REGIONS[0]))
    for account, secret in SECRETS.items():
        place = quick.aws.world.account(account)
        role = place.add_role("repairs", trusted=[HUB], external_id=secret)
        printed = quick.run("policies", "repairs", "--account", account)
        place.allow(role.arn, printed.document)
    file = check_repaired(quick, REPAIR_ROLE="repairs")
    check_done(quick, file, REPAIR_ROLE="repairs")


@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is not on PATH")
def test_the_aws_cli_repairs_a_fleet(fleet: Fleet) -> None:
    """Each kind of request once, and an id that the AWS CLI would read as an option."""
    shop, _, _, data_abroad = fleet.places()
    without_group(shop)
    add_hostile(data_abroad, ("-x",))
    with started_aws_cli(fleet.directory) as program:
        fleet.environment["PATH"] = f"{program}:{fleet.environment['PATH']}"
        check_done(fleet, check_repaired(fleet))


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not on PATH")
def test_shellcheck_finds_nothing(fleet: Fleet) -> None:
    damage(fleet.places())
    done = subprocess.run(
        # SC2016: what looks like an expansion in quotes is an id, and is to stay as it is.
        ["shellcheck", "--shell=sh", "--exclude=SC2016", str(fleet.script())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


def test_what_fails_stops_one_cache_alone(quick: Fleet) -> None:
    shop, _, data, _ = quick.places()
    without_group(shop)
    without_group(data)
    group(NumberedRegion(data, 2))  # type: ignore[arg-type]
    file = quick.script()
    data.add_user("somebody")
    data.add_user_group("theirs", users=("somebody",))
    data.change_cache("orders", user_group_id="theirs")
    done = quick.run_script(file, SHOP_WORD="another word")
    assert done.code == 1
    assert "Caches: 1 changed, 0 unchanged, 2 failed" in done.out
    assert f"Not repaired:\n  orders ({SHOP}/{REGIONS[0]})\n  orders ({DATA}/" in done.err
    assert "cache orders has user group theirs by now; run the audit again" in done.err
    assert quick.blockers() == ["orders: NO_USER_GROUP"], "of the account that was not entered"
