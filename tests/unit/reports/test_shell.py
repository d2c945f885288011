"""A repair command on several lines is still the same command."""

import shlex

import pytest

from discovery.reports.shell import continued

LONG = (
    "aws elasticache create-user --user-id alice --user-name alice --engine valkey "
    "--access-string 'on ~* +@all' --authentication-mode Type=iam --region eu-west-1"
)


def test_a_long_command_is_broken_between_options() -> None:
    assert continued(LONG, 66) == (
        "aws elasticache create-user --user-id alice --user-name alice \\",
        "    --engine valkey --access-string 'on ~* +@all' \\",
        "    --authentication-mode Type=iam --region eu-west-1",
    )


@pytest.mark.parametrize("width", [1, 20, 66, 400])
def test_the_shell_reads_the_same_words(width: int) -> None:
    joined = "\n".join(continued(LONG, width)).replace("\\\n", " ")
    assert shlex.split(joined) == shlex.split(LONG)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("aws sts get-caller-identity", id="short"),
        pytest.param("aws " + "x" * 30 + " 'not closed " + "y" * 50, id="open-quote"),
        pytest.param("y" * 200, id="one-long-word"),
        pytest.param("# what it may do is your choice: +@read reads", id="comment"),
        pytest.param("", id="empty"),
    ],
)
def test_what_cannot_be_broken_stays_whole(command: str) -> None:
    assert continued(command, 40) == (command,)


def test_a_pipe_keeps_its_spelling() -> None:
    command = "aws elasticache describe-users --output json | jq '.Users[] | .UserId' > users.txt"
    joined = "\n".join(continued(command, 30)).replace(" \\\n   ", "")
    assert joined == command
