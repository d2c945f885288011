"""The simulated cloud: accounts with their regions, roles and keys."""

from collections.abc import Iterable
from datetime import timedelta

from discovery.sandbox.aws.clock import Clock, SteppableClock, wall_clock
from discovery.sandbox.aws.geography import PARTITIONS, Partition
from discovery.sandbox.aws.keys import Key, KeyRing, new_id, new_secret
from discovery.sandbox.aws.lifecycle import Pace
from discovery.sandbox.aws.region import Place, Region
from discovery.sandbox.aws.values import Role


class Account:
    """One AWS account."""

    def __init__(
        self, account_id: str, *, partition: Partition, regions: Iterable[str], world: "World"
    ) -> None:
        self.id = account_id
        self.partition = partition
        self.enabled: set[str] = set()
        self.roles: dict[str, Role] = {}
        self._regions: dict[str, Region] = {}
        self._world = world
        for region in regions:
            self.enable(region)

    def region(self, name: str) -> Region:
        """The account's part of an enabled region. Raises KeyError for another one."""
        if name not in self.enabled:
            raise KeyError(f"region {name} is not enabled for account {self.id}")
        if name not in self._regions:
            place = Place(self.partition, self.id, name, self._world.clock, self._world.pace)
            self._regions[name] = Region(place)
        return self._regions[name]

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions in which something was placed or asked, by name."""
        return tuple(region for _, region in sorted(self._regions.copy().items()))

    def enable(self, region: str) -> None:
        """The account may use the region. Raises ValueError when its partition has no such one."""
        if region not in self.partition.regions:
            raise ValueError(f"partition {self.partition.name} has no region {region!r}")
        self.enabled.add(region)

    def disable(self, region: str) -> None:
        """Calls to the region are refused; what is in it stays."""
        self.enabled.discard(region)

    def add_role(
        self,
        name: str,
        *,
        trusted: Iterable[str],
        external_id: str | None = None,
        max_session: timedelta = timedelta(hours=1),
    ) -> Role:
        """The role exists and lets in `trusted` (account ids, or ARNs of users and roles)."""
        role = Role(name, self.iam_arn(f"role/{name}"), tuple(trusted), external_id, max_session)
        self.roles[name] = role
        return role

    def add_key(
        self,
        user: str = "agent",
        *,
        access_key_id: str | None = None,
        secret: str | None = None,
    ) -> Key:
        """A user of the account has this long-lived access key."""
        key = Key(
            access_key_id=access_key_id or new_id("AKIA"),
            secret=secret or new_secret(),
            account_id=self.id,
            principal_arn=self.iam_arn(f"user/{user}"),
            user_id=new_id("AIDA"),
        )
        return self._world.keys.add(key)

    def iam_arn(self, resource: str) -> str:
        """The ARN of a user or role of the account."""
        return f"arn:{self.partition.name}:iam::{self.id}:{resource}"


class World:
    """Every account, key and session; time passes for all of them together."""

    def __init__(self, clock: Clock = wall_clock, *, pace: Pace | None = None) -> None:
        self.clock = SteppableClock(clock)
        """What resources live by: statuses, the tag index's lag, page tokens' lives."""
        self.front_door = SteppableClock()
        """What signatures and sessions are judged by. It follows the machine's clock, as clients
        do, so that `clock` can be stepped or stand still without every request being refused."""
        self.pace = pace or Pace()
        self.keys = KeyRing()
        self.accounts: dict[str, Account] = {}

    def account(
        self, account_id: str, *, regions: Iterable[str] | None = None, partition: str = "aws"
    ) -> Account:
        """The account of that id; a new one has `regions` enabled (None: the default ones)."""
        if account_id not in self.accounts:
            if len(account_id) != 12 or not account_id.isdecimal():
                raise ValueError(f"an account id has 12 digits: {account_id!r}")
            chosen = PARTITIONS[partition]
            self.accounts[account_id] = Account(
                account_id,
                partition=chosen,
                regions=chosen.default_regions if regions is None else regions,
                world=self,
            )
        return self.accounts[account_id]

    def expire_sessions(self) -> int:
        """Every session that AssumeRole handed out has expired; answers how many."""
        return self.keys.expire_sessions(self.front_door())
