"""What a scrape sees, as a mapping that assertions can name."""

from __future__ import annotations

from discovery.service.metrics import Metrics


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample of ours by its name and labels as they stand in the exposition, without the
    prefix: `items{action="keep",reason="UNCHANGED"}`."""
    text = metrics.render()[0].decode()
    lines = [line for line in text.splitlines() if line.startswith("cachemuster_")]
    found = {}
    for line in lines:
        series, _, value = line.removeprefix("cachemuster_").rpartition(" ")
        assert series not in found
        found[series] = float(value)
    return found


def of(metrics: Metrics, name: str) -> dict[str, float]:
    """The samples of one metric, by their labels."""
    return {
        series.removeprefix(name): value
        for series, value in samples(metrics).items()
        if series.partition("{")[0] == name
    }
