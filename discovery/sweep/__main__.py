"""`python -m discovery.sweep`: scan accounts for the process that started this one."""

from discovery.model.garbage import collect_late

collect_late()

from discovery.sweep.scan_worker import run  # noqa: E402 - after what its imports should not wake

run()
