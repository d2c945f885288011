"""The chart in deploy/helm, rendered by helm where it is installed."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from discovery.config.json_schema import config_schema
from tests.docs.manifests import VERSIONS, Manifest, pod_of
from tests.docs.pages import DEPLOY, ROOT

CHART = DEPLOY / "helm"
EXAMPLES = sorted(file.stem for file in (CHART / "examples").glob("*.yaml"))
"""Until the program has `state.snapshot`."""
PODS = ("Deployment", "StatefulSet", "CronJob", "Pod")


def helm(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run helm, without whatever somebody has configured for it.

    It is told the version of Kubernetes: built from source, it takes an old one for granted.
    """
    program = shutil.which("helm", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("helm is not installed: it comes with the extra `dev` on Linux, x86-64")
    settings = {f"HELM_{each}_HOME": str(cwd / "nowhere") for each in ("CONFIG", "CACHE", "DATA")}
    return subprocess.run(
        [program, *arguments, "--kube-version", VERSIONS[0]],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def template(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Render the chart as a release `cachemuster` in the namespace of the same name."""
    return helm("template", "cachemuster", str(CHART), "--namespace", "cachemuster", *arguments)


def rendered(*arguments: str) -> tuple[Manifest, ...]:
    run = template(*arguments)
    assert run.returncode == 0, run.stderr
    return tuple(each for each in yaml.safe_load_all(run.stdout) if each)


@functools.cache
def example(name: str) -> tuple[Manifest, ...]:
    """What `helm install -f examples/NAME.yaml` hands to Kubernetes."""
    return rendered("--values", str(example_file(name)))


def example_file(name: str) -> Path:
    return CHART / "examples" / f"{name}.yaml"


def example_values(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(example_file(name).read_text("utf-8"))
    return found


def of_kind(manifests: tuple[Manifest, ...], kind: str) -> list[Manifest]:
    return [each for each in manifests if each["kind"] == kind]


def workload(manifests: tuple[Manifest, ...]) -> Manifest:
    (found,) = [each for each in manifests if each["kind"] in PODS and each["kind"] != "Pod"]
    return found


def agent(manifests: tuple[Manifest, ...]) -> Manifest:
    (found,) = pod_of(workload(manifests))["spec"]["containers"]
    container: Manifest = found
    return container


def configuration(manifests: tuple[Manifest, ...]) -> str:
    """The cachemuster.yaml of the pods."""
    (text,) = [
        each["data"]["cachemuster.yaml"]
        for each in of_kind(manifests, "ConfigMap")
        if "cachemuster.yaml" in each["data"]
    ]
    return str(text)


def chart_schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    return found


def config_definitions() -> dict[str, Any]:
    """The schema of a configuration file as definitions of the chart's."""
    made = config_schema()
    del made["$schema"]
    return {"Config": made, **made.pop("$defs")}
