"""Every metric of the table, made and registered with one registry of its own."""

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

from discovery.service.facts import Facts
from discovery.service.metric_table import TABLE, Kind, Type

_DURATIONS_S: Final = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600)
"""From a re-scan of one scope to a sweep at the longest usual `sweep_timeout`, and past it."""


class Instruments:
    """One of each kind in the table. The metrics of the process itself (`process_…`) besides."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter
        self.registry = CollectorRegistry()
        self._gauges: dict[str, Facts] = {}
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        for kind in TABLE:
            self._make(kind)
        ProcessCollector(registry=self.registry)

    def gauge(self, kind: Kind) -> Facts:
        return self._gauges[kind.name]

    def counter(self, kind: Kind) -> Counter:
        return self._counters[kind.name]

    def histogram(self, kind: Kind) -> Histogram:
        return self._histograms[kind.name]

    def render(self) -> tuple[bytes, str]:
        """The exposition in Prometheus's text format, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    def _make(self, kind: Kind) -> None:
        name, meaning, labels, registry = kind.name, kind.meaning, kind.labels, self.registry
        if kind.type is Type.GAUGE:
            self._gauges[name] = Facts(kind)
            registry.register(self._gauges[name])
        elif kind.type is Type.COUNTER:
            self._counters[name] = Counter(name, meaning, labels, registry=registry)
        else:
            self._histograms[name] = Histogram(
                name, meaning, labels, registry=registry, buckets=_DURATIONS_S
            )
