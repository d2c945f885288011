"""Ctrl-C, a termination, two sweeps at once: a document, an exit code, and state that is fine."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from discovery.sandbox.aws.faults import Effect
from tests.scenarios.tale import LISTING, VALIDATOR, Tale
from tests.unit.cli.rig import Run

ROOT = Path(__file__).parents[2]
STOPPED_WHILE_WRITING = """
import os, signal
from itertools import count
import discovery.control_plane.storage as registry

insert, numbers = registry.insert, count(1)

def told_to_stop(*arguments):
    insert(*arguments)
    if next(numbers) == 20:  # sixteen at a time: in the second of the transactions that they share
        os.kill(os.getpid(), signal.SIGTERM)

registry.insert = told_to_stop
from discovery.cli.app import main
main()
"""

INTERRUPTED_WHILE_LOADING = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == "discovery.cli.app":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from discovery.cli.start import main
main()
"""


def until(true: Callable[[], object]) -> None:
    for _ in range(400):
        if true():
            return
        threading.Event().wait(0.05)
    pytest.fail("it did not come to that")


def interrupted(process: subprocess.Popen[str], number: signal.Signals) -> Run:
    process.send_signal(number)
    return ended(process)


def ended(process: subprocess.Popen[str]) -> Run:
    out, err = process.communicate(timeout=40)
    run = Run(process.returncode, out, err)
    assert "Traceback" not in err, run
    VALIDATOR.validate(run.document)
    return run


def test_ctrl_c_while_the_libraries_load_is_no_traceback() -> None:
    command = [sys.executable, "-c", INTERRUPTED_WHILE_LOADING, "version"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "")


def test_stopped_in_the_scan_nothing_is_lost(tale: Tale) -> None:
    tale.cache("orders")
    tale.sweep()
    before, memory = tale.registry, tale.memory
    tale.gone("orders")
    tale.aws.calls.clear()
    tale.fault(Effect.LATENCY, delay_s=20, **LISTING)
    with tale.rig.start("sweep", "--format", "json") as process:
        until(lambda: tale.aws.calls.of("DescribeServerlessCaches"))
        run = interrupted(process, signal.SIGINT)
    assert run.code == 130, run
    assert run.document["items"] == []
    assert "interrupted" in run.err
    tale.healed()
    assert tale.registry == before
    after = tale.memory
    assert after.registrations == memory.registrations
    assert after.finished_sweeps == memory.finished_sweeps
    assert after.last_sweep is not None
    assert after.last_sweep.exit_code == 130
    assert tale.sweep().item("orders")["missed"]["scans"] == 1


def test_stopped_while_writing_the_next_sweep_goes_on(tale: Tale) -> None:
    names = {f"c{count:02}" for count in range(60)}
    for name in names:
        tale.cache(name, tags={"TeleportDatabaseName": name})
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED_WHILE_WRITING, "sweep", "--format", "json"],
        cwd=tale.directory,
        env={**tale.rig.environment, "PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        run = ended(process)
    assert run.code == 143, run
    done = {item["name"] for item in run.document["items"] if item["applied"]}
    undone = [item for item in run.document["items"] if item["applied"] is not True]
    assert 20 <= len(done) < 60  # the transaction in hand ended
    assert set(tale.registry) == done
    assert {item["error"]["code"] for item in undone} == {"INTERRUPTED"}
    assert set(tale.memory.registrations) == done
    told = tale.sweep()
    assert told.document["summary"]["create"] == 60 - len(done)
    assert set(tale.registry) == names
    assert tale.sweep().writes == 0


def test_two_sweeps_at_once_take_turns(tale: Tale) -> None:
    tale.cache("orders")
    tale.fault(Effect.LATENCY, delay_s=20, **LISTING)
    with tale.rig.start("sweep", "--format", "json") as holder:
        until(lambda: tale.aws.calls.of("DescribeServerlessCaches"))
        late = tale.run("sweep", "--lock-timeout", "0s", "--format", "json")
        assert (late.code, late.out) == (75, ""), late
        assert f"process {holder.pid}" in late.err
        # Looking needs no lock.
        tale.healed()
        assert tale.run("status").code == 0
        assert tale.audit().verdicts == {"orders": "create/NEW"}
        holder.kill()
        holder.communicate()
    # A holder that died holds nothing.
    assert tale.sweep("--lock-timeout", "0s").verdicts == {"orders": "create/NEW"}


def test_a_signal_before_the_sweep_began_has_no_document(tale: Tale) -> None:
    tale.fault(Effect.LATENCY, delay_s=20, service="sts", operation="GetCallerIdentity")
    with tale.rig.start("sweep", "--format", "json") as process:
        until(lambda: tale.aws.calls.of("GetCallerIdentity"))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=40)
    assert (process.returncode, out) == (143, ""), err
    assert "Nothing was changed" in err
    assert not tale.registry_file.exists()
