"""`python -m tests.bench.reports [CACHES]`: time and memory of each form of a large report."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from discovery.reports.formats import RENDERERS, Format
from discovery.reports.report import Report
from discovery.reports.view import View
from tests.bench.fleet_report import fleet_report

LIMIT_S, LIMIT_MIB = 10, 300
"""What issue "IAM users judged in full", section 2, allows at 20,000 caches."""


def main() -> None:
    """A line for each form on stdout."""
    caches = int(sys.argv[1]) if sys.argv[1:] else 20_000
    report = fleet_report(caches)
    print(f"{caches} caches; at most {LIMIT_S} s and {LIMIT_MIB} MiB each")  # noqa: T201
    for form in Format:
        print(_measured(form, report))  # noqa: T201


def _measured(form: Format, report: Report) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / form.value
        before_mib = _resident_mib("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
        started_s, cpu_s = time.perf_counter(), time.process_time()
        with file.open("w", encoding="utf-8") as stream:
            RENDERERS[form](report, stream, View(title="audit", findings=True))
        took_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
        grown_mib = _resident_mib("VmHWM") - before_mib
        size_mib = file.stat().st_size / 2**20
    return (
        f"{form.value:10} {took_s:6.2f} s ({cpu_s:.2f} s of CPU) {grown_mib:7.1f} MiB more "
        f"{size_mib:8.2f} MiB written"
    )


def _resident_mib(what: str) -> float:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
