"""A configuration made of Teleport's own: it takes the same caches, and copies no secret."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.config.load import parse_config
from discovery.config.model import Config
from discovery.config.problems import ConfigError
from discovery.config.teleport_import import import_file

ROLE = "arn:aws:iam::111122223333:role/teleport-discovery"
OTHER = "arn:aws:iam::012345670123:role/security/teleport"
TWO_ACCOUNTS = f"""
teleport: {{proxy_server: "cluster.example.com:3080"}}
discovery_service:
  enabled: yes
  discovery_group: prod
  poll_interval: 2m30s
  aws:
  - types: [elasticache-serverless, rds]
    regions: [eu-west-1, us-east-1]
    assume_role_arn: {ROLE}
    external_id: not-to-be-copied
    tags: {{env: [prod, "^stag.*$"], team: "*", tier: 1.10, critical: yes}}
  - types: elasticache-serverless
    regions: eu-central-1
    assume_role: {{role_arn: "{OTHER}", external_id: not-to-be-copied}}
  - types: [elasticache-serverless]
    regions: [eu-west-1]
    assume_role_arn: {ROLE}
    external_id: another-secret
    ssm: {{document_name: x}}
"""


def imported(
    tmp_path: Path, text: str, own_account: str | None = None, group: str | None = None
) -> str:
    file = tmp_path / "teleport.yaml"
    file.write_text(text, encoding="utf-8")
    return import_file(file, own_account=own_account, group=group)


def config(
    tmp_path: Path, text: str, own_account: str | None = None, group: str | None = None
) -> Config:
    return parse_config(imported(tmp_path, text, own_account, group), file="made", base=Path("/"))


def service(matcher: str) -> str:
    return f"discovery_service:\n  discovery_group: g\n  aws:\n  - {{{matcher}}}\n"


def test_matchers_accounts_and_regions_are_carried_over(tmp_path: Path) -> None:
    found = config(tmp_path, TWO_ACCOUNTS)
    accounts = [account.model_dump() for account in found.aws.accounts]
    assert [(each["id"], each["role_arn"]) for each in accounts] == [
        ("111122223333", ROLE),
        ("012345670123", OTHER),
    ]
    assert found.group == "prod"
    assert found.aws.regions == ("eu-west-1", "us-east-1", "eu-central-1")
    assert [(m.accounts, m.regions) for m in found.matchers] == [
        (("111122223333",), ("eu-west-1", "us-east-1")),
        (("012345670123",), ("eu-central-1",)),
        (("111122223333",), ("eu-west-1",)),
    ]
    assert found.service.interval == timedelta(seconds=150)
    assert found.control_plane.kind == "teleport"
    assert str(found.control_plane.address) == "cluster.example.com:3080"


def test_with_another_group_databases_keep_the_origin_of_the_discovery_service(
    tmp_path: Path,
) -> None:
    with_its_own = config(tmp_path, TWO_ACCOUNTS)
    assert with_its_own.control_plane.origin == "dynamic"
    found = config(tmp_path, TWO_ACCOUNTS, group="caches")
    assert (found.group, found.control_plane.origin) == ("caches", "cloud")
    assert found.matchers == with_its_own.matchers
    with pytest.raises(ConfigError, match="choose another --group"):
        imported(tmp_path, TWO_ACCOUNTS, group="prod")


def test_values_of_tags_are_read_as_they_are_written(tmp_path: Path) -> None:
    assert config(tmp_path, TWO_ACCOUNTS).matchers[0].tags == {
        "env": ("prod", "^stag.*$"),
        "team": ("*",),
        "tier": ("1.10",),
        "critical": ("yes",),
    }


def test_the_role_is_the_one_to_connect_with_as_teleport_would(tmp_path: Path) -> None:
    roles = [
        matcher.connect and matcher.connect.assume_role_arn
        for matcher in config(tmp_path, TWO_ACCOUNTS).matchers
    ]
    assert roles == [ROLE, OTHER, ROLE]


def test_no_external_id_is_copied_and_equal_ones_share_a_variable(tmp_path: Path) -> None:
    text = imported(tmp_path, TWO_ACCOUNTS)
    assert "not-to-be-copied" not in text
    assert "another-secret" not in text
    references = [
        each.model_dump()["external_id"]
        for each in parse_config(text, file="", base=Path("/")).aws.accounts
    ]
    assert references == ["env:CACHEMUSTER_EXTERNAL_ID"] * 2
    assert "external_id: env:CACHEMUSTER_EXTERNAL_ID_2" in text


REMARKS = [
    (TWO_ACCOUNTS, "discovery_service.aws[0]: rds stays with Teleport's Discovery Service"),
    (TWO_ACCOUNTS, "discovery_service.aws[2].ssm is not carried over"),
    (TWO_ACCOUNTS, "account 111122223333 is scanned with the role of another entry"),
    (service("types: elasticache-serverless, regions: '*'"), '"*" finds no cache in Teleport'),
    (service("types: elasticache-serverless, regions: eu-west-1"), "set control_plane.address"),
    (
        service("types: elasticache-serverless, regions: eu-west-1, tags: {'*': '*', env: prod}"),
        'discovery_service.aws[0].tags.env is left out: beside "*": "*" it has no effect',
    ),
    (
        service("types: elasticache-serverless, regions: eu-west-1, tags: {env: ['^(x$', prod]}"),
        'discovery_service.aws[0].tags.env: "^(x$" is no valid expression',
    ),
    (
        "discovery_service:\n  poll_interval: 1s\n"
        "  aws: {types: elasticache-serverless, regions: eu-west-1}",
        "discovery_service.poll_interval is not carried over",
    ),
    (
        "discovery_service: {aws: [{types: elasticache-serverless, regions: eu-west-1}]}",
        "choose a name for `group`",
    ),
]


@pytest.mark.parametrize(("text", "remark"), REMARKS, ids=[remark for _, remark in REMARKS])
def test_what_is_not_carried_over_is_said_in_a_comment(
    tmp_path: Path, text: str, remark: str
) -> None:
    comments = [line for line in imported(tmp_path, text).splitlines() if line.startswith("#")]
    assert any(remark in line for line in comments)


def test_a_matcher_that_matches_nothing_in_teleport_is_left_out(tmp_path: Path) -> None:
    text = (
        TWO_ACCOUNTS + "  - {types: elasticache-serverless, regions: eu-west-1, tags: {env: []}}\n"
    )
    assert len(config(tmp_path, text).matchers) == 3
    assert "discovery_service.aws[3] is left out" in imported(tmp_path, text)


def test_a_discovery_config_is_read_as_well(tmp_path: Path) -> None:
    text = f"""
