"""What policies allow, by AWS's rules as far as they are kept here."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.sandbox.aws.iam import is_allowed, statements_of, trust_of

CACHE = "arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:orders"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str) -> dict[str, Any]:
    return {**allow(action), "Effect": "Deny"}


IN_IRELAND = {"StringLike": {"aws:RequestedRegion": ["eu-west-*", "us-east-1"]}}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        pytest.param([], False, id="nothing-is-allowed-by-itself"),
        pytest.param([allow("elasticache:ListTagsForResource")], True, id="named"),
        pytest.param([allow(["ec2:Foo", "elasticache:List*"])], True, id="glob"),
        pytest.param([allow("ELASTICACHE:listtagsforresource")], True, id="case-of-actions"),
        pytest.param([allow("elasticache:ListTags")], False, id="part-of-a-name"),
        pytest.param([allow("*", CACHE.replace("orders", "*"))], True, id="resource-glob"),
        pytest.param([allow("*", CACHE.replace("orders", "order?"))], True, id="one-character"),
        pytest.param([allow("*", CACHE.upper())], False, id="case-of-resources"),
        pytest.param([allow("*", CACHE.replace("west", "north"))], False, id="another-region"),
        pytest.param([allow("*"), deny("elasticache:List*")], False, id="deny-wins"),
        pytest.param([deny("ec2:*"), allow("*")], True, id="deny-of-something-else"),
        pytest.param([allow("*", Condition=IN_IRELAND)], True, id="region-fits"),
        pytest.param(
            [allow("*", Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}})],
            False,
            id="region-does-not-fit",
        ),
    ],
)
def test_a_request_is_judged(statements: list[dict[str, Any]], *, allowed: bool) -> None:
    found = is_allowed(
        statements_of(policy(*statements)),
        action="elasticache:ListTagsForResource",
        resource=CACHE,
        region="eu-west-1",
    )
    assert found is allowed


@pytest.mark.parametrize(
    ("document", "why"),
    [
        pytest.param({"Statement": []}, "the Version of a policy", id="no-version"),
        pytest.param(policy({**allow("*"), "NotAction": "x"}), "NotAction", id="not-action"),
        pytest.param(policy({**allow("*"), "Effect": "allow"}), "the Effect", id="effect"),
        pytest.param(
            policy(allow("*", Condition={"Bool": {"a:b": "true"}})), "of conditions", id="operator"
        ),
        pytest.param(
            policy(allow("*", Condition={"StringEquals": {"aws:SourceVpc": "x"}})),
            "aws:SourceVpc",
            id="key",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(document: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        statements_of(document)


def test_a_trust_policy_names_who_and_on_what_word() -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:role/agent"},
        "Action": "sts:AssumeRole",
    }
    assert trust_of(policy(statement)).external_id is None
    condition = {"StringEquals": {"sts:ExternalId": "word"}}
    trust = trust_of(policy({**statement, "Condition": condition}))
    assert (trust.principals, trust.external_id) == (
        ("arn:aws:iam::111122223333:role/agent",),
        "word",
    )
