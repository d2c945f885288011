"""What manifests are held to, whoever made them: kustomize, helm or a file."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Any

import pytest

VERSIONS = ("1.29.1", "1.33.1", "1.37.0")
"""Of Kubernetes: the oldest that the page asks for, and newer ones."""
CUSTOM = {"ServiceMonitor"}
"""Kinds that Kubernetes itself has no schema of."""
Manifest = dict[str, Any]
PROBES = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def validate(manifest: Manifest) -> None:
    if find_spec("kubernetes_validate") is None:
        pytest.skip("kubernetes-validate is not installed: it comes with the extra `dev`")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own use of deprecated libraries is not ours to mend
        import kubernetes_validate  # noqa: PLC0415

        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)


def pod_of(manifest: Manifest) -> Manifest:
    spec = manifest["spec"]
    if manifest["kind"] == "Pod":
        return manifest
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template: Manifest = spec["template"]
    return template


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def check_restricted(pod: Manifest) -> None:
    """Kubernetes' pod security standard `restricted`, and a root that cannot be written."""
    context = pod["spec"]["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 65532
    for container in containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    allowed = {"name", "configMap", "emptyDir", "projected", "persistentVolumeClaim", "secret"}
    assert all(set(volume) <= allowed for volume in pod["spec"]["volumes"])
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])
    assert pod["spec"]["automountServiceAccountToken"] is False


def check_mounts(manifest: Manifest) -> None:
    pod = pod_of(manifest)
    claims = manifest["spec"].get("volumeClaimTemplates", ())
    volumes = [volume["name"] for volume in pod["spec"]["volumes"]]
    volumes += [claim["metadata"]["name"] for claim in claims]
    mounted = {
        mount["name"] for container in containers(pod) for mount in container["volumeMounts"]
    }
    assert mounted == set(volumes)
    assert len(volumes) == len(set(volumes))
    (temporary,) = [each for each in pod["spec"]["volumes"] if each["name"] == "temporary"]
    assert temporary["emptyDir"]["medium"] == "Memory"  # keys go through it
    for container in containers(pod):
        paths = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert len(paths) == len(set(paths))
