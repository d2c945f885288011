"""The benchmark of the control plane runs, and finds what it has created."""

from __future__ import annotations

import pytest

from tests.bench.teleport import measured


@pytest.mark.slow
def test_a_few_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "")  # it sets one of its own, for its process
    found = measured(30, 5)
    assert (found["databases"], found["created"]) == (30, 5)
    assert found["writes_per_s"] > 0
