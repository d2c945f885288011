"""From a configuration to the rules that the plan is made by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from discovery.config.aws import PublicCaches
from discovery.config.conversion import matching_digest, to_matchers
from discovery.config.model import Config, OutOfScope
from discovery.config.secrets import Secret
from discovery.model.values import AccountId
from discovery.plan.rules import Budget, Rules
from matchers.selectors import Pattern


def build_rules(config: Config, resolve: Callable[[str], Secret]) -> Rules:
    """The rules of a sweep under this configuration, with connect external ids looked up.

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
    )


def build_offline_rules(config: Config) -> Rules:
    """The rules with no secret looked up: external ids are left out of what they make."""
    return replace(build_rules(config, Secret), external_ids={})


def with_overrides(rules: Rules, *, allow_mass_removal: int | None, prune: bool) -> Rules:
    """The rules with what the command line allows for one sweep; time and proof stay (R3)."""
    if prune:
        rules = replace(rules, removes_out_of_scope=True, prunes=True)
    if allow_mass_removal is None:
        return rules
    return replace(rules, budget=rules.budget.with_overrides(allow_mass_removal))
