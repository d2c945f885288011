"""What a configuration means once it is right: values, defaults, and its JSON Schema."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from discovery.config.aws import Account, OrganizationAccounts, OwnAccount, PublicCaches
from discovery.config.control_plane import Embedded, Origin, Route, Teleport
from discovery.config.fields import HostPort
from discovery.config.json_schema import config_schema
from discovery.config.model import OutOfScope
from discovery.config.service import queue_for, queue_region
from discovery.plan.rules import WritePolicy
from discovery.plan.shard import Shard
from matchers.matcher import IamUsers
from tests.support.marked_text import BASE, HEAD, read, refusal

EXAMPLE = """
version: 1
group: prod
state: {path: ./cachemuster.db, history: 400d}
aws:
  accounts:
    - {id: "111122223333", role_arn: "arn:aws:iam::111122223333:role/cachemuster", external_id: "env:EXTERNAL_ID"}
    - organization: {role_name: cachemuster, external_id: "file:/run/secrets/eid", include_ous: [ou-ab12-cdef3456], exclude_ous: [], exclude_accounts: ["444455556666"]}
  own_account: ambient                  # ambient | assume
  profile: null
  regions: ["eu-*", us-east-1]
  concurrency: 128
  scope_timeout: 60s
  iam_refresh: 15m
  read_tags: true
  name_overrides: true
  public_caches: skip
  expected_failures: []
matchers:
  - name: production
    accounts: ["*"]
    regions: ["*"]
    names: ["*"]
    engines: [redis, valkey]
    tags: {env: [prod, staging], team: "*"}
    exclude_tags: {teleport: "off"}
    iam_users: warn
    deregister_unready: false
    labels: {tier: gold}
    connect: {assume_role_arn: "arn:{partition}:iam::{account_id}:role/teleport-connect", external_id: "env:CONNECT_EID"}
policy: sync
out_of_scope: hold
deregistration: {missed_sweeps: 2, grace: 10m, window: 1h, max_count: 20, max_percent: 30, min_allowed: 2, allow_empty: false}
control_plane:
  kind: teleport
  address: teleport.example.com:443
  identity_file: /opt/machine-id/identity
  origin: dynamic
  route: auto
  allow_older: false
service:
  interval: 5m
  jitter: 30s
  sweep_timeout: 15m
  listen: 127.0.0.1:9808
  events: {queue_url: "https://sqs.eu-central-1.amazonaws.com/111122223333/cachemuster", debounce: 5s}
