"""Matchers, their digest, and partitions."""

# ruff: noqa: E501 - a row of a table reads best on one line

from __future__ import annotations

from pathlib import Path

import pytest

from discovery.config.load import load_config, locate
from discovery.config.partitions import partition_of_region, partition_problems
from discovery.config.rules import build_offline_rules, matching_digest, to_matchers
from matchers.matcher import Connect, IamUsers
from tests.support.marked_text import HEAD, read, refused_at
from tests.unit.config.test_model import EXAMPLE


def test_the_example_becomes_one_matcher() -> None:
    (matcher,) = to_matchers(read(EXAMPLE))
    assert matcher.name == "production"
    assert matcher.engines.texts == ("redis", "valkey")
    assert [key for key, _ in matcher.tags.requirements] == ["env", "team"]
    assert [key for key, _ in matcher.exclude_tags.requirements] == ["teleport"]
    assert matcher.iam_users is IamUsers.WARN
    assert matcher.labels == {"tier": "gold"}
    role = "arn:{partition}:iam::{account_id}:role/teleport-connect"
    assert matcher.connect == Connect(role, "env:CONNECT_EID")


def test_without_matchers_there_is_one_that_takes_everything() -> None:
    (matcher,) = to_matchers(read(HEAD))
    assert matcher.name == "default"
    assert matcher.tags.is_everything
    assert matcher.names.texts == ("*",)
    assert matcher == to_matchers(read(f"{HEAD}matchers: {{name: default}}"))[0]


def digest(rest: str) -> str:
    return matching_digest(read(HEAD + rest))


M = "matchers: [{name: a, tags: {env: [x, y], team: z}, exclude_tags: {hide: 'yes'}}]\n"

SAME = [
    ("nothing and its default", "", "matchers: {name: default}"),
    ("nothing and everything", "", "matchers: {name: x, tags: {'*': '*'}, names: '*'}"),
    ("name", M, M.replace("name: a", "name: b")),
    ("order of values", M, M.replace("[x, y]", "[y, x]")),
    ("order of keys", M, M.replace("env: [x, y], team: z", "team: z, env: [x, y]")),
    ("labels", M, M.replace("name: a", "name: a, labels: {tier: gold}")),
    ("iam", M, M.replace("name: a", "name: a, iam_users: require, deregister_unready: true")),
    ("accounts and regions scanned", M, M + "aws: {regions: eu-*, accounts: {id: '111122223333'}}"),
    ("limits", M, M + "deregistration: {missed_sweeps: 9}"),
    ("order of override accounts",
     "aws: {name_overrides: ['111122223333', '444455556666']}",
     "aws: {name_overrides: ['444455556666', '111122223333', '111122223333']}"),
]  # fmt: skip

DIFFERENT = [
    ("a value less", M, M.replace("[x, y]", "[x]")),
    ("a key less", M, M.replace(", team: z", "")),
    ("another exclusion", M, M.replace("'yes'", "'no'")),
    ("a matcher more", M, "matchers: [{name: b}, " + M.removeprefix("matchers: [")),
    ("names", M, M.replace("name: a", "name: a, names: x")),
    ("accounts of the matcher", M, M.replace("name: a", "name: a, accounts: '1*'")),
    ("regions of the matcher", M, M.replace("name: a", "name: a, regions: eu-*")),
    ("engines", M, M.replace("name: a", "name: a, engines: valkey")),
    ("read_tags", "", "aws: {read_tags: false}"),
    ("name_overrides", "", "aws: {name_overrides: false}"),
    ("name_overrides of one", "", "aws: {name_overrides: '111122223333'}"),
    ("public_caches", "", "aws: {public_caches: enroll}"),
]


@pytest.mark.parametrize(("one", "other"), [r[1:] for r in SAME], ids=[r[0] for r in SAME])
def test_the_digest_stays_when_matching_stays(one: str, other: str) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"), [r[1:] for r in DIFFERENT], ids=[r[0] for r in DIFFERENT]
)
def test_the_digest_changes_when_matching_changes(one: str, other: str) -> None:
    assert digest(one) != digest(other)


def test_the_digest_is_the_same_in_every_version() -> None:
    """State files keep it: another value starts every count of `UNMATCHED` again."""
    assert digest(M) == "4e3d16e9c8608e3f2a6b98287bb512d0f3920decab4bd91d33f0c7f73f0b61cd"


REGIONS = [
    ("eu-west-1", "aws"),
    ("mx-central-1", "aws"),
    ("cn-north-1", "aws-cn"),
    ("us-gov-west-1", "aws-us-gov"),
    ("us-iso-east-1", "aws-iso"),
    ("us-isob-east-1", "aws-iso-b"),
    ("eu-isoe-west-1", "aws-iso-e"),
    ("us-isof-south-1", "aws-iso-f"),
    ("eusc-de-east-1", "aws-eusc"),
]


