"""Create every metric of the table in a registry of its own."""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from discovery.service.metric_table import TABLE, Row, Type
from discovery.service.snapshot_gauge import SnapshotGauge

_DURATIONS_S: Final = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600)
"""Buckets from a re-scan of one scope to beyond the longest usual `sweep_timeout`."""


class Instruments:
    """One Prometheus instrument per row of the table, and those of the process (`process_…`)."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter
        self.registry = CollectorRegistry()
        self._gauges: dict[str, SnapshotGauge] = {}
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        for row in TABLE:
            self._make(row)
        ProcessCollector(registry=self.registry)

    def gauge(self, row: Row) -> SnapshotGauge:
        """The gauge of a row."""
        return self._gauges[row.name]

    def counter(self, row: Row) -> Counter:
        """The counter of a row."""
        return self._counters[row.name]

    def histogram(self, row: Row) -> Histogram:
        """The histogram of a row."""
        return self._histograms[row.name]

    def render(self) -> tuple[bytes, str]:
        """Render the metrics as Prometheus text, with their content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    def _make(self, row: Row) -> None:
        name, meaning, labels, registry = row.name, row.meaning, row.labels, self.registry
        if row.type is Type.GAUGE:
            self._gauges[name] = SnapshotGauge(row)
            registry.register(self._gauges[name])
        elif row.type is Type.COUNTER:
            self._counters[name] = Counter(name, meaning, labels, registry=registry)
        else:
            self._histograms[name] = Histogram(
                name, meaning, labels, registry=registry, buckets=_DURATIONS_S
            )
