"""Fingerprints of secrets: `sha256:` and eight hex digits, enough to see a change.

External ids never appear in documents, state, logs or pages in any other form
(discovery/README: Configuration).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from discovery.model.values import Change, Document

_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{8}")


def fingerprint(text: str) -> str:
    """Compute the fingerprint of a text; the text cannot be had back from it."""
    return "sha256:" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]


def redacted(spec: Document) -> dict[str, Any]:
    """Copy a database's `spec` with `aws.external_id` as its fingerprint.

    Two specs that differ only in whether they were redacted are equal once both are: the function
    leaves what is a fingerprint already. So specs from state are compared with `redacted(live)`.
    """
    aws = spec.get("aws")
    if not isinstance(aws, Mapping):
        return dict(spec)
    external_id = aws.get("external_id")
    if not external_id or _FINGERPRINT.fullmatch(str(external_id)):
        return dict(spec)
    return {**spec, "aws": {**aws, "external_id": fingerprint(str(external_id))}}


def redacted_change(change: Change) -> Change:
    """Copy a change with external ids on either side as fingerprints."""
    field = change.field
    return Change(field, _redacted_at(field, change.old), _redacted_at(field, change.new))


def _redacted_at(field: str, value: Any) -> Any:
    """`value` as it may be shown when it is at the JSON Pointer `field` of a resource."""
    if field == "/spec/aws/external_id" and value:
        return redacted({"aws": {"external_id": value}})["aws"]["external_id"]
    if not isinstance(value, Mapping):
        return value
    if field == "/spec/aws":
        return redacted({"aws": value})["aws"]
    if field == "/spec":
        return redacted(value)
    if field == "" and isinstance(value.get("spec"), Mapping):
        return {**value, "spec": redacted(value["spec"])}
    return value
