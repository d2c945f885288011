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
from tests.support.command_line import Run
from tests.support.scenario import LISTING, VALIDATOR, Scenario

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STOPPED_WHILE_WRITING = """
import os, signal
from itertools import count
import discovery.control_plane.embedded.storage as registry

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


def test_stopped_in_the_scan_nothing_is_lost(scenario: Scenario) -> None:
    scenario.cache("orders")
    scenario.sweep()
    before, state = scenario.registry, scenario.state
    scenario.gone("orders")
    scenario.aws.calls.clear()
    scenario.fault(Effect.LATENCY, delay_s=20, **LISTING)
    with scenario.rig.start("sweep", "--format", "json") as process:
        until(lambda: scenario.aws.calls.of("DescribeServerlessCaches"))
        run = interrupted(process, signal.SIGINT)
    assert run.code == 130, run
    assert run.document["items"] == []
    assert "interrupted" in run.err
    scenario.healed()
    assert scenario.registry == before
    after = scenario.state
    assert after.registrations == state.registrations
    assert after.finished_sweeps == state.finished_sweeps
    assert after.last_sweep is not None
    assert after.last_sweep.exit_code == 130
    assert scenario.sweep().item("orders")["missed"]["scans"] == 1


def test_stopped_while_writing_the_next_sweep_goes_on(scenario: Scenario) -> None:
    names = {f"c{count:02}" for count in range(60)}
    for name in names:
        scenario.cache(name, tags={"TeleportDatabaseName": name})
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED_WHILE_WRITING, "sweep", "--format", "json"],
        cwd=scenario.directory,
        env={**scenario.rig.environment, "PYTHONPATH": str(ROOT)},
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
    assert set(scenario.registry) == done
    assert {item["error"]["code"] for item in undone} == {"INTERRUPTED"}
    assert set(scenario.state.registrations) == done
    told = scenario.sweep()
    assert told.document["summary"]["create"] == 60 - len(done)
    assert set(scenario.registry) == names
    assert scenario.sweep().writes == 0


def test_two_sweeps_at_once_take_turns(scenario: Scenario) -> None:
    scenario.cache("orders")
    scenario.fault(Effect.LATENCY, delay_s=20, **LISTING)
    with scenario.rig.start("sweep", "--format", "json") as holder:
        until(lambda: scenario.aws.calls.of("DescribeServerlessCaches"))
        late = scenario.run("sweep", "--lock-timeout", "0s", "--format", "json")
        assert (late.code, late.out) == (75, ""), late
        assert f"process {holder.pid}" in late.err
        # Looking needs no lock.
        scenario.healed()
        assert scenario.run("status").code == 0
        assert scenario.audit().verdicts == {"orders": "create/NEW"}
        holder.kill()
        holder.communicate()
    # A holder that died holds nothing.
    assert scenario.sweep("--lock-timeout", "0s").verdicts == {"orders": "create/NEW"}


def test_a_signal_before_the_sweep_began_has_no_document(scenario: Scenario) -> None:
    scenario.fault(Effect.LATENCY, delay_s=20, service="sts", operation="GetCallerIdentity")
    with scenario.rig.start("sweep", "--format", "json") as process:
        until(lambda: scenario.aws.calls.of("GetCallerIdentity"))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=40)
    assert (process.returncode, out) == (143, ""), err
    assert "Nothing was changed" in err
    assert not scenario.registry_file.exists()
