"""Files that cannot be read or written: a sentence, an exit code, nothing lost."""

from __future__ import annotations

import ctypes
import json
import resource
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.tale import Tale
from tests.unit.cli.rig import SCRIPT


def no_state_at_all(path: Path) -> None:
    path.write_bytes(b"shopping list\n" * 400)


def half_a_state(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xff" * 2000 + data[2100:])


def somebody_elses(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE bookmarks (url TEXT)")
    file.close()


def from_the_future(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


BROKEN = [
    no_state_at_all,
    half_a_state,
    somebody_elses,
    from_the_future,
    a_directory,
    a_link_to_itself,
]


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_a_state_file_that_is_none_is_left_as_it_is(
    tale: Tale, damage: Callable[[Path], None]
) -> None:
    tale.cache("orders")
    tale.sweep()
    before = tale.registry
    damage(tale.state_file)
    left = tale.state_file.read_bytes() if tale.state_file.is_file() else b""
    tale.gone("orders")
    for command in (("sweep",), ("audit",), ("status",), ("export",)):
        run = tale.run(*command)
        assert run.code == 1, run
        assert str(tale.state_file) in run.err
        assert run.out == ""
    assert tale.registry == before
    assert (tale.state_file.read_bytes() if tale.state_file.is_file() else b"") == left


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_a_registry_that_is_none_is_exit_1(tale: Tale, damage: Callable[[Path], None]) -> None:
    tale.cache("orders")
    tale.sweep()
    damage(tale.registry_file)
    left = tale.registry_file.read_bytes() if tale.registry_file.is_file() else b""
    for command in ("sweep", "audit"):
        told = tale.tell(command, exits=1)
        assert set(told.verdicts.values()) == {"held/REGISTRY_UNREAD"}
        assert "registry" in told.run.err
    assert (tale.registry_file.read_bytes() if tale.registry_file.is_file() else b"") == left
    assert len(tale.memory.registrations) == 1


def test_a_directory_that_is_not_there(tale: Tale) -> None:
    tale.configure(state={"path": "nowhere/state.db"})
    run = tale.run("sweep")
    assert (run.code, run.out) == (1, ""), run
    assert "nowhere" in run.err
    assert not tale.registry_file.exists()


def test_an_audit_in_a_directory_that_cannot_be_written(tale: Tale) -> None:
    """Everything may be read and nothing written."""
    tale.cache("orders")
    tale.sweep()
    tale.cache("fresh")
    before = tale.files()
    tale.directory.chmod(0o555)
    for file in tale.directory.iterdir():
        file.chmod(0o444)
    try:
        audit = without_privilege(tale, "audit", "--format", "json")
        assert audit.returncode == 0, audit.stderr
        assert json.loads(audit.stdout)["summary"]["create"] == 1
        sweep = without_privilege(tale, "sweep")
        assert sweep.returncode == 1, sweep.stderr
        assert "Nothing was changed" in sweep.stderr
    finally:
        tale.directory.chmod(0o755)
    assert tale.files() == before


def without_privilege(tale: Tale, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that may only what the modes of files allow, even if root runs the tests."""

    def drop() -> None:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP, where one may

    return in_process(tale, *arguments, before=drop)


def in_process(
    tale: Tale, *arguments: str, before: Callable[[], object]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SCRIPT, *arguments],
        cwd=tale.directory,
        env=tale.rig.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=before,
    )


def test_a_full_disk_loses_nothing_and_says_so(tale: Tale) -> None:
    """No file of the process may grow beyond a few kilobytes, as if the disk had filled up."""
    tale.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    tale.sweep()
    before, memory = tale.registry, tale.memory
    for number in range(40):
        tale.cache(f"c{number}", tags={"note": "x" * 200})
    done = in_process(
        tale,
        "sweep",
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, 70_000)),
    )
    assert done.returncode in (1, 3), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "What it held before is unchanged" in " ".join(done.stdout.split())
    assert {"orders-db"} <= set(tale.registry)
    assert tale.registry["orders-db"] == before["orders-db"]
    assert set(memory.registrations) <= set(tale.memory.registrations)
    told = tale.sweep()
    assert len(tale.registry) == 41
    assert told.verdicts["orders"] == "keep/UNCHANGED"
    assert tale.sweep().writes == 0


def test_a_log_on_a_full_disk_stops_no_sweep(tale: Tale) -> None:
    tale.cache("orders")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SCRIPT, "sweep", "--format", "json"],
            cwd=tale.directory,
            env=tale.rig.environment,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0
    assert json.loads(done.stdout)["summary"]["create"] == 1
    assert len(tale.registry) == 1


def test_a_report_that_cannot_be_written_stops_the_sweep_before_it_begins(tale: Tale) -> None:
    tale.cache("orders")
    run = tale.run("sweep", "-o", "no/such/place.json")
    assert run.code == 64, run
    assert not tale.registry_file.exists()
    assert not tale.aws.calls.of("DescribeServerlessCaches")


def test_a_report_replaces_the_former_one_as_a_whole(tale: Tale) -> None:
    tale.cache("orders")
    report = tale.directory / "report.json"
    report.write_text("the former one")
    run = tale.run("sweep", "--format", "json", "-o", "report.json")
    assert (run.code, run.out) == (0, ""), run
    assert '"create": 1' in report.read_text()
    assert {file.name for file in tale.directory.iterdir()} == {
        "cachemuster.yaml",
        "cachemuster.db",
        "cachemuster.db.lock",
        "cachemuster.db.reserve",
        "registry.db",
        "report.json",
    }


def test_a_port_in_use_is_said(tale: Tale) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = tale.run("sandbox", "--port", str(port))
    assert run.code == 1, run
    assert str(port) in run.err


def test_copied_state_and_registry_work_elsewhere_after_a_rebind(tale: Tale) -> None:
    tale.cache("orders")
    tale.sweep()
    moved = tale.directory / "moved"
    moved.mkdir()
    for name in ("cachemuster.db", "registry.db"):
        shutil.copy(tale.directory / name, moved / name)
    tale.configure(
        state={"path": "moved/cachemuster.db"},
        control_plane={"kind": "embedded", "path": "moved/registry.db"},
    )
    assert tale.run("sweep").code == 78
    assert tale.sweep("--rebind-state").verdicts == {"orders": "keep/UNCHANGED"}
    assert tale.sweep().verdicts == {"orders": "keep/UNCHANGED"}


def test_state_on_a_network_file_system_is_refused(
    tale: Tale, monkeypatch: pytest.MonkeyPatch
) -> None:
    tale.cache("orders")
    mountinfo = tale.directory / "mountinfo"
    mountinfo.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
        f"2 1 0:9 / {tale.directory} rw - nfs4 fs-1.efs.eu-central-1.amazonaws.com:/ rw\n"
    )
    monkeypatch.setattr("state.mounts.MOUNTINFO", mountinfo)
    before = tale.files()
    for command in (("sweep",), ("pause", "--for", "1h"), ("run",)):
        run = tale.run(*command)
        assert run.code == 78, run
        assert f"the state file {tale.state_file} lies on a network file system" in run.err
        assert "nfs4, fs-1.efs.eu-central-1.amazonaws.com:/" in run.err
    assert tale.files() == before, "nothing was made there"
    assert tale.audit().verdicts == {"orders": "create/NEW"}, "an audit needs no state"
    examined = tale.run("doctor")
    assert examined.code == 1
    assert "network file" in examined.out
