"""One simulated cloud for each test; the SDK without its pauses; a clock that the test moves."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import aiobotocore.httpsession
import pytest
from botocore.retries.standard import ExponentialBackoff

from tests.support.fenced_scenario import FencedScenario, fenced_in
from tests.support.scenario import Scenario, scenario_in


class _NoCertificates(ssl.SSLContext):
    """Nothing here speaks TLS, so nobody's certificates need reading."""

    def load_verify_locations(self, *_: object) -> None:
        return


_TRUST = _NoCertificates(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture
def quick_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    # The SDK reads the machine's certificates anew for every command, and waits before it tries
    # again. No test here is about this, and it takes time.
    monkeypatch.setattr(aiobotocore.httpsession, "create_urllib3_context", lambda **_: _TRUST)
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda _self, _context: 0)


@pytest.fixture
def scenario(
    quick_sdk: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scenario]:
    with scenario_in(tmp_path) as made:
        _set_clock(made, monkeypatch)
        yield made


@pytest.fixture
def fenced(
    quick_sdk: None,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[FencedScenario]:
    """A scenario with a cluster whose bot sees only its own databases."""
    with fenced_in(tmp_path, tmp_path_factory.mktemp("badges")) as made:
        _set_clock(made, monkeypatch)
        yield made


def _set_clock(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("setup", "status"):
        monkeypatch.setattr(f"discovery.cli.{command}.utc_now", scenario.now)
