"""What is known of a found cache, with the last read value where this scan read none (R1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from discovery.codes import IamVerdict, NoteCode
from discovery.enrollment.ownership import IAM_LABEL
from discovery.model import UNKNOWN, Cache, Database, Note, Tags, UnknownType
from matchers.keys import is_reserved
from state.records import RememberedCache


@dataclass(frozen=True, slots=True)
class Facts:
    """One cache as judged: what this scan read, else what was read last."""

    cache: Cache
    """Its tags and VPC are filled in from memory where the scan did not read them."""
    tags: Mapping[str, str] | UnknownType
    tags_read_now: bool
    last_verdict: IamVerdict | None
    """The last verdict that rested on complete evidence."""
    recreated: bool
    """Another cache than the one remembered under this ARN (R1): another create time."""
    notes: tuple[Note, ...]


def is_recreated(cache: Cache, remembered: RememberedCache | None) -> bool:
    """True when both create times are known and differ."""
    if remembered is None or remembered.created_at is None or cache.created_at is None:
        return False
    return remembered.created_at != cache.created_at


def facts_of(cache: Cache, remembered: RememberedCache | None, live: Database | None) -> Facts:
    """Fills in what was not read; nothing of an earlier cache under the same ARN is used."""
    recreated = is_recreated(cache, remembered)
    before = None if recreated else remembered
    registered = None if recreated else live
    tags, notes = _tags(cache, before, registered)
    vpc_id, vpc_notes = _vpc(cache, before, registered)
    return Facts(
        cache=replace(cache, vpc_id=vpc_id),
        tags=tags,
        tags_read_now=cache.tags is not UNKNOWN,
        last_verdict=_last_verdict(before, registered),
        recreated=recreated,
        notes=notes + vpc_notes,
    )


def _tags(
    cache: Cache, before: RememberedCache | None, live: Database | None
) -> tuple[Mapping[str, str] | UnknownType, tuple[Note, ...]]:
    if cache.tags is not UNKNOWN:
        return cache.tags.values, ()
    if live is None:
        return UNKNOWN, (_tags_note("nothing is decided about it until they are read"),)
    if before is not None and before.tags is not None:
        return before.tags.values, (_tags_note(f"those of {_when(before.tags)} stand in"),)
    theirs = {key: value for key, value in live.labels.items() if not is_reserved(key)}
    return theirs, (_tags_note("the labels of the registration stand in"),)


def _vpc(
    cache: Cache, before: RememberedCache | None, live: Database | None
) -> tuple[str | None | UnknownType, tuple[Note, ...]]:
    if cache.vpc_id is not UNKNOWN:
        return cache.vpc_id, ()
    text = "the cache's subnets could not be read; {}. Allow ec2:DescribeSubnets"
    if before is not None and before.vpc_known:
        return before.vpc_id, (_subnets_note(text.format("the last VPC stands in")),)
    if live is not None and "vpc-id" in live.labels:
        return live.labels["vpc-id"], (_subnets_note(text.format("the last VPC stands in")),)
    return UNKNOWN, (_subnets_note(text.format("it has no vpc-id label for now")),)


def _last_verdict(before: RememberedCache | None, live: Database | None) -> IamVerdict | None:
    if before is not None and before.iam_verdict is not None:
        return before.iam_verdict
    label = live.labels.get(IAM_LABEL) if live is not None else None
    return IamVerdict(label) if label in list(IamVerdict) else None


def _when(tags: Tags) -> str:
    return tags.read_at.strftime("%Y-%m-%d %H:%M UTC")


def _tags_note(text: str) -> Note:
    return Note(NoteCode.TAGS_UNKNOWN, "tags", f"the tags could not be read; {text}")


def _subnets_note(text: str) -> Note:
    return Note(NoteCode.SUBNETS_UNKNOWN, "subnets", text)
