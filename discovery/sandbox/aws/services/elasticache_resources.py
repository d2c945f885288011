"""What operations on caches, users and user groups share: names, quotas, statuses, pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Generic, TypeVar

from discovery.sandbox.aws.errors import ModeledError
from discovery.sandbox.aws.region import Region
from discovery.sandbox.aws.services.elasticache import (
    check_identifier,
    invalid_value,
)
from discovery.sandbox.aws.services.service import ApiCall
from discovery.sandbox.aws.timed_store import Change, TimedStore
from discovery.sandbox.aws.values import Cache, User, UserGroup

R = TypeVar("R", Cache, User, UserGroup)

LONGEST_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """The members with which an operation pages."""

    items: str
    page_size: str
    next: str
    default: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType(Generic[R]):
    """One type of resource: its words in requests and errors, and what every operation does."""

    shape: str
    """As names of errors begin: `UserGroup`."""
    label: str
    """As messages begin: `User group`."""
    period: str = "."
    """How some messages end."""
    name_member: str
    store: Callable[[Region], TimedStore[R]]
    name_of: Callable[[R], str]
    ready: str
    """The status in which nothing is under way."""
    finished: Callable[[R], R]
    """The resource when what was under way is done."""
    quota: int
    quota_error: tuple[str, str]
    """Shape and message."""
    paging: Paging

    def find(self, call: ApiCall, name: str) -> R:
        """Return the resource of that name, in whatever case. Raises its NotFoundFault."""
        found = self.store(call.region).get(name.lower())
        if found is None:
            message = f"{self.label} {name} not found{self.period}"
            raise ModeledError(f"{self.shape}NotFoundFault", message)
        return found

    def named(self, call: ApiCall) -> R:
        """Return the resource that the request names. Raises its NotFoundFault."""
        return self.find(call, call.params.text(self.name_member))

    def new_name(self, call: ApiCall) -> str:
        """Return the name for a new resource. Raises what a bad, taken or surplus one answers."""
        given, store = call.params.text(self.name_member), self.store(call.region)
        name = check_identifier(given, self.name_member, LONGEST_NAME)
        if name in store:
            message = f"{self.label} {name} already exists{self.period}"
            raise ModeledError(f"{self.shape}AlreadyExistsFault", message)
        if len(store) >= self.quota:
            raise ModeledError(*self.quota_error)
        return name

    def check_status(self, resource: R, *allowed: str) -> None:
        """Raise Invalid…StateFault unless the status is one of `allowed` (default: `ready`)."""
        wanted = allowed or (self.ready,)
        if resource.status not in wanted:
            raise ModeledError(
                f"Invalid{self.shape}StateFault",
                f"{self.label} {self.name_of(resource)} is not in {wanted[0]} state. Current "
                f"state: {resource.status}",
            )

    def requested(self, call: ApiCall) -> Sequence[R]:
        """Return the one resource that the request names, or all of them."""
        name = call.params.optional_text(self.name_member)
        return [self.find(call, name)] if name else self.store(call.region).values()

    def page(
        self,
        call: ApiCall,
        resources: Sequence[R],
        to_response: Callable[[ApiCall, R], Mapping[str, Any]],
    ) -> Mapping[str, Any]:
        """Answer the requested page of `resources`. Raises InvalidParameterValue."""
        paging, params = self.paging, call.params
        size = params.number(paging.page_size, paging.default)
        if not 20 <= size <= 100:
            raise invalid_value("Invalid value for max records. Must be between 20 and 100")
        page = call.page(
            resources,
            key=self.name_of,
            size=size,
            token=params.optional_text(paging.next),
            invalid=invalid_value(f"The parameter {paging.next} is not valid."),
        )
        rows = [to_response(call, each) for each in page.items]
        return {paging.items: rows, paging.next: page.token}

    def create(self, call: ApiCall, resource: R, tags: Mapping[str, str]) -> R:
        """Store a new resource; one that is not ready yet becomes so after a while."""
        is_ready = resource.status == self.ready
        self._put(call, resource, None if is_ready else call.region.delays.creating)
        call.region.tag_new(resource.arn, tags)
        return resource

    def modify(self, call: ApiCall, resource: R, delay: timedelta | None = None) -> R:
        """Store a changed resource, `modifying` for a while."""
        changed = replace(resource, status="modifying")
        self._put(call, changed, call.region.delays.modifying if delay is None else delay)
        return changed

    def delete(self, call: ApiCall, resource: R) -> R:
        """Store the resource as `deleting`; after a while it is gone."""
        deleting, delays = replace(resource, status="deleting"), call.region.delays
        gone: Change[R] = Change(call.now + delays.deleting, lambda _: None)
        self.store(call.region).put(self.name_of(resource), deleting, gone)
        call.region.forget_tags(resource.arn, memory=delays.deleting + delays.tag_index_memory)
        return deleting

    def _put(self, call: ApiCall, resource: R, delay: timedelta | None) -> None:
        change: Change[R] | None = None
        if delay is not None:
            change = Change(call.now + delay, self.finished)
        self.store(call.region).put(self.name_of(resource), resource, change)


CACHES: ResourceType[Cache] = ResourceType(
    shape="ServerlessCache",
    label="Serverless Cache",
    period="",
    name_member="ServerlessCacheName",
    store=lambda region: region.caches,
    name_of=lambda cache: cache.name,
    ready="available",
    finished=lambda cache: replace(cache, status="available"),
    quota=40,
    quota_error=(
        "ServerlessCacheQuotaForCustomerExceededFault",
        "Quota exceeded: at most 40 serverless caches in a region",
    ),
    paging=Paging(items="ServerlessCaches", page_size="MaxResults", next="NextToken", default=50),
)

USERS: ResourceType[User] = ResourceType(
    shape="User",
    label="User",
    name_member="UserId",
    store=lambda region: region.users,
    name_of=lambda user: user.id,
    ready="active",
    finished=lambda user: replace(user, status="active"),
    quota=2000,
    quota_error=("UserQuotaExceededFault", "At most 2000 users are allowed."),
    paging=Paging(items="Users", page_size="MaxRecords", next="Marker", default=100),
)

GROUPS: ResourceType[UserGroup] = ResourceType(
    shape="UserGroup",
    label="User group",
    name_member="UserGroupId",
    store=lambda region: region.groups,
    name_of=lambda group: group.id,
    ready="active",
    finished=UserGroup.with_changes_done,
    quota=200,
    quota_error=("UserGroupQuotaExceededFault", "At most 200 user groups are allowed."),
    paging=Paging(items="UserGroups", page_size="MaxRecords", next="Marker", default=100),
)
"""Quotas: aws/README: Quotas (the page on RBAC says 1000 users and 100 groups)."""
