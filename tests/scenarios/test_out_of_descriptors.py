"""A process that may have few files open: visitors do not take what sweeps need, and where there
are too few all the same, it is said."""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.test_service import BUSY, wait_for_sweeps
from tests.support.scenario import Scenario
from tests.support.service_process import ServiceProcess, service_process, until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_many_idle_connections_flood_no_log_and_stop_no_sweep(scenario: Scenario) -> None:
    scenario.configure(service={**BUSY, "jitter": "0s"})
    scenario.cache("orders")
    with service_process(scenario, files=64) as service:
        wait_for_sweeps(service)
        host, port = service.address.removeprefix("http://").split(":")
        with contextlib.ExitStack() as crowd:
            for _ in range(120):
                crowd.enter_context(socket.create_connection((host, int(port))))
            wait_for_sweeps(service, 2)
        until(lambda: answers(service))
        assert [each["outcome"] for each in service.named("sweep.finished")[:2]] == ["done"] * 2
        assert len(service.output) < 100_000
        assert service.ended() == 0


def test_a_round_that_runs_out_of_descriptors_names_the_limit_and_the_next_one_is_well(
    scenario: Scenario,
) -> None:
    scenario.configure(service={**BUSY, "jitter": "0s"})
    scenario.cache("orders")
    with service_process(scenario) as service:
        wait_for_sweeps(service)
        pid = service.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        until(lambda: len(service.named("sweep.finished")) == 1)
        used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, before[1]))
        until(lambda: service.named("sweep.broke") or len(service.named("sweep.finished")) > 1)
        broke = [*service.named("sweep.broke"), *service.named("scope.failed")]
        whys = [each.get("why") or each["message"] for each in broke]
        assert whys
        assert all(f"this process may have {used} at once" in why for why in whys), whys
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        until(lambda: service.named("sweep.finished")[-1]["outcome"] == "done")
        wait_for_sweeps(service, 2)
        assert service.ended() == 0


def answers(service: ServiceProcess) -> bool:
    with contextlib.suppress(OSError):  # the crowd is still being shown out
        return service.get("/healthz")[0] == 200
    return False


OUT = """
import asyncio, os, resource, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from discovery.control_plane.embedded.control_plane import Embedded
from state.lock import this_process, writer_lock
from state.store import Store, load_state

path = Path("state.db")
Store.open(path).close()
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
me = this_process("run", datetime.now(UTC))

async def lock():
    async with writer_lock(path, wait=timedelta(0), holder=me):
        pass

def said(call):
    try:
        call()
    except Exception as error:
        return str(error)
    return "nothing failed"

loop = asyncio.new_event_loop()
open_files = []
try:
    while True:
        open_files.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
found = [
    said(lambda: loop.run_until_complete(lock())),
    said(lambda: load_state(path)),
    said(lambda: Store.open(path)),
]
for each in open_files:
    os.close(each)
print("\\n".join(found))
"""


def test_state_that_cannot_be_opened_for_want_of_descriptors_blames_nothing_else(
    tmp_path: Path,
) -> None:
    out = subprocess.check_output(
        [sys.executable, "-c", OUT], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, text=True
    )
    lock, reading, writing = out.splitlines()
    for said in (lock, reading, writing):
        assert "this process may have 32 at once" in said
        assert "ulimit -n" in said
        assert "permission" not in said
        assert "directory" not in said
