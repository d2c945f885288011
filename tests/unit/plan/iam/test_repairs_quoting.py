"""Commands hold hostile ids as text and nothing else."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

import pytest

from discovery.plan.iam.aws_cli import command

HOSTILE = [
    pytest.param("app'; rm -rf ~ #", id="quote"),
    pytest.param('$(id) `id` "$HOME"', id="substitution"),
    pytest.param("a b\\", id="space-and-backslash"),
    pytest.param("*?~!", id="globs"),
]
UNSAYABLE = [
    pytest.param("-rf", id="option"),
    pytest.param("--region=us-east-1", id="long-option"),
    pytest.param("file:///etc/passwd", id="file"),
    pytest.param("fileb:///etc/passwd", id="binary-file"),
    pytest.param("http://169.254.169.254/", id="page"),
    pytest.param("HTTPS://example.com", id="page-in-capitals"),
    pytest.param('["a","b"]', id="json-list"),
    pytest.param(' ["a"]', id="json-after-a-space"),
    pytest.param("{}", id="json-object"),
    pytest.param("a\nrm -rf ~", id="newline"),
    pytest.param("a\x1b[2J\x9bJ\x7f", id="terminal"),
    pytest.param("a\u202egnp", id="bidi"),
    pytest.param("café", id="not-ascii"),
    pytest.param("a\ud800", id="half-a-character"),
    pytest.param("\x00", id="nul"),
    pytest.param("", id="empty"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_shell_sees_one_word(text: str) -> None:
    line = command("modify-user", {"UserId": text, "AccessString": "on ~a"}, region="eu-west-1")
    assert shlex.split(line) == [
        *("aws", "elasticache", "modify-user", "--user-id", text),
        *("--access-string", "on ~a", "--region", "eu-west-1"),
    ]


@pytest.mark.parametrize("text", UNSAYABLE)
def test_what_the_cli_or_a_terminal_makes_something_of_goes_as_json(text: str) -> None:
    members: dict[str, str | bool | tuple[str, ...] | Mapping[str, str]] = {
        "UserGroupId": "app",
        "UserIdsToAdd": ("alice", text),
        "NoPasswordRequired": True,
    }
    line = command("modify-user-group", members, region="eu-west-1", query="a[0]")
    assert line.isascii()
    assert line.isprintable()
    *words, document, flag, region, option, query, output, form = shlex.split(line)
    assert words == ["aws", "elasticache", "modify-user-group", "--cli-input-json"]
    assert json.loads(document) == {**members, "UserIdsToAdd": ["alice", text]}
    assert (flag, region, option, query) == ("--region", "eu-west-1", "--query", "a[0]")
    assert (output, form) == ("--output", "text")


def test_members_become_options() -> None:
    line = command(
        "create-user",
        {
            "UserIdsToAdd": ("a", "b"),
            "AuthenticationMode": {"Type": "iam"},
            "NoPasswordRequired": True,
        },
        region="eu-west-1",
    )
    assert line == (
        "aws elasticache create-user --user-ids-to-add a b --authentication-mode Type=iam "
        "--no-password-required --region eu-west-1"
    )
