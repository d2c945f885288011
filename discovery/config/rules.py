"""Make matchers, and the rules that the plan is made by, from a configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from discovery.config.aws import AccountNames, PublicCaches
from discovery.config.matching import ConnectSection, MatcherSection
from discovery.config.model import Config, OutOfScope
from discovery.config.secrets import Secret
from discovery.model.values import AccountId
from discovery.plan.rules import Budget, Rules
from matchers.matcher import Connect, Matcher
from matchers.selectors import Pattern, Selector, TagExclusion, TagSelector

DEFAULT_NAME = "default"
"""The name of the matcher that stands in where none is configured; it takes every cache."""

EVERY_TAG = {"*": ("*",)}


def to_matchers(config: Config) -> tuple[Matcher, ...]:
    """Make the configured matchers in their order; without any, one that takes everything."""
    sections = config.matchers or (MatcherSection(name=DEFAULT_NAME),)
    return tuple(_matcher(section) for section in sections)


def matching_digest(config: Config) -> str:
    """Hash everything that decides which caches are registered and what they are called.

    While the digest is the same, a cache that stopped matching did so by itself (R3).

    In it: the conditions of all matchers in their order, `name_overrides`, `read_tags`,
    `public_caches`. Not in it: what changes a registration but neither whether there is one nor
    its name (names of matchers, labels, roles, IAM rules), the group, and the accounts and
    regions that are scanned, whose registrations are `OUT_OF_SCOPE`, not `UNMATCHED`.
    The order of values and of keys does not count.

    Returns: SHA-256 in hex.
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


def build_rules(config: Config, resolve: Callable[[str], Secret]) -> Rules:
    """Make the rules of a sweep under this configuration, with connect external ids looked up.

    Raises: SecretError when an external id is not where its reference says.
    """
    matchers = to_matchers(config)
    references = {each.connect.external_id for each in matchers if each.connect is not None}
    overrides = config.aws.name_overrides
    limits = config.deregistration
    return Rules(
        group=config.group,
        matchers=matchers,
        matching_digest=matching_digest(config),
        origin=config.control_plane.origin.value,
        keep_labels=tuple(Pattern(glob) for glob in config.control_plane.keep_labels),
        named_by_tag=overrides
        if isinstance(overrides, bool)
        else frozenset(AccountId(each) for each in overrides),
        enrolls_public=config.aws.public_caches is PublicCaches.ENROLL,
        policy=config.policy,
        removes_out_of_scope=config.out_of_scope is OutOfScope.REMOVE,
        missed_sweeps=limits.missed_sweeps,
        grace=limits.grace,
        budget=Budget(
            window=limits.window,
            max_count=limits.max_count,
            max_percent=limits.max_percent,
            min_allowed=limits.min_allowed,
            allow_empty=limits.allow_empty,
        ),
        external_ids={ref: resolve(ref).reveal() for ref in sorted(filter(None, references))},
        uses_account_names=config.aws.account_names is AccountNames.AUTO,
        account_names=config.aws.configured_names,
        owner_tag=config.reports.owner_tag,
    )


def build_offline_rules(config: Config) -> Rules:
    """Make the rules without looking up secrets: resources get no external ids."""
    return replace(build_rules(config, Secret), external_ids={})


def with_overrides(rules: Rules, *, allow_mass_removal: int | None, prune: bool) -> Rules:
    """Apply what the command line allows for one sweep; time and proof stay (R3)."""
    if prune:
        rules = replace(rules, removes_out_of_scope=True, prunes=True)
    if allow_mass_removal is None:
        return rules
    return replace(rules, budget=rules.budget.with_overrides(allow_mass_removal))
