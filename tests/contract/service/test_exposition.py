"""What `/metrics` serves, read by Prometheus's own tools."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from discovery.model.codes import ProbeOutcome
from discovery.service.metric_table import TABLE
from discovery.service.metrics import Metrics
from discovery.sweep.context import SweepKind
from tests.support.promtool import needs_promtool, promtool
from tests.support.report_samples import NOW, REFUSED, carried_out, full_report


def busy() -> Metrics:
    """Metrics in which every series has a value."""
    metrics = Metrics(scope_metrics_limit=500, version='1.0"\\\n', clock=lambda: NOW)
    found = full_report(guard=REFUSED, paused_until=NOW + timedelta(hours=1))
    metrics.record_run(carried_out(found, failed="payments"), kind=SweepKind.SWEEP)
    metrics.record_failure(SweepKind.RESCAN)
    metrics.count_events("accepted", 3)
    metrics.set_waiting(2, since=NOW)
    metrics.set_next_due(NOW)
    metrics.set_identity_expiry(NOW)
    metrics.count_notifications(1, "sent")
    metrics.set_probes({ProbeOutcome.PROVED: 2}, NOW)
    return metrics


def test_the_client_librarys_parser_reads_it_all() -> None:
    text = busy().render()[0].decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for kind in TABLE:
        family = families[kind.name.removesuffix("_total")]
        assert family.type == kind.type.value
        assert family.documentation == kind.meaning
        assert family.samples, kind.name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(kind.labels)


@needs_promtool
def test_promtool_finds_nothing_to_complain_of() -> None:
    assert promtool("check", "metrics", said=busy().render()[0]) == ""


@needs_promtool
def test_promtool_finds_nothing_to_complain_of_before_the_first_sweep() -> None:
    fresh = Metrics(scope_metrics_limit=500, version="1", clock=lambda: NOW)
    assert promtool("check", "metrics", said=fresh.render()[0]) == ""
