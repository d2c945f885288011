"""An IAM auth token is the one that AWS's own tools make (aws/README: IAM token)."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import botocore.auth
import pytest
from botocore.credentials import ReadOnlyCredentials

from discovery.aws.iam_token import iam_token
from discovery.cli.app import run

VECTORS = json.loads((Path(__file__).parent / "vectors" / "iam_token.json").read_text())


def parts(token: str) -> tuple[str, dict[str, str]]:
    """Host and query; the order of a query is a serialiser's business."""
    host, _, query = token.partition("/?")
    return host, dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))


def at(moment: str) -> Any:
    return lambda *, remove_tzinfo=True: datetime.fromisoformat(moment).replace(
        tzinfo=None if remove_tzinfo else datetime.fromisoformat(moment).tzinfo
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_token_is_that_of_every_vector(
    vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = vector["inputs"]
    monkeypatch.setattr(botocore.auth, "get_current_datetime", at(given["clock"]))
    token = iam_token(
        given["cache_name"],
        given["user_id"],
        given["region"],
        ReadOnlyCredentials(
            given["access_key_id"], given["secret_access_key"], given["session_token"]
        ),
        serverless=given["serverless"],
    )
    assert parts(token) == parts(vector["token"])


def test_the_command_prints_the_token_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = VECTORS[0]["inputs"]
    monkeypatch.setattr(botocore.auth, "get_current_datetime", at(given["clock"]))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", given["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", given["secret_access_key"])
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    assert run(["token", given["cache_name"], given["user_id"], "--region", given["region"]]) == 0
    out, err = capsys.readouterr()
    assert parts(out.strip()) == parts(VECTORS[0]["token"])
    assert "15 minutes" in err
    assert given["secret_access_key"] not in out + err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["orders", "app"], "needs --region", id="no-region"),
        pytest.param(
            ["or ders", "app", "--region", "eu-west-1"], "neither a cache name", id="name"
        ),
        pytest.param(["orders", "a b", "--region", "eu-west-1"], "no user id", id="user"),
        pytest.param(
            [
                "arn:aws:elasticache:eu-west-1:111122223333:serverlesscache:orders",
                "app",
                "--region",
                "us-east-1",
            ],
            "is of eu-west-1",
            id="another-region-than-the-arn",
        ),
        pytest.param(
            ["orders", "app", "--region", "frankfurt"], "'frankfurt' is no region", id="region"
        ),
    ],
)
def test_what_names_no_cache_is_a_usage_error(
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    assert run(["token", *words]) == 64
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "arguments", "region"),
    [
        ({"AWS_REGION": "eu-west-1"}, [], "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, [], "eu-west-2"),
        ({"AWS_REGION": "eu-west-1"}, ["--region", "us-east-1"], "us-east-1"),
        ({}, ["--region", "eusc-de-east-1"], "eusc-de-east-1"),
    ],
)
def test_the_region_is_the_one_given_else_the_environments(
    environment: dict[str, str],
    arguments: list[str],
    region: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in {"AWS_CONFIG_FILE": "/dev/null", **keys, **environment}.items():
        monkeypatch.setenv(name, value)
    assert run(["token", "orders", "app", *arguments]) == 0
    assert f"%2F{region}%2Felasticache%2F" in capsys.readouterr().out
