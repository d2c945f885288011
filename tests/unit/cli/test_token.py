"""`token`: where it takes the region from, and what it says beside the token."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from discovery.cli.token_hints import Login, print_hints
from state.store import load_state
from tests.support.command_line import FRANKFURT, VIRGINIA, CommandLine
from tests.support.command_line import cli as make_rig
from tests.support.tls_authority import TlsAuthority

PLAIN = {"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": "/nowhere"}


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Three caches were registered; `legacy` is the one in Virginia."""
    with make_rig(tmp_path_factory.mktemp("token")) as made:
        run = made.run("sweep")
        assert run.code == 0, run
        yield made


def region_of(token: str) -> str:
    (credential,) = parse_qs(urlsplit(f"http://{token.strip()}").query)["X-Amz-Credential"]
    return credential.split("/")[2]


def hints(cli: CommandLine, login: Login, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_hints(login, load_state(cli.directory / "cachemuster.db"), to_terminal=True)
    return capsys.readouterr().err.splitlines()


def test_the_region_is_the_one_that_state_knows_where_nothing_names_one(cli: CommandLine) -> None:
    run = cli.run("token", "Legacy", "app", **PLAIN)
    assert run.code == 0, run
    assert region_of(run.out) == VIRGINIA


def test_a_cache_that_is_not_remembered_needs_a_region(cli: CommandLine) -> None:
    run = cli.run("token", "nothing", "app", **PLAIN)
    assert run.code == 64
    assert "--region" in run.err


def test_the_environment_comes_before_state_and_the_doubt_is_said(cli: CommandLine) -> None:
    run = cli.run("token", "legacy", "app")
    assert region_of(run.out) == FRANKFURT
    assert f"No cache legacy in {FRANKFURT} is remembered" in run.err


def test_a_user_who_could_not_log_in_is_remarked(cli: CommandLine) -> None:
    run = cli.run("token", "orders", "bob")
    assert run.code == 0
    assert "User bob could not log in" in run.err
    assert "able to are: app" in run.err


def test_what_is_in_order_is_not_remarked_and_off_a_terminal_nothing_is_shown(
    cli: CommandLine,
) -> None:
    run = cli.run("token", "orders", "app")
    assert run.err == "Valid for 15 minutes as the password of user app.\n"


def test_without_configuration_or_state_it_works_all_the_same(
    cli: CommandLine, tmp_path: Path
) -> None:
    bare = CommandLine(tmp_path, cli.aws, cli.environment)
    run = bare.run("token", "orders", "bob")
    assert (run.code, run.err) == (0, "Valid for 15 minutes as the password of user bob.\n")


def test_a_configuration_that_cannot_be_read_stops_no_token(
    cli: CommandLine, tmp_path: Path
) -> None:
    bare = CommandLine(tmp_path, cli.aws, cli.environment)
    bare.configure("version: 7\n")
    run = bare.run("token", "orders", "bob")
    assert run.code == 0
    assert "State was not looked at" in run.err


def test_at_a_terminal_the_lines_to_connect_with_are_shown(
    cli: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    login = Login("orders", "orders", FRANKFURT, "app", "my own")
    title, redis, tsh = hints(cli, login, capsys)
    assert title == "Connect:"
    words = shlex.split(redis)
    assert words[0] == (
        "REDISCLI_AUTH=$(cachemuster token orders app --region eu-central-1 --profile 'my own')"
    )
    host = words[words.index("-h") + 1]
    assert host.endswith(".serverless.euc1.cache.amazonaws.com")
    assert words[words.index("-p") + 1] == "6379"
    assert {"redis-cli", "--tls", "-c"} < set(words)
    assert words[-2:] == ["--user", "app"]
    assert shlex.split(tsh) == [
        *("tsh", "db", "connect", "--db-user=app"),
        "orders-elasticache-serverless-eu-central-1-111122223333",
    ]


def test_in_a_sandbox_the_line_leads_to_where_it_serves_the_cache(
    cli: CommandLine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "caches.json"
    ca_file = str(TlsAuthority(tmp_path).file)
    file.write_text(json.dumps({"ca_file": ca_file, "hosts": {"*": "127.0.0.1:7000"}}), "utf-8")
    monkeypatch.setenv("CACHEMUSTER_SANDBOX_CACHES", str(file))
    login = Login("orders", "orders", FRANKFURT, "app", None)
    words = shlex.split(hints(cli, login, capsys)[1])
    assert words[words.index("-h") + 1] == "127.0.0.1"
    assert words[words.index("-p") + 1] == "7000"
    assert words[words.index("--sni") + 1].startswith("orders-")
    assert words[words.index("--cacert") + 1] == ca_file
