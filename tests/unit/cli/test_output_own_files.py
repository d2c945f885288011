"""`-o` never writes over what the program itself needs, and a named pipe gets its report."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from discovery.cli.app import run
from state.store import Store
from tests.support.command_line import SCRIPT

CONFIGURATION = """\
version: 1
group: prod
state: {path: data/state.db}
aws:
  accounts:
    - {id: "111122223333", role_arn: "arn:aws:iam::111122223333:role/r", external_id: "file:%s/eid"}
"""
EMBEDDED = "control_plane: {kind: embedded, path: data/registry.db}\n"
TELEPORT = "control_plane: {kind: teleport, address: 'example.com:443', identity_file: identity}\n"
OFFLINE = [
    ["status"],
    ["history"],
    ["explain", "orders"],
    ["audit"],
    ["sweep"],
    ["sweep", "--dry-run"],
    ["export"],
    ["export", "--registered"],
    ["doctor"],
    ["policies", "member"],
    ["config", "schema"],
    ["adopt", "orders", "--yes"],
    ["release", "orders", "--yes"],
]


def configured(control_plane: str = EMBEDDED) -> str:
    return CONFIGURATION % Path.cwd() + control_plane


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CACHEMUSTER_CONFIG", raising=False)
    Path("data").mkdir()
    Path("eid").write_text("secret\n")
    Path("identity").write_text("key\n")
    Path("cachemuster.yaml").write_text(configured())
    Store.open(Path("data/state.db")).close()
    Path("data/registry.db").touch()


def as_named(path: Path) -> Path:
    return path


def by_a_symbolic_link(path: Path) -> Path:
    link = Path("report")
    link.symlink_to(path.absolute())
    return link


def by_a_hard_link(path: Path) -> Path:
    link = Path("report")
    os.link(path, link)
    return link


@pytest.mark.parametrize("name", [as_named, by_a_symbolic_link, by_a_hard_link])
@pytest.mark.parametrize("own", ["cachemuster.yaml", "data/state.db", "data/registry.db", "eid"])
def test_a_report_over_the_programs_own_file_is_refused(
    own: str, name: Callable[[Path], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(own)
    before = file.read_bytes()
    assert run(["status", "-o", str(name(file))]) == 64
    said = capsys.readouterr()
    assert said.out == ""
    assert "nothing was overwritten" in said.err
    assert file.read_bytes() == before


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal", ".lock", ".run.lock", ".reserve"])
def test_what_lies_beside_the_state_is_the_programs_own_even_before_it_is_there(end: str) -> None:
    assert run(["status", "-o", f"data/state.db{end}"]) == 64
    assert not Path(f"data/state.db{end}").exists()


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_what_lies_beside_the_registry_is_the_programs_own(end: str) -> None:
    assert run(["status", "-o", f"data/../data/registry.db{end}"]) == 64


def test_the_identity_file_is_the_programs_own() -> None:
    Path("cachemuster.yaml").write_text(configured(TELEPORT))
    assert run(["status", "-o", "identity"]) == 64
    assert Path("identity").read_text() == "key\n"


@pytest.mark.parametrize("arguments", OFFLINE, ids=" ".join)
@pytest.mark.parametrize("own", ["cachemuster.yaml", "data/state.db"])
def test_every_command_refuses_alike(arguments: list[str], own: str) -> None:
    before = Path(own).read_bytes()
    assert run([*arguments, "-o", own]) == 64
    assert Path(own).read_bytes() == before


def test_the_configuration_named_after_the_report_counts_too() -> None:
    Path("cachemuster.yaml").rename("other.yaml")
    assert run(["status", "-o", "other.yaml", "-c", "other.yaml"]) == 64
    assert Path("other.yaml").read_text() == configured()


def test_a_configuration_that_is_wrong_is_not_overwritten_either() -> None:
    Path("cachemuster.yaml").write_text("version: 1\n")
    assert run(["config", "schema", "-o", "cachemuster.yaml"]) == 64
    assert Path("cachemuster.yaml").read_text() == "version: 1\n"


def test_any_other_file_is_written() -> None:
    assert run(["status", "-o", "report.txt"]) == 0
    assert Path("report.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["status"], ["config", "schema"]], ids=" ".join)
def test_a_named_pipe_gets_the_whole_report(arguments: list[str]) -> None:
    os.mkfifo("pipe")
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append(Path("pipe").read_text()), daemon=True)
    reader.start()
    done = subprocess.run(
        [*SCRIPT, *arguments, "-o", "pipe"], capture_output=True, text=True, timeout=60, check=False
    )
    reader.join(timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Waiting for somebody to read" in done.stderr
    direct = subprocess.run([*SCRIPT, *arguments], capture_output=True, text=True, check=True)
    assert received == [direct.stdout]


def test_an_unreadable_configuration_is_exit_78(capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    if os.geteuid() != 0:
        Path("cachemuster.yaml").chmod(0)
        assert run(["status"]) == 78
        assert run(["status", "-c", "cachemuster.yaml"]) == 78
        assert "cannot be read: Permission denied" in capsys.readouterr().err
    assert run(["status", "-c", "folder"]) == 78
    assert "this is a directory" in capsys.readouterr().err
