"""Log lines are harmless, whatever an event holds."""

import json
from collections.abc import Iterator

import pytest
import structlog

from discovery.cli.logs import LogFormat, set_up_logs


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


Captured = pytest.CaptureFixture[str]


def test_events_are_json_for_a_collector(capsys: Captured) -> None:
    set_up_logs(None, 0)
    structlog.get_logger().info("sweep.finished", create=1, sentence="x[/bold]y\x1b[2J\n")
    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"], event["create"]) == ("sweep.finished", "info", 1)
    assert event["sentence"] == r"x[/bold]y\x1b[2J\x0a"
    assert event["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    ("form", "verbosity", "shown"),
    [
        pytest.param(LogFormat.CONSOLE, 0, ["error", "warning"], id="a-person"),
        pytest.param(LogFormat.CONSOLE, 1, ["error", "warning", "info"], id="a-curious-person"),
        pytest.param(LogFormat.JSON, 0, ["error", "warning", "info"], id="a-collector"),
        pytest.param(LogFormat.JSON, 1, ["error", "warning", "info", "debug"], id="everything"),
    ],
)
def test_levels(capsys: Captured, form: LogFormat, verbosity: int, shown: list[str]) -> None:
    set_up_logs(form, verbosity)
    for level in ("error", "warning", "info", "debug"):
        getattr(structlog.get_logger(), level)(f"a.{level}")
    said = capsys.readouterr().err
    assert [level for level in shown if f"a.{level}" in said] == shown
    assert said.count("a.") == len(shown)


@pytest.mark.parametrize("form", list(LogFormat), ids=lambda form: form.value)
def test_secrets_and_escapes_never_stand_in_a_line(capsys: Captured, form: LogFormat) -> None:
    set_up_logs(form, 0)
    structlog.get_logger().error(
        "aws.assumed",
        external_id="open sesame",
        nested={"session_token": "open sesame", "tags": ["\x1b[31m", "\u202e"]},
    )
    text = capsys.readouterr().err
    assert "open sesame" not in text
    assert "sha256:" in text
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
