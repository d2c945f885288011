"""The configuration of the agents of a run, and what it means.

`covers` and `takes` read the settings a second time, without the program's own matchers: the
checker must not ask the planner what is right.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

HUB, MEMBER, THIRD = "111122223333", "222233334444", "333344445555"
FRANKFURT, VIRGINIA = "eu-central-1", "us-east-1"
REGIONS = (FRANKFURT, VIRGINIA)
GROUP = "prod"
ROLE = "cachemuster"

Matcher = Mapping[str, Any]

_OFF = {"exclude_tags": {"teleport": ["off"]}}
MATCHINGS: tuple[tuple[Matcher, ...], ...] = (
    ({"name": "all"},),
    ({"name": "all", **_OFF},),
    ({"name": "prod", "tags": {"env": ["prod"]}, **_OFF},),
    ({"name": "prod", "tags": {"env": ["prod", "stage"]}, "labels": {"tier": "gold"}, **_OFF},),
    ({"name": "some", "names": ["o*", "c*"], **_OFF}, {"name": "team", "tags": {"team": ["*"]}}),
    ({"name": "valkey", "engines": ["valkey"], "labels": {"team": "ours"}, **_OFF},),
    ({"name": "strict", "iam_users": "require", "deregister_unready": True, **_OFF},),
    ({"name": "require", "iam_users": "require"},),
    ({"name": "here", "regions": [FRANKFURT], "iam_users": "ignore"}, {"name": "rest", **_OFF}),
    ({"name": "hub", "accounts": [HUB], **_OFF}, {"name": "env", "tags": {"env": ["*"]}}),
)
"""Ways to say which caches are wanted."""

SPLITS: tuple[tuple[tuple[Matcher, ...], tuple[Matcher, ...]], ...] = (
    (({"name": "a", "tags": {"team": ["a"]}},), ({"name": "b", "tags": {"team": ["b"]}},)),
    (
        ({"name": "all", "exclude_tags": {"team": ["b"]}},),
        ({"name": "all", "exclude_tags": {"team": ["a"]}},),
    ),
    (
        ({"name": "prod", "tags": {"env": ["prod"]}},),
        ({"name": "rest", "tags": {"env": ["stage", "dev"]}},),
    ),
    (({"name": "all"},), ({"name": "prod", "tags": {"env": ["prod"]}, **_OFF},)),
    (({"name": "o", "names": ["o*"]},), ({"name": "c", "names": ["c*", "s*"], **_OFF},)),
)
"""Ways for two agents of one group to divide caches between them, cleanly or not."""

REGION_LISTS = (REGIONS, REGIONS, ("eu-*", VIRGINIA), ("*",), (FRANKFURT,), ("eu-*",))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One configuration."""

    control_plane: Mapping[str, Any]
    accounts: tuple[str, ...] = (HUB, MEMBER)
    regions: tuple[str, ...] = REGIONS
    matchers: tuple[Matcher, ...] = MATCHINGS[0]
    missed_sweeps: int = 2
    grace: timedelta = timedelta(minutes=10)
    window: timedelta = timedelta(hours=1)
    max_count: int = 20
    max_percent: int = 30
    min_allowed: int = 2
    allow_empty: bool = False
    policy: str = "sync"
    out_of_scope: str = "hold"
    origin: str = "dynamic"
    enrolls_public: bool = False
    names_by_tag: bool = True
    keep_labels: tuple[str, ...] = ()
    scope_timeout_s: int = 60

    def document(self, state: Path) -> dict[str, Any]:
        """The configuration as it stands in a file."""
        entries = [self._account(each) for each in self.accounts]
        return {
            "version": 1,
            "group": GROUP,
            "state": {"path": str(state)},
            "aws": {
                "accounts": entries,
                "regions": list(self.regions),
                "scope_timeout": f"{self.scope_timeout_s}s",
                "name_overrides": self.names_by_tag,
                "public_caches": "enroll" if self.enrolls_public else "skip",
            },
            "matchers": [dict(each) for each in self.matchers],
            "policy": self.policy,
            "out_of_scope": self.out_of_scope,
            "deregistration": {
                "missed_sweeps": self.missed_sweeps,
                "grace": f"{int(self.grace.total_seconds())}s",
                "window": f"{int(self.window.total_seconds())}s",
                "max_count": self.max_count,
                "max_percent": self.max_percent,
                "min_allowed": self.min_allowed,
                "allow_empty": self.allow_empty,
            },
            "control_plane": {
                **self.control_plane,
                "origin": self.origin,
                "keep_labels": list(self.keep_labels),
            },
        }

    def _account(self, account_id: str) -> dict[str, str]:
        if account_id == HUB:
            return {"id": account_id}
        return {"id": account_id, "role_arn": f"arn:aws:iam::{account_id}:role/{ROLE}"}

    @property
    def matching(self) -> Any:
        """What decides which caches are wanted and how they are named; equal when nothing of that
        was edited."""
        keys = ("accounts", "regions", "names", "engines", "tags", "exclude_tags")
        conditions = [[matcher.get(key) for key in keys] for matcher in self.matchers]
        return (repr(conditions), self.names_by_tag, self.enrolls_public)

    def covers(self, account_id: str, region: str, enabled: Iterable[str]) -> bool:
        """Whether the region of the account is configured."""
        if account_id not in self.accounts:
            return False
        return any(
            region == each or ("*" in each and fnmatchcase(region, each) and region in set(enabled))
            for each in self.regions
        )

    def limit(self, population: int, allowed: int | None) -> int:
        """How many removals may happen within the window."""
        if allowed is not None:
            return allowed
        share = population * self.max_percent // 100
        return min(self.max_count, max(self.min_allowed, share))

    def drawn(self, rng: random.Random) -> Settings:
        """Other limits and habits, as companies differ in them."""

        def minutes(*spans: int) -> timedelta:
            return timedelta(minutes=rng.choice(spans))

        return replace(
            self,
            accounts=rng.choice(((HUB, MEMBER), (HUB, MEMBER), (HUB, MEMBER, THIRD))),
            regions=rng.choice(REGION_LISTS),
            matchers=rng.choice(MATCHINGS),
            missed_sweeps=rng.choice((1, 2, 2, 3)),
            grace=minutes(0, 10, 10, 30),
            window=minutes(0, 60, 60, 600),
            max_count=rng.choice((0, 2, 3, 20, 20, 20, 20, 20, 20)),
            max_percent=rng.choice((10, 30, 100, 100, 100)),
            min_allowed=rng.choice((0, 2, 2, 4, 9)),
            allow_empty=rng.random() < 0.2,
            policy=rng.choice(("sync",) * 13 + ("upsert-only", "create-only")),
            out_of_scope=rng.choice(("hold", "hold", "remove")),
            origin=rng.choice(("dynamic",) * 5 + ("cloud",)),
            enrolls_public=rng.random() < 0.2,
            names_by_tag=rng.random() < 0.9,
            keep_labels=rng.choice(((), (), ("owner-*",))),
        )


