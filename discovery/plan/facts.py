"""What is known of a found cache: read in this scan, else the last value read (R1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from discovery.model.codes import IamVerdict, NoteCode
from discovery.model.ownership import IAM_LABEL
from discovery.model.values import UNKNOWN, Cache, Database, KnownCache, Note, Tags, UnknownType
from discovery.plan.cache_facts import fill_in, remembered_notes
from matchers.keys import is_reserved
from state.records import Registration, RememberedCache


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """One cache with every fact as read, else as it was read last."""

    cache: KnownCache
    """The cache, with remembered values for what the scan did not read."""
    tags: Mapping[str, str] | UnknownType
    tags_read_now: bool
    vpc_by_label: bool
    """True when the VPC is known only from a label of the registration, which anybody may edit."""
    last_verdict: IamVerdict | None
    """The last verdict that rested on complete evidence."""
    recreated: bool
    """Another cache than the one remembered under this ARN (R1): another create time."""
    notes: tuple[Note, ...]
    remembered: Mapping[str, Any] = field(default_factory=dict)
    """Facts that AWS's answer left out, with the values used instead. They are no evidence."""
    account_name: str | None = None
    """The name of its account; None: never read."""
    registered_labels: Mapping[str, str] = field(default_factory=dict)
    """The labels of its registration, empty without one."""
    missing: tuple[str, ...] = ()
    """Facts that it left out and that nobody remembers; the cache cannot be judged."""


def is_recreated(cache: Cache, remembered: RememberedCache | None) -> bool:
    """True when the cache is another one than the one remembered under its ARN."""
    created_at = read_create_time(cache)
    if remembered is None or remembered.created_at is None or created_at is None:
        return False
    return remembered.created_at != created_at


def read_create_time(cache: Cache) -> datetime | None:
    """Return the create time in AWS's answer; None when it has none."""
    return None if cache.created_at is UNKNOWN else cache.created_at


def facts_of(
    cache: Cache,
    remembered: RememberedCache | None,
    live: Database | None,
    written: Registration | None = None,
    account_name: str | None = None,
) -> CacheFacts:
    """Fill in what was not read; nothing of an earlier cache under the same ARN is used.

    `written`: what state remembers of `live`; None: nothing. `account_name`: as last read.
    """
    recreated = is_recreated(cache, remembered)
    before = None if recreated else remembered
    registered = None if recreated or _is_of_an_earlier_cache(cache, before, written) else live
    known = fill_in(cache, before, registered)
    tags, tag_notes = _tags(cache, before, live, registered)
    vpc_id, vpc_by_label, vpc_notes = _vpc(cache, before, registered)
    return CacheFacts(
        cache=known.cache if cache.vpc_id is vpc_id else replace(known.cache, vpc_id=vpc_id),
        tags=tags,
        tags_read_now=cache.tags is not UNKNOWN,
        vpc_by_label=vpc_by_label,
        last_verdict=_last_verdict(before, registered),
        recreated=recreated,
        notes=remembered_notes(known.remembered) + tag_notes + vpc_notes,
        remembered=known.remembered,
        account_name=account_name,
        registered_labels=live.labels if live is not None else {},
        missing=known.missing,
    )


def bare_facts(cache: Cache) -> CacheFacts:
    """Make the facts of a cache that could not be judged, from AWS's answer alone."""
    return CacheFacts(
        cache=fill_in(cache, None, None).cache,
        tags=UNKNOWN,
        tags_read_now=False,
        vpc_by_label=False,
        last_verdict=None,
        recreated=False,
        notes=(),
    )


def likely_tags(cache: Cache, remembered: RememberedCache | None) -> Mapping[str, str]:
    """Return the tags just read, else those remembered of the same cache, else none."""
    if cache.tags is not UNKNOWN:
        return cache.tags.values
    if remembered is None or remembered.tags is None or is_recreated(cache, remembered):
        return {}
    return remembered.tags.values


def _is_of_an_earlier_cache(
    cache: Cache, before: RememberedCache | None, written: Registration | None
) -> bool:
    """True when the registration was last written before this cache was made, or first seen.

    The create time is by AWS's clock; when it was first seen and written, by our own.
    """
    if written is None or written.arn != cache.arn:
        return False
    since = (read_create_time(cache), before.first_seen_at if before is not None else None)
    return any(each is not None and written.updated_at < each for each in since)


def _tags(
    cache: Cache, before: RememberedCache | None, live: Database | None, usable: Database | None
) -> tuple[Mapping[str, str] | UnknownType, tuple[Note, ...]]:
    """Choose the tags; a cache that was never registered waits until they are read."""
    if cache.tags is not UNKNOWN:
        return cache.tags.values, ()
    if live is not None and before is not None and before.tags is not None:
        return before.tags.values, (_tags_note(f"those of {_when(before.tags)} are used"),)
    if usable is None:
        return UNKNOWN, (_tags_note("nothing is decided about it until they are read"),)
    theirs = {key: value for key, value in usable.labels.items() if not is_reserved(key)}
    return theirs, (_tags_note("the labels of the registration are used"),)


def _vpc(
    cache: Cache, before: RememberedCache | None, live: Database | None
) -> tuple[str | None | UnknownType, bool, tuple[Note, ...]]:
    if cache.vpc_id is not UNKNOWN:
        return cache.vpc_id, False, ()
    text = "the cache's subnets could not be read; {}. Allow ec2:DescribeSubnets"
    last = (_subnets_note(text.format("the last VPC is used")),)
    if before is not None and before.vpc_known:
        return before.vpc_id, False, last
    if live is not None and "vpc-id" in live.labels:
        return live.labels["vpc-id"], True, last
    return UNKNOWN, False, (_subnets_note(text.format("it has no vpc-id label for now")),)


def _last_verdict(before: RememberedCache | None, live: Database | None) -> IamVerdict | None:
    if before is not None and before.iam is not None:
        return before.iam.verdict
    label = live.labels.get(IAM_LABEL) if live is not None else None
    return IamVerdict(label) if label in list(IamVerdict) else None


def _when(tags: Tags) -> str:
    return tags.read_at.strftime("%Y-%m-%d %H:%M UTC")


def _tags_note(text: str) -> Note:
    return Note(NoteCode.TAGS_UNKNOWN, "tags", f"the tags could not be read; {text}")


def _subnets_note(text: str) -> Note:
    return Note(NoteCode.SUBNETS_UNKNOWN, "subnets", text)
