"""One account's part of one region: what is stored there, and ways to add things directly.

`add_…` puts finished things (available, active, indexed) without checking any rule, so that a test
can build what AWS itself once allowed. The rules are in `services/`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from discovery.sandbox.aws.change_events import ChangeEvents
from discovery.sandbox.aws.event_delivery import Events
from discovery.sandbox.aws.partitions import Place, digest, short_code
from discovery.sandbox.aws.queues import Queue
from discovery.sandbox.aws.tag_index import TagIndex
from discovery.sandbox.aws.timed_store import Delays, TimedStore
from discovery.sandbox.aws.values import NO_MEMBERS, NO_TAGS, Cache, Subnet, User, UserGroup

FULL_VERSIONS: Mapping[str, Mapping[str, str]] = {
    "redis": {"7": "7.1"},
    "valkey": {"7": "7.2", "8": "8.1", "9": "9.0"},
    "memcached": {"1.6": "1.6.22"},
}
"""Full engine version by engine and major version; the last one is the default."""

PORTS: Mapping[str, tuple[int, int]] = {
    "redis": (6379, 6380),
    "valkey": (6379, 6380),
    "memcached": (11211, 11212),
}
"""Primary and reader port by engine (aws/README: ARNs and hosts)."""


class Region:
    """Caches, users, groups, subnets, tags and queues of one account in one region."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.caches: TimedStore[Cache] = TimedStore()
        self.users: TimedStore[User] = TimedStore()
        self.groups: TimedStore[UserGroup] = TimedStore()
        self.subnets: dict[str, Subnet] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.tag_index = TagIndex()
        self.queues: dict[str, Queue] = {}
        self._change_events: ChangeEvents | None = None
        self._births: Counter[str] = Counter()
        self._add_default_vpc()
        self.add_user("default", engine="redis", authentication="no-password")

    @property
    def delays(self) -> Delays:
        """How long things take here."""
        return self.place.delays

    def advance(self, now: datetime) -> None:
        """Finish every change that is due at `now`."""
        self.caches.advance(now)
        self.users.advance(now)
        self.groups.advance(now)

    def publish_changes_to(self, events: Events) -> None:
        """Publish every change from now on."""
        self._change_events = ChangeEvents(events, self.place, self.advance)
        self._change_events.watch(self.caches, self.users, self.groups)

    # -- placing ---------------------------------------------------------------------------------

    def add_cache(
        self,
        name: str,
        *,
        engine: str = "valkey",
        tags: Mapping[str, str] = NO_TAGS,
        group: str | None = None,
        subnets: tuple[str, ...] | None = None,
        status: str = "available",
        version: str | None = None,
        public: bool = False,
        description: str = "",
        created_at: datetime | None = None,
        indexed: bool = True,
        wire: Mapping[str, object] = NO_MEMBERS,
    ) -> Cache:
        """Add a cache with this status; the tagging API knows its tags if `indexed`.

        `subnets` None: the default ones. `version` is the major one. `wire` replaces members of the
        answers (None leaves one out), for answers that AWS might give and the rules do not.
        """
        cache = self.new_cache(name, engine=engine, version=version, public=public, at=created_at)
        chosen = self.default_subnet_ids if subnets is None else subnets
        cache = replace(
            cache,
            status=status,
            user_group_id=group,
            subnet_ids=() if public else tuple(chosen),
            description=description,
            wire=dict(wire),
        )
        self.tags[cache.arn] = dict(tags)
        if indexed and tags:
            self.tag_index.record(cache.arn, tags, visible_at=self.place.clock())
        self.caches.put(cache.name, cache)
        return cache

    def new_cache(
        self,
        name: str,
        *,
        engine: str,
        version: str | None,
        public: bool = False,
        at: datetime | None = None,
    ) -> Cache:
        """Return a cache with the ARN, ports, versions and host that it has here, not stored."""
        versions = FULL_VERSIONS[engine]
        major = version or list(versions)[-1]
        port, reader_port = PORTS[engine]
        name = name.lower()
        arn = self.place.arn("elasticache", f"serverlesscache:{name}")
        self._births[name] += 1
        return Cache(
            name=name,
            arn=arn,
            engine=engine,
            major_version=major,
            full_version=versions.get(major, major),
            status="creating",
            created_at=at or self.place.clock(),
            host=self._host(name, digest(arn, str(self._births[name]))[:6], public=public),
            port=port,
            reader_port=reader_port,
            is_public=public,
            security_group_ids=() if public else (self.default_security_group_id,),
        )

    def change_cache(self, name: str, **changes: object) -> Cache:
        """Set `changes` (fields of `Cache`) at once. Raises KeyError without a cache."""
        cache = self.caches.get(name)
        if cache is None:
            raise KeyError(name)
        changed = replace(cache, **changes)  # type: ignore[arg-type]
        self.caches.put(cache.name, changed)
        return changed

    def remove_cache(self, name: str, *, remembered: timedelta | None = None) -> None:
        """Remove a cache; the tagging API shows it for `remembered` longer (None: as delayed)."""
        cache = self.caches.get(name)
        if cache is None:
            raise KeyError(name)
        self.caches.drop(name)
        self.forget_tags(cache.arn, memory=remembered)

    def add_user(
        self,
        user_id: str,
        *,
        name: str | None = None,
        engine: str = "valkey",
        authentication: str = "iam",
        access_string: str = "on ~* +@all",
        status: str = "active",
        tags: Mapping[str, str] = NO_TAGS,
        wire: Mapping[str, object] = NO_MEMBERS,
    ) -> User:
        """Add a user, without checking any rule."""
        user = User(
            id=user_id.lower(),
            name=user_id.lower() if name is None else name,
            arn=self.place.arn("elasticache", f"user:{user_id.lower()}"),
            engine=engine,
            access_string=access_string,
            authentication=authentication,
            password_count=1 if authentication == "password" else 0,
            status=status,
            wire=dict(wire),
        )
        self.users.put(user.id, user)
        if tags:
            self.set_tags(user.arn, tags, lag=timedelta(0))
        return user

    def add_user_group(
        self,
        group_id: str,
        *,
        users: tuple[str, ...] = (),
        engine: str = "valkey",
        status: str = "active",
        adding: tuple[str, ...] = (),
        removing: tuple[str, ...] = (),
        tags: Mapping[str, str] = NO_TAGS,
        wire: Mapping[str, object] = NO_MEMBERS,
    ) -> UserGroup:
        """Add a user group, without checking any rule."""
        group = UserGroup(
            id=group_id.lower(),
            arn=self.place.arn("elasticache", f"usergroup:{group_id.lower()}"),
            engine=engine,
            user_ids=tuple(users),
            status=status,
            adding=tuple(adding),
            removing=tuple(removing),
            wire=dict(wire),
        )
        self.groups.put(group.id, group)
        if tags:
            self.set_tags(group.arn, tags, lag=timedelta(0))
        return group

    def add_subnet(self, subnet_id: str, *, vpc: str, zone: str = "a") -> Subnet:
        """Add a subnet in that VPC."""
        return self._put_subnet(subnet_id, vpc=vpc, zone=zone, is_default=False)

    def add_queue(self, name: str, attributes: Mapping[str, str] = NO_TAGS) -> Queue:
        """Add an empty queue. Raises BadAttribute."""
        arn = self.place.arn("sqs", name)
        queue = Queue(name, arn, self.place.clock, self._queue_of, attributes)
        self.queues[name] = queue
        return queue

    def _queue_of(self, arn: str) -> Queue | None:
        return next((queue for queue in self.queues.values() if queue.arn == arn), None)

    # -- tags ------------------------------------------------------------------------------------

    def set_tags(
        self, arn: str, tags: Mapping[str, str], *, lag: timedelta | None = None
    ) -> Mapping[str, str]:
        """Give the resource exactly these tags; the tagging API sees them after `lag`.

        `lag` None: as `delays` says.
        """
        self.tags[arn] = dict(tags)
        self._index(arn, tags, lag)
        if self._change_events is not None:
            cache = self.caches.get(arn.rpartition(":")[2])
            self._change_events.see_tags(arn, cache if cache and cache.arn == arn else None)
        return self.tags[arn]

    def tag_new(self, arn: str, tags: Mapping[str, str]) -> None:
        """Give a new resource these tags; one without tags stays unknown to the tagging API."""
        self.tags[arn] = dict(tags)
        if tags:
            self._index(arn, tags, None)

    def _index(self, arn: str, tags: Mapping[str, str], lag: timedelta | None) -> None:
        late = self.delays.tag_index_lag if lag is None else lag
        self.tag_index.record(arn, tags, visible_at=self.place.clock() + late)

    def forget_tags(self, arn: str, *, memory: timedelta | None = None) -> None:
        """Remove the resource's tags; the tagging API shows it for `memory` longer.

        `memory` None: as `delays` says.
        """
        self.tags.pop(arn, None)
        kept = self.delays.tag_index_memory if memory is None else memory
        self.tag_index.forget(arn, visible_at=self.place.clock() + kept)

    # -- the default VPC -------------------------------------------------------------------------

    @property
    def default_subnet_ids(self) -> tuple[str, ...]:
        """The subnets that a cache gets when none are named."""
        return tuple(subnet.id for subnet in self.subnets.values() if subnet.is_default)

    @property
    def default_security_group_id(self) -> str:
        """The security group that a cache gets when none is named."""
        return f"sg-{digest('sg', self.place.account_id, self.place.name)[:17]}"

    def _add_default_vpc(self) -> None:
        here = (self.place.account_id, self.place.name)
        vpc = f"vpc-{digest('vpc', *here)[:17]}"
        for zone in "abc":
            subnet_id = f"subnet-{digest('subnet', *here, zone)[:17]}"
            self._put_subnet(subnet_id, vpc=vpc, zone=zone, is_default=True)

    def _put_subnet(self, subnet_id: str, *, vpc: str, zone: str, is_default: bool) -> Subnet:
        subnet = Subnet(
            id=subnet_id,
            arn=self.place.arn("ec2", f"subnet/{subnet_id}"),
            vpc_id=vpc,
            zone=f"{self.place.name}{zone}",
            cidr=f"172.31.{16 * (len(self.subnets) % 16)}.0/20",
            is_default=is_default,
        )
        self.subnets[subnet.id] = subnet
        return subnet

    def _host(self, name: str, suffix: str, *, public: bool) -> str:
        kind = "public.serverless" if public else "serverless"
        code = short_code(self.place.name)
        return f"{name}-{suffix}.{kind}.{code}.cache.{self.place.partition.dns_suffix}"