def takes(matcher: Matcher, place: tuple[str, str], cache: Any, tags: Mapping[str, str]) -> bool:
    """Whether the matcher takes the cache but for tags that exclude."""
    account_id, region = place
    required = {**matcher.get("tags", {})}
    return (
        account_id in matcher.get("accounts", [account_id])
        and region in matcher.get("regions", [region])
        and any(fnmatchcase(cache.name, glob) for glob in matcher.get("names", ["*"]))
        and cache.engine in matcher.get("engines", ["redis", "valkey"])
        and all(key in tags and _fits(tags[key], values) for key, values in required.items())
    )


def may_take(
    matcher: Matcher, place: tuple[str, str], cache: str, seen: Iterable[Mapping[str, str]]
) -> bool:
    """Whether the matcher can take a cache of that name by any of these tags, whatever its
    engine."""
    account_id, region = place
    where = (
        account_id in matcher.get("accounts", [account_id])
        and region in matcher.get("regions", [region])
        and any(fnmatchcase(cache, glob) for glob in matcher.get("names", ["*"]))
    )
    required = {**matcher.get("tags", {})}
    return where and any(
        all(key in tags and _fits(tags[key], values) for key, values in required.items())
        and not excludes(matcher, tags)
        for tags in seen
    )


def excludes(matcher: Matcher, tags: Mapping[str, str]) -> bool:
    """Whether a tag keeps the cache out."""
    excluding = matcher.get("exclude_tags", {}).items()
    return any(key in tags and _fits(tags[key], values) for key, values in excluding)


def _fits(value: str, values: Iterable[str]) -> bool:
    return any(fnmatchcase(value, each) for each in values)