kind: discovery_config
version: v1
metadata: {{name: prod}}
spec:
  discovery_group: dynamic
  aws:
  - {{types: [elasticache-serverless], regions: [eu-west-1], assume_role: {{role_arn: "{ROLE}"}}}}
"""
    found = config(tmp_path, text)
    assert (found.group, len(found.matchers)) == ("dynamic", 1)


def test_an_organization_becomes_an_entry_with_its_units(tmp_path: Path) -> None:
    matcher = (
        "types: elasticache-serverless, regions: eu-west-1, assume_role: {role_name: discovery}, "
        "organization: {organization_id: o-1, organizational_units: "
        "{include: [ou-ab12-cdef3456], exclude: [ou-ab12-00000000]}}"
    )
    found = config(tmp_path, service(matcher))
    section = found.aws.accounts[0].model_dump()["organization"]
    assert section["role_name"] == "discovery"
    assert section["include_ous"] == ("ou-ab12-cdef3456",)
    assert section["exclude_ous"] == ("ou-ab12-00000000",)
    connect = found.matchers[0].connect
    assert connect is not None
    assert connect.assume_role_arn == "arn:{partition}:iam::{account_id}:role/discovery"


def test_without_roles_the_account_of_the_credentials_is_meant(tmp_path: Path) -> None:
    found = config(tmp_path, service("types: elasticache-serverless, regions: eu-west-1"))
    assert (found.aws.accounts, found.matchers[0].accounts) == ((), ("*",))


WITH_AND_WITHOUT_ROLE = TWO_ACCOUNTS + "  - {types: elasticache-serverless, regions: eu-west-1}\n"


def test_a_matcher_without_role_beside_others_needs_the_account(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name it with --own-account"):
        imported(tmp_path, WITH_AND_WITHOUT_ROLE)
    found = config(tmp_path, WITH_AND_WITHOUT_ROLE, own_account="999988887777")
    assert found.matchers[3].accounts == ("999988887777",)
    assert found.aws.accounts[2].model_dump()["role_arn"] is None


REFUSALS = [
    ("[1]", "no discovery_service"),
    ("a: [", "not valid YAML"),
    ("discovery_service: {enabled: yes}", "no discovery_service with `aws` matchers"),
    ("discovery_service: {aws: [3]}", "no matcher for elasticache-serverless"),
    (service("types: rds, regions: x"), "rds stays with Teleport"),
    (service("types: elasticache-serverless, regions: x, integration: i"), "OIDC integration"),
    (
        service("types: elasticache-serverless, regions: eu-west-1, assume_role_arn: 3"),
        "no role ARN",
    ),
    (service("types: elasticache-serverless, regions: nowhere"), "configuration made from"),
    (
        service("types: elasticache-serverless, regions: eu-west-1, organization: {a: b}"),
        "role_name",
    ),
]


@pytest.mark.parametrize(("text", "why"), REFUSALS, ids=[why for _, why in REFUSALS])
def test_what_cannot_be_translated_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        imported(tmp_path, text)


@pytest.mark.slow
@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_hostile_text_makes_a_valid_configuration_or_none(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: str
) -> None:
    tags = {key: value}
    text = json.dumps(
        {
            "discovery_service": {
                "discovery_group": "g",
                "aws": [
                    {"types": ["elasticache-serverless"], "regions": ["eu-west-1"], "tags": tags}
                ],
            }
        }
    )
    try:
        found = config(tmp_path_factory.mktemp("import"), text)
    except ConfigError:
        return
    assert found.matchers[0].tags in ({}, {key: (value,)})
