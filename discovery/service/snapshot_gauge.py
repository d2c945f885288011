"""A gauge whose samples are replaced as a whole.

The library's own gauge keeps a series for ever once it has been touched, and one without labels
always has a value. What is gone, or not known, has no series here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from discovery.service.metric_table import Row

Labels = TypeVar("Labels", bound=tuple[str, ...])
"""Label values in the order of the metric table."""


class SnapshotGauge(Collector):
    """A gauge that exports exactly the samples last set."""

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
