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

from tests.support.command_line import SCRIPT
from tests.support.scenario import Scenario


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
    scenario: Scenario, damage: Callable[[Path], None]
) -> None:
    scenario.cache("orders")
    scenario.sweep()
    before = scenario.registry
    damage(scenario.state_file)
    left = scenario.state_file.read_bytes() if scenario.state_file.is_file() else b""
    scenario.gone("orders")
    for command in (("sweep",), ("audit",), ("status",), ("export",)):
        run = scenario.run(*command)
        assert run.code == 1, run
        assert str(scenario.state_file) in run.err
        assert run.out == ""
    assert scenario.registry == before
    assert (scenario.state_file.read_bytes() if scenario.state_file.is_file() else b"") == left


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_a_registry_that_is_none_is_exit_1(
    scenario: Scenario, damage: Callable[[Path], None]
) -> None:
    scenario.cache("orders")
    scenario.sweep()
    damage(scenario.registry_file)
    left = scenario.registry_file.read_bytes() if scenario.registry_file.is_file() else b""
    for command in ("sweep", "audit"):
        shown = scenario.run_for_document(command, exits=1)
        assert set(shown.verdicts.values()) == {"held/REGISTRY_UNREAD"}
        assert "registry" in shown.run.err
    assert (
        scenario.registry_file.read_bytes() if scenario.registry_file.is_file() else b""
    ) == left
    assert len(scenario.state.registrations) == 1


def test_a_directory_that_is_not_there(scenario: Scenario) -> None:
    scenario.configure(state={"path": "nowhere/state.db"})
    run = scenario.run("sweep")
    assert (run.code, run.out) == (1, ""), run
    assert "nowhere" in run.err
    assert not scenario.registry_file.exists()


@pytest.mark.slow
def test_an_audit_in_a_directory_that_cannot_be_written(scenario: Scenario) -> None:
    """Everything may be read and nothing written."""
    scenario.cache("orders")
    scenario.sweep()
    scenario.cache("fresh")
    before = scenario.files()
    scenario.directory.chmod(0o555)
    for file in scenario.directory.iterdir():
        file.chmod(0o444)
    try:
        audit = without_privilege(scenario, "audit", "--format", "json")
        assert audit.returncode == 0, audit.stderr
        assert json.loads(audit.stdout)["summary"]["create"] == 1
        sweep = without_privilege(scenario, "sweep")
        assert sweep.returncode == 1, sweep.stderr
        assert "Nothing was changed" in sweep.stderr
    finally:
        scenario.directory.chmod(0o755)
    assert scenario.files() == before


def without_privilege(scenario: Scenario, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that may only what the modes of files allow, even if root runs the tests."""

    def drop() -> None:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP, where one may

    return in_process(scenario, *arguments, before=drop)


def in_process(
    scenario: Scenario, *arguments: str, before: Callable[[], object]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SCRIPT, *arguments],
        cwd=scenario.directory,
        env=scenario.cli.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=before,
    )


@pytest.mark.slow
def test_a_full_disk_loses_nothing_and_says_so(scenario: Scenario) -> None:
    """No file of the process may grow beyond a few kilobytes, as if the disk had filled up."""
    scenario.cache("orders", tags={"TeleportDatabaseName": "orders-db"})
    scenario.sweep()
    before, state = scenario.registry, scenario.state
    for number in range(40):
        scenario.cache(f"c{number}", tags={"note": "x" * 200})
    done = in_process(
        scenario,
        "sweep",
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, 70_000)),
    )
    assert done.returncode in (1, 3), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "What it held before is unchanged" in " ".join(done.stdout.split())
    assert {"orders-db"} <= set(scenario.registry)
    assert scenario.registry["orders-db"] == before["orders-db"]
    assert set(state.registrations) <= set(scenario.state.registrations)
    shown = scenario.sweep()
    assert len(scenario.registry) == 41
    assert shown.verdicts["orders"] == "keep/UNCHANGED"
    assert scenario.sweep().writes == 0


@pytest.mark.slow
def test_a_log_on_a_full_disk_stops_no_sweep(scenario: Scenario) -> None:
    scenario.cache("orders")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SCRIPT, "sweep", "--format", "json"],
            cwd=scenario.directory,
            env=scenario.cli.environment,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0
    assert json.loads(done.stdout)["summary"]["create"] == 1
    assert len(scenario.registry) == 1


def test_a_report_that_cannot_be_written_stops_the_sweep_before_it_begins(
    scenario: Scenario,
) -> None:
    scenario.cache("orders")
    run = scenario.run("sweep", "-o", "no/such/place.json")
    assert run.code == 64, run
    assert not scenario.registry_file.exists()
    assert not scenario.aws.calls.of("DescribeServerlessCaches")


def test_a_report_replaces_the_former_one_as_a_whole(scenario: Scenario) -> None:
    scenario.cache("orders")
    report = scenario.directory / "report.json"
    report.write_text("the former one")
    run = scenario.run("sweep", "--format", "json", "-o", "report.json")
    assert (run.code, run.out) == (0, ""), run
    assert '"create": 1' in report.read_text()
    assert {file.name for file in scenario.directory.iterdir()} == {
        "cachemuster.yaml",
        "cachemuster.db",
        "cachemuster.db.lock",
        "cachemuster.db.reserve",
        "registry.db",
        "report.json",
    }


def test_a_port_in_use_is_said(scenario: Scenario) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = scenario.run("sandbox", "--port", str(port))
    assert run.code == 1, run
    assert str(port) in run.err


def test_copied_state_and_registry_work_elsewhere_after_a_rebind(scenario: Scenario) -> None:
    scenario.cache("orders")
    scenario.sweep()
    moved = scenario.directory / "moved"
    moved.mkdir()
    for name in ("cachemuster.db", "registry.db"):
        shutil.copy(scenario.directory / name, moved / name)
    scenario.configure(
        state={"path": "moved/cachemuster.db"},
        control_plane={"kind": "embedded", "path": "moved/registry.db"},
    )
    assert scenario.run("sweep").code == 78
    assert scenario.sweep("--rebind-state").verdicts == {"orders": "keep/UNCHANGED"}
    assert scenario.sweep().verdicts == {"orders": "keep/UNCHANGED"}


def test_state_on_a_network_file_system_is_refused(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario.cache("orders")
    mountinfo = scenario.directory / "mountinfo"
    mountinfo.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
        f"2 1 0:9 / {scenario.directory} rw - nfs4 fs-1.efs.eu-central-1.amazonaws.com:/ rw\n"
    )
    monkeypatch.setattr("state.mounts.MOUNTINFO", mountinfo)
    before = scenario.files()
    for command in (("sweep",), ("pause", "--for", "1h"), ("run",)):
        run = scenario.run(*command)
        assert run.code == 78, run
        assert f"the state file {scenario.state_file} lies on a network file system" in run.err
        assert "nfs4, fs-1.efs.eu-central-1.amazonaws.com:/" in run.err
    assert scenario.files() == before, "nothing was made there"
    assert scenario.audit().verdicts == {"orders": "create/NEW"}, "an audit needs no state"
    examined = scenario.run("doctor")
    assert examined.code == 1
    assert "network file" in examined.out
