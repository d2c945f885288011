"""The commands of every finding, run against the simulated AWS: scanned again, it is gone.

The simulated AWS refuses what AWS refuses and takes its time over what AWS takes its time over, so
a step that is missing, wrong or in the wrong place fails here.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest

from discovery.model.codes import FindingCode, IamVerdict, Severity
from discovery.model.values import Complete, Finding, IamJudgement, KnownCache
from discovery.plan.iam.finding_table import BY_PROBING
from discovery.plan.iam.verdict import iam_verdict
from discovery.sandbox.aws.faults import Effect
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.world import World
from tests.contract.aws.conftest import HOME, MEMBER, Site, caches_of, result_of
from tests.contract.sandbox.conftest import SLOW
from tests.support.broken_worlds import BROKEN, group, only_refused, outsider
from tests.support.repair_commands import Person
from tests.support.started_aws_cli import started_aws_cli

pytestmark = pytest.mark.slow

F = FindingCode


@pytest.fixture
async def site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """The agent's account and a member whose caches are looked at; things take their time."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    aws = SimulatedAws(World(delays=SLOW))
    async with aws.serve() as url:
        site = Site(aws, url)
        site.member()
        key = site.hub.add_key()
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret)
        monkeypatch.setenv("AWS_DEFAULT_REGION", HOME)
        yield site


async def judged(site: Site) -> IamJudgement:
    """The cache `orders` as a new scan shows it."""
    found = await site.scan()
    result = result_of(found, MEMBER)
    assert isinstance(result, Complete), result
    orders = cast("KnownCache", caches_of(found, MEMBER)["orders"])
    return iam_verdict(orders, result.users_and_groups)


async def repaired(site: Site, finding: Finding) -> IamJudgement:
    """The judgement after the commands of a finding were run and AWS was done."""
    await asyncio.to_thread(Person(site).run, finding.repair)
    site.aws.world.clock.advance(SLOW.modifying + SLOW.creating)
    return await judged(site)


@pytest.mark.parametrize(
    ("code", "furnish"), BROKEN, ids=[f"{code.value}-{world.__name__}" for code, world in BROKEN]
)
async def test_a_finding_is_gone_once_its_commands_were_run(
    site: Site, code: FindingCode, furnish: Callable[[Region], None]
) -> None:
    furnish(site.place(MEMBER))
    before = await judged(site)
    [finding] = [each for each in before.findings if each.code is code]
    after = await repaired(site, finding)
    assert code not in [each.code for each in after.findings]
    if finding.severity is Severity.BLOCKER:
        assert after.verdict is IamVerdict.READY
    assert set(before.users) <= set(after.users), "who could log in still can"


def test_every_finding_has_a_world_here() -> None:
    waited_for = {F.GROUP_NOT_ACTIVE, F.USER_NOT_IN_GROUP, F.USERS_UNREADABLE}
    assert {code for code, _ in BROKEN} | waited_for == set(F) - BY_PROBING


async def test_a_group_that_is_being_created_is_waited_for(site: Site) -> None:
    region = site.place(MEMBER)
    region.add_user("alice")
    created = (
        "# account " + MEMBER,
        f"aws elasticache create-user-group --user-group-id app --engine valkey --user-ids alice "
        f"--region {HOME}",
    )
    await asyncio.to_thread(Person(site).run, created)
    region.add_cache("orders", group="app")
    [finding] = (await judged(site)).findings
    assert finding.code is F.GROUP_NOT_ACTIVE
    await asyncio.to_thread(Person(site).run, finding.repair)
    assert (await judged(site)).users == ("alice",)


async def test_who_is_being_added_is_waited_for(site: Site) -> None:
    region = site.place(MEMBER)
    outsider(region)
    [added] = [one for one in (await judged(site)).findings if one.code is F.USER_NOT_IN_GROUP]
    await asyncio.to_thread(Person(site).run, added.repair)
    [coming] = [one for one in (await judged(site)).findings if one.code is F.USER_NOT_IN_GROUP]
    assert "is being added" in coming.message
    await asyncio.to_thread(Person(site).run, coming.repair)
    assert (await judged(site)).users == ("alice",)


async def test_a_group_in_motion_is_waited_for_before_it_is_changed(site: Site) -> None:
    region = site.place(MEMBER)
    outsider(region)
    added = next(one for one in (await judged(site)).findings if one.code is F.USER_NOT_IN_GROUP)
    await asyncio.to_thread(Person(site).run, added.repair)
    missing = next(one for one in (await judged(site)).findings if one.code is F.NO_IAM_USER)
    after = await repaired(site, missing)
    assert after.users == ("alice", "teleport-app")


async def test_users_that_could_not_be_read_can_once_they_are_allowed(site: Site) -> None:
    region = site.place(MEMBER)
    region.add_user("alice")
    group(region, "alice")
    fault = site.fault(
        Effect.DENIED, service="elasticache", operation="DescribeUsers", account=MEMBER
    )
    [finding] = (await judged(site)).findings
    assert finding.code is F.USERS_UNREADABLE
    with pytest.raises(Exception, match="AccessDenied"):
        await asyncio.to_thread(Person(site).run, finding.repair)
    site.aws.faults.remove(fault)
    assert (await repaired(site, finding)).users == ("alice",)


async def test_who_does_what_is_told_first_ends_with_nothing_told(site: Site) -> None:
    region = site.place(MEMBER)
    only_refused(region)
    for round_ in range(12):
        shown = (await judged(site)).findings
        if not shown:
            break
        await repaired(site, shown[round_ % len(shown)])
    last = await judged(site)
    assert (last.verdict, last.findings) == (IamVerdict.READY, ())


HOSTILE = ("-x", "app'; touch pwned; '", "$(touch pwned)", "file:///etc/hostname", "a\nb", '["a"]')


@pytest.mark.parametrize("user_id", HOSTILE)
async def test_an_id_is_the_same_to_aws_whatever_it_holds(site: Site, user_id: str) -> None:
    region = site.place(MEMBER)
    region.add_user(user_id, access_string="off")
    group(region, user_id)
    finding = next(one for one in (await judged(site)).findings if one.code is F.USER_DISABLED)
    assert (await repaired(site, finding)).users == (user_id,)


@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is not on PATH")
async def test_a_shell_and_the_aws_cli_take_the_lines_as_they_are(
    site: Site, tmp_path: Path
) -> None:
    region = site.place(MEMBER)
    for user_id in HOSTILE[1:4]:
        region.add_user(user_id, access_string="off")
    group(region, *HOSTILE[1:4])
    findings = (await judged(site)).findings
    lines = [line for one in findings if one.code is F.USER_DISABLED for line in one.repair]
    key = site.aws.world.account(MEMBER).add_key()
    environment = {
        **os.environ,
        "AWS_PAGER": "",
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
    }

    def script(program: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-e"],
            input="\n".join(lines),
            env={**environment, "PATH": f"{program}:{environment['PATH']}"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    with started_aws_cli(tmp_path) as program:
        done = await asyncio.to_thread(script, program)
    assert done.returncode == 0, done.stderr
    assert (await judged(site)).users == tuple(sorted(HOSTILE[1:4]))
