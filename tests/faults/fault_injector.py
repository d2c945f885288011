"""Random faults between the agent, AWS and the control plane."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from discovery.sandbox.aws.faults import Effect, Fault
from discovery.sandbox.faults import FaultBoard
from discovery.sandbox.teleport.cluster import Cluster
from discovery.sandbox.teleport.faults import Effect as TeleportEffect
from discovery.sandbox.teleport.faults import Fault as TeleportFault
from tests.faults.environment import Environment, role_of
from tests.faults.faulty_control_plane import CREATE, DELETE, GET, LIST, PING, UPDATE, Break
from tests.faults.invariants import InvariantChecker
from tests.faults.registries import ClusterRegistry
from tests.faults.settings import REGIONS
from tests.support.aws_members import MEMBERS, Absent

OPERATIONS = (
    ("elasticache", "DescribeServerlessCaches"), ("elasticache", "DescribeServerlessCaches"),
    ("elasticache", "DescribeServerlessCaches"), ("elasticache", "ListTagsForResource"),
    ("resourcegroupstaggingapi", "GetResources"), ("elasticache", "DescribeUsers"),
    ("elasticache", "DescribeUserGroups"), ("ec2", "DescribeSubnets"),
    ("ec2", "DescribeRegions"), ("sts", "AssumeRole"),
)  # fmt: skip
EFFECTS: tuple[Effect, ...] = (
    *(each for each in Effect if each not in (Effect.LATENCY, Effect.REGION_OFF, Effect.ERROR)),
    *(Effect.MEMBER_LEFT_OUT,) * 3,  # one effect, and as many troubles as there are members
)
LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    operation: tuple(
        member.name
        for member in MEMBERS
        if member.action.endswith(f":{operation}") and member.absent is not Absent.NONE
    )
    for _, operation in OPERATIONS
}
"""What an answer may lack without saying by that that there is none."""
CONTRADICTED: Mapping[str, tuple[str, ...]] = {
    "DescribeServerlessCaches": ("Status", "Engine", "FullEngineVersion", "Address"),
    "DescribeUsers": ("AccessString", "UserName"),
    "DescribeUserGroups": ("Status", "Engine"),
    "DescribeSubnets": ("VpcId",),
}
"""What an answer may contain twice with different values. Twice another text is two things."""
OF_MEMBERS = {Effect.MEMBER_LEFT_OUT: LEFT_OUT, Effect.MEMBER_CONTRADICTED: CONTRADICTED}
STRANGE_CODES = ("InternalFailure", "ServerlessCacheNotFoundFault", "NobodyKnowsFault")
METHODS = {
    PING: "Ping",
    LIST: "ListDatabases",
    GET: "GetDatabase",
    CREATE: "CreateDatabase",
    UPDATE: "UpdateDatabase",
    DELETE: "DeleteDatabase",
}


@dataclass
class FaultInjector:
    """Draws faults, and clears them."""

    environment: Environment
    checker: InvariantChecker
    rng: random.Random
    log: Callable[[str], None]
    breaks: list[Break]
    accounts: tuple[str, ...]
    cluster: ClusterRegistry | None
    """Set when the control plane is the simulated Teleport."""
    is_slow: bool = False
    """Whether AWS is late at times, which takes real seconds."""

    def inject(self) -> None:
        """Inject some faults."""
        for _ in range(self.rng.choice((0, 0, 1, 1, 2, 4))):
            self._aws()
        for _ in range(self.rng.choice((0, 0, 0, 1, 2))):
            if self.cluster is None:
                self._embedded()
            else:
                self._teleport(self.cluster.cluster, self.environment.teleport.faults)

    def clear(self) -> None:
        """Clear all faults."""
        self.environment.aws.faults.clear()
        self.environment.teleport.faults.clear()
        self.breaks.clear()
        self.checker.is_blind, self.checker.lag = False, timedelta(0)
        if self.cluster is not None:
            self.cluster.cluster.set_role(role_of("fenced"))
            self.cluster.store.lag = timedelta(0)
            self.cluster.store.catch_up()

    def _aws(self) -> None:
        rng = self.rng
        service, operation = rng.choice(OPERATIONS)
        effect = rng.choice(EFFECTS)
        if rng.random() < 0.1:
            effect = Effect.ERROR
        if self.is_slow and rng.random() < 0.3:
            effect = Effect.LATENCY
        if effect is Effect.MEMBER_CONTRADICTED and operation not in CONTRADICTED:
            effect = Effect.MEMBER_LEFT_OUT
        names = OF_MEMBERS.get(effect, {}).get(operation)
        fault = Fault(
            effect=effect,
            member=rng.choice(names) if names else None,
            service=service,
            operation=operation,
            account=rng.choice((*self.accounts, "*")),
            region=rng.choice((*REGIONS, "*")) if service != "sts" else "*",
            times=rng.choice((1, 2, 3, 9, None)),
            skip=rng.choice((0, 0, 0, 1, 2)),
            code=rng.choice(STRANGE_CODES) if effect is Effect.ERROR else None,
            as_account=rng.choice(("111122223333", "999999999999")),
            delay_s=1.2 if effect is Effect.LATENCY else 0.0,
        )
        self.environment.aws.faults.add(fault)
        where = f"{fault.account}/{fault.region} times {fault.times} after {fault.skip}"
        what = fault.code or fault.member or ""
        self.log(f"AWS: {effect.value} {what} on {operation} in {where}")

    def _embedded(self) -> None:
        rng = self.rng
        if rng.random() < 0.2:
            broken = Break(LIST, "shrinks")
        else:
            call = rng.choice((PING, LIST, GET, GET, CREATE, CREATE, UPDATE, DELETE, DELETE))
            effect = rng.choice(("unavailable",) * 3 + ("denied", "malformed"))
            late = call in (CREATE, UPDATE, DELETE) and rng.random() < 0.5
            broken = Break(
                call,
                effect,
                after=late and effect != "denied",  # what a role does not allow is not done first
                times=rng.choice((1, 2, 3, 4, 9, 99)),
                skip=rng.choice((0, 0, 1, 2)),
            )
        self.breaks.append(broken)
        self.log(f"registry: {broken}")

    def _teleport(self, cluster: Cluster, faults: FaultBoard[TeleportFault]) -> None:
        rng = self.rng
        kind = rng.random()
        if kind < 0.12:
            what = rng.choice(("half blind", "reading only", "seeing everything"))
            cluster.set_role(role_of(what))
            self.checker.is_blind |= what == "half blind"
            self.log(f"Teleport: the bot is {what}")
        elif kind < 0.24:
            self.checker.lag = cluster.store.lag = timedelta(seconds=rng.choice((1, 5, 600)))
            self.log(f"Teleport: reads lag by {cluster.store.lag}")
        else:
            fault = self._teleport_fault()
            faults.add(fault)
            self.log(f"Teleport: {fault}")

    def _teleport_fault(self) -> TeleportFault:
        rng = self.rng
        call = rng.choice((PING, LIST, LIST, GET, CREATE, CREATE, UPDATE, DELETE, DELETE))
        if call == LIST and rng.random() < 0.5:
            effect = rng.choice((TeleportEffect.SHORT_PAGES, TeleportEffect.REPEATED_TOKEN))
            return TeleportFault(effect=effect, method=METHODS[call], times=rng.choice((1, 9)))
        effect = rng.choice(
            (
                TeleportEffect.UNAVAILABLE,
                TeleportEffect.EXHAUSTED,
                TeleportEffect.ERROR,
                TeleportEffect.DROP,
                TeleportEffect.GOAWAY,
                TeleportEffect.CUT_OFF,
                TeleportEffect.GARBAGE,
            )
        )
        can_be_late = effect not in (TeleportEffect.CUT_OFF, TeleportEffect.GARBAGE)
        return TeleportFault(
            effect=effect,
            method=METHODS[call],
            after=can_be_late and rng.random() < 0.5,
            times=rng.choice((1, 2, 4, 9)),
            skip=rng.choice((0, 0, 1)),
        )


@dataclass(frozen=True)
class ChangeOnce:
    """A change that somebody makes in the middle of a call, once."""

    change: Callable[[], None]

    def do(self, cluster: Cluster, subject: str) -> None:
        """Make the change, whatever the call is about."""
        self.change()
