"""The labels of a registration, and who may say what in them (R7).

Nobody forges ours: reserved keys come from us alone, then the matcher's labels, then AWS tags.
"""

from __future__ import annotations

from collections.abc import Mapping

from discovery.model.codes import IamVerdict, NoteCode
from discovery.model.ownership import (
    ARN_LABEL,
    GROUP_LABEL,
    IAM_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
)
from discovery.model.values import UNKNOWN, Cache, KnownCache, Note, UnknownType
from discovery.plan.naming import MATCHER_TYPE, OVERRIDE_TAGS
from matchers.keys import is_label_key, is_reserved

ORIGIN_LABEL = "teleport.dev/origin"
DISCOVERED_NAME_LABEL = "teleport.internal/discovered-name"
DISCOVERY_GROUP_LABEL = "teleport.internal/discovery-group-name"
CLOUD_LABEL = "teleport.dev/cloud"
DISCOVERY_TYPE_LABEL = "teleport.dev/discovery-type"


def discovery_labels(cache: KnownCache) -> dict[str, str | UnknownType]:
    """The labels that a cache has without its tags; no `vpc-id` when it has no VPC.

    Source: control_plane/README: Labels, rows 1 to 4.
    """
    labels: dict[str, str | UnknownType] = {
        "account-id": str(cache.account_id),
        "region": str(cache.region),
        CLOUD_LABEL: "AWS",
        "engine": cache.engine,
        "engine-version": cache.engine_version,
    }
    if cache.vpc_id is not None:
        labels["vpc-id"] = cache.vpc_id
    return labels


def ownership_labels(cache: Cache, group: str, origin: str) -> dict[str, str]:
    """The labels that say whose a registration is, and for which cache."""
    labels = {
        ORIGIN_LABEL: origin,
        DISCOVERY_TYPE_LABEL: MATCHER_TYPE,
        MANAGED_BY_LABEL: MANAGED_BY,
        GROUP_LABEL: group,
        ARN_LABEL: str(cache.arn),
    }
    if origin == "cloud":
        # Without a group of its own, any group-less Discovery Service would own the resource and
        # delete it (control_plane/README: Reconciler).
        labels[DISCOVERY_GROUP_LABEL] = group
    return labels


def build_labels(
    cache: KnownCache,
    tags: Mapping[str, str],
    *,
    ours: Mapping[str, str],
    matcher_labels: Mapping[str, str | None],
    iam: IamVerdict,
    discovered_name: str | None,
) -> dict[str, str]:
    """Build all labels of a registration.

    `matcher_labels`: None is a label without a value, which no tag may give it either.
    """
    usable = (key for key in tags if is_label_key(key) and not is_reserved(key))
    labels = {key: tags[key] for key in usable if key not in matcher_labels}
    labels.update({key: value for key, value in matcher_labels.items() if value is not None})
    known = discovery_labels(cache).items()
    labels.update({key: value for key, value in known if value is not UNKNOWN})
    labels.update(ours)
    labels[IAM_LABEL] = iam.value
    if discovered_name is not None:
        labels[DISCOVERED_NAME_LABEL] = discovered_name
    return labels


def tag_notes(tags: Mapping[str, str]) -> tuple[Note, ...]:
    """Note the tags that do not become labels."""
    notes = []
    for key in sorted(tags):
        if is_reserved(key):
            if key not in OVERRIDE_TAGS:
                message = f"tag {key} poses as a label that only cachemuster writes; it was dropped"
                notes.append(Note(NoteCode.TAG_SHADOWS_LABEL, key, message))
        elif not is_label_key(key):
            message = f"the key of tag {key} is no legal label key; matchers see it, labels do not"
            notes.append(Note(NoteCode.TAG_KEY_DROPPED, key, message))
    return tuple(notes)
