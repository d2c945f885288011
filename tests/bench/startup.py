"""What a process costs before it does anything: a sweep until its first request, short commands.

    python -m tests.bench.startup --rounds 10

The sweep is of one account; what it asks listens on loopback and notes when the first request
arrives, then the process is killed. Times are medians; the lowest CPU time is beside them, because
a busy machine only ever adds to it.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from tests.bench.cloud import COMMAND
from tests.bench.measure import Cost, cost_of, peak_bytes_of
from tests.support.command_line import bare_environment

SWEEP = ("sweep",)
SHORT = (("--help",), ("version",), ("config", "check"), ("status",))
CONFIGURATION = "version: 1\ngroup: bench\naws: {regions: [eu-central-1]}\n"
_LONGEST_S = 60.0


def measured(
    rounds: int, commands: Sequence[Sequence[str]] = (SWEEP, *SHORT)
) -> Mapping[str, list[Cost]]:
    """What each command cost in each round; the first round only warms up. Raises: Failed."""
    found: dict[str, list[Cost]] = {" ".join(command): [] for command in commands}
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "cachemuster.yaml").write_text(CONFIGURATION)
        for number in range(rounds + 1):
            for command in commands:
                cost = _cost(command, Path(directory))
                if number:
                    found[" ".join(command)].append(cost)
    return found


def _cost(command: Sequence[str], directory: Path) -> Cost:
    environment = {**bare_environment(), "CACHEMUSTER_CONFIG": str(directory / "cachemuster.yaml")}
    if command == SWEEP:
        return cost_until_first_request(environment)
    return cost_of([*COMMAND, *command], environment, directory / "said.log")


def cost_until_first_request(environment: Mapping[str, str]) -> Cost:
    """What a sweep of one account takes until AWS hears of it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(_LONGEST_S)
        agent = {
            **environment,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.getsockname()[1]}",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        started_s = time.perf_counter()
        process = subprocess.Popen([*COMMAND, *SWEEP], env=agent, stderr=subprocess.DEVNULL)
        try:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
                wall_s = time.perf_counter() - started_s
                peak_bytes = peak_bytes_of(process.pid)
        finally:
            process.kill()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, peak_bytes)


def lines(found: Mapping[str, list[Cost]]) -> Iterator[str]:
    """The table that is printed."""
    yield f"{'command':<32}{'wall ms':>9}{'CPU ms':>9}{'lowest':>9}{'MiB':>6}\n"
    for command, costs in found.items():
        what = "sweep, until its first request" if command == "sweep" else command
        wall_ms = statistics.median(cost.wall_s for cost in costs) * 1000
        cpu_ms = statistics.median(cost.cpu_s for cost in costs) * 1000
        lowest_ms = min(cost.cpu_s for cost in costs) * 1000
        peak_mib = statistics.median(cost.peak_bytes for cost in costs) / (1 << 20)
        yield f"{what:<32}{wall_ms:>9.0f}{cpu_ms:>9.0f}{lowest_ms:>9.0f}{peak_mib:>6.0f}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.startup", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=5)
    sys.stdout.writelines(lines(measured(parser.parse_args(arguments).rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
