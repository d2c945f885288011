"""A simulated AWS environment (a world): accounts with their regions, roles and keys."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from discovery.sandbox.aws.buckets import Bucket
from discovery.sandbox.aws.event_delivery import Events
from discovery.sandbox.aws.iam import Statement, statements_of
from discovery.sandbox.aws.keys import Key, KeyRing, new_id, new_secret
from discovery.sandbox.aws.organization import Organization
from discovery.sandbox.aws.partitions import PARTITIONS, Partition, Place
from discovery.sandbox.aws.rates import TokenBuckets
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.timed_store import Delays
from discovery.sandbox.aws.values import Role
from discovery.sandbox.aws.web_identity import WebIdentities
from discovery.sandbox.clock import Clock, SteppableClock, wall_clock


class Account:
    """One AWS account."""

    def __init__(
        self, account_id: str, *, partition: Partition, regions: Iterable[str], world: "World"
    ) -> None:
        self.id = account_id
        self.partition = partition
        self.enabled: set[str] = set()
        self.roles: dict[str, Role] = {}
        self.denied_regions: set[str] = set()
        """Regions that a service control policy of the organization denies, whatever the policies
        of users and roles say."""
        self.policies: dict[str, tuple[Statement, ...]] = {}
        """What users and roles may do, by ARN. One that is not here may do everything."""
        self._regions: dict[str, Region] = {}
        self._world = world
        for region in regions:
            self.enable(region)

    def region(self, name: str) -> Region:
        """Return the account's part of an enabled region. Raises KeyError for another one."""
        if name not in self.enabled:
            raise KeyError(f"region {name} is not enabled for account {self.id}")
        if name not in self._regions:
            place = Place(self.partition, self.id, name, self._world.clock, self._world.delays)
            region = self._regions[name] = Region(place)
            self._world.populate(region)
            region.publish_changes_to(
                self._world.events
            )  # what it was furnished with has long been there
        return self._regions[name]

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions in which something was placed or asked for, by name."""
        return tuple(region for _, region in sorted(self._regions.copy().items()))

    def enable(self, region: str) -> None:
        """Enable a region. Raises ValueError when the partition has no such one."""
        if region not in self.partition.regions:
            raise ValueError(f"partition {self.partition.name} has no region {region!r}")
        self.enabled.add(region)

    def disable(self, region: str) -> None:
        """Refuse calls to the region; what is in it stays."""
        self.enabled.discard(region)

    def add_role(
        self,
        name: str,
        *,
        trusted: Iterable[str],
        external_id: str | None = None,
        max_session: timedelta = timedelta(hours=1),
        session_name: str | None = None,
    ) -> Role:
        """Add a role that trusts account ids, ARNs of users and roles, or web identity subjects.

        `name` may begin with a path.
        """
        role = Role(
            name,
            self.iam_arn(f"role/{name}"),
            tuple(trusted),
            external_id,
            max_session,
            session_name,
        )
        self.roles[name] = role
        return role

    def allow(self, principal_arn: str, *documents: Mapping[str, Any]) -> None:
        """Let the user or role do what these policies say, and nothing else from now on.

        Raises ValueError for a policy that cannot be evaluated here.
        """
        self.policies[principal_arn] = tuple(
            statement for document in documents for statement in statements_of(document)
        )

    def add_key(
        self,
        user: str = "agent",
        *,
        access_key_id: str | None = None,
        secret: str | None = None,
    ) -> Key:
        """Give a user of the account a long-lived access key."""
        key = Key(
            access_key_id=access_key_id or new_id("AKIA"),
            secret=secret or new_secret(),
            account_id=self.id,
            principal_arn=self.iam_arn(f"user/{user}"),
            user_id=new_id("AIDA"),
        )
        return self._world.keys.add(key)

    def iam_arn(self, resource: str) -> str:
        """Return the ARN of a user or role of the account."""
        return f"arn:{self.partition.name}:iam::{self.id}:{resource}"


class World:
    """Every account, key and session; time passes for all of them together."""

    def __init__(
        self,
        clock: Clock = wall_clock,
        *,
        delays: Delays | None = None,
        populate: Callable[[Region], None] = lambda _: None,
    ) -> None:
        self.clock = SteppableClock(clock)
        """The time of resources: statuses, the tag index's lag, lives of page tokens."""
        self.auth_clock = SteppableClock()
        """The time of signatures and sessions. It follows the machine's clock, as clients
        do, so that `clock` can be stepped or stand still without every request being refused."""
        self.delays = delays or Delays()
        self.populate = populate
        """Fills a region when it is first asked for."""
        self.events = Events(self.clock)
        """Change events and the queues that get them; none at first."""
        self.keys = KeyRing()
        self.web_identities = WebIdentities()
        self.session_token_version = 2
        """Of the sessions that AssumeRole hands out. Those of version 1, which the global endpoint
        gives, are refused in every region that an account can disable."""
        self.accounts: dict[str, Account] = {}
        self.buckets: dict[str, Bucket] = {}
        """Buckets of S3, by name."""
        self.organization: Organization | None = None
        """The organization that accounts may be in; None: there is none."""
        self.rates = TokenBuckets()
        """Token buckets of the published rate limits, by `clock`."""

    def account(
        self, account_id: str, *, regions: Iterable[str] | None = None, partition: str = "aws"
    ) -> Account:
        """Return the account of that id; a new one has these regions (None: the default ones)."""
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

    def add_bucket(self, name: str, owner: str) -> Bucket:
        """Add a bucket of an account."""
        found = self.buckets[name] = Bucket(name, owner)
        return found

    def organize(self, management: str, *, name: str | None = None) -> Organization:
        """Create an organization with only its management account, which has that name in it."""
        partition = self.account(management).partition.name
        self.organization = Organization(
            management, partition=partition, clock=self.clock, name=name
        )
        return self.organization

    def issue_web_identity(self, subject: str, *, lifetime: timedelta = timedelta(hours=24)) -> str:
        """Issue a token for the subject, as Kubernetes writes into a pod's token file."""
        return self.web_identities.issue(subject, self.auth_clock() + lifetime)

    def expire_sessions(self) -> int:
        """Expire every session that STS issued; return how many."""
        return self.keys.expire_sessions(self.auth_clock())
