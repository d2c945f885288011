"""The `matchers` section: which caches are registered, and with which labels and role."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool

from discovery.config.fields import (
    ROLE_ARN,
    Matching,
    OneOrMany,
    RegionPattern,
    SecretReference,
    Section,
)
from discovery.config.problems import did_you_mean, quoted
from matchers import label_templates
from matchers.keys import is_label_key, is_reserved
from matchers.matcher import PLACEHOLDERS, Connect, IamUsers
from matchers.selectors import InvalidPattern, Pattern, PatternKind


def _pattern(text: str) -> str:
    try:
        pattern = Pattern(text)
    except InvalidPattern as error:
        raise ValueError(f"{quoted(text)} is {error}") from error
    halves = text.startswith("^"), text.endswith("$")
    if pattern.kind is not PatternKind.EXPRESSION and any(halves):
        raise ValueError(f"{quoted(text)}: an expression begins with ^ and ends in $")
    return text


def _name_pattern(text: str) -> str:
    kind = Pattern(_pattern(text)).kind
    if kind is not PatternKind.EXPRESSION and not re.fullmatch(r"[A-Za-z0-9*-]+", text, re.ASCII):
        rule = "names have letters, digits and hyphens; * is the only wildcard"
        raise ValueError(f"{quoted(text)} can match no cache: {rule}")
    return text


def _label_key(key: str) -> str:
    if is_reserved(key):
        raise ValueError("the label is reserved: its value comes from the cache itself")
    if not is_label_key(key):
        raise ValueError("not a label key: Teleport takes letters, digits and / . _ : * -")
    return key


def _refuse_unknown(found: Iterable[str], placeholders: Sequence[str]) -> None:
    """Raises: ValueError, for a word in braces that stands for nothing."""
    for name in found:
        if name not in placeholders:
            known = ", ".join(f"{{{word}}}" for word in placeholders)
            hint = did_you_mean(name, placeholders)
            raise ValueError(f"unknown placeholder {quoted(name)}; known are {known}{hint}")


def _label_template(template: str) -> str:
    _refuse_unknown(label_templates.placeholders_in(template), label_templates.PLACEHOLDERS)
    return template


def _connect_role(template: str) -> str:
    _refuse_unknown(re.findall(r"\{([^{}]*)\}", template), PLACEHOLDERS)
    sample = Connect(template).role_arn(
        partition="aws", account_id="111122223333", region="eu-west-1"
    )
    if re.fullmatch(ROLE_ARN, sample, re.ASCII) is None:
        example = "arn:{partition}:iam::{account_id}:role/teleport-connect"
        raise ValueError(f"{quoted(template)} is not a role ARN such as {example}")
    return template


TagPattern = Annotated[str, AfterValidator(_pattern)]
TagPatterns = Annotated[tuple[TagPattern, ...], OneOrMany()]
TagKey = Annotated[str, Field(min_length=1, max_length=128)]
NamePattern = Annotated[str, AfterValidator(_name_pattern)]
AccountPattern = Annotated[
    str,
    Matching(
        r"[0-9]{12}|[0-9]*\*[0-9*]*", "an account id of twelve digits, or a glob such as 1111*"
    ),
]
LabelKey = Annotated[str, AfterValidator(_label_key)]
LabelTemplate = Annotated[str, AfterValidator(_label_template)]


class ConnectSection(Section):
    """The role that Teleport's Database Service takes on to connect, written into the registered
    resource."""

    assume_role_arn: Annotated[str, AfterValidator(_connect_role)]
    """The role's ARN. `{partition}`, `{account_id}` and `{region}` stand for the cache's own.
    Account and partition have to be the cache's once filled in, or the cache is blocked."""
    external_id: SecretReference | None = None
    """The external id that the role's trust policy asks for. It becomes part of the registered
    resource, for whoever may read it. Default: none."""


class MatcherSection(Section):
    """Takes the caches for which every condition holds. The first matcher that takes a cache
    decides what becomes of it."""

    name: Annotated[
        str,
        Matching(
            r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of at most 64 letters, digits and . _ -"
        ),
    ]
    """Names the matcher in reports; no two may share a name."""
    accounts: Annotated[tuple[AccountPattern, ...], OneOrMany()] = ("*",)
    """Accounts by id or glob. This narrows `aws.accounts`, it never widens them."""
    regions: Annotated[tuple[RegionPattern, ...], OneOrMany()] = ("*",)
    """Regions by name or glob. This narrows `aws.regions`, it never widens them."""
    names: Annotated[tuple[NamePattern, ...], OneOrMany()] = ("*",)
    """Names of caches, literal, as a glob with `*`, or as an RE2 expression `^…$`. Upper and lower
    case are the same: AWS keeps names in lower case, however they were written."""
    engines: Annotated[tuple[Literal["redis", "valkey", "*"], ...], OneOrMany()] = (
        "redis",
        "valkey",
    )
    """Engines: `redis` (Redis OSS) and `valkey`. Default: both."""
    tags: Mapping[TagKey, TagPatterns] = Field(default_factory=dict)
    """Tags and discovery labels that a cache has to have, all of them; of a key's values one is
    enough. A value is literal, a glob with `*`, or an RE2 expression `^…$`; `*` is any value,
    but the key has to be there. `{"*": "*"}`, the default, takes every cache."""
    exclude_tags: Mapping[TagKey, TagPatterns] = Field(default_factory=dict)
    """Tags and discovery labels that keep a cache out: one of the keys with one of its values is
    enough. A registered cache that gets such a tag is removed without the time that other
    removals wait. Default: none."""
    iam_users: IamUsers = IamUsers.WARN
    """Caches to which nobody could log in with IAM: `warn` registers, labels and reports them,
    `require` does not register them, `ignore` registers them and says nothing."""
    deregister_unready: StrictBool = False
    """True, with `iam_users: require`: a registered cache to which nobody can log in any more is
    removed, after the time and within the budget of every removal. Without `require` it has no
    effect."""
    labels: Mapping[LabelKey, LabelTemplate] = Field(default_factory=dict)
    """Labels to add. They win over AWS tags; the labels that describe the cache cannot be set. In a
    value `{account_id}`, `{account_name}`, `{region}` and `{cache}` stand for the cache's own. A
    name that cannot be read leaves the label as it is; one that was never read, without it."""
    connect: ConnectSection | None = None
    """The role to connect with. Default: the Database Service uses its own credentials."""
