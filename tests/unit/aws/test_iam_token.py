"""An IAM auth token is the one that AWS's own tools make (reference aws-elasticache §5)."""

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
    ],
)
def test_what_names_no_cache_is_a_usage_error(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["token", *words]) == 64
    assert said in capsys.readouterr().err
