"""Teleport's rules for a `db` (teleport/README: Validation), one refusal a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from discovery.control_plane.base import Rejected
from discovery.control_plane.embedded.validation import ORIGINS, validated
from discovery.model.values import Database, ResourceName
from tests.support.state_records import EXTERNAL_ID, database_of, with_external_id

GOOD = database_of("sessions")
ROLE = "arn:aws:iam::111122223333:role/connect"


def named(name: str) -> Database:
    return replace(GOOD, name=ResourceName(name))


def labelled(**labels: Any) -> Database:
    return replace(GOOD, labels={**GOOD.labels, **labels})


def with_spec(**spec: Any) -> Database:
    return replace(GOOD, spec={**GOOD.spec, **spec})


def with_aws(**aws: Any) -> Database:
    return with_spec(aws={**GOOD.spec["aws"], **aws})


@pytest.mark.parametrize(
    "database",
    [
        GOOD,
        with_external_id(GOOD),
        named("A"),
        named("a-1-B"),
        named("x" * 300),
        labelled(**{"a/b.c_d:e*f-9": "any value, = + @ and ünïcode"}),
        labelled(empty=""),
        *(labelled(**{"teleport.dev/origin": origin}) for origin in sorted(ORIGINS)),
        with_spec(uri="cache.example.com"),
        with_spec(uri="cache.example.com:6379"),
        with_spec(uri="10.0.0.1:6379"),
        with_spec(uri="[::1]:6379"),
        with_spec(uri="redis://cache.example.com"),
        with_spec(uri="rediss://cache.example.com:6379?mode=cluster"),
        with_spec(uri="redis://cache.example.com:6379?mode=standalone"),
        with_spec(protocol="postgres", uri="anything goes here"),
        with_spec(dynamic_labels={"host": {"command": ["hostname"]}}),
        with_spec(tls={}),
        with_spec(aws={}),
        with_spec(aws=None),
        with_spec(admin_user={"name": ""}),
        with_aws(assume_role_arn=ROLE),
        with_aws(region="cn-north-1", assume_role_arn=ROLE.replace("aws", "aws-cn")),
        with_aws(region="us-gov-west-1", assume_role_arn=ROLE.replace("aws", "aws-us-gov")),
        with_aws(region="", assume_role_arn=ROLE),
        labelled(**{"teleport.dev/db-admin": "root"}),
        replace(GOOD, metadata={"namespace": "default"}),
    ],
    ids=lambda database: f"{database.name[:9]} {database.uri}",
)
def test_accepted(database: Database) -> None:
    assert validated(database) == database


def test_an_origin_is_added_when_there_is_none() -> None:
    labels = {key: value for key, value in GOOD.labels.items() if "origin" not in key}
    stored = validated(replace(GOOD, labels=labels))
    assert stored.labels == {**labels, "teleport.dev/origin": "dynamic"}


@pytest.mark.parametrize(
    ("database", "field"),
    [
        (named(""), "metadata.name"),
        (named("1abc"), "metadata.name"),
        (named("-abc"), "metadata.name"),
        (named("abc-"), "metadata.name"),
        (named("a.b"), "metadata.name"),
        (named("a_b"), "metadata.name"),
        (named("a b"), "metadata.name"),
        (named("a\n"), "metadata.name"),
        (named("ä"), "metadata.name"),
        (replace(GOOD, metadata={"namespace": "other"}), "metadata.namespace"),
        (labelled(**{"": "x"}), "metadata.labels"),
        (labelled(**{"a b": "x"}), "metadata.labels"),
        (labelled(**{"a=b": "x"}), "metadata.labels"),
        (labelled(**{"a+b": "x"}), "metadata.labels"),
        (labelled(**{"a@b": "x"}), "metadata.labels"),
        (labelled(ключ="x"), "metadata.labels"),
        (labelled(**{"a\n": "x"}), "metadata.labels"),
        (labelled(number=1), "number"),
        (labelled(**{"teleport.dev/origin": "moon"}), "teleport.dev/origin"),
        (labelled(**{"teleport.dev/origin": ""}), "teleport.dev/origin"),
        (with_spec(dynamic_labels={"a b": {}}), "dynamic_labels"),
        (with_spec(protocol=""), "spec.protocol is missing"),
        (with_spec(protocol=None), "spec.protocol is missing"),
        (with_spec(protocol="valkey"), "spec.protocol"),
        (with_spec(uri=""), "spec.uri is missing"),
        (with_spec(uri=7), "spec.uri must be text"),
        (with_spec(uri="host:6379?mode=cluster"), "spec.uri"),
        (with_spec(uri="http://host:6379"), "spec.uri"),
        (with_spec(uri="redis://"), "spec.uri"),
        (with_spec(uri="redis://host/0"), "spec.uri"),
        (with_spec(uri="redis://user:pass@host"), "spec.uri"),
        (with_spec(uri="redis://host?mode=turbo"), "spec.uri"),
        (with_spec(uri="host:0"), "spec.uri"),
        (with_spec(uri="host:65536"), "spec.uri"),
        (with_spec(uri="host:port"), "spec.uri"),
        (with_spec(uri="redis://[::1"), "spec.uri"),
        (with_spec(uri="a host:6379"), "spec.uri"),
        (with_spec(uri="redis://ho\nst:6379"), "spec.uri"),
        (with_spec(uri="host:6379\n"), "spec.uri"),
        (with_spec(tls={"ca_cert": "not a certificate"}), "spec.tls.ca_cert"),
        (
            with_spec(
                tls={
                    "ca_cert": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                }
            ),
            "spec.tls.ca_cert",
        ),
        (with_spec(tls="x"), "spec.tls must be a mapping"),
        (with_spec(aws=[1]), "spec.aws must be a mapping"),
        (with_spec(admin_user={"name": "root"}), "admin"),
        (
            labelled(**{"teleport.dev/origin": "cloud", "teleport.dev/db-admin": "root"}),
            "teleport.dev/db-admin",
        ),
        (with_aws(account_id="1234"), "spec.aws.account_id"),
        (with_aws(account_id="11112222333x"), "spec.aws.account_id"),
        (with_aws(account_id="１１１１２２２２３３３３"), "spec.aws.account_id"),
        (with_aws(external_id="x"), "spec.aws.external_id"),
        (with_aws(account_id="", assume_role_arn=ROLE), "spec.aws.account_id"),
        (with_aws(assume_role_arn="arn:aws:iam::111122223333:user/me"), "assume_role_arn"),
        (with_aws(assume_role_arn="role/connect"), "assume_role_arn"),
        (with_aws(assume_role_arn=ROLE.replace("1111", "9999")), "account 111122223333"),
        (with_aws(assume_role_arn=ROLE.replace("aws", "aws-cn")), "partition aws"),
        (with_aws(region="cn-north-1", assume_role_arn=ROLE), "partition aws-cn"),
    ],
)
def test_rejected(database: Database, field: str) -> None:
    with pytest.raises(Rejected) as caught:
        validated(database)
    assert field in str(caught.value)


def test_a_refusal_does_not_repeat_the_external_id() -> None:
    with pytest.raises(Rejected) as caught:
        validated(with_aws(external_id=EXTERNAL_ID))
    assert EXTERNAL_ID not in str(caught.value)
