"""A gauge that is a statement of facts: it has the samples of its last statement and no others.

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


class SnapshotGauge(Collector):
    """One gauge; its samples are replaced as a whole or stated one by one."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._values: Mapping[tuple[str, ...], float] = {}

    def set_all(self, values: Mapping[Labels, float]) -> None:
        """These are the samples, by their labels in the order of the table, and no others."""
        self._values = dict(values.items())

    def set(self, value: float | None, *labels: str) -> None:
        """This sample has this value, None: there is no such sample; others stay."""
        others = {key: held for key, held in self._values.items() if key != labels}
        self._values = others if value is None else {**others, labels: value}

    def get(self, *labels: str) -> float | None:
        """The value of a sample, None if there is none."""
        return self._values.get(labels)

    def collect(self) -> Iterator[Metric]:
        """Name, type and help, and the samples of the moment."""
        family = GaugeMetricFamily(self._row.name, self._row.meaning, labels=self._row.labels)
        for labels, value in sorted(self._values.items()):
            family.add_metric(labels, value)
        yield family
