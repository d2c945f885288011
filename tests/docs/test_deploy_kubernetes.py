"""deploy/kubernetes: every manifest is one that Kubernetes takes, and every name in it is there.

The overlays are built with kustomize where `kustomize` or `kubectl` is installed. Each file is held
against Kubernetes' schemas everywhere.
"""

from __future__ import annotations

import copy
import functools
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

from discovery.config.control_plane import Teleport
from discovery.config.load import load_config
from discovery.config.service import Service
from discovery.policies.kinds import KINDS, PolicyRequest
from discovery.policies.usage import AwsUsage, Hub
from tests.docs.manifests import (
    CUSTOM,
    PROBES,
    Manifest,
    check_mounts,
    check_restricted,
    containers,
    pod_of,
    selects,
    validate,
)
from tests.docs.pages import DEPLOY, ROOT, invocations, parse, shell_lines

HERE = DEPLOY / "kubernetes"
README = (HERE / "README.md").read_text("utf-8")
OVERLAYS = sorted(each.parent for each in HERE.glob("overlays/*/kustomization.yaml"))
EXAMPLES = {"run": "service.yaml", "sharded": "sharded.yaml", "sweep": "cron.yaml"}
KUSTOMIZATIONS = sorted(HERE.glob("**/kustomization.yaml"))
PORT = Service().listen.port


def documents(file: Path) -> list[Manifest]:
    return [each for each in yaml.safe_load_all(file.read_text("utf-8")) if each]


def names_of(file: Path, key: str) -> list[Path]:
    (kustomization,) = documents(file)
    return [(file.parent / each).resolve() for each in kustomization.get(key, ())]


def patches_of(file: Path) -> list[Path]:
    (kustomization,) = documents(file)
    patches = kustomization.get("patches", ())
    return [(file.parent / each["path"]).resolve() for each in patches if "path" in each]


RESOURCES = sorted({one for file in KUSTOMIZATIONS for one in names_of(file, "resources")})
MANIFESTS = [file for file in RESOURCES if file.is_file()]


