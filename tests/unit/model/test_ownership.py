"""Whose a live resource is: its labels have to say so, and it has to agree with itself (R2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.model.ownership import CacheArn, NotOurs, owner_of, parse_cache_arn
from discovery.model.values import AccountId, Arn, Database, Region, Scope
from tests.support.plan_inputs import EAST, arn_of, registered

FOREIGN, OTHER_GROUP, MISMATCH = NotOurs.FOREIGN, NotOurs.OTHER_GROUP, NotOurs.IDENTITY_MISMATCH


@pytest.mark.parametrize(
    ("labels", "without", "owner"),
    [
        pytest.param({}, ("managed-by",), FOREIGN, id="nobody-manages-it"),
        pytest.param({"managed-by": "Cachemuster"}, (), FOREIGN, id="case-of-managed-by"),
        pytest.param({"managed-by": "terraform"}, (), FOREIGN, id="another-tool"),
        pytest.param({}, ("cachemuster/group",), FOREIGN, id="no-group"),
        pytest.param({"cachemuster/group": ""}, (), FOREIGN, id="empty-group"),
        pytest.param({"cachemuster/group": "dev"}, (), OTHER_GROUP, id="another-group"),
        pytest.param({"cachemuster/group": "Prod"}, (), OTHER_GROUP, id="case-of-the-group"),
        pytest.param(
            {"cachemuster/group": "dev", "cachemuster/arn": "x"}, (), OTHER_GROUP, id="theirs-first"
        ),
        pytest.param({}, ("cachemuster/arn",), MISMATCH, id="no-arn"),
        pytest.param({"cachemuster/arn": "arn:aws:s3:::b"}, (), MISMATCH, id="not-a-cache"),
        pytest.param({"cachemuster/arn": arn_of("x")}, (), MISMATCH, id="arn-of-another-cache"),
        pytest.param(
            {"cachemuster/arn": arn_of("orders", EAST)}, (), MISMATCH, id="arn-of-another-region"
        ),
        pytest.param({}, ("account-id", "region", "teleport.dev/origin"), None, id="enough-labels"),
        pytest.param({"account-id": "0", "region": "mars"}, (), None, id="other-labels-say-naught"),
    ],
)
def test_labels_say_whose_it_is(
    labels: dict[str, str], without: tuple[str, ...], owner: NotOurs | None
) -> None:
    found = owner_of(registered(labels=labels, without=without), "prod")
    assert found == (owner or parse_cache_arn(arn_of("orders")))


AWS = {
    "region": "eu-west-1",
    "account_id": "111122223333",
    "elasticache_serverless": {"cache_name": "orders"},
}


@pytest.mark.parametrize(
    "aws",
    [
        pytest.param({**AWS, "region": "us-east-1"}, id="region"),
        pytest.param({**AWS, "account_id": "444455556666"}, id="account"),
        pytest.param({**AWS, "account_id": 111122223333}, id="account-as-a-number"),
        pytest.param({**AWS, "elasticache_serverless": {"cache_name": "x"}}, id="cache"),
        pytest.param({**AWS, "elasticache_serverless": {"cache_name": "Orders"}}, id="case"),
        pytest.param({**AWS, "elasticache_serverless": {}}, id="no-cache-name"),
        pytest.param({**AWS, "elasticache_serverless": "orders"}, id="not-a-tree"),
        pytest.param({}, id="empty"),
        pytest.param(None, id="null"),
        pytest.param("x", id="text"),
    ],
)
def test_copied_labels_on_another_resource_make_a_mismatch(aws: Any) -> None:
    assert owner_of(registered(spec={"aws": aws}), "prod") is MISMATCH


def test_a_resource_without_aws_is_a_mismatch() -> None:
    made = registered()
    assert owner_of(replace(made, spec={"uri": made.uri}), "prod") is MISMATCH


def test_our_own_registration_is_ours_whatever_its_name_and_uri() -> None:
    made: Database = registered(name="renamed-by-hand", spec={"uri": "elsewhere:1"})
    assert isinstance(owner_of(made, "prod"), CacheArn)


@pytest.mark.parametrize(
    ("arn", "parts"),
    [
        (
            "arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:orders",
            ("aws", "111122223333", "eu-west-1", "orders"),
        ),
        (
            "arn:aws-us-gov:elasticache:us-gov-west-1:111122223333:serverlesscache:a-1",
            ("aws-us-gov", "111122223333", "us-gov-west-1", "a-1"),
        ),
        ("arn:aws:elasticache:eu-west-1:111122223333:cluster:orders", None),
        ("arn:aws:elasticache:eu-west-1:11112222333:serverlesscache:orders", None),
        ("arn:aws:elasticache:eu-west-1:1111222233334:serverlesscache:orders", None),
        ("arn:aws:elasticache::111122223333:serverlesscache:orders", None),
        ("arn:gcp:elasticache:eu-west-1:111122223333:serverlesscache:orders", None),
        ("arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:", None),
        ("arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:a:b", None),
        ("arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:a/b", None),
        ("arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:a\n", None),
        (" arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:a", None),
        ("arn:aws:elasticache:eu-west-1:١١١١٢٢٢٢٣٣٣٣:serverlesscache:a", None),
        ("", None),
    ],
)
def test_only_a_whole_cache_arn_parses(arn: str, parts: tuple[str, ...] | None) -> None:
    found = parse_cache_arn(arn)
    if parts is None:
        assert found is None
        return
    partition, account, region, name = parts
    assert found == CacheArn(Arn(arn), partition, AccountId(account), Region(region), name)
    assert found.scope == Scope(AccountId(account), Region(region))
