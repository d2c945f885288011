"""`python -m tests.bench.reports [CACHES]`: time and memory of each form of a large report.

With `--full` and `--summary` of the table beside it, and of a fleet in which every cache has
findings of its own.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from discovery.model.codes import FindingCode, IamVerdict, Severity
from discovery.model.values import Finding, IamJudgement
from discovery.plan.item import Item
from discovery.reports.formats import RENDERERS
from discovery.reports.report import Report
from discovery.reports.view import Detail, Format, View
from tests.bench.fleet_report import AT, fleet_report
from tests.bench.measure import MIB, peak_bytes_of, resident_bytes_of

LIMIT_S, LIMIT_MIB = 10, 300
"""What issue "IAM users judged in full", section 2, allows at 20,000 caches."""


VIEWS = (("", Detail.NORMAL), (" --full", Detail.FULL), (" --summary", Detail.SUMMARY))


def main() -> None:
    """A line for each form of each fleet on stdout."""
    caches = int(sys.argv[1]) if sys.argv[1:] else 20_000
    for line in lines(caches):
        print(line, flush=True)  # noqa: T201


def lines(caches: int) -> Iterator[str]:
    """What is printed, a line at a time."""
    yield f"{caches} caches; at most {LIMIT_S} s and {LIMIT_MIB} MiB each"
    for what, report in (("a fleet", fleet_report(caches)), ("all ill", ill(caches))):
        taken_mib = resident_bytes_of("self") / MIB
        yield f"{what}, which itself takes {taken_mib:.0f} MiB with the program:"
        for form in Format:
            for suffix, detail in VIEWS if form is Format.TABLE else VIEWS[:1]:
                yield _measured(form, report, suffix, detail)


def ill(caches: int) -> Report:
    """A report in which every cache is kept, and has findings that it shares with nobody."""
    report = fleet_report(caches, calm=True)
    repair = ("# account 111122223333", "aws elasticache modify-user-group --user-group-id x")
    items = (
        replace(item, iam=IamJudgement(IamVerdict.NOT_READY, AT, (), findings_of(item, repair)))
        for item in report.items
    )
    return replace(report, items=tuple(items))


def findings_of(item: Item, repair: tuple[str, ...]) -> tuple[Finding, ...]:
    subject = item.cache or ""
    text = f"no member of user group {subject} can log in with IAM; mend a member, or add one"
    blocker = Finding(FindingCode.NO_IAM_USER, Severity.BLOCKER, subject, text, repair)
    text = f"user {subject} is off by its access string 'off ~* -@all'; switch it on"
    return (blocker, Finding(FindingCode.USER_DISABLED, Severity.WARNING, subject, text, repair))


def _measured(form: Format, report: Report, suffix: str, detail: Detail) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / form.value
        view = View(title="audit", findings=True, detail=detail)
        before_bytes = resident_bytes_of("self")
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
        started_s, cpu_s = time.perf_counter(), time.process_time()
        with file.open("w", encoding="utf-8") as stream:
            RENDERERS[form](report, stream, view)
        took_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
        grown_mib = (peak_bytes_of("self") - before_bytes) / MIB
        size_mib = file.stat().st_size / MIB
    return (
        f"  {form.value + suffix:16} {took_s:6.2f} s ({cpu_s:.2f} s of CPU) "
        f"{grown_mib:7.1f} MiB more {size_mib:8.2f} MiB written"
    )


if __name__ == "__main__":
    main()
