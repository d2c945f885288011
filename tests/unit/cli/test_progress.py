"""How far a scan is, for a log."""

from datetime import timedelta
from pathlib import Path

import pytest

from discovery.cli.progress import progress
from tests.support.command_line import rig


def test_without_a_terminal_nothing_is_said_unless_asked() -> None:
    with progress() as show:
        assert show is None


def test_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(timedelta(0)) as show:
        assert show is not None
        show(1, 0, 17)
        show(1200, 3, 17_000)
    with progress(timedelta(hours=1)) as show:
        assert show is not None
        show(5, 0, 10)
    assert capsys.readouterr().err.splitlines() == [
        "Reading AWS: 1 scope done, 0 failed, 16 left",
        "Reading AWS: 1200 scopes done, 3 failed, 15800 left",
    ]


@pytest.mark.parametrize("command", ["sweep", "audit"])
def test_sweeps_and_audits_say_it_alike(command: str, tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        run = made.run(command, "--progress", "0s")
    assert run.code == 0
    assert "Reading AWS: 2 scopes done, 0 failed, 0 left" in run.err
