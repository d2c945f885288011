"""A sweep as the long-running service does it: in a process that has swept before, clients warm.

    python -m tests.bench.tick CONFIGURATION OUTPUT

Sweeps twice, opening state and control plane for each as the service does, and writes what the
second one took, as JSON, to OUTPUT.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from discovery.aws.cloud import open_cloud
from discovery.cli.app import COLLECTED_AFTER
from discovery.config.load import load_config
from discovery.config.rules import build_rules
from discovery.config.secrets import Secret, resolve_external_id
from discovery.control_plane.embedded.control_plane import Embedded
from discovery.reports.report import Report
from discovery.sweep.context import SweepContext, SweepRequest
from discovery.sweep.sweep import sweep
from state.lock import this_process, writer_lock
from state.store import Store
from tests.bench.cloud import counted
from tests.bench.measure import starved_s_of

_LOCK_WAIT = timedelta(seconds=5)


async def ticks(file: Path) -> dict[str, object]:
    """What the second sweep took."""
    config = load_config(file)
    async with open_cloud(config.aws, resolve=_secret, clock=_now) as cloud:
        context = SweepContext(
            config=config, rules=build_rules(config, _secret), cloud=cloud, clock=_now
        )
        await _run_sweep(context)
        counted(os.environ["AWS_ENDPOINT_URL"])
        before_s, cpu_before_s = time.perf_counter(), time.process_time()
        starved_before_s = starved_s_of("self")
        report = await _run_sweep(context)
        return {
            "wall_s": time.perf_counter() - before_s,
            "cpu_s": time.process_time() - cpu_before_s,
            "starved_s": starved_s_of("self") - starved_before_s,
            "summary": dict(report.summary),
        }


async def _run_sweep(context: SweepContext) -> Report:
    path = context.config.state.path
    registry = path.with_name("registry.db")
    async with writer_lock(path, wait=_LOCK_WAIT, holder=this_process("bench", _now())):
        with Store.open(path) as store:
            async with Embedded(registry) as control_plane:
                return await sweep(
                    context, SweepRequest(), control_plane=control_plane, store=store
                )


def _secret(reference: str) -> Secret:
    return resolve_external_id(reference, os.environ)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    gc.set_threshold(*COLLECTED_AFTER)
    Path(sys.argv[2]).write_text(json.dumps(asyncio.run(ticks(Path(sys.argv[1])))))
