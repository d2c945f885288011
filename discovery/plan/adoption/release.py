"""Plan the release of registrations: our labels go, the resource stays (R2). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from discovery.model.codes import Action, Reason
from discovery.model.ownership import MANAGED_BY_LABEL, CacheArn, NotOurs, owner_of
from discovery.model.values import Database, ResourceName
from discovery.plan.adoption.transfer import (
    Obstacle,
    Refused,
    Transfer,
    not_found,
    refusing,
    transfer_of,
)
from discovery.plan.iam import aws_cli
from discovery.plan.item import Item
from discovery.plan.resource import changes_between
from matchers.matcher import Matcher
from matchers.selectors import PatternKind

_OUR_LABELS = "cachemuster/"
_USUAL_TAG = ("teleport", "off")


def release(listed: Iterable[Database], group: str, name: ResourceName | None) -> Transfer:
    """Plan the release of `name`, or of all of ours: our labels go, the resource stays.

    What is marked as ours and disagrees with itself is refused.
    """
    if name is None:
        return transfer_of(_released(each, group) for each in listed if _is_marked(each, group))
    live = next((each for each in listed if each.name == name), None)
    return transfer_of([not_found(name) if live is None else _released(live, group)])


def keep_unwanted(cache: CacheArn, matchers: Iterable[Matcher]) -> tuple[str, ...]:
    """Explain how to keep later sweeps from taking a released cache again.

    Returns: lines for a person, the last one a command.
    """
    shared = _shared_exclusions(tuple(matchers))
    key, value = min(shared, default=_USUAL_TAG)
    tag = aws_cli.command(
        "add-tags-to-resource",
        {"ResourceName": str(cache.arn), "Tags": {"Key": key, "Value": value}},
        region=cache.region,
    )
    if shared:
        return ("To keep the cache from being wanted, give it the tag that excludes it:", tag)
    return (
        f'To keep the cache from being wanted, add `exclude_tags: {{{key}: "{value}"}}` to every '
        "matcher that takes it, and give it the tag:",
        tag,
    )


def _shared_exclusions(matchers: tuple[Matcher, ...]) -> set[tuple[str, str]]:
    """The tags that exclude a cache from every matcher; another one may take it otherwise."""
    each = [set(_exclusions(matcher)) for matcher in matchers]
    return set.intersection(*each) if each else set()


def _exclusions(matcher: Matcher) -> Iterator[tuple[str, str]]:
    for key, selector in matcher.exclude_tags.requirements:
        for pattern in selector.patterns:
            if pattern.kind is PatternKind.LITERAL:
                yield key, pattern.text


def _is_marked(live: Database, group: str) -> bool:
    owner = owner_of(live, group)
    return isinstance(owner, CacheArn) or owner is NotOurs.IDENTITY_MISMATCH


def _released(live: Database, group: str) -> Item | Refused:
    owner = owner_of(live, group)
    if not isinstance(owner, CacheArn):
        text = {
            NotOurs.FOREIGN: "it is not cachemuster's",
            NotOurs.OTHER_GROUP: "it belongs to another cachemuster group",
            NotOurs.IDENTITY_MISMATCH: "it is marked as ours but disagrees with itself; remove its "
            "labels managed-by and cachemuster/* manually",
        }
        mismatch = owner is NotOurs.IDENTITY_MISMATCH
        code = Obstacle.IDENTITY_MISMATCH if mismatch else Obstacle.NOT_OURS
        return refusing(live.name)(code, text[owner])
    target = replace(live, labels={key: live.labels[key] for key in live.labels if not _ours(key)})
    return Item(
        scope=owner.scope,
        arn=owner.arn,
        cache=owner.name,
        name=live.name,
        action=Action.UPDATE,
        reason=Reason.LABELS_CHANGED,
        message="it stays registered, and no sweep writes to it any more",
        changes=changes_between(live, target),
        database=target,
        live=live,
    )


def _ours(key: str) -> bool:
    return key == MANAGED_BY_LABEL or key.startswith(_OUR_LABELS)
