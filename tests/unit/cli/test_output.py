"""A report is there whole or not at all."""

import os
import stat
import sys
from pathlib import Path
from typing import TextIO

import pytest

from discovery.cli.output import OutputLost, OutputUnwritable, open_destination


def write_hello(stream: TextIO) -> None:
    stream.write("hello\n")


def write_half(stream: TextIO) -> None:
    stream.write("half")
    raise OSError(28, "No space left on device")


def test_a_new_file_is_as_public_as_the_umask_says(tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    with open_destination(file) as destination:
        assert not file.exists()
        destination.write(write_hello)
    assert file.read_text() == "hello\n"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~umask
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_with_a_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "databases.yaml"
    file.write_text("earlier")
    file.chmod(0o644)
    with open_destination(file) as destination:
        destination.write(write_hello, holds_secret=True)
    assert file.read_text() == "hello\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_full_disk_leaves_the_earlier_report(tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    file.write_text("earlier")
    with pytest.raises(OutputLost, match="No space left"), open_destination(file) as destination:
        destination.write(write_half)
    assert file.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [file]


def test_work_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sweep"), open_destination(tmp_path / "report.txt"):
        raise ValueError("the sweep went wrong")
    assert list(tmp_path.iterdir()) == []


def test_a_link_still_points_at_the_report(tmp_path: Path) -> None:
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    link.symlink_to(target)
    with open_destination(link) as destination:
        destination.write(write_hello)
    assert link.is_symlink()
    assert target.read_text() == "hello\n"


def test_a_device_is_written_to_and_never_replaced() -> None:
    before = Path("/dev/null").stat()
    with open_destination(Path("/dev/null")) as destination:
        destination.write(write_hello)
    assert Path("/dev/null").stat().st_rdev == before.st_rdev
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize(
    "destination",
    [
        pytest.param("missing/report.txt", id="no-such-directory"),
        pytest.param(".", id="a-directory"),
        pytest.param("a-file/report.txt", id="below-a-file"),
        pytest.param("nul\0l", id="no-name-for-a-file"),
        pytest.param("n" * 300 + "/x", id="too-long"),
    ],
)
def test_an_unwritable_place_is_found_first(tmp_path: Path, destination: str) -> None:
    (tmp_path / "a-file").touch()
    found = open_destination(tmp_path / destination)
    with pytest.raises(OutputUnwritable, match="Nothing was started"):
        found.__enter__()


@pytest.mark.parametrize("path", [None, Path("-")], ids=["none", "dash"])
def test_without_a_file_it_is_stdout(path: Path | None, capsys: pytest.CaptureFixture[str]) -> None:
    with open_destination(path) as destination:
        destination.write(write_hello)
    assert capsys.readouterr().out == "hello\n"


def test_a_full_stdout_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with (
            pytest.raises(OutputLost, match="standard output"),
            open_destination(None) as destination,
        ):
            destination.write(write_hello)
