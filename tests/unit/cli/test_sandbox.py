"""The sandbox alone: variables on stdout, a cloud behind them; and a cluster beside it."""

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import httpx
import pytest

from discovery.aws.events import Change, read_message
from discovery.cli.app import run
from discovery.config.service import Events
from discovery.control_plane.teleport.identity import parse_identity
from discovery.sandbox.teleport.demo import BOT, PERSON, build_cluster, issue, keep_fresh
from tests.support.command_line import SCRIPT, bare_environment

pytestmark = pytest.mark.slow


@pytest.fixture
def sandbox() -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [*SCRIPT, "sandbox"],
        env=bare_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def variables(process: "subprocess.Popen[str]") -> dict[str, str]:
    assert process.stderr is not None
    assert process.stdout is not None
    process.stderr.readline()  # it listens
    lines = [process.stdout.readline().split() for _ in range(4)]
    return dict(line[1].split("=", 1) for line in lines)


def test_an_unmodified_sdk_talks_to_it(
    sandbox: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in variables(sandbox).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    client = boto3.Session().client("elasticache", region_name="eu-central-1")
    names = [
        one["ServerlessCacheName"]
        for one in client.describe_serverless_caches()["ServerlessCaches"]
    ]
    client.close()
    assert names == ["sessions"]


def test_a_queue_tells_of_what_changes(
    sandbox: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in variables(sandbox).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert sandbox.stderr is not None
    url = re.search(r"in the queue (\S+):", sandbox.stderr.readline())
    assert url is not None
    Events(queue_url=url[1])  # a configuration takes it
    elasticache, sqs = (
        boto3.Session(region_name="eu-central-1").client(each) for each in ("elasticache", "sqs")
    )
    elasticache.delete_serverless_cache(ServerlessCacheName="sessions")
    asked = {"QueueUrl": url[1], "MaxNumberOfMessages": 10, "WaitTimeSeconds": 5}
    found = [read_message(each["Body"]) for each in sqs.receive_message(**asked)["Messages"]]
    elasticache.close()
    sqs.close()
    assert [each.what for each in found if isinstance(each, Change)] == ["cache"] * len(found)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_a_signal_ends_it_well(sandbox: "subprocess.Popen[str]", number: signal.Signals) -> None:
    assert variables(sandbox)["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    sandbox.send_signal(number)
    _, err = sandbox.communicate(timeout=10)
    assert sandbox.returncode == 0
    assert "Traceback" not in err


def narration(process: "subprocess.Popen[str]") -> str:
    """All that it says on stderr before it waits."""
    assert process.stderr is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("What the cluster holds"):
        lines.append(process.stderr.readline())
        assert lines[-1], lines
    return "".join(lines)


def test_what_it_says_leads_to_a_cluster(
    sandbox: "subprocess.Popen[str]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person pastes what is printed, registers, lets go, and takes over again."""
    assert sandbox.stdout is not None
    told = narration(sandbox)
    section = told[told.index("control_plane:") : told.index("\nA person's identity")]
    (person,) = re.findall(r"A person's identity, for adopt and release: (\S+)", told)
    (web_ca, url) = re.findall(r"curl --cacert (\S+) (\S+)", told)[0]
    for _ in range(5):
        name, value = sandbox.stdout.readline().split()[1].split("=", 1)
        monkeypatch.setenv(name, value)
    (tmp_path / "cachemuster.yaml").write_text(f"version: 1\ngroup: trial\n{section}")
    monkeypatch.chdir(tmp_path)
    name = "sessions-elasticache-serverless-eu-central-1-111122223333"
    assert run(["sweep"]) == 0
    assert owners(web_ca, url) == {name: "trial"}
    assert run(["release", name, "--yes", "--identity-file", person]) == 0
    assert owners(web_ca, url) == {name: None}
    assert run(["adopt", "--all", "--yes", "--identity-file", person]) == 0
    assert owners(web_ca, url) == {name: "trial"}
    sandbox.send_signal(signal.SIGINT)
    sandbox.communicate(timeout=10)
    assert not Path(person).parent.exists()


def owners(web_ca: str, url: str) -> dict[str, str | None]:
    """The group of every database, as the sandbox's own door shows them."""
    state = httpx.get(url, verify=ssl.create_default_context(cafile=web_ca)).json()
    return {
        name: each["metadata"]["labels"].get("cachemuster/group")
        for name, each in state["databases"].items()
    }


async def test_its_identities_are_renewed_and_never_wider_than_their_owners(tmp_path: Path) -> None:
    cluster = build_cluster()
    badges = issue(cluster, tmp_path)
    before = badges.bot.read_text()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await keep_fresh(cluster, badges, timedelta(0))
    assert badges.bot.read_text() != before
    for path, user in ((badges.bot, BOT), (badges.person, PERSON)):
        assert parse_identity(path.read_bytes(), now=datetime.now(UTC)).user == user
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("option", ["--port", "--teleport-port"])
def test_a_port_in_use_is_said(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["sandbox", option, str(port)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"cannot listen on 127.0.0.1:{port}" in said.err
    assert f"Name another {option}" in said.err


WORLD = """\
accounts:
  - id: "111122223333"
    regions: [{name: eu-west-1, caches: [{name: orders}, {name: carts}]}]
"""


@pytest.mark.parametrize(
    ("arguments", "home", "count"),
    [
        pytest.param(
            ["--accounts=2", "--regions=2", "--caches=12", "--spread=even"],
            "eu-central-1",
            3,
            id="generated",
        ),
        pytest.param(["--world=world.yaml"], "eu-west-1", 2, id="file"),
    ],
)
def test_other_clouds_than_the_demonstration(
    arguments: list[str], home: str, count: int, tmp_path: Path
) -> None:
    (tmp_path / "world.yaml").write_text(WORLD)
    with subprocess.Popen(
        [*SCRIPT, "sandbox", "--latency-ms=1", *arguments],
        cwd=tmp_path,
        env=bare_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said = variables(process)
            assert said["AWS_REGION"] == home
            client = boto3.client(
                "elasticache",
                endpoint_url=said["AWS_ENDPOINT_URL"],
                aws_access_key_id=said["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=said["AWS_SECRET_ACCESS_KEY"],
                region_name=home,
            )
            found = client.describe_serverless_caches()["ServerlessCaches"]
            client.close()
            assert len(found) == count
        finally:
            process.kill()
            process.communicate(timeout=10)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--caches", "5"], 64, "--caches belongs to --accounts"),
        (["--accounts", "1", "--world", "x"], 64, "give one of them"),
        (["--accounts", "0"], 64, "0 is not in the range"),
        (["--world", "none.yaml"], 78, "the file cannot be read"),
    ],
)
def test_clouds_that_cannot_be(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sandbox", *arguments]) == code
    assert said in capsys.readouterr().err
