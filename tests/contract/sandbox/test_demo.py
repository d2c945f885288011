"""The demo's cloud, as its visitors meet it."""

import pytest
from botocore.exceptions import ClientError

from discovery.sandbox import agent_world, demo
from discovery.sandbox.aws.server import SimulatedAws
from tests.support.simulated_aws import Cloud


def test_the_demo_through_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3  # noqa: PLC0415 - a session must be made under the variables

    built = demo.build_demo()
    with SimulatedAws(built.world).serve_in_thread() as url:
        for name, value in agent_world.environment(built, url).items():
            monkeypatch.setenv(name, value)
        hub = boto3.session.Session()
        sts = hub.client("sts")
        found: list[str] = []
        sessions = [hub]
        for account in (demo.SHOP, demo.DATA):
            credentials = sts.assume_role(
                RoleArn=f"arn:aws:iam::{account}:role/{demo.ROLE_NAME}",
                RoleSessionName="demo",
                ExternalId=demo.EXTERNAL_ID,
            )["Credentials"]
            sessions.append(
                boto3.session.Session(
                    credentials["AccessKeyId"],
                    credentials["SecretAccessKey"],
                    credentials["SessionToken"],
                )
            )
        with pytest.raises(ClientError, match="AccessDenied"):
            sts.assume_role(
                RoleArn=f"arn:aws:iam::{demo.SHOP}:role/{demo.ROLE_NAME}", RoleSessionName="demo"
            )
        sts.close()
        for session in sessions:
            for region in demo.REGIONS:
                client = session.client("elasticache", region_name=region)
                answer = client.describe_serverless_caches()
                found += [cache["ServerlessCacheName"] for cache in answer["ServerlessCaches"]]
                client.close()
    assert len(found) == len(set(found)) == 9


def test_two_demos_are_the_same(cloud: Cloud) -> None:
    hosts = [
        [
            cache.host
            for account in demo.build_demo().world.accounts.values()
            for region in account.regions
            for cache in region.caches.values()
        ]
        for _ in range(2)
    ]
    assert hosts[0] == hosts[1]
    assert all("xn--" not in host for host in hosts[0])
