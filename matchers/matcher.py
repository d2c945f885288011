"""One entry of `matchers`: the caches it takes, and how they are registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from matchers.selectors import ALL_TAGS, ANY, NO_EXCLUSION, Selector, TagExclusion, TagSelector


class IamUsers(StrEnum):
    """What a cache without a usable IAM user means to a matcher."""

    WARN = "warn"
    REQUIRE = "require"
    IGNORE = "ignore"


PLACEHOLDERS = ("partition", "account_id", "region")
"""What a connect role may name in braces."""


@dataclass(frozen=True, slots=True)
class Connect:
    """The role that Teleport's Database Service assumes to connect."""

    assume_role_arn: str
    """An ARN in which `{partition}`, `{account_id}` and `{region}` stand for the cache's own."""
    external_id: str | None = None
    """A reference such as `env:NAME`, never the value."""

    def role_arn(self, *, partition: str, account_id: str, region: str) -> str:
        """Fill in the ARN for one cache. It may still name an account other than the cache's."""
        filled = self.assume_role_arn.replace("{partition}", partition)
        return filled.replace("{account_id}", account_id).replace("{region}", region)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """Takes a cache when every condition holds and no tag excludes it. The defaults take all."""

    name: str
    accounts: Selector = ANY
    regions: Selector = ANY
    names: Selector = ANY
    engines: Selector = ANY
    tags: TagSelector = ALL_TAGS
    exclude_tags: TagExclusion = NO_EXCLUSION
    iam_users: IamUsers = IamUsers.WARN
    deregister_unready: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    """Templates of values (`label_templates`), by key."""
    connect: Connect | None = None