"""  # noqa: E501 - as in the design, line by line


def test_the_example_is_read_as_it_is_written() -> None:
    config = read(EXAMPLE)
    member, organization = config.aws.accounts
    assert isinstance(member, Account)
    assert member.external_id == "env:EXTERNAL_ID"
    assert isinstance(organization, OrganizationAccounts)
    assert organization.organization.include_ous == ("ou-ab12-cdef3456",)
    assert organization.organization.exclude_accounts == ("444455556666",)
    assert config.aws.regions == ("eu-*", "us-east-1")
    matcher = config.matchers[0]
    assert matcher.tags == {"env": ("prod", "staging"), "team": ("*",)}
    assert matcher.exclude_tags == {"teleport": ("off",)}
    plane = config.control_plane
    assert isinstance(plane, Teleport)
    assert plane.address == HostPort("teleport.example.com", 443)
    assert plane.identity_file == Path("/opt/machine-id/identity")
    assert config.service.events is not None
    assert config.service.events.debounce == timedelta(seconds=5)


def test_the_defaults_of_the_design() -> None:
    config = read(HEAD)
    assert config.state.path == BASE / "cachemuster.db"
    assert config.state.history == timedelta(days=400)
    aws = config.aws
    assert (aws.accounts, aws.profile, aws.regions) == ((), None, None)
    assert (aws.own_account, aws.concurrency) == (OwnAccount.AMBIENT, 128)
    assert (aws.scope_timeout, aws.iam_refresh) == (timedelta(minutes=1), timedelta(minutes=15))
    assert (aws.read_tags, aws.name_overrides) == (True, True)
    assert (aws.public_caches, aws.expected_failures) == (PublicCaches.SKIP, ())
    assert (config.policy, config.out_of_scope) == (WritePolicy.SYNC, OutOfScope.HOLD)
    limits = config.deregistration
    assert (limits.missed_sweeps, limits.grace) == (2, timedelta(minutes=10))
    assert limits.window == timedelta(hours=1)
    assert (limits.max_count, limits.max_percent, limits.min_allowed) == (20, 30, 2)
    assert limits.allow_empty is False
    assert config.control_plane == Embedded(path=BASE / "registry.db")
    assert config.control_plane.origin is Origin.DYNAMIC
    service = config.service
    assert (service.interval, service.jitter) == (timedelta(minutes=5), timedelta(seconds=30))
    assert service.sweep_timeout == timedelta(minutes=15)
    assert str(service.listen) == "127.0.0.1:9808"
    assert (service.events, service.scope_metrics_limit) == (None, 500)
    assert service.probe is None


def test_the_defaults_of_a_teleport_control_plane() -> None:
    plane = read(
        f"{HEAD}control_plane: {{kind: teleport, address: t:443, identity_file: i}}"
    ).control_plane
    assert isinstance(plane, Teleport)
    assert (plane.origin, plane.route) == (Origin.DYNAMIC, Route.AUTO)
    assert (plane.keep_labels, plane.allow_older) == ((), False)


def test_the_defaults_of_a_matcher() -> None:
    matcher = read(f"{HEAD}matchers: {{name: m}}").matchers[0]
    assert matcher.accounts == matcher.regions == matcher.names == ("*",)
    assert matcher.engines == ("redis", "valkey")
    assert (matcher.tags, matcher.exclude_tags, matcher.labels) == ({}, {}, {})
    assert (matcher.iam_users, matcher.deregister_unready) == (IamUsers.WARN, False)
    assert matcher.connect is None


def test_one_value_stands_for_a_list_of_one() -> None:
    one = read(
        f"{HEAD}aws: {{regions: '*', name_overrides: '111122223333',"
        " accounts: {id: '111122223333'}, expected_failures: 111122223333/eu-west-1}\n"
        "matchers: {name: m, names: x, engines: valkey, tags: {env: prod}}"
    )
    many = read(
        f"{HEAD}aws: {{regions: ['*'], name_overrides: ['111122223333'],"
        " accounts: [{id: '111122223333'}], expected_failures: [111122223333/eu-west-1]}\n"
        "matchers: [{name: m, names: [x], engines: [valkey], tags: {env: [prod]}}]"
    )
    assert one == many


ROUND_TRIPS = [EXAMPLE, HEAD, f"{HEAD}aws: {{name_overrides: ['111122223333']}}"]


@pytest.mark.parametrize("text", ROUND_TRIPS, ids=["example", "least", "overrides"])
def test_what_is_written_out_is_read_back_the_same(text: str) -> None:
    config = read(text)
    written = json.loads(config.model_dump_json())
    for section, key in ((written, "matchers"), (written["aws"], "accounts")):
        if not section[key]:  # in a file an empty list is refused: nobody means it
            del section[key]
    assert read(yaml.safe_dump(written)) == config
    assert read(json.dumps(written, indent="\t")) == config


def test_a_configuration_is_frozen() -> None:
    config = read(HEAD)
    with pytest.raises(ValidationError, match="frozen"):
        config.group = "other"


OVERRIDES = [
    ("true", True),
    ("false", False),
    ('["111122223333"]', True),
    ('["999900001111"]', False),
]


@pytest.mark.parametrize(("value", "expected"), OVERRIDES)
def test_whose_name_tags_are_honoured(value: str, expected: bool) -> None:
    aws = read(f"{HEAD}aws: {{name_overrides: {value}}}").aws
    assert aws.honours_name_tag("111122223333") is expected


def test_an_expected_failure_is_a_region_of_one_or_every_account_or_a_whole_account() -> None:
    listed = "['111122223333', 444455556666/eu-west-1, '*/ap-south-1']"
    aws = read(f"{HEAD}aws: {{expected_failures: {listed}}}").aws
    assert aws.expects_failure("111122223333", "eu-west-1")
    assert aws.expects_failure("111122223333", None)
    assert aws.expects_failure("444455556666", "eu-west-1")
    assert not aws.expects_failure("444455556666", "eu-west-2")
    assert not aws.expects_failure("444455556666", None)
    assert aws.expects_failure("444455556666", "ap-south-1")


ADDRESSES = [
    ("127.0.0.1:0", HostPort("127.0.0.1", 0)),
    ("0.0.0.0:9808", HostPort("0.0.0.0", 9808)),
    ("*:9808", HostPort("*", 9808)),
    ("[::1]:9808", HostPort("::1", 9808)),
    ("localhost:65535", HostPort("localhost", 65535)),
]


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_addresses(text: str, expected: HostPort) -> None:
    assert HostPort.parse(text) == expected
    assert str(expected) == text
    assert read(f'{HEAD}service: {{listen: "{text}"}}').service.listen == expected


QUEUES = [
    "https://sqs.eu-west-1.amazonaws.com/111122223333/q",
    "https://sqs.eu-west-1.amazonaws.com/111122223333/q.fifo",
    "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/111122223333/q",
    "http://127.0.0.1:4566/111122223333/q",
    "http://localhost:4566/111122223333/q",
    "https://sqs.eu-west-1.amazonaws.com/111122223333/q-{shard}",
    "https://sqs.eu-west-1.amazonaws.com/111122223333/q-{shard}-of-3.fifo",
    "http://127.0.0.1:4566/111122223333/{shard}",
]


@pytest.mark.parametrize("url", QUEUES)
def test_queues(url: str) -> None:
    events = read(f'{HEAD}service: {{events: {{queue_url: "{url}"}}}}').service.events
    assert events is not None
    assert events.queue_url == url


def test_each_of_several_processes_has_its_queue() -> None:
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/q-{shard}.fifo"
    assert queue_for(url, Shard(11, 12)).endswith("/q-11.fifo")
    single = url.replace("-{shard}", "")
    assert queue_for(single, None) == single


@pytest.mark.parametrize(
    ("name", "shard", "advice"),
    [
        ("q", Shard(0, 1), "write {shard} for the number"),
        ("q", Shard(1, 2), "/111122223333/q-{shard}"),
        ("q-{shard}", None, "--shard I/N"),
    ],
)
def test_processes_and_queues_that_do_not_go_together(
    name: str, shard: Shard | None, advice: str
) -> None:
    with pytest.raises(ValueError) as refused:
        queue_for(f"https://sqs.eu-west-1.amazonaws.com/111122223333/{name}", shard)
    assert advice in str(refused.value)


REGIONS_OF_QUEUES = [
    ("https://sqs.eu-west-1.amazonaws.com/111122223333/q", "eu-west-1"),
    ("https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q", "cn-north-1"),
    ("https://sqs.eusc-de-east-1.amazonaws.eu/111122223333/q", "eusc-de-east-1"),
    ("https://sqs-fips.us-east-1.amazonaws.com/111122223333/q", "us-east-1"),
    ("https://eu-west-1.queue.amazonaws.com/111122223333/q", "eu-west-1"),
    ("https://vpce-0a-1b.sqs.us-gov-west-1.vpce.amazonaws.com/111122223333/q", "us-gov-west-1"),
    ("https://sqs.eu-west-1.api.aws/111122223333/q", "eu-west-1"),
    ("https://sqs-fips.us-east-2.api.aws/111122223333/q", "us-east-2"),
    ("https://sqs-fips.us-east-2.api.aws:443/111122223333/q", "us-east-2"),
    ("https://sqs.cn-north-1.api.amazonwebservices.com.cn/111122223333/q", "cn-north-1"),
    ("https://SQS.EU-WEST-1.amazonaws.com/111122223333/q", "eu-west-1"),
    ("https://sqs.us-iso-east-1.c2s.ic.gov/111122223333/q", "us-iso-east-1"),
    ("https://queue.amazonaws.com/111122223333/q", "us-east-1"),
    ("https://sqs.eu-west-1.amazonaws.com.example.com/111122223333/q", None),
    ("https://sqs.amazonaws.com/111122223333/q", None),
    ("https://sqs.example.com/111122223333/q", None),
    ("http://127.0.0.1:4566/111122223333/q", None),
]


@pytest.mark.parametrize(("url", "region"), REGIONS_OF_QUEUES)
def test_the_region_of_a_queue(url: str, region: str | None) -> None:
    assert queue_region(url) == region


GOLDEN = Path(__file__).parents[2] / "golden" / "config_schema.json"


def test_the_schema_for_editors_is_the_committed_one() -> None:
    """After a wanted change: `cachemuster config schema > tests/golden/config_schema.json`."""
    assert config_schema() == json.loads(GOLDEN.read_text("utf-8"))


def sections() -> dict[str, Any]:
    definitions: dict[str, Any] = config_schema()["$defs"]
    return {name: each for name, each in definitions.items() if "properties" in each}


@pytest.mark.parametrize("name", sections())
def test_every_key_says_what_it_is(name: str) -> None:
    for key, field in sections()[name]["properties"].items():
        assert field.get("description", "").endswith("."), key


@pytest.mark.slow
def test_the_schema_is_a_schema_and_takes_the_example() -> None:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(EXAMPLE), schema)


NOT_IN_SCHEMA = [
    {"version": 2, "group": "x"},
    {"version": 1, "group": "x", "polcy": "sync"},
    {"version": 1, "group": "x", "policy": "snc"},
    {"version": 1, "group": "x", "aws": {"regions": []}},
    {"version": 1, "group": "x", "aws": {"scope_timeout": "1w"}},
    {"version": 1, "group": "x", "aws": {"accounts": [{"id": 111122223333}]}},
    {"version": 1, "group": "x", "aws": {"accounts": {"id": "111122223333", "external_id": "s"}}},
]


@pytest.mark.parametrize("data", NOT_IN_SCHEMA, ids=str)
def test_the_schema_refuses(data: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, config_schema())


def test_logins_have_an_interval_and_a_limit_of_their_own() -> None:
    probe = read(f"{HEAD}service: {{probe: {{}}}}").service.probe
    assert probe is not None
    assert (probe.interval, probe.concurrency) == (timedelta(hours=1), 20)
    probe = read(f"{HEAD}service: {{probe: {{interval: 2h, concurrency: 5}}}}").service.probe
    assert probe is not None
    assert (probe.interval, probe.concurrency) == (timedelta(hours=2), 5)
    for wrong in ("interval: 1s", "concurrency: 0", "timeout: 5s"):
        said = str(refusal(f"{HEAD}service: {{probe: {{{wrong}}}}}"))
        assert f"service.probe.{wrong.split(':')[0]}" in said
