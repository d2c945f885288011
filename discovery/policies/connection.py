"""The roles that matchers name for Teleport's Database Service to connect with."""

from __future__ import annotations

from dataclasses import dataclass

from discovery.config.matching import ConnectSection, MatcherSection
from discovery.policies.usage import ANY_ACCOUNT, AwsUsage, NotApplicable


@dataclass(frozen=True, slots=True)
class ConnectRole:
    """A role to connect with, and the matchers that name it."""

    template: str
    """The ARN, with placeholders."""
    external_id: str | None
    """Reference to it, never its value."""
    matchers: tuple[MatcherSection, ...]

    @property
    def account_id(self) -> str:
        """Account of the role; `*` when the ARN names the cache's own account."""
        account_id = self.template.split(":")[4]
        return ANY_ACCOUNT if "{" in account_id else account_id

    @property
    def role_in_stack(self) -> str:
        """Path and name, with CloudFormation's pseudo parameters for placeholders."""
        role = self.template.partition(":role/")[2]
        parameters = {
            "{partition}": "${AWS::Partition}",
            "{account_id}": "${AWS::AccountId}",
            "{region}": "${AWS::Region}",
        }
        for placeholder, parameter in parameters.items():
            role = role.replace(placeholder, parameter)
        return role


def connection_of(usage: AwsUsage, matcher: str | None) -> ConnectRole:
    """Find the only role to connect with, or the one that a matcher names.

    Raises: NotApplicable when there is none, or several and no matcher was named.
    """
    sections = usage.config.matchers
    if matcher is not None and matcher not in {each.name for each in sections}:
        raise NotApplicable(f"No matcher is named {matcher!r}")
    found: dict[ConnectSection, list[MatcherSection]] = {}
    for each in sections:
        if each.connect is not None:
            found.setdefault(each.connect, []).append(each)
    chosen = [
        ConnectRole(connect.assume_role_arn, connect.external_id, tuple(users))
        for connect, users in found.items()
        if matcher is None or matcher in {each.name for each in users}
    ]
    if not chosen:
        raise NotApplicable(
            "No matcher has `connect`, so no role is taken on to connect: the Database Service "
            "uses its own. Set matchers[].connect.assume_role_arn first"
        )
    if len(chosen) > 1:
        raise NotApplicable("Matchers name several roles to connect with. Choose one by --matcher")
    return chosen[0]
