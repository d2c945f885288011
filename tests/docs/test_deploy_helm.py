"""deploy/helm: one version, one schema, and values that both of them take."""

from __future__ import annotations

import copy
import json
import os
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.docs.helm_chart import (
    CHART,
    EXAMPLES,
    chart_schema,
    config_definitions,
    example_file,
    example_values,
    helm,
)
from tests.docs.manifests import VERSIONS
from tests.docs.pages import DEPLOY, ROOT, invocations, named_files, parse, shell_lines

README = (CHART / "README.md").read_text("utf-8")
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
OVERLAYS = ("run", "sharded", "sweep")
"""Examples whose configuration is that of the overlay of the same name."""


def merged(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """What helm makes of values and defaults: maps are merged, all else is replaced."""
    made = copy.deepcopy(defaults)
    for key, value in values.items():
        old = made.get(key)
        is_map = isinstance(value, dict) and isinstance(old, dict)
        made[key] = merged(value, old or {}) if is_map else value
    return made


def faults(values: dict[str, Any]) -> list[str]:
    """Where and why the schema refuses these values over the defaults."""
    validator = jsonschema.Draft7Validator(chart_schema())
    found = validator.iter_errors(merged(values, VALUES))
    return [f"{each.json_path}: {each.message}" for each in found]


def objects(schema: Any) -> list[dict[str, Any]]:
    """Every object of the chart's own schema that has keys."""
    if isinstance(schema, list):
        return [one for each in schema for one in objects(each)]
    if not isinstance(schema, dict):
        return []
    inner = [one for key, each in schema.items() if key != "$defs" for one in objects(each)]
    return [schema, *inner] if isinstance(schema.get("properties"), dict) else inner


class TestSchema:
    def test_a_configuration_in_it_is_what_the_program_takes(self) -> None:
        """`UPDATE_GOLDEN=1` copies the program's schema anew."""
        schema = chart_schema()
        if os.environ.get("UPDATE_GOLDEN"):
            schema["$defs"] = config_definitions()
            (CHART / "values.schema.json").write_text(json.dumps(schema, indent=2) + "\n", "utf-8")
        assert schema["$defs"] == config_definitions()

    def test_it_is_a_schema(self) -> None:
        jsonschema.Draft7Validator.check_schema(chart_schema())

    def test_every_default_has_a_key_and_every_key_a_default(self) -> None:
        def compare(values: dict[str, Any], schema: dict[str, Any], path: str) -> None:
            assert set(values) == set(schema["properties"]) - {"global"}, path
            for key, inner in schema["properties"].items():
                if "properties" in inner:
                    compare(values[key], inner, f"{path}.{key}")

        compare(VALUES, chart_schema(), "")

    def test_no_object_takes_a_key_that_it_does_not_name(self) -> None:
        found = objects(chart_schema())
        assert len(found) > 10
        assert all(each["additionalProperties"] is False for each in found)

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_an_example_passes(self, name: str) -> None:
        assert faults(example_values(name)) == []

    @pytest.mark.parametrize(
        ("values", "fault"),
        [
            ({"replicas": 3}, "$: Additional properties are not allowed ('replicas'"),
            ({"image": {"tags": "1"}}, "$.image: Additional properties"),
            ({"config": {"grup": "prod"}}, "$.config: Additional properties"),
            ({"config": {"aws": {"region": "*"}}}, "$.config.aws: Additional properties"),
            ({"config": {"aws": {"accounts": [{"id": 111122223333}]}}}, "$.config.aws.accounts"),
            ({"mode": "cron"}, "$.mode: 'cron' is not one of"),
            ({"shards": 0}, "$.shards: 0 is less than the minimum of 1"),
            ({"runAs": 0}, "$.runAs: 0 is less than the minimum of 1"),
            ({"persistence": {"accessMode": "ReadWriteMany"}}, "$.persistence.accessMode"),
        ],
    )
    def test_what_is_not_in_it_is_refused_by_its_place(
        self, values: dict[str, Any], fault: str
    ) -> None:
        over_an_example = merged(values, example_values("run"))
        assert [each for each in faults(over_an_example) if each.startswith(fault)]


class TestFiles:
    def test_chart_and_program_have_one_version(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
        assert chart["version"] == chart["appVersion"] == project["version"]
        assert chart["description"] in (ROOT / "deploy/docker/Dockerfile").read_text("utf-8")

    def test_the_oldest_kubernetes_is_one_whose_schemas_are_tried(self) -> None:
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
        assert chart["kubeVersion"] == f">={VERSIONS[0].rpartition('.')[0]}.0-0"

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_an_examples_configuration_is_the_overlays(self, name: str) -> None:
        """`UPDATE_GOLDEN=1` copies it anew."""
        lines = (DEPLOY / "kubernetes/overlays" / name / "cachemuster.yaml").read_text().split("\n")
        config = "\n".join(f"  {line}" if line else line for line in lines)
        head, mark, found = example_file(name).read_text("utf-8").partition("\nconfig:\n")
        if os.environ.get("UPDATE_GOLDEN"):
            example_file(name).write_text(head + mark + config, "utf-8")
            found = config
        assert found == config

    def test_what_is_not_installed_is_left_out(self) -> None:
        ignored = (CHART / ".helmignore").read_text("utf-8").splitlines()
        assert all((CHART / each).exists() for each in ignored if not each.startswith("#"))


class TestPage:
    def test_it_tells_of_every_file_and_example(self) -> None:
        files = {each.name for each in CHART.iterdir()} - {"README.md", ".helmignore"}
        assert named_files(README) == files | {f"examples/{name}.yaml" for name in EXAMPLES}

    def test_every_command_of_cachemuster_is_one_that_it_takes(self) -> None:
        found = [words for line in shell_lines(README) for words in invocations(line)]
        assert found
        for words in found:
            parse(words)

    def test_a_file_becomes_values_as_the_page_says(self, tmp_path: Path) -> None:
        file = DEPLOY / "examples/organization.yaml"
        (tmp_path / "cachemuster.yaml").write_bytes(file.read_bytes())
        (line,) = [each for each in shell_lines(README) if "echo config:" in each]
        subprocess.run(["sh", "-euc", line], cwd=tmp_path, check=True)
        made = yaml.safe_load((tmp_path / "config.yaml").read_text("utf-8"))
        assert made == {"config": yaml.safe_load(file.read_text("utf-8"))}

    @pytest.mark.slow
    def test_every_release_of_the_page_is_one_that_helm_renders(self, tmp_path: Path) -> None:
        """Rendered instead of sent to a cluster, with the same values and options."""
        (tmp_path / "deploy").symlink_to(DEPLOY)
        (tmp_path / "config.yaml").write_text(example_file("run").read_text("utf-8"), "utf-8")
        (tmp_path / "prod.yaml").write_text(example_file("run").read_text("utf-8"), "utf-8")
        releases = [shlex.split(each) for each in shell_lines(README) if "helm upgrade" in each]
        assert releases
        for words in releases:
            assert words[:3] == ["helm", "upgrade", "--install"]
            options = [each for each in words[3:] if each not in ("--create-namespace", "--wait")]
            run = helm("template", *options, cwd=tmp_path)
            assert run.returncode == 0, run.stderr

    @pytest.mark.slow
    @pytest.mark.parametrize("name", EXAMPLES)
    def test_helms_own_linter_has_nothing_to_say(self, name: str) -> None:
        run = helm("lint", "--strict", "--quiet", str(CHART), "--values", str(example_file(name)))
        assert (run.returncode, run.stdout) == (0, ""), run.stdout + run.stderr
