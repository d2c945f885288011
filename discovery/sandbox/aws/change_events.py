"""Change events of a region, whether a call, a test or the passing of time made the change."""

from typing import Final

from discovery.sandbox.aws.event_delivery import Advance, Events, is_within_a_call
from discovery.sandbox.aws.event_documents import Call
from discovery.sandbox.aws.partitions import Place
from discovery.sandbox.aws.timed_store import Step, TimedStore
from discovery.sandbox.aws.values import Cache, User, UserGroup

SOMEBODY: Final = "user/somebody"
"""Caller in CloudTrail's event of a change that a test makes directly."""


class ChangeEvents:
    """Publishes the changes of one region."""

    def __init__(self, events: Events, place: Place, advance: Advance) -> None:
        self._events = events
        self._place = place
        self._advance = advance

    def watch(
        self, caches: TimedStore[Cache], users: TimedStore[User], groups: TimedStore[UserGroup]
    ) -> None:
        """Publish every change of these stores from now on."""
        caches.watch = self._see_cache
        users.watch = self._see_user
        groups.watch = self._see_group

    def see_tags(self, arn: str, cache: Cache | None) -> None:
        """Publish a change of tags; `cache` is the resource, if it is one."""
        if not self._events.is_on:
            return
        self._record("AddTagsToResource", {"resourceName": arn})
        if cache is not None:
            message = f"Tags updated for the cache {cache.name}"
            self._events.publish_service_event(self._place, "Cache Updated", message, cache)

    def _see_cache(self, step: Step[Cache]) -> None:
        before, after = step.before, step.after
        changed = after or before
        if changed is None or not self._events.is_on:
            return
        if not step.is_timed:
            self._record(f"{_verb(step)}ServerlessCache", {"serverlessCacheName": changed.name})
        if step.due_at is not None:
            self._events.expect(step.due_at, self._advance)
        detail_type = _service_event_name(before, after)
        if detail_type is not None:
            self._events.publish_service_event(
                self._place, detail_type, f"{detail_type}: {changed.name}", changed
            )

    def _see_user(self, step: Step[User]) -> None:
        self._see(step, "User", "userId")

    def _see_group(self, step: Step[UserGroup]) -> None:
        self._see(step, "UserGroup", "userGroupId")

    def _see(self, step: Step[User] | Step[UserGroup], kind: str, member: str) -> None:
        changed = step.after or step.before
        if self._events.is_on and changed is not None and not step.is_timed:
            self._record(f"{_verb(step)}{kind}", {member: changed.id})

    def _record(self, operation: str, parameters: dict[str, object]) -> None:
        if is_within_a_call():
            return
        place = self._place
        caller = f"arn:{place.partition.name}:iam::{place.account_id}:{SOMEBODY}"
        call = Call(
            service="elasticache", operation=operation, caller_arn=caller, parameters=parameters
        )
        self._events.publish_call(place, call)


def _verb(step: Step[Cache] | Step[User] | Step[UserGroup]) -> str:
    if step.before is None:
        return "Create"
    return "Delete" if step.after is None else "Modify"


def _service_event_name(before: Cache | None, after: Cache | None) -> str | None:
    """Return the name of ElastiCache's own event for this change of a cache, if it has one."""
    if after is None:
        return "Cache Deleted"
    earlier = before.status if before is not None else "creating"
    if after.status == "create-failed":
        return "Cache Creation Failed" if earlier != "create-failed" else None
    if after.status != "available" or before == after:
        return None
    return "Cache Created" if earlier == "creating" else "Cache Updated"
