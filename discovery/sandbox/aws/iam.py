"""Evaluation of IAM policies by action and resource, and reading of trust policies.

Of conditions only `aws:RequestedRegion` and, in a trust policy, `sts:ExternalId` are known. A
document with anything else is refused when it is attached: a simulation that passes over a
condition would allow what AWS denies.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

_REGION = "aws:RequestedRegion"
_EXTERNAL_ID = "sts:ExternalId"
_OPERATORS = ("StringEquals", "StringLike")
_KNOWN = frozenset({"Sid", "Effect", "Action", "Resource", "Condition"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of an identity's policy."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    regions: tuple[str, ...] = ("*",)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read a statement. Raises ValueError for what this simulation cannot evaluate."""
        if unknown := sorted(document.keys() - _KNOWN):
            raise ValueError(f"a statement with {', '.join(unknown)} cannot be evaluated here")
        if document.get("Effect") not in ("Allow", "Deny"):
            raise ValueError("the Effect of a statement is Allow or Deny")
        return cls(
            allows=document["Effect"] == "Allow",
            actions=_texts(document["Action"]),
            resources=_texts(document["Resource"]),
            regions=_condition(document, _REGION) or ("*",),
        )

    def is_about(self, action: str, resource: str, region: str) -> bool:
        """Return whether the statement covers this request."""
        return (
            any(_fits(each.lower(), action.lower()) for each in self.actions)
            and any(_fits(each, resource) for each in self.resources)
            and any(_fits(each, region) for each in self.regions)
        )


def statements_of(document: Mapping[str, Any]) -> tuple[Statement, ...]:
    """Return the statements of a policy document. Raises ValueError."""
    if document.get("Version") != "2012-10-17":
        raise ValueError("the Version of a policy is 2012-10-17")
    return tuple(Statement.of(each) for each in _list(document["Statement"]))


def is_allowed(statements: Iterable[Statement], *, action: str, resource: str, region: str) -> bool:
    """Return whether some statement allows the request and none denies it."""
    about = [each for each in statements if each.is_about(action, resource, region)]
    return bool(about) and all(each.allows for each in about)


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a role trusts, and the external id that it wants."""

    principals: tuple[str, ...]
    external_id: str | None


def trust_of(document: Mapping[str, Any]) -> Trust:
    """Read a trust policy of one statement. Raises ValueError."""
    (statement,) = _list(document["Statement"])
    if statement["Effect"] != "Allow" or _texts(statement["Action"]) != ("sts:AssumeRole",):
        raise ValueError("a trust policy allows sts:AssumeRole")
    external_ids = _condition(statement, _EXTERNAL_ID)
    if len(external_ids) > 1:
        raise ValueError("more than one external id cannot be evaluated here")
    return Trust(_texts(statement["Principal"]["AWS"]), next(iter(external_ids), None))


def _condition(statement: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the values of the one condition that may be there."""
    condition: Mapping[str, Any] = statement.get("Condition") or {}
    if not condition:
        return ()
    if len(condition) > 1 or next(iter(condition)) not in _OPERATORS:
        raise ValueError(f"of conditions, {' or '.join(_OPERATORS)} is known here")
    (tests,) = condition.values()
    if tests.keys() != {key}:
        raise ValueError(f"of condition keys, {key} is known here, not {', '.join(tests)}")
    return _texts(tests[key])


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in _list(value))


def _fits(pattern: str, text: str) -> bool:
    """Match IAM's wildcards: `*` for any characters, `?` for one."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(each, re.escape(each)) for each in pattern), re.DOTALL)
