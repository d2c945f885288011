"""The sequence of AWS's own guides: a user, a group, a cache, the group attached, tags, the end."""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from discovery.sandbox.agent_world import environment
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.timed_store import LIKE_AWS
from discovery.sandbox.demo import build_demo
from tests.support.simulated_aws import HUB, REGION, Cloud, running

ARN = f"arn:aws:elasticache:{REGION}:{HUB}:serverlesscache:cache-01"


def test_the_guide_through_boto3() -> None:
    with running(LIKE_AWS) as cloud:
        client = cloud.client("elasticache")
        client.create_user(
            UserId="iam-user-01",
            UserName="iam-user-01",
            AuthenticationMode={"Type": "iam"},
            Engine="redis",
            AccessString="on ~* +@all",
        )
        client.create_user_group(
            UserGroupId="iam-user-group-01", Engine="redis", UserIds=["default", "iam-user-01"]
        )
        later(cloud)
        client.create_serverless_cache(ServerlessCacheName="cache-01", Engine="redis")
        later(cloud)
        client.modify_serverless_cache(
            ServerlessCacheName="cache-01", UserGroupId="iam-user-group-01"
        )
        later(cloud)
        client.add_tags_to_resource(ResourceName=ARN, Tags=[{"Key": "env", "Value": "prod"}])
        [cache] = client.describe_serverless_caches(ServerlessCacheName="cache-01")[
            "ServerlessCaches"
        ]
        assert cache["Status"] == "available"
        assert cache["UserGroupId"] == "iam-user-group-01"
        [group] = client.describe_user_groups()["UserGroups"]
        assert group["ServerlessCaches"] == ["cache-01"]
        client.delete_serverless_cache(ServerlessCacheName="cache-01")
        later(cloud)
        client.delete_user_group(UserGroupId="iam-user-group-01")
        client.delete_user(UserId="iam-user-01")
        later(cloud)
        assert client.describe_serverless_caches()["ServerlessCaches"] == []
        assert client.describe_user_groups()["UserGroups"] == []
        assert len(client.describe_users()["Users"]) == 1


def later(cloud: Cloud) -> None:
    cloud.world.clock.advance(timedelta(minutes=1))


class Cli:
    """The AWS CLI with the demo's variables."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = {**os.environ, **variables, "AWS_PAGER": ""}

    def __call__(self, line: str) -> Any:
        """What the command answers; it must succeed."""
        done = subprocess.run(
            ["aws", *shlex.split(line), "--output", "json"],
            env=self._variables,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    def together(self, *lines: str) -> list[Any]:
        """The answers of independent commands: each takes a second to start."""
        with ThreadPoolExecutor() as threads:
            return list(threads.map(self, lines))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is not on PATH")
def test_the_guide_through_the_aws_cli() -> None:
    demo = build_demo()
    with SimulatedAws(demo.world).serve_in_thread() as url:
        aws = Cli(environment(demo, url))
        identity, *_ = aws.together(
            "sts get-caller-identity",
            "elasticache create-user --user-id iam-user-01 --user-name iam-user-01 "
            "--authentication-mode Type=iam --engine valkey --access-string 'on ~* +@all'",
            "elasticache create-serverless-cache --serverless-cache-name cache-01 --engine valkey",
        )
        assert identity["Account"] == HUB
        aws.together(
            "elasticache create-user-group --user-group-id iam-user-group-01 --engine valkey "
            "--user-ids iam-user-01",
            f"elasticache add-tags-to-resource --resource-name {ARN} --tags Key=env,Value=prod",
        )
        aws(
            "elasticache modify-serverless-cache --serverless-cache-name cache-01 "
            "--user-group-id iam-user-group-01"
        )
        caches, tags = aws.together(
            "elasticache describe-serverless-caches",
            f"elasticache list-tags-for-resource --resource-name {ARN}",
        )
        first, second = caches["ServerlessCaches"]
        assert (first["ServerlessCacheName"], first["Status"]) == ("cache-01", "available")
        assert first["UserGroupId"] == "iam-user-group-01"
        assert second["ServerlessCacheName"] == "sessions"
        assert tags["TagList"] == [{"Key": "env", "Value": "prod"}]
        gone = aws("elasticache delete-serverless-cache --serverless-cache-name cache-01")
        assert gone["ServerlessCache"]["Status"] == "deleting"
