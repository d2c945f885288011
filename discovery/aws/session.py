"""One account's credentials at work in one region: every call to AWS goes through here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from discovery.aws.answer_dates import note_date
from discovery.aws.clients import Clients, Renewable, Signer, signing_as
from discovery.aws.error_codes import STALE_CODES
from discovery.aws.errors import (
    AwsCallFailed,
    AwsError,
    aws_error_of,
    deadline_exceeded,
    malformed_response,
    unusable_endpoint,
)
from discovery.aws.rate_limiter import RateLimiter
from discovery.aws.sdk_session import Unsigned
from discovery.model.codes import ScopeReason
from discovery.model.values import AccountId, Region, Scope

Answer = Mapping[str, Any]
Key = TypeVar("Key")
Read = TypeVar("Read")
Value = TypeVar("Value")

_METHODS = {
    "sts:AssumeRole": ("sts", "assume_role"),
    "sts:GetCallerIdentity": ("sts", "get_caller_identity"),
    "elasticache:DescribeServerlessCaches": ("elasticache", "describe_serverless_caches"),
    "elasticache:DescribeUserGroups": ("elasticache", "describe_user_groups"),
    "elasticache:DescribeUsers": ("elasticache", "describe_users"),
    "elasticache:ListTagsForResource": ("elasticache", "list_tags_for_resource"),
    "tag:GetResources": ("resource-groups-tagging-api", "get_resources"),
    "ec2:DescribeRegions": ("ec2", "describe_regions"),
    "ec2:DescribeSubnets": ("ec2", "describe_subnets"),
    "organizations:ListAccounts": ("organizations", "list_accounts"),
    "organizations:ListAccountsForParent": ("organizations", "list_accounts_for_parent"),
    "organizations:ListOrganizationalUnitsForParent": (
        "organizations",
        "list_organizational_units_for_parent",
    ),
    "organizations:ListRoots": ("organizations", "list_roots"),
    "s3:DeleteObject": ("s3", "delete_object"),
    "s3:GetObject": ("s3", "get_object"),
    "s3:PutObject": ("s3", "put_object"),
    "sqs:ChangeMessageVisibility": ("sqs", "change_message_visibility_batch"),
    "sqs:DeleteMessage": ("sqs", "delete_message_batch"),
    "sqs:GetQueueAttributes": ("sqs", "get_queue_attributes"),
    "sqs:ReceiveMessage": ("sqs", "receive_message"),
}
"""Every call that is made, by the IAM action that allows it."""

_LISTS_ALWAYS = ("organizations:", "tag:")
"""An answer of these services has its list even when that is empty. The SDK takes JSON that breaks
off for an answer without members, which would be an organization without accounts."""


@dataclass(slots=True, kw_only=True)
class Session:
    """One account in one region. `requests` counts what was sent, retries included."""

    account_id: AccountId
    partition: str
    region: Region
    clients: Clients = field(repr=False)
    signer: Signer = field(repr=False)
    rate_limiter: RateLimiter | None = field(default=None, repr=False)
    """Set where actions with a published rate are called."""

    @property
    def scope(self) -> Scope:
        """Account and region."""
        return Scope(self.account_id, self.region)

    @property
    def requests(self) -> int:
        """How many requests were sent, retries included."""
        return self.signer.requests

    async def call(self, action: str, **parameters: Any) -> Answer:
        """Make one call, and renew credentials once where AWS does not know them any more.

        Raises: AwsCallFailed for everything that is no answer, or one that no AWS service gives.
        """
        source = self.signer.credentials
        # Not by `isinstance`, which looks at every member of the protocol anew.
        renewable: Renewable | None = source if hasattr(source, "renew_since") else None  # type: ignore[assignment]
        generation = renewable.generation if renewable is not None else 0
        try:
            answer = await self._attempt(action, parameters)
        except AwsCallFailed as failed:
            if renewable is None or failed.error.code not in STALE_CODES:
                raise
            if not await renewable.renew_since(generation):
                raise
            answer = await self._attempt(action, parameters)
        # Every service names the request in its answer; a proxy's own page does not. Without
        # this check EC2's answers, which have no wrapper, parse from any XML as empty.
        if not answer.get("ResponseMetadata", {}).get("RequestId"):
            raise malformed_response("it names no request id", action, str(self.scope))
        return answer

    async def _attempt(self, action: str, parameters: Mapping[str, Any]) -> Answer:
        """Make one call, the SDK's retries included. Raises: AwsCallFailed."""
        service, method = _METHODS[action]
        await self._open_client(service, action)
        if self.rate_limiter is not None:
            await self.rate_limiter.acquire(action)
        limit_s = self.clients.deadline_s(service)
        try:
            async with self.clients.slot(service), asyncio.timeout(limit_s) as deadline:
                with signing_as(self.signer):
                    answer = await self.clients.call(service, self.region, method, parameters)
        except Unsigned:
            raise
        except Exception as error:
            if isinstance(error, TimeoutError) and deadline.expired():
                raise AwsCallFailed(deadline_exceeded(action, str(self.scope), limit_s)) from error
            if isinstance(error, ClientError):
                note_date(error.response)
            raise AwsCallFailed(aws_error_of(error, action, str(self.scope))) from error
        note_date(answer)
        return answer

    async def _open_client(self, service: str, action: str) -> None:
        try:
            await self.clients.get(service, self.region)
        except Exception as error:
            raise AwsCallFailed(unusable_endpoint(error, action, str(self.scope))) from error

    async def entries(
        self, action: str, member: str, token: tuple[str, str], **parameters: Any
    ) -> list[Answer]:
        """Read the `member` lists of every page to the last, as one; there is no cap.

        Raises: AwsCallFailed, as `pages`; then no page counts.
        """
        found: list[Answer] = []
        async for page in self.pages(action, member, token, **parameters):
            found.extend(page)
        return found

    async def pages(
        self, action: str, member: str, token: tuple[str, str], **parameters: Any
    ) -> AsyncIterator[Sequence[Answer]]:
        """Read the `member` list of each page, to the last; one without entries is empty.

        Args:
            action: The IAM action.
            member: Where an answer has its list.
            token: The answer's member and the parameter that carry the page token.
            parameters: Of each call.

        Raises: AwsCallFailed; a token that came before is REPEATED_TOKEN, because what follows
        could go round for ever and still lack pages.
        """
        answer_member, parameter = token
        seen: set[str] = set()
        next_page: dict[str, str] = {}
        while True:
            page = await self.call(action, **parameters, **next_page)
            if member not in page and action.startswith(_LISTS_ALWAYS):
                raise malformed_response(f"it holds no {member}", action, str(self.scope))
            yield page.get(member) or ()
            value = page.get(answer_member)
            if not value:
                return
            if not isinstance(value, str):
                raise malformed_response("its page token is no text", action, str(self.scope))
            if value in seen:
                raise AwsCallFailed(_repeated_token(action, self.scope))
            seen.add(value)
            next_page = {parameter: value}


def _repeated_token(action: str, scope: Scope) -> AwsError:
    return AwsError(
        ScopeReason.REPEATED_TOKEN,
        f"{action} in {scope} gave the same page token twice, so the list is not known to be "
        "whole; the next sweep asks again",
    )


def deduplicate(
    entries: Iterable[tuple[Key, Value]],
    action: str,
    session: Session,
    found: dict[Key, Value] | None = None,
) -> dict[Key, Value]:
    """Key the entries of a list; an entry may be repeated, and not contradicted.

    Lists shift while they are read page by page, so the same entry may come again. `found` holds
    those of earlier pages, and gets these.

    Raises: AwsCallFailed, MALFORMED.
    """
    found = {} if found is None else found
    for key, value in entries:
        if found.setdefault(key, value) != value:
            what = f"it describes {key} twice, and not alike"
            raise malformed_response(what, action, str(session.scope))
    return found


async def gather_all(*readings: Coroutine[Any, Any, Read]) -> tuple[Read, ...]:
    """Run the readings all at once; return their results in order.

    Raises: the first one's error; the others are stopped then.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(reading) for reading in readings]
    except ExceptionGroup as several:
        raise several.exceptions[0] from several
    return tuple(task.result() for task in tasks)
