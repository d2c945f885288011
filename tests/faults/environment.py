"""What simulated runs share: servers, clients, a Teleport identity."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from botocore.retries.quota import RetryQuota
from botocore.retries.standard import ExponentialBackoff

import discovery.sweep.sweep
from discovery.aws.accounts import Accounts
from discovery.aws.cloud import Cloud, open_cloud
from discovery.aws.rate_limiter import RateLimiter
from discovery.aws.scan_cache import ScanCache, UsersAndGroupsCache
from discovery.config.aws import Aws
from discovery.config.control_plane import Teleport as TeleportSettings
from discovery.config.regions import RegionChoice
from discovery.config.secrets import Secret
from discovery.control_plane.teleport.client import Teleport
from discovery.sandbox.aws.calls import Call, CallLog
from discovery.sandbox.aws.control import AwsControlApi
from discovery.sandbox.aws.faults import CallSite, Fault
from discovery.sandbox.aws.request_handler import RequestHandler
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.world import World
from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import CallSite as TeleportCallSite
from discovery.sandbox.teleport.faults import Fault as TeleportFault
from discovery.sandbox.teleport.roles import Role, bot_role
from discovery.sandbox.teleport.server import Addresses, SimulatedTeleport
from discovery.sweep.scan import Scan, scan
from tests.faults.observation import current
from tests.faults.settings import FRANKFURT, GROUP, HUB, MEMBER, REGIONS, ROLE, THIRD
from tests.faults.sim_clock import SimClock
from tests.sdk_cache import keep_what_the_sdk_reads

KEY_ID, SECRET = "AKIAEXAMPLEEXAMPLE00", "the-same-in-every-run-000000000000000000"
BOT = bot_role(GROUP)


class Calls(CallLog):
    """Passes on every call that AWS has answered, and keeps none."""

    def __init__(self, answered: Callable[[Call], None]) -> None:
        super().__init__(capacity=1)
        self._answered = answered

    def add(self, call: Call) -> None:
        self._answered(call)


class Faults(FaultBoard[Fault]):
    """Counts the injected faults, and lets people act before each answer."""

    def __init__(self, asked: Callable[[], None]) -> None:
        super().__init__()
        self.struck: Counter[str] = Counter()
        self._asked = asked

    def consume(self, call: CallSite) -> tuple[Fault, ...]:
        self._asked()
        found = super().consume(call)
        self.struck.update(f"AWS {fault.effect.value}" for fault in found)
        return found


class TeleportFaults(FaultBoard[TeleportFault]):
    """Counts the injected faults."""

    def __init__(self) -> None:
        super().__init__()
        self.struck: Counter[str] = Counter()

    def consume(self, call: TeleportCallSite) -> tuple[TeleportFault, ...]:
        found = super().consume(call)
        when = {False: "before", True: "after"}
        self.struck.update(f"Teleport {each.effect.value} {when[each.after]}" for each in found)
        return found


class Simulations(SimulatedAws):
    """One server that takes another simulated world for each run."""

    def load(self, world: World, faults: FaultBoard[Fault], calls: CallLog) -> None:
        self.world, self.faults, self.calls = world, faults, calls
        self._handler = RequestHandler(world, faults, calls)
        self._controls = AwsControlApi(world, faults, calls)


@dataclass
class Environment:
    """Everything that outlives a run."""

    clock: SimClock
    aws: Simulations
    teleport: SimulatedTeleport
    at: Addresses
    identity_file: Path
    cloud: Cloud

    def cloud_for(self, settings: Aws) -> Cloud:
        """The cloud as a new process has it: nothing known, no role assumed. The clients are
        everybody's; they remember nothing but connections."""
        base = self.cloud
        own = base.accounts._ambient
        return replace(
            base,
            settings=settings,
            accounts=Accounts(settings, own, base.identity, Secret, self.clock.agent),
            regions=RegionChoice.of(settings.regions or (), settings.exclude_regions),
            scan_cache=ScanCache(UsersAndGroupsCache(settings.iam_refresh)),
            rate_limiter=RateLimiter(),
        )

    def client(self) -> Teleport:
        """A client of the simulated Teleport, to which pauses are no time."""
        settings = TeleportSettings.model_validate(self.control_plane)
        return Teleport(
            settings,
            clock=self.clock.agent,
            sleep=self.clock.sleep,
            monotonic=self.clock.monotonic,
            environ={},
        )

    @property
    def control_plane(self) -> Mapping[str, str]:
        """The simulated Teleport in a configuration."""
        return {
            "kind": "teleport",
            "address": self.at.auth,
            "route": "auth",
            "identity_file": str(self.identity_file),
        }


@asynccontextmanager
async def opened() -> AsyncIterator[Environment]:
    """Servers listen and clients are made; nobody waits before trying again."""
    keep_what_the_sdk_reads()
    clock = SimClock()
    aws = Simulations(make_world(clock))
    teleport = SimulatedTeleport(Cluster(clock=clock.world))
    teleport.faults = TeleportFaults()
    with TemporaryDirectory() as directory:
        identity_file = Path(directory) / "identity"
        teleport.cluster.issue("bot-cachemuster", BOT).write(identity_file)
        async with aws.serve() as url, teleport.serve() as at:
            with _patched(url, clock):
                settings = Aws.model_validate({"regions": [FRANKFURT]})
                async with open_cloud(settings, resolve=Secret, clock=clock.agent) as cloud:
                    yield Environment(clock, aws, teleport, at, identity_file, cloud)


def make_world(clock: SimClock) -> World:
    """Three accounts in two regions, each with users and user groups, and no cache yet."""
    world = World(clock.world)
    for account_id in (HUB, MEMBER, THIRD):
        account = world.account(account_id, regions=REGIONS)
        for region in map(account.region, REGIONS):
            for engine in ("valkey", "redis"):
                region.add_user(f"app-{engine}", engine=engine)
                region.add_user_group(f"people-{engine}", users=(f"app-{engine}",), engine=engine)
        if account_id != HUB:
            account.add_role(ROLE, trusted=[HUB])
    world.account(HUB).add_key("agent", access_key_id=KEY_ID, secret=SECRET)
    return world


def role_of(what: str) -> Role:
    """What the bot's role may become."""
    labels = {"managed-by": "cachemuster", "cachemuster/group": GROUP}
    if what == "seeing everything":
        return Role.of(BOT.name, db_labels={"*": "*"}, rules={"db": ["*"], "db_server": ["*"]})
    if what == "half blind":
        return Role.of(BOT.name, db_labels={**labels, "region": FRANKFURT}, rules={"db": ["*"]})
    if what == "reading only":
        return Role.of(BOT.name, db_labels=labels, rules={"db": ["list", "read"]})
    return BOT


@contextmanager
def _patched(url: str, clock: SimClock) -> Iterator[None]:
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": FRANKFURT,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, {**own, **environment}, clear=True))
        for place, name, replacement in (
            (ExponentialBackoff, "delay_amount", lambda _self, _context: 0),
            (RetryQuota, "acquire", lambda _self, _cost: True),  # not used up by earlier runs
            (discovery.sweep.sweep, "scan", _observed_scan),
        ):
            stack.enter_context(patch.object(place, name, replacement))
        yield


async def _observed_scan(cloud: Cloud, **asked: Any) -> Scan:
    """Scan, and show the checker the world before and after."""
    observation = current()
    before = observation.take_snapshot(observation)
    found = await scan(cloud, **asked)
    observation.scanned(observation, before, found)
    return found
