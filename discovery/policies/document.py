"""IAM policies as values, and as the JSON that AWS takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
"""A JSON object."""

VERSION = "2012-10-17"
"""Version of the IAM policy language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One thing that an identity may do."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    regions: tuple[str, ...] = ()
    """Names and globs of regions, for actions without resources to narrow; empty: all."""
    without: str
    """What a sweep lacks when this is not allowed."""

    def document(self) -> Json:
        """The statement as AWS takes it."""
        condition = {"StringLike": {"aws:RequestedRegion": _one_or_many(self.regions)}}
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": _one_or_many(self.actions),
            "Resource": _one_or_many(self.resources),
            **({"Condition": condition} if self.regions else {}),
        }


def policy_document(statements: Iterable[Statement]) -> Json:
    """A policy with these statements."""
    return {"Version": VERSION, "Statement": [each.document() for each in statements]}


def trust_document(principal: Any, external_id: Any, *, only: tuple[str, ...] = ()) -> Json:
    """Trust policy of a role that `principal` may assume.

    Args:
        principal: ARN, or a CloudFormation reference.
        external_id: None: without one.
        only: Of an account, those whose ARN fits one of these patterns.
    """
    condition: Json = {
        **({"StringEquals": {"sts:ExternalId": external_id}} if external_id is not None else {}),
        **({"ArnLike": {"aws:PrincipalArn": _one_or_many(only)}} if only else {}),
    }
    statement: Json = {
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": "sts:AssumeRole",
        **({"Condition": condition} if condition else {}),
    }
    return {"Version": VERSION, "Statement": [statement]}


def _one_or_many(texts: Sequence[str]) -> str | list[str]:
    return texts[0] if len(texts) == 1 else list(texts)
