"""The metrics of the table as Prometheus instruments, in a registry of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from discovery.service.metric_table import TABLE, Row, Type

_DURATIONS_S: Final = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600)
"""Buckets from a re-scan of one scope to beyond the longest usual `sweep_timeout`."""

Labels = TypeVar("Labels", bound=tuple[str, ...])
"""Label values in the order of the metric table."""


class SnapshotGauge(Collector):
    """A gauge that exports exactly the samples last set.

    The library's own gauge keeps a series for ever once it has been touched, and one without labels
    always has a value. What is gone, or not known, has no series here.
    """

    def __init__(self, row: Row) -> None:
        self._row = row
        self._values: Mapping[tuple[str, ...], float] = {}

    def set_all(self, values: Mapping[Labels, float]) -> None:
        """Replace all samples, given by their label values in the order of the table."""
        self._values = dict(values.items())

    def set(self, value: float | None, *labels: str) -> None:
        """Set one sample, or remove it (None); others stay."""
        others = {key: held for key, held in self._values.items() if key != labels}
        self._values = others if value is None else {**others, labels: value}

    def get(self, *labels: str) -> float | None:
        """Value of one sample; None if there is none."""
        return self._values.get(labels)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric family with its current samples."""
        family = GaugeMetricFamily(self._row.name, self._row.meaning, labels=self._row.labels)
        for labels, value in sorted(self._values.items()):
            family.add_metric(labels, value)
        yield family


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
