"""Log lines are harmless, whatever an event holds."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from discovery.cli.logs import set_up_logs
from discovery.cli.streams import LogFormat
from discovery.cli.vendor_logs import ForwardingHandler, set_up_vendor_logs


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """Libraries are retold, as in a process of its own; afterwards everything is as it was."""
    root, retelling = logging.getLogger(), ForwardingHandler()
    root.addHandler(retelling)
    yield
    root.removeHandler(retelling)
    structlog.reset_defaults()
    set_up_vendor_logs(shows_debug=False)


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


def test_an_exception_keeps_its_lines_and_none_of_its_escapes(capsys: Captured) -> None:
    set_up_logs(LogFormat.CONSOLE, 0)
    try:
        raise ValueError("\x1b[2Jgone\nand\u202e more")
    except ValueError as error:
        structlog.get_logger().error("item.broke", exc_info=error)
    text = capsys.readouterr().err
    assert "\x1b[2J" not in text
    assert "ValueError: \\x1b[2Jgone\nand\\u202e more" in text


class TestLibraries:
    def said(self, capsys: Captured, verbosity: int, library: str, level: int) -> list[str]:
        """The events that came of one remark of a library."""
        set_up_logs(LogFormat.JSON, verbosity)
        logging.getLogger(library).log(level, "Body: %s\x1b", "<SecretAccessKey>open sesame")
        return capsys.readouterr().err.splitlines()

    def test_a_warning_is_an_event_like_ours(self, capsys: Captured) -> None:
        (line,) = self.said(capsys, 0, "grpclib", logging.WARNING)
        event = json.loads(line)
        assert (event["event"], event["level"]) == ("library.said", "warning")
        assert event["library"] == "grpclib"
        assert event["message"].endswith("sesame\\x1b")

    def test_a_job_or_task_that_died_is_told(self, capsys: Captured) -> None:
        assert self.said(capsys, 0, "apscheduler.executors.default", logging.ERROR)
        assert not self.said(capsys, 0, "apscheduler.executors.default", logging.WARNING)
        assert logging.getLogger("asyncio").getEffectiveLevel() == logging.ERROR

    @pytest.mark.parametrize("library", ["botocore.retries.standard", "aiobotocore.credentials"])
    def test_who_looks_for_a_defect_sees_more(self, capsys: Captured, library: str) -> None:
        assert not self.said(capsys, 1, library, logging.WARNING)
        assert self.said(capsys, 2, library, logging.DEBUG)

    @pytest.mark.parametrize(
        "library",
        [
            "botocore.endpoint",
            "botocore.parsers",
            "botocore.auth",
            "botocore.hooks",
            "botocore.utils",
            "botocore.anything.new",
            "aiobotocore.httpsession",
            "urllib3.connectionpool",
            "hpack.hpack",
        ],
    )
    @pytest.mark.parametrize("verbosity", [0, 1, 2, 9])
    def test_requests_and_answers_are_never_told(
        self, capsys: Captured, library: str, verbosity: int
    ) -> None:
        assert self.said(capsys, verbosity, library, logging.DEBUG) == []

    def test_a_record_that_cannot_be_told_stops_nothing(self, capsys: Captured) -> None:
        set_up_logs(LogFormat.JSON, 0)
        bad = logging.LogRecord("grpclib", logging.WARNING, "", 0, "%d", ("no number",), None)
        ForwardingHandler().handle(bad)
        assert "Logging error" in capsys.readouterr().err


def test_a_person_reads_the_sentence_of_a_sweep_a_collector_its_fields(capsys: Captured) -> None:
    told = {"sentence": "2 registered", "create": 2, "scopes": {"complete": 3}, "error": None}
    set_up_logs(LogFormat.CONSOLE, 1)
    structlog.get_logger().info("sweep.finished", kind="rescan", **told)
    line = capsys.readouterr().err
    assert "sweep.finished" in line
    assert "2 registered" in line
    assert "kind=rescan" in line
    assert "scopes" not in line
    set_up_logs(LogFormat.JSON, 0)
    structlog.get_logger().info("sweep.finished", kind="rescan", **told)
    assert json.loads(capsys.readouterr().err)["scopes"] == {"complete": 3}


def test_on_a_terminal_values_are_no_python(capsys: Captured) -> None:
    set_up_logs(LogFormat.CONSOLE, 1)
    structlog.get_logger().info(
        "aws.endpoints_overridden",
        endpoints={"sts": "http://127.0.0.1:1", "sqs": "http://127.0.0.1:2"},
        needs_restart=["service.listen", "service.scope_metrics_limit"],
        scopes={"complete": 1},
    )
    said = capsys.readouterr().err
    assert "sts=http://127.0.0.1:1, sqs=http://127.0.0.1:2" in said
    assert "service.listen, service.scope_metrics_limit" in said
    assert "complete=1" in said
    assert "{" not in said
    assert "['" not in said
