"""Why one cache is where it is, from what state remembers, and the JSON document of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TextIO

from discovery.model.codes import Action
from discovery.model.ownership import CacheArn, parse_cache_arn
from discovery.model.values import Arn
from discovery.plan.item import Item
from discovery.reports.document import timestamp, write_json
from state.records import HistoryEntry, PendingRemoval, Registration, RememberedCache, TakenName

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything that the state file knows of one cache."""

    arn: Arn
    cache: RememberedCache | None
    """None: only its registration is remembered."""
    registration: Registration | None
    miss: PendingRemoval | None
    taken: TakenName | None
    """The name that it is to have, and that something holds which the list does not show."""
    matchers: tuple[str, ...]
    """One sentence for each matcher that was asked."""
    last: HistoryEntry | None
    next: Item | None
    """What a sweep does if nothing has changed since the last one."""
    account_names: Mapping[str, str] = field(default_factory=dict)
    """Names of accounts, as far as they are known."""
    gone_at: datetime | None = None
    """The complete scan that no longer showed the cache; None for one that was there."""

    @property
    def owner(self) -> str | None:
        """The value of the tag that `reports.owner_tag` names; None without one."""
        return self.next.owner if self.next is not None else None

    @property
    def connect_resources(self) -> tuple[str, ...]:
        """ARNs on which `elasticache:Connect` has to be allowed: the cache and its users.

        The users are those who could log in when they were last read; nothing when nobody could,
        or the cache is not registered on purpose. Of a cache that was never judged the user's id
        is for the reader to fill in.
        Source: aws/README: Permissions.
        """
        parsed = parse_cache_arn(self.arn)
        iam = self.cache.iam if self.cache is not None else None
        users = iam.users if iam is not None else ("USER_ID",)
        is_wanted = self.next is None or self.next.action is not Action.SKIPPED
        if self.gone_at is not None:
            return ()
        if parsed is None or not users or not is_wanted:
            return ()
        return (str(self.arn), *(user_arn(parsed, user_id) for user_id in users))


def user_arn(cache: CacheArn, user_id: str) -> str:
    """Return the ARN of a user in the account and region of a cache."""
    return f"arn:{cache.partition}:elasticache:{cache.region}:{cache.account_id}:user:{user_id}"


def write_explanation_document(found: Iterable[Explanation], stream: TextIO) -> None:
    """Write one JSON document; times are RFC 3339 UTC."""
    document = {"schema_version": SCHEMA_VERSION, "caches": [_entry(each) for each in found]}
    write_json(document, stream)


def _entry(each: Explanation) -> dict[str, Any]:
    cache, registration, miss = each.cache, each.registration, each.miss
    return {
        "arn": each.arn,
        "found": cache
        and {
            "account_id": cache.scope.account_id,
            "account_name": each.account_names.get(cache.scope.account_id),
            "region": cache.scope.region,
            "name": cache.name,
            "owner": each.owner,
            "status": cache.status,
            "engine": cache.engine,
            "first_seen_at": timestamp(cache.first_seen_at),
            "last_seen_at": timestamp(cache.last_seen_at),
            "gone_at": each.gone_at and timestamp(each.gone_at),
            "tags": cache.tags and dict(cache.tags.values),
            "iam": cache.iam and cache.iam.verdict.value,
            "iam_users": list(cache.iam.users) if cache.iam else [],
            "iam_findings": list(cache.iam.codes) if cache.iam else [],
        },
        "matchers": list(each.matchers),
        "registered": registration
        and {
            "name": registration.name,
            "registered_at": timestamp(registration.registered_at),
            "updated_at": timestamp(registration.updated_at),
        },
        "missed": miss
        and {
            "reason": miss.reason.value,
            "scans": miss.scans,
            "since": timestamp(miss.since),
        },
        "name_taken": each.taken
        and {"name": each.taken.name, "since": timestamp(each.taken.since)},
        "last": each.last
        and {
            "at": timestamp(each.last.at),
            "action": each.last.action and each.last.action.value,
            "reason": each.last.reason,
            "message": each.last.message,
        },
        "next": each.next
        and {
            "action": each.next.action.value,
            "reason": each.next.reason.value,
            "message": each.next.message,
        },
        "connect_resources": list(each.connect_resources),
    }
