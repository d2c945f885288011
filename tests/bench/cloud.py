"""The simulated AWS of a benchmark: `cachemuster sandbox` in a process of its own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from discovery.sandbox.demo import EXTERNAL_ID, ROLE_NAME
from discovery.sandbox.generated_world import Size
from tests.bench.measure import peak_bytes_of

COMMAND = (sys.executable, "-m", "discovery.cli")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running cloud and the environment of a process that uses it."""

    environment: Mapping[str, str]
    pid: int

    def counted(self) -> dict[str, int]:
        """The calls since the last time somebody counted, by `service:Operation`."""
        return counted(self.environment["AWS_ENDPOINT_URL"])

    @property
    def cpu_s(self) -> float:
        """What the cloud's own process has used so far."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / _TICKS_PER_S

    @property
    def peak_bytes(self) -> int:
        """The most memory that the cloud's own process has held."""
        return peak_bytes_of(self.pid)


def counted(url: str) -> dict[str, int]:
    """The calls to the cloud at `url` since the last time somebody counted."""
    tally = _asked(url, "GET", "tally")["tally"]
    _asked(url, "DELETE", "calls")
    return tally


def _asked(url: str, method: str, what: str) -> dict[str, dict[str, int]]:
    request = urllib.request.Request(f"{url}/_sandbox/{what}", method=method)
    with urllib.request.urlopen(request) as answer:
        found: dict[str, dict[str, int]] = json.load(answer)
    return found


@contextmanager
def running(size: Size, latency_ms: float) -> Iterator[Cloud]:
    """A cloud of that size, up within the context."""
    options = {
        "accounts": size.accounts,
        "regions": size.regions,
        "caches": size.caches,
        "spread": size.spread.value,
        "seed": size.seed,
        "latency-ms": latency_ms,
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    with subprocess.Popen(
        [*COMMAND, "sandbox", *given],
        env=_bare(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            if "listens" not in process.stderr.readline():
                raise RuntimeError("the sandbox did not start")
            lines = [shlex.split(process.stdout.readline())[1] for _ in range(5)]
            exported = dict(line.split("=", 1) for line in lines)
            secrets = {"EXTERNAL_ID": EXTERNAL_ID, "AWS_EC2_METADATA_DISABLED": "true"}
            yield Cloud({**_bare(), **exported, **secrets}, process.pid)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def write_configuration(size: Size, directory: Path, workers: str = "1") -> Path:
    """The configuration of a sweep over the whole cloud, with state and registry beside it."""
    hub, *members = size.account_ids
    entries: list[Mapping[str, str]] = [{"id": hub}]
    entries += [
        {
            "id": account_id,
            "role_arn": f"arn:aws:iam::{account_id}:role/{ROLE_NAME}",
            "external_id": "env:EXTERNAL_ID",
        }
        for account_id in members
    ]
    configuration = {
        "version": 1,
        "group": "bench",
        "state": {"path": "state.db"},
        "aws": {
            "accounts": entries,
            "regions": list(size.region_names),
            "workers": workers if workers == "auto" else int(workers),
        },
        "control_plane": {"kind": "embedded", "path": "registry.db"},
    }
    file = directory / "cachemuster.yaml"
    file.write_text(json.dumps(configuration))
    return file


def _bare() -> dict[str, str]:
    """Nothing of the AWS setup of whoever runs the benchmark."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2]), "LC_ALL": "C.UTF-8"}
