"""What is told where the list of registrations was not read: AWS's half alone (R10). Pure.

Nothing can be planned, so nothing is: what is wanted or remembered is held, with the verdict on its
users as ever, and no guard is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from discovery.codes import Action, Reason
from discovery.plan.desired import Blocked, Undecided, Unwanted, Wish
from discovery.plan.diff import base_item
from discovery.plan.from_state import remembered_list
from discovery.plan.inputs import Found, Situation, Survey, survey_of
from discovery.plan.item import Item, in_order
from discovery.plan.registration_index import Owned, Registry
from discovery.plan.rules import Rules

NOT_READ = "what is registered could not be read; nothing is changed until it can be"
NOT_ASKED = "the control plane was not asked, so what is registered is not known"


def unread_items(situation: Situation, rules: Rules, why: str) -> tuple[Item, ...]:
    """Every cache found and every registration remembered, in order."""
    remembered = replace(situation, listed=remembered_list(situation.memory), looked_up={})
    survey = survey_of(remembered, rules)
    return in_order(_items(survey, why))


def _items(survey: Survey, why: str) -> Iterator[Item]:
    for found in survey.found:
        yield _of_found(found, survey, why)
    for owned in _others(survey.registry, survey):
        yield Item(
            scope=owned.cache.scope,
            arn=owned.cache.arn,
            cache=owned.cache.name,
            name=owned.database.name,
            action=Action.HELD,
            reason=Reason.REGISTRY_UNREAD,
            message=why,
            database=owned.database,
            live=owned.database,
        )


def _others(registry: Registry, survey: Survey) -> Iterator[Owned]:
    """What is remembered besides the registrations of the caches that were found."""
    yield from (owned for arn, owned in registry.ours.items() if arn not in survey.arns_found)
    yield from registry.duplicates
    yield from registry.half_renamed.values()


def _of_found(found: Found, survey: Survey, why: str) -> Item:
    base, wish = base_item(found, survey), found.wish
    if found.live is None and isinstance(wish, Unwanted):
        return replace(base, action=Action.SKIPPED, reason=wish.reason, message=wish.message)
    if found.live is None and isinstance(wish, Undecided):
        return replace(base, action=Action.HELD, reason=Reason.TAGS_UNKNOWN, message=wish.message)
    message = "; ".join((why, *_besides(wish)))
    return replace(base, action=Action.HELD, reason=Reason.REGISTRY_UNREAD, message=message)


def _besides(wish: Wish) -> Iterator[str]:
    """What is known to be the matter all the same."""
    if isinstance(wish, Blocked):
        yield f"{wish.reason.value}: {wish.message}"