@functools.cache
def built(overlay: str) -> tuple[Manifest, ...]:
    """What `kubectl apply -k` hands to Kubernetes."""
    kustomize, kubectl = shutil.which("kustomize"), shutil.which("kubectl")
    if kustomize is None and kubectl is None:
        pytest.skip("neither kustomize nor kubectl is installed: the overlay is not built")
    command = [kustomize, "build"] if kustomize else [kubectl, "kustomize"]
    run = subprocess.run(
        [*command, str(HERE / "overlays" / overlay)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return tuple(yaml.safe_load_all(run.stdout))


def kept(kind: str) -> Iterator[Manifest]:
    """Manifests of a kind as they stand in their files."""
    for file in MANIFESTS:
        yield from (each for each in documents(file) if each["kind"] == kind)


def workload(manifests: Iterable[Manifest]) -> Manifest:
    (found,) = [each for each in manifests if each["kind"] in ("StatefulSet", "CronJob")]
    return found


class TestFiles:
    def test_every_file_is_used_by_one_kustomization(self) -> None:
        used: list[Path] = []
        for file in KUSTOMIZATIONS:
            used += [each for each in names_of(file, "resources") if each.is_file()]
            used += patches_of(file)
            (kustomization,) = documents(file)
            for generator in kustomization.get("configMapGenerator", ()):
                used += [file.parent / each for each in generator.get("files", ())]
        assert len(used) == len(set(used))
        every = {file for file in HERE.rglob("*") if file.is_file()}
        assert set(used) == every - {*KUSTOMIZATIONS, HERE / "README.md"}

    @pytest.mark.parametrize("file", KUSTOMIZATIONS, ids=lambda file: file.parent.name)
    def test_everything_that_a_kustomization_names_is_there(self, file: Path) -> None:
        (kustomization,) = documents(file)
        is_component = file.parent.parent.name == "components"
        assert kustomization["kind"] == ("Component" if is_component else "Kustomization")
        for key in ("resources", "components"):
            for each in names_of(file, key):
                assert each.is_file() or (each / "kustomization.yaml").is_file(), each
        for patch in kustomization.get("patches", ()):
            target = patch["target"]
            assert any(m["metadata"]["name"] == target["name"] for m in kept(target["kind"]))

    @pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: f"{file.parent.name}-{file.name}")
    def test_a_manifest_is_one_that_kubernetes_takes(self, file: Path) -> None:
        for manifest in documents(file):
            if manifest["kind"] not in CUSTOM:
                validate(manifest)

    def test_a_misspelt_field_is_refused(self) -> None:
        manifest = copy.deepcopy(next(kept("StatefulSet")))
        manifest["spec"]["template"]["spec"]["terminationGraceSeconds"] = 1
        with pytest.raises(Exception, match="terminationGraceSeconds"):
            validate(manifest)

    @pytest.mark.parametrize("overlay", EXAMPLES)
    def test_an_overlays_configuration_is_the_example(self, overlay: str) -> None:
        """`UPDATE_GOLDEN=1` copies it anew; only the address is a pod's."""
        example = (DEPLOY / "examples" / EXAMPLES[overlay]).read_text("utf-8")
        expected = example.replace("listen: 127.0.0.1:9808", 'listen: "*:9808"')
        file = HERE / "overlays" / overlay / "cachemuster.yaml"
        if os.environ.get("UPDATE_GOLDEN"):
            file.write_text(expected, "utf-8")
        assert file.read_text("utf-8") == expected

    @pytest.mark.parametrize("overlay", EXAMPLES)
    def test_tbot_is_set_up_as_policies_prints_but_for_its_memory(self, overlay: str) -> None:
        config = load_config(HERE / "overlays" / overlay / "cachemuster.yaml")
        role = next(kept("ServiceAccount"))["metadata"]["annotations"]
        hub = Hub.of(role["eks.amazonaws.com/role-arn"])
        printed = KINDS["tbot"].make(PolicyRequest(AwsUsage.of(config, hub, None)))
        assert isinstance(printed, dict)
        (found,) = documents(HERE / "overlays" / overlay / "tbot.yaml")
        assert found == {**printed, "storage": {"type": "memory"}}


WORKLOADS = [*kept("StatefulSet"), *kept("CronJob")]


class TestPods:
    """As they stand in the base, so that no kustomize is needed."""

    @pytest.mark.parametrize("manifest", WORKLOADS, ids=lambda each: each["kind"])
    def test_a_pod_keeps_the_standard_restricted(self, manifest: Manifest) -> None:
        check_restricted(pod_of(manifest))

    @pytest.mark.parametrize("manifest", WORKLOADS, ids=lambda each: each["kind"])
    def test_every_mount_has_its_volume(self, manifest: Manifest) -> None:
        check_mounts(manifest)

    def test_the_services_probes_ask_the_pages_there_are(self) -> None:
        (container,) = containers(pod_of(next(kept("StatefulSet"))))
        assert container["ports"] == [{"name": "metrics", "containerPort": PORT, "protocol": "TCP"}]
        paths = {probe: container[probe]["httpGet"]["path"] for probe in PROBES}
        assert paths == PROBES
        assert {container[probe]["httpGet"]["port"] for probe in PROBES} == {"metrics"}
        startup = container["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] >= 300

    def test_a_pod_has_time_to_end(self) -> None:
        for manifest in WORKLOADS:
            assert pod_of(manifest)["spec"]["terminationGracePeriodSeconds"] >= 15

    def test_two_sweeps_never_overlap(self) -> None:
        job = next(kept("CronJob"))
        assert job["spec"]["concurrencyPolicy"] == "Forbid"
        assert job["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 0
        assert pod_of(job)["spec"]["restartPolicy"] == "Never"
        (claim,) = kept("PersistentVolumeClaim")
        assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]

    def test_selectors_take_the_pods_they_are_for(self) -> None:
        service_pod = pod_of(next(kept("StatefulSet")))["metadata"]["labels"]
        sweep_pod = pod_of(next(kept("CronJob")))["metadata"]["labels"]
        exact = [
            next(kept("StatefulSet"))["spec"]["selector"]["matchLabels"],
            next(kept("Service"))["spec"]["selector"],
            next(kept("PodDisruptionBudget"))["spec"]["selector"]["matchLabels"],
        ]
        assert all(selects(each, service_pod) and not selects(each, sweep_pod) for each in exact)
        policy = next(kept("NetworkPolicy"))["spec"]["podSelector"]["matchLabels"]
        assert selects(policy, service_pod)
        assert selects(policy, sweep_pod)
        monitor = next(kept("ServiceMonitor"))["spec"]
        service = next(kept("Service"))
        assert selects(monitor["selector"]["matchLabels"], service["metadata"]["labels"])
        assert monitor["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
        assert next(kept("StatefulSet"))["spec"]["serviceName"] == service["metadata"]["name"]

    def test_another_port_of_teleport_is_let_out_by_the_patch_on_the_page(self) -> None:
        [block] = [
            each
            for each in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
            if "NetworkPolicy" in each
        ]
        [patch] = yaml.safe_load(block)
        policy = next(
            each for each in kept("NetworkPolicy") if each["metadata"]["name"] == "cachemuster"
        )
        [step] = yaml.safe_load(patch["patch"])
        assert step == {
            "op": "add",
            "path": "/spec/egress/1/ports/-",
            "value": {"protocol": "TCP", "port": 3025},
        }
        everywhere = policy["spec"]["egress"][1]
        assert everywhere["ports"] == [{"protocol": "TCP", "port": 443}]
        assert {"ipBlock": {"cidr": "0.0.0.0/0"}} in everywhere["to"]

    def test_the_network_lets_out_what_is_needed_and_in_what_reads(self) -> None:
        policy = next(kept("NetworkPolicy"))["spec"]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        (way_in,) = policy["ingress"]
        assert way_in["from"]
        assert way_in["ports"] == [{"protocol": "TCP", "port": "metrics"}]
        open_to_all = [
            {port["port"] for port in rule["ports"]}
            for rule in policy["egress"]
            for peer in rule["to"]
            if peer.get("ipBlock", {}).get("cidr") in ("0.0.0.0/0", "::/0")
        ]
        assert open_to_all == [{443}, {443}]


@pytest.mark.parametrize("overlay", EXAMPLES)
class TestBuilt:
    """As `kubectl apply -k` sends it."""

    @pytest.mark.slow
    def test_it_is_what_kubernetes_takes(self, overlay: str) -> None:
        for manifest in built(overlay):
            if manifest["kind"] not in CUSTOM:
                validate(manifest)
            if manifest["kind"] != "Namespace":
                assert manifest["metadata"]["namespace"] == "cachemuster"

    @pytest.mark.slow
    def test_the_pod_is_shut_and_whole(self, overlay: str) -> None:
        manifest = workload(built(overlay))
        check_restricted(pod_of(manifest))
        check_mounts(manifest)

    def test_every_map_that_a_pod_names_is_made(self, overlay: str) -> None:
        text = yaml.safe_dump(pod_of(workload(built(overlay))))
        named = set(re.findall(r"name: (cachemuster-[a-z0-9-]*[a-z0-9]{10})\b", text))
        made = {each["metadata"]["name"] for each in built(overlay) if each["kind"] == "ConfigMap"}
        assert named == made
        assert len(made) == 3

    def test_files_are_where_the_configuration_looks(self, overlay: str) -> None:
        config = load_config(HERE / "overlays" / overlay / "cachemuster.yaml")
        assert isinstance(config.control_plane, Teleport)
        pod = pod_of(workload(built(overlay)))
        agent = pod["spec"]["containers"][0]
        mounts = {mount["name"]: mount for mount in agent["volumeMounts"]}
        assert str(config.state.path.parent) == mounts["state"]["mountPath"]
        assert not mounts["state"].get("readOnly")
        identity = config.control_plane.identity_file
        assert str(identity.parent) == mounts["identity"]["mountPath"]
        text = (HERE / "overlays" / overlay / "cachemuster.yaml").read_text("utf-8")
        for secret in re.findall(r"external_id: file:(\S+?)[}\s]", text):
            assert str(Path(secret).parent) == mounts["configuration"]["mountPath"]
        for tbot in pod["spec"]["initContainers"]:
            inside = {mount["name"]: mount["mountPath"] for mount in tbot["volumeMounts"]}
            assert f"--config={inside['tbot']}/tbot.yaml" in tbot["args"]
            assert inside["identity"] == mounts["identity"]["mountPath"]

    def test_the_program_takes_its_arguments(
        self, overlay: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In each of its pods, whose number a StatefulSet gives."""
        manifest = workload(built(overlay))
        environment = {
            key: value
            for each in built(overlay)
            if each["kind"] == "ConfigMap" and "AWS_REGION" in each["data"]
            for key, value in each["data"].items()
        }
        words = [
            re.sub(r"\$\((\w+)\)", lambda found: environment[found[1]], word)
            for word in pod_of(manifest)["spec"]["containers"][0]["args"]
        ]
        for ordinal in range(manifest["spec"].get("replicas", 1)):
            host = f"{manifest['metadata']['name']}-{ordinal}"
            monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
            assert parse(tuple(words)) == ("sweep" if overlay == "sweep" else "run")

    def test_the_image_is_this_version(self, overlay: str) -> None:
        (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.M)
        agent = pod_of(workload(built(overlay)))["spec"]["containers"][0]
        assert agent["image"] == f"registry.example.com/cachemuster:{version}"


def test_a_pods_service_listens_on_both_families_where_it_is_asked() -> None:
    for overlay in ("run", "sharded"):
        config = load_config(HERE / "overlays" / overlay / "cachemuster.yaml")
        assert str(config.service.listen) == f"*:{PORT}"


def test_as_many_shards_are_counted_as_run() -> None:
    (kustomization,) = documents(HERE / "overlays" / "sharded" / "kustomization.yaml")
    (replicas,) = kustomization["replicas"]
    maps = {each["name"]: each for each in kustomization["configMapGenerator"]}
    assert f"SHARDS={replicas['count']}" in maps["cachemuster-environment"]["literals"]
    events = load_config(HERE / "overlays" / "sharded" / "cachemuster.yaml").service.events
    assert events is not None
    assert "{shard}" in events.queue_url


def test_the_page_tells_of_every_directory_and_its_commands_exist() -> None:
    for file in KUSTOMIZATIONS:
        assert f"`{file.parent.relative_to(HERE)}`" in README
    for line in shell_lines(README):
        for words in invocations(line):
            parse(words)
    copied = re.findall(r"cp -r (\S+) ", README)
    assert all((ROOT / each).is_dir() for each in copied)
