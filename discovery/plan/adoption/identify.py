"""Find the cache that somebody else's resource stands for. Pure.

It may say so in `spec.aws`, or in part, or by its URI alone; what it says has to fit together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from discovery.model.ownership import ARN_LABEL, MANAGED_BY, MANAGED_BY_LABEL
from discovery.model.values import AccountId, Complete, Database, Failed, Region, Scope
from discovery.plan.inputs import ObservedCache, ObservedState
from discovery.plan.resource import address_of
from discovery.plan.targets import ScopeFilter, result_for
from state.records import RememberedState

_ACCOUNT = re.compile("[0-9]{12}")


class Unidentified(Enum):
    """Why the cache of a resource is not known."""

    NO_SUCH_CACHE = "NO_SUCH_CACHE"
    SCOPE_UNREAD = "SCOPE_UNREAD"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    URI_DISAGREES = "URI_DISAGREES"


@dataclass(frozen=True, slots=True)
class NoCache:
    """A resource whose cache is not known, and why."""

    why: Unidentified
    message: str


@dataclass(frozen=True, slots=True)
class ClaimedIdentity:
    """What a resource says of its cache; empty where it says nothing."""

    account_id: str
    region: str
    cache: str
    arn: str
    """The label `cachemuster/arn`, where another group has set it."""
    address: str
    """Host and port of its URI, in lower case."""

    @property
    def scope(self) -> Scope | None:
        """The account and region; None unless the resource says both."""
        if not self.region or not _ACCOUNT.fullmatch(self.account_id):
            return None
        return Scope(AccountId(self.account_id), Region(self.region))


def claim_of(database: Database) -> ClaimedIdentity:
    """Read from a resource what it says of its cache."""
    aws = _tree(database.spec, "aws")
    is_marked = database.labels.get(MANAGED_BY_LABEL) == MANAGED_BY
    return ClaimedIdentity(
        account_id=str(aws.get("account_id") or ""),
        region=str(aws.get("region") or ""),
        cache=str(_tree(aws, "elasticache_serverless").get("cache_name") or ""),
        arn=database.labels.get(ARN_LABEL, "") if is_marked else "",
        address=address_of(database.uri),
    )


def scope_filter_for(database: Database, state: RememberedState) -> ScopeFilter:
    """Choose the scopes to scan for the cache of a resource; all when it names none."""
    claim = claim_of(database)
    scopes = {claim.scope} if claim.scope is not None else _remembered(claim, state)
    return ScopeFilter(only=tuple(scopes))


def identify_cache(database: Database, observed: ObservedState) -> ObservedCache | NoCache:
    """Find the scanned cache that a resource stands for: its URI and what it says must agree."""
    claim = claim_of(database)
    named = tuple(each for each in observed.found if claim.cache and not _contradicts(claim, each))
    listening = next((each for each in observed.found if _listens_at(each, claim.address)), None)
    if listening is not None and not _contradicts(claim, listening):
        return listening
    if listening is not None:
        text = (
            f"its URI is that of {listening.arn}, and what it says of its cache is not; correct it "
            "manually"
        )
        return NoCache(Unidentified.URI_DISAGREES, text)
    if len(named) == 1:
        endpoint = named[0].facts.cache.endpoint
        where = f"listens at {endpoint.uri}" if endpoint is not None else "has no endpoint yet"
        text = f"cache {named[0].arn} {where}, and its URI is {database.uri}; correct it manually"
        return NoCache(Unidentified.URI_DISAGREES, text)
    return _nowhere(claim, database, observed)


def _remembered(claim: ClaimedIdentity, state: RememberedState) -> set[Scope]:
    return {each.scope for each in state.caches.values() if each.uri.lower() == claim.address}


def _contradicts(claim: ClaimedIdentity, found: ObservedCache) -> bool:
    """True when the resource says something that is not so of this cache."""
    cache = found.facts.cache
    said = (
        (claim.account_id, cache.account_id),
        (claim.region, cache.region),
        (claim.cache, cache.name),
        (claim.arn, cache.arn),
    )
    return any(claimed and claimed != fact for claimed, fact in said)


def _listens_at(found: ObservedCache, address: str) -> bool:
    endpoint = found.facts.cache.endpoint
    return endpoint is not None and endpoint.uri.lower() == address


def _nowhere(claim: ClaimedIdentity, database: Database, observed: ObservedState) -> NoCache:
    """No cache that was read is named or has the URI; perhaps because not all were read."""
    if claim.scope is None:
        unread = [each for each in observed.results.values() if isinstance(each, Failed)]
        if unread:
            scopes = ", ".join(str(each.scope) for each in unread[:3])
            text = (
                f"no cache that was read listens at {database.uri}; not read: {scopes}; see there "
                "with `cachemuster doctor`"
            )
            return NoCache(Unidentified.SCOPE_UNREAD, text)
        text = f"no cache that was found listens at {database.uri}; correct its URI, or remove it"
        return NoCache(Unidentified.NO_SUCH_CACHE, text)
    result = result_for(claim.scope, observed.results)
    if isinstance(result, Failed):
        text = f"scope {claim.scope} could not be read: {result.reason.value}, {result.message}"
        return NoCache(Unidentified.SCOPE_UNREAD, text)
    if not isinstance(result, Complete):
        text = (
            f"scope {claim.scope} is not among the configured accounts and regions; add it to "
            "aws.accounts and aws.regions"
        )
        return NoCache(Unidentified.OUT_OF_SCOPE, text)
    text = (
        f"a complete scan of {claim.scope} shows no cache {claim.cache or 'that listens there'} "
        f"at {database.uri}; correct the resource, or remove it"
    )
    return NoCache(Unidentified.NO_SUCH_CACHE, text)


def _tree(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}
