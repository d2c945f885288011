"""deploy/monitoring says what the service tells: its metrics, its alerts, its events.

`UPDATE_GOLDEN=1` writes the table of metrics anew.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from discovery.config.load import parse_config
from discovery.model.codes import IamVerdict
from discovery.service.instruments import Instruments
from discovery.service.metric_table import TABLE, markdown

ROOT = Path(__file__).parents[2]
HERE = ROOT / "deploy" / "monitoring"
README = (HERE / "README.md").read_text("utf-8")
BEGIN, END = "<!-- metrics -->", "<!-- /metrics -->"
ALERTS = yaml.safe_load((HERE / "alerts.yaml").read_text("utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((HERE / "dashboard.json").read_text("utf-8"))
OURS = {kind.name: kind for kind in TABLE}


class TestMetrics:
    def test_the_table_is_the_one_of_the_code(self) -> None:
        before, rest = README.split(f"{BEGIN}\n")
        documented, after = rest.split(END)
        if os.environ.get("UPDATE_GOLDEN"):
            documented = f"\n{markdown()}\n"
            text = f"{before}{BEGIN}\n{documented}{END}{after}"
            (HERE / "README.md").write_text(text, "utf-8")
        assert documented.strip() == markdown().strip()

    def test_what_is_registered_is_what_is_in_the_table(self) -> None:
        registered = {family.name: family for family in Instruments().registry.collect()}
        ours = {name for name in registered if not name.startswith("process_")}
        assert ours == {name.removesuffix("_total") for name in OURS}
        for kind in TABLE:
            family = registered[kind.name.removesuffix("_total")]
            assert (family.type, family.documentation) == (kind.type.value, kind.meaning)

    def test_names_have_units_and_labels_are_bounded(self) -> None:
        known = {"account", "region", "action", "reason", "outcome", "kind", "status", "code"}
        known |= {"severity", "sink", "verdict", "version"}
        of_scopes = [kind.name for kind in TABLE if "account" in kind.labels]
        assert len(of_scopes) == 2
        for kind in TABLE:
            assert re.fullmatch(r"cachemuster_[a-z]+(_[a-z]+)*", kind.name)
            assert kind.name.endswith("_total") == (kind.type.value == "counter")
            assert set(kind.labels) <= known
            if kind.name.endswith("_timestamp_seconds"):
                assert re.match(r"(when|since when|until when) ", kind.meaning)


def used(expression: str) -> set[str]:
    """The metrics of ours that an expression of PromQL names, histograms by their own name."""
    names = re.findall(r"\bcachemuster_\w+", expression)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"] + json.dumps(rule["annotations"])
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()), ids=lambda part: part[:30])
def test_alerts_and_dashboard_ask_for_metrics_that_there_are(where: str, expression: str) -> None:
    assert used(expression) <= set(OURS), where
    for name, chosen in re.findall(r"(cachemuster_\w+)\{([^}]*)\}", expression):
        labels = set(re.findall(r"(\w+)\s*=", chosen)) - {"instance", "job"}
        assert labels <= set(OURS[re.sub(r"_bucket$", "", name)].labels), where


class TestAlerts:
    def test_the_page_has_a_row_for_each_and_for_no_other(self) -> None:
        rows = re.findall(r"^\| `(Cachemuster\w+)` \| (\w+) \|", README, re.MULTILINE)
        assert rows == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]

    def test_each_says_what_to_do(self) -> None:
        for rule in RULES:
            assert set(rule["annotations"]) == {"summary", "description"}
            assert len(rule["annotations"]["summary"]) <= 80

    def test_the_job_that_is_scraped_is_the_one_that_the_alerts_ask_for(self) -> None:
        scraped = yaml.safe_load((HERE / "prometheus.yaml").read_text("utf-8"))
        (job,) = scraped["scrape_configs"]
        assert set(re.findall(r'job="(\w+)"', RULES[0]["expr"])) == {job["job_name"]}
        listen = parse_config("version: 1\ngroup: g\n", file="c", base=HERE).service.listen
        assert job["static_configs"] == [{"targets": [str(listen)]}]

    def test_the_operators_resource_is_the_same_rules(self) -> None:
        (line,) = re.findall(r"^\{ printf '(.*?)'; sed 's/\^/(.*?)/' alerts\.yaml", README, re.M)
        head, indent = line
        rules = (HERE / "alerts.yaml").read_text("utf-8")
        text = head.replace("\\n", "\n") + re.sub("^", indent, rules, flags=re.MULTILINE)
        resource = yaml.safe_load(text)
        assert resource["kind"] == "PrometheusRule"
        assert resource["spec"] == ALERTS


_POSITION = {"type": "integer", "minimum": 0}
_SOURCE = {
    "type": "object",
    "required": ["type", "uid"],
    "properties": {"type": {"const": "prometheus"}, "uid": {"type": "string"}},
}
_REDUCE = {
    "type": "object",
    "required": ["calcs", "fields", "values"],
    "properties": {"calcs": {"type": "array", "items": {"enum": ["lastNotNull"]}}},
}
_OPTIONS = {
    "stat": {
        "required": ["reduceOptions"],
        "properties": {
            "colorMode": {"enum": ["none", "value", "background"]},
            "graphMode": {"enum": ["none", "area"]},
            "justifyMode": {"enum": ["auto", "center"]},
            "orientation": {"enum": ["auto", "horizontal", "vertical"]},
            "textMode": {"enum": ["auto", "value", "name", "value_and_name", "none"]},
            "reduceOptions": _REDUCE,
        },
    },
    "bargauge": {
        "required": ["reduceOptions", "displayMode"],
        "properties": {
            "displayMode": {"enum": ["basic", "lcd", "gradient"]},
            "orientation": {"enum": ["auto", "horizontal", "vertical"]},
            "valueMode": {"enum": ["color", "text", "hidden"]},
            "showUnfilled": {"type": "boolean"},
            "reduceOptions": _REDUCE,
        },
    },
    "timeseries": {
        "required": ["legend", "tooltip"],
        "properties": {
            "legend": {
                "required": ["displayMode", "placement", "showLegend"],
                "properties": {
                    "displayMode": {"enum": ["list", "table", "hidden"]},
                    "placement": {"enum": ["bottom", "right"]},
                },
            },
            "tooltip": {
                "properties": {
                    "mode": {"enum": ["single", "multi", "none"]},
                    "sort": {"enum": ["none", "asc", "desc"]},
                }
            },
        },
    },
}
DASHBOARD_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["title", "uid", "schemaVersion", "panels", "templating", "time", "editable"],
    "properties": {
        "uid": {"type": "string", "maxLength": 40},
        "schemaVersion": {"type": "integer", "minimum": 36},
        "graphTooltip": {"enum": [0, 1, 2]},
        "refresh": {"type": "string", "pattern": "^[0-9]+[smh]$"},
        "panels": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "type", "title", "datasource", "gridPos", "targets"],
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "type": {"enum": list(_OPTIONS)},
                    "datasource": _SOURCE,
                    "gridPos": {
                        "required": ["x", "y", "w", "h"],
                        "properties": {**dict.fromkeys("xywh", _POSITION), "w": {"maximum": 24}},
                        "additionalProperties": False,
                    },
                    "fieldConfig": {
                        "required": ["defaults", "overrides"],
                        "properties": {
                            "defaults": {
                                "properties": {
                                    "thresholds": {
                                        "required": ["mode", "steps"],
                                        "properties": {
                                            "mode": {"enum": ["absolute", "percentage"]},
                                            "steps": {
                                                "prefixItems": [
                                                    {"properties": {"value": {"const": None}}}
                                                ],
                                                "items": {
                                                    "required": ["color", "value"],
                                                    "properties": {"value": {"type": "number"}},
                                                },
                                            },
                                        },
                                    }
                                }
                            },
                            "overrides": {
                                "type": "array",
                                "items": {
                                    "required": ["matcher", "properties"],
                                    "properties": {
                                        "matcher": {"required": ["id", "options"]},
                                        "properties": {
                                            "type": "array",
                                            "items": {"required": ["id", "value"]},
                                        },
                                    },
                                },
                            },
                        },
                    },
                    "targets": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "required": ["refId", "datasource", "expr"],
                            "properties": {
                                "refId": {"type": "string", "pattern": "^[A-Z]$"},
                                "datasource": _SOURCE,
                                "expr": {"type": "string", "minLength": 1},
                                "range": {"type": "boolean"},
                                "instant": {"type": "boolean"},
                            },
                        },
                    },
                },
                "allOf": [
                    {
                        "if": {"properties": {"type": {"const": kind}}},
                        "then": {"properties": {"options": options}},
                    }
                    for kind, options in _OPTIONS.items()
                ],
            },
        },
    },
}
"""The parts of Grafana's dashboard schema, and of those of the three kinds of panel, that the file
uses, as its documentation of dashboard kinds gives them. No Grafana reads the file here."""


class TestDashboard:
    def test_it_keeps_to_the_published_schema(self) -> None:
        problems = Draft202012Validator(DASHBOARD_SCHEMA).iter_errors(DASHBOARD)
        assert [f"{each.json_path}: {each.message}" for each in problems] == []

    def test_it_shows_every_verdict_and_the_findings_by_code(self) -> None:
        asked = " ".join(t["expr"] for panel in DASHBOARD["panels"] for t in panel["targets"])
        assert {f'verdict="{each}"' for each in IamVerdict} <= set(
            re.findall(r'verdict="[^"]*"', asked)
        )
        assert "sum by (verdict) (cachemuster_iam_verdicts" in asked
        assert "sum by (severity, code) (cachemuster_findings" in asked

    def test_panels_neither_overlap_nor_leave_the_page(self) -> None:
        taken: set[tuple[int, int]] = set()
        for panel in DASHBOARD["panels"]:
            at = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert at["x"] + at["w"] <= 24
            assert not taken & cells, panel["title"]
            taken |= cells
        assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])

    def test_every_panel_says_what_it_is_and_asks_the_chosen_source(self) -> None:
        for panel in DASHBOARD["panels"]:
            assert panel["title"]
            assert panel["description"]
            sources = [panel["datasource"], *(each["datasource"] for each in panel["targets"])]
            assert all(source["uid"] == "${datasource}" for source in sources)


def events() -> Iterator[tuple[str, str]]:
    """Every event that the code logs, with the method that logs it."""
    for file in [*ROOT.glob("discovery/**/*.py"), *ROOT.glob("state/**/*.py")]:
        if "sandbox" not in file.parts:
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                yield from _logged(node)


def _logged(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
        methods = {"debug", "info", "warning", "error", "log", "exception"}
        if node.func.attr in methods:
            for text in texts:
                if isinstance(text, str) and re.fullmatch(r"[a-z_]+\.[a-z_]+", text):
                    yield text, node.func.attr


@pytest.mark.slow
def test_every_event_that_somebody_may_have_to_act_on_is_in_the_table() -> None:
    table = README[README.index("| event | level |") :]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    logged = set(events())
    assert {name for name, how in logged if how not in ("info", "debug")} <= documented
    assert documented <= {name for name, _ in logged}
