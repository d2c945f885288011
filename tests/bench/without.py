"""What each measure brings: the same first sweep with one of them taken out.

    python -m tests.bench.without --rounds 3

Over the world of `tests.bench.sweep`. The rounds go through all of them in turn, so that a machine
that slows down slows down each. Times and memory are the medians; what a measure brings is the
difference to the first row.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from discovery.sandbox.generated_world import Size, Spread
from tests.bench.cloud import Cloud, running, write_configuration
from tests.bench.measure import MIB, Cost, cost_of

_MAIN = "from discovery.cli.app import main\nmain()\n"

WITHOUT: Mapping[str, str] = {
    "nothing": "",
    "own timestamp parser": """
import discovery.aws.sdk_session as sdk_session
from botocore.utils import parse_timestamp
sdk_session._utc = parse_timestamp
""",
    "one TLS context": """
import discovery.aws.clients as clients
from aiobotocore.httpsession import AIOHTTPSession
clients.SharedTlsSession = AIOHTTPSession
""",
    "fast path": """
import discovery.aws.fast_path as fast_path
fast_path.OPERATIONS = {}
""",
    "caches read straight from XML": """
import discovery.aws.fast_path as fast_path
fast_path.OPERATIONS = {**fast_path.OPERATIONS, "DescribeServerlessCaches": None}
""",
    "empty answers told from bytes": """
import re
import discovery.aws.cache_answers as cache_answers
cache_answers._EMPTY = re.compile(b"(?!)")
""",
    "signing keys kept": """
import discovery.aws.signing as signing
signing._signing_key = signing._signing_key.__wrapped__
""",
    "user agent made once": """
import discovery.aws.clients as clients
clients._user_agent = lambda: None
""",
    "limit of requests under way": """
import discovery.aws.clients as clients
from contextlib import nullcontext
clients.Clients.slot = lambda self, service: nullcontext()
""",
    "rare garbage collections": """
import gc
import discovery.cli.app as app
app.COLLECTED_AFTER = gc.get_threshold()
""",
    "quick exit": """
import gc
gc.freeze = lambda: None
""",
    "shared transactions": """
from state.group_commit import GroupCommit
async def work(self):
    while self._waiting:
        page, self._waiting = self._waiting[:1], self._waiting[1:]
        await self._write_batch(page)
GroupCommit._work = work
""",
    "shared look-ups": """
import asyncio
from discovery.control_plane.embedded.control_plane import EmbeddedReader
async def get(self, name):
    return (await asyncio.to_thread(self._get_all, [name]))[0]
EmbeddedReader.get = get
""",
    "tenacity after a failure alone": """
import discovery.control_plane.retry as retry
from discovery.control_plane.base import ControlPlaneError
async def retried(call, sleep, *, is_over=lambda: False):
    return await retry._retry(call, None, sleep, is_over)
retry.retried = retried
""",
    "indentation of our own": """
import json
import discovery.reports.json_text as json_text
def indented(value, margin=""):
    return json.dumps(value, indent=2, default=dict).replace("\\n", "\\n" + margin)
json_text.indented = indented
""",
    "equal resources told at once": """
import discovery.plan.resource as resource
def changes_between(old, new):
    found = resource._differences("", old.document(), new.document())
    return tuple(sorted(found, key=lambda change: change.field))
resource.changes_between = changes_between
""",
    "label keys asked about once": """
import matchers.keys as keys
keys.is_reserved = keys.is_reserved.__wrapped__
keys.is_label_key = keys.is_label_key.__wrapped__
""",
    "texts kept once": """
import discovery.model.interning as interning
interning.intern_text = lambda text: text
interning.intern_mapping = dict
""",
}
"""What is done before the program begins, by what it undoes."""


def measured(size: Size, rounds: int) -> Mapping[str, Sequence[Cost]]:
    """Every first sweep of every round. Raises: Failed."""
    found: dict[str, list[Cost]] = {what: [] for what in WITHOUT}
    with running(size, 100.0) as cloud:
        for _ in range(rounds):
            for what, undoing in WITHOUT.items():
                found[what].append(_first_sweep(size, cloud, undoing))
    return found


def _first_sweep(size: Size, cloud: Cloud, undoing: str) -> Cost:
    with tempfile.TemporaryDirectory() as directory:
        configuration = write_configuration(size, Path(directory))
        report = Path(directory) / "report.json"
        command = [sys.executable, "-c", f"{undoing}\n{_MAIN}", "sweep", "-c", str(configuration)]
        command += ["--format", "json", "-o", str(report)]
        return cost_of(command, cloud.environment, Path(directory) / "stderr.log")


def lines(found: Mapping[str, Sequence[Cost]]) -> Iterator[str]:
    """The table that is printed."""
    yield f"{'without':<30}{'wall s':>8}{'CPU s':>8}{'MiB':>6}\n"
    for what, costs in found.items():
        wall_s = statistics.median(cost.wall_s for cost in costs)
        cpu_s = statistics.median(cost.cpu_s for cost in costs)
        peak_mib = statistics.median(cost.peak_bytes for cost in costs) / MIB
        yield f"{what:<30}{wall_s:>8.2f}{cpu_s:>8.2f}{peak_mib:>6.0f}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.without", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=1, help="of several, the median")
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--caches", type=int, default=1000)
    asked = parser.parse_args(arguments)
    size = Size(asked.accounts, 5, asked.caches, Spread.TYPICAL)
    sys.stdout.writelines(lines(measured(size, asked.rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
