"""The sequence of AWS's own guides: a user, a group, a cache, the group attached, tags, the end."""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from discovery.sandbox.agent_world import environment
from discovery.sandbox.aws.server import SimulatedAws
from discovery.sandbox.aws.timed_store import LIKE_AWS
from discovery.sandbox.demo import build_demo
from tests.support.simulated_aws import HUB, REGION, Cloud, running
from tests.support.started_aws_cli import started_aws_cli

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

    def __init__(self, program: Path, variables: Mapping[str, str]) -> None:
        self._program = program / "aws"
        self._variables = {**os.environ, **variables, "AWS_PAGER": ""}

    def __call__(self, line: str) -> Any:
        """What the command answers; it must succeed."""
        done = subprocess.run(
            [self._program, *shlex.split(line), "--output", "json"],
            env=self._variables,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is not on PATH")
def test_the_guide_through_the_aws_cli(tmp_path: Path) -> None:
    demo = build_demo()
    with (
        SimulatedAws(demo.world).serve_in_thread() as url,
        started_aws_cli(tmp_path) as program,
    ):
        aws = Cli(program, environment(demo, url))
        identity = aws("sts get-caller-identity")
        assert identity["Account"] == HUB
        aws(
            "elasticache create-user --user-id iam-user-01 --user-name iam-user-01 "
            "--authentication-mode Type=iam --engine valkey --access-string 'on ~* +@all'"
        )
        aws("elasticache create-serverless-cache --serverless-cache-name cache-01 --engine valkey")
        aws(
            "elasticache create-user-group --user-group-id iam-user-group-01 --engine valkey "
            "--user-ids iam-user-01"
        )
        aws(f"elasticache add-tags-to-resource --resource-name {ARN} --tags Key=env,Value=prod")
        aws(
            "elasticache modify-serverless-cache --serverless-cache-name cache-01 "
            "--user-group-id iam-user-group-01"
        )
        caches = aws("elasticache describe-serverless-caches")
        tags = aws(f"elasticache list-tags-for-resource --resource-name {ARN}")
        first, second = caches["ServerlessCaches"]
        assert (first["ServerlessCacheName"], first["Status"]) == ("cache-01", "available")
        assert first["UserGroupId"] == "iam-user-group-01"
        assert second["ServerlessCacheName"] == "sessions"
        assert tags["TagList"] == [{"Key": "env", "Value": "prod"}]
        gone = aws("elasticache delete-serverless-cache --serverless-cache-name cache-01")
        assert gone["ServerlessCache"]["Status"] == "deleting"
