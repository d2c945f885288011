"""From what a person wrote to what the pure parts work with."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from discovery.config.matching import ConnectSection, MatcherSection
from discovery.config.model import Config
from matchers.matcher import Connect, Matcher
from matchers.selectors import Selector, TagExclusion, TagSelector

DEFAULT_NAME = "default"
"""The name of the matcher that stands in where none is configured; it takes every cache."""

EVERY_TAG = {"*": ("*",)}


def to_matchers(config: Config) -> tuple[Matcher, ...]:
    """The configured matchers in their order; without any, one that takes everything."""
    sections = config.matchers or (MatcherSection(name=DEFAULT_NAME),)
    return tuple(_matcher(section) for section in sections)


def matching_digest(config: Config) -> str:
    """SHA-256 in hex over everything that decides which caches are wanted and what they are
    called. While it is the same, a cache that stopped matching did so by itself (R3).

    In it: the conditions of all matchers in their order, `name_overrides`, `read_tags`,
    `public_caches`. Not in it: what changes a registration but neither whether it is wanted nor
    its name (names of matchers, labels, roles, IAM rules), the group, and the accounts and
    regions that are scanned, whose registrations are `OUT_OF_SCOPE`, not `UNMATCHED`.
    The order of values and of keys does not count.
    """
    overrides = config.aws.name_overrides
    content = {
        "digest": 1,
        "matchers": [_conditions(matcher) for matcher in to_matchers(config)],
        "name_overrides": overrides if isinstance(overrides, bool) else sorted(set(overrides)),
        "read_tags": config.aws.read_tags,
        "public_caches": config.aws.public_caches.value,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _conditions(matcher: Matcher) -> dict[str, Any]:
    return {
        "accounts": _values(matcher.accounts),
        "regions": _values(matcher.regions),
        "names": _values(matcher.names),
        "engines": _values(matcher.engines),
        "tags": _by_key(matcher.tags),
        "exclude_tags": _by_key(matcher.exclude_tags),
    }


def _by_key(tags: TagSelector | TagExclusion) -> dict[str, list[str]]:
    return {key: _values(selector) for key, selector in tags.requirements}


def _values(selector: Selector) -> list[str]:
    return sorted(selector.texts)


def _matcher(section: MatcherSection) -> Matcher:
    return Matcher(
        name=section.name,
        accounts=Selector.of(section.accounts),
        regions=Selector.of(section.regions),
        names=Selector.of(section.names, ignores_case=True),
        engines=Selector.of(section.engines),
        tags=TagSelector.of(section.tags or EVERY_TAG),
        exclude_tags=TagExclusion.of(section.exclude_tags),
        iam_users=section.iam_users,
        deregister_unready=section.deregister_unready,
        labels=section.labels,
        connect=_connect(section.connect),
    )


def _connect(section: ConnectSection | None) -> Connect | None:
    if section is None:
        return None
    return Connect(section.assume_role_arn, section.external_id)
