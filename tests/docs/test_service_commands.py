"""What the pages ask of a running service is asked of one, line by line."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.docs.test_commands import PAGES, blocks, commands_in
from tests.scenarios.conftest import quick_sdk, scenario
from tests.support.scenario import Scenario
from tests.support.service_process import service_process, until

__all__ = ["quick_sdk", "scenario"]  # the fixtures

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]

SERVICE = "http://127.0.0.1:9808"
LINES = sorted(
    {
        line
        for name in PAGES
        for block in blocks(name)
        for line in block
        if line.startswith("curl ") and SERVICE in line
    }
)
RUN = {
    command
    for name in PAGES
    for block in blocks(name)
    for line in block
    for command in commands_in(line)
    if command.startswith("cachemuster run")
}


def test_every_line_that_asks_a_service_has_its_answer(scenario: Scenario) -> None:
    assert len(LINES) >= 5
    scenario.configure(
        service={"interval": "1h", "jitter": "0s", "listen": "127.0.0.1:0", "page": "loopback"}
    )
    scenario.cache("orders")
    assert {command.rpartition(" ")[0] for command in RUN} == {"cachemuster run --shard"}
    with service_process(scenario, *min(RUN).split()[2:]) as service:
        service.until("sweep.finished", kind="sweep")
        until(lambda: service.get("/report.json")[0] == 200)
        for line in LINES:
            asked = line.replace(SERVICE, service.address).replace("curl ", "curl --fail ", 1)
            run = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", asked],
                env={**scenario.cli.environment, "TOKEN": "none-is-asked-for"},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert run.returncode == 0, (line, run)
            assert run.stdout, line
