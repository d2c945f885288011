"""The sandbox alone: variables on stdout, a cloud behind them."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from discovery.cli.app import run
from tests.unit.cli.rig import SCRIPT, bare_environment


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
def test_a_signal_ends_it_well(sandbox: "subprocess.Popen[str]", number: signal.Signals) -> None:
    assert variables(sandbox)["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    sandbox.send_signal(number)
    _, err = sandbox.communicate(timeout=10)
    assert sandbox.returncode == 0
    assert "Traceback" not in err


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["sandbox", "--port", str(port)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"cannot listen on 127.0.0.1:{port}" in said.err
    assert "Name another --port" in said.err
