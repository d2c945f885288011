"""The same documents as CloudFormation templates: one for all accounts of a StackSet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from discovery.policies.aws import connect_statements, hub_statements, read_statements
from discovery.policies.connection import ConnectRole
from discovery.policies.document import Json, Statement, policy_document, trust_document
from discovery.policies.usage import AwsUsage, trust_policy

ACCOUNT: Final = "${AWS::AccountId}"
"""In an ARN: the account that the stack is created in."""

_EXTERNAL_ID: Final = {
    "Type": "String",
    "NoEcho": True,
    "MinLength": 2,
    "MaxLength": 1224,
}


def hub_template(usage: AwsUsage) -> Json:
    """Template of a managed policy, attached to the agent's own role or user."""
    kind = "Roles" if usage.hub.is_role else "Users"
    return template(
        "What cachemuster may do itself. Make one stack, in the account that it runs in.",
        parameters={
            "Agent": {
                "Type": "String",
                "Default": usage.hub.name,
                "Description": "Name of the role or user that cachemuster runs as",
            }
        },
        resources={
            "HubPolicy": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {
                    "Description": "cachemuster: scan ElastiCache Serverless",
                    "PolicyDocument": with_substitutions(policy_document(hub_statements(usage))),
                    kind: [{"Ref": "Agent"}],
                },
            }
        },
    )


def member_template(usage: AwsUsage, account_id: str | None) -> Json:
    """Template of the role that the agent assumes, with its trust. Raises: NotApplicable."""
    member = usage.member(account_id)
    has_external_id = member.external_id is not None
    external_id = {"Ref": "ExternalId"} if has_external_id else None
    return template(
        "The role that cachemuster takes on to read caches. Roles are global: deploy to one "
        "region of each account.",
        parameters={"ExternalId": _external_id(member.external_id)} if has_external_id else {},
        resources={
            "DiscoveryRole": role(
                member.role,
                trust_policy(usage.hub, external_id),
                read_statements(usage, ACCOUNT),
                "cachemuster",
            )
        },
    )


def connect_template(usage: AwsUsage, connection: ConnectRole) -> Json:
    """Template of the role that Teleport's Database Service assumes to connect."""
    has_external_id = connection.external_id is not None
    external_id = {"Ref": "ExternalId"} if has_external_id else None
    parameters: Json = {
        "DatabaseServiceArn": {
            "Type": "String",
            "Description": "ARN of the role that Teleport's Database Service runs as",
            "AllowedPattern": "arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/.+",
        }
    }
    if has_external_id:
        parameters["ExternalId"] = _external_id(connection.external_id)
    return template(
        "The role that Teleport's Database Service takes on to connect to caches.",
        parameters=parameters,
        resources={
            "ConnectRole": role(
                connection.role_in_stack,
                _connect_trust(usage, external_id),
                connect_statements(usage, ACCOUNT, connection.matchers),
                "connect",
            )
        },
    )


def _connect_trust(usage: AwsUsage, external_id: Any) -> Json:
    """Trust of the connect role: the Database Service, and the agent where it probes."""
    trust = trust_document({"Ref": "DatabaseServiceArn"}, external_id)
    if usage.probes:
        trust["Statement"] += trust_policy(usage.hub, external_id)["Statement"]
    return trust


def _external_id(reference: str | None) -> Json:
    return {**_EXTERNAL_ID, "Description": f"The external id, as cachemuster has it in {reference}"}


def template(description: str, *, parameters: Json, resources: Json, **more: Json) -> Json:
    """A template; empty sections are left out."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": description,
        **({"Parameters": parameters} if parameters else {}),
        **more,
        "Resources": resources,
    }


def role(path_and_name: str, trust: Json, statements: Iterable[Statement], policy: str) -> Json:
    """A role with one inline policy."""
    path, _, name = path_and_name.rpartition("/")
    properties = {
        "RoleName": name,
        **({"Path": f"/{path}/"} if path else {}),
        "AssumeRolePolicyDocument": trust,
        "Policies": [{"PolicyName": policy, "PolicyDocument": policy_document(statements)}],
    }
    return {"Type": "AWS::IAM::Role", "Properties": with_substitutions(properties)}


def with_substitutions(value: Any) -> Any:
    """The tree with `Fn::Sub` around every text that names a pseudo parameter."""
    if isinstance(value, str):
        return {"Fn::Sub": value} if "${" in value else value
    if isinstance(value, Mapping):
        return {key: with_substitutions(each) for key, each in value.items()}
    return [with_substitutions(each) for each in value] if isinstance(value, list) else value