@pytest.mark.parametrize(("region", "partition"), REGIONS)
def test_the_partition_of_a_region(region: str, partition: str) -> None:
    assert partition_of_region(region) == partition


CN_ROLE = "arn:aws-cn:iam::111122223333:role/x"
MIXED = [
    ("a role beside a region",
     f"aws:\n  accounts: {{id: '111122223333', role_arn: '{CN_ROLE}'}}\n  regions: ▸eu-west-1",
     "aws.regions[0]", "eu-west-1", "aws", "aws.accounts[0].role_arn", "aws-cn"),
    ("a glob", "aws: {regions: [eu-west-1, ▸us-gov-*]}",
     "aws.regions[1]", "us-gov-*", "aws-us-gov", "aws.regions[0]", "aws"),
    ("an expected failure", "aws: {regions: eu-west-1, expected_failures: [▸111122223333/cn-north-1]}",
     "aws.expected_failures[0]", "cn-north-1", "aws-cn", "aws.regions[0]", "aws"),
    ("a matcher's region", "aws: {regions: eu-west-1}\nmatchers: {name: m, regions: ▸cn-*}",
     "matchers[0].regions[0]", "cn-*", "aws-cn", "aws.regions[0]", "aws"),
    ("a connect role",
     f"aws: {{regions: eu-west-1}}\nmatchers: {{name: m, connect: {{assume_role_arn: ▸'{CN_ROLE}'}}}}",
     "matchers[0].connect.assume_role_arn", CN_ROLE, "aws-cn", "aws.regions[0]", "aws"),
    ("a queue",
     "aws: {regions: cn-*}\nservice: {events: {queue_url: ▸'https://sqs.eu-west-1.amazonaws.com/111122223333/q'}}",
     "service.events.queue_url", "eu-west-1", "aws", "aws.regions[0]", "aws-cn"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "path", "value", "partition", "first", "of"),
    [r[1:] for r in MIXED],
    ids=[r[0] for r in MIXED],
)
def test_one_configuration_one_partition(
    text: str, path: str, value: str, partition: str, first: str, of: str
) -> None:
    message = (
        f'"{value}" is of partition {partition}, but {first} is of partition {of}; '
        "an agent serves one partition"
    )
    refused_at(HEAD + text, path, message)


def test_globs_and_placeholders_fit_every_partition() -> None:
    text = (
        f"{HEAD}aws: {{regions: [cn-north-1, '*', '*-1']}}\n"
        "matchers: {name: m, regions: eu-*, connect: "
        "{assume_role_arn: 'arn:{partition}:iam::{account_id}:role/x'}}"
    )
    assert partition_problems(read(text), "aws-cn") == ()


def test_what_does_not_fit_the_credentials_is_found_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"{HEAD}aws:\n  regions:\n  - eu-west-1\n  - '*'\n")
    problems = partition_problems(load_config(file), "aws-cn")
    assert str(locate(problems, file)).splitlines()[0] == (
        f'{file}:5:5: aws.regions[0]: "eu-west-1" is of partition aws, but the agent\'s '
        "credentials are of partition aws-cn; an agent serves one partition"
    )
    assert partition_problems(load_config(file), "aws") == ()


def test_a_file_that_went_away_costs_only_the_line(tmp_path: Path) -> None:
    problems = partition_problems(read(f"{HEAD}aws: {{regions: eu-west-1}}"), "aws-cn")
    assert str(locate(problems, tmp_path / "c.yaml")).startswith(
        f"{tmp_path}/c.yaml: aws.regions[0]: "
    )


@pytest.mark.parametrize("names", ["Orders*", "ORDERS-EU", "^Orders-.*$"])
def test_names_match_in_lower_case_as_aws_keeps_them(names: str) -> None:
    (matcher,) = to_matchers(read(f"{HEAD}matchers: [{{name: m, names: '{names}'}}]"))
    assert matcher.names.matches("orders-eu")


def test_names_and_owners() -> None:
    found = build_offline_rules(
        read(
            f"{HEAD}aws:\n"
            '  accounts: [{id: "111122223333", name: payments}, {id: "444455556666"}]\n'
            "reports: {owner_tag: aws:cloudformation:stack-name}\n"
        )
    )
    assert found.account_names == {"111122223333": "payments"}
    assert (found.uses_account_names, found.owner_tag) == (True, "aws:cloudformation:stack-name")
    assert (
        build_offline_rules(read(f"{HEAD}reports: {{owner_tag: équipe 1}}")).owner_tag == "équipe 1"
    )
    without = build_offline_rules(read(f"{HEAD}aws: {{account_names: none}}"))
    assert (without.uses_account_names, without.owner_tag) == (False, None)
