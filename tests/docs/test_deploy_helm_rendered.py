"""deploy/helm as helm renders it: what Kubernetes takes, and what an overlay is for the same."""

from __future__ import annotations

import copy
import functools
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from discovery.config.load import load_config
from discovery.config.model import Config
from discovery.policies.kinds import KINDS, PolicyRequest
from discovery.policies.usage import AwsUsage, Hub
from tests.docs.helm_chart import (
    EXAMPLES,
    PODS,
    agent,
    configuration,
    example,
    example_file,
    of_kind,
    rendered,
    template,
    workload,
)
from tests.docs.manifests import (
    CUSTOM,
    PROBES,
    Manifest,
    check_mounts,
    check_restricted,
    pod_of,
    selects,
    validate,
)
from tests.docs.pages import ROOT, parse

pytestmark = pytest.mark.slow  # each starts helm, or waits for another test's
ROLE = "arn:aws:iam::111122223333:role/cachemuster"


def load(text: str, directory: Path) -> Config:
    """Check a rendered configuration as the program does when it starts."""
    file = directory / "cachemuster.yaml"
    file.write_text(text, "utf-8")
    return load_config(file)


@pytest.mark.parametrize("name", EXAMPLES)
class TestExample:
    def test_it_is_what_kubernetes_takes(self, name: str) -> None:
        manifests = example(name)
        for each in manifests:
            if each["kind"] not in CUSTOM:
                validate(each)
        names = [(each["kind"], each["metadata"]["name"]) for each in manifests]
        assert len(names) == len(set(names))

    def test_its_pods_are_shut_and_whole(self, name: str) -> None:
        pods = [each for each in example(name) if each["kind"] in PODS]
        assert len(pods) == 2  # and the one of `helm test`
        for each in pods:
            check_restricted(pod_of(each))
            check_mounts(each)

    def test_its_configuration_passes_the_check(self, name: str, tmp_path: Path) -> None:
        text = configuration(example(name))
        config = load(text, tmp_path)
        mounts = {each["name"]: each["mountPath"] for each in agent(example(name))["volumeMounts"]}
        assert str(config.state.path.parent) == mounts["state"]
        for secret in re.findall(r"external_id: file:(\S+)", text):
            assert str(Path(secret).parent) == mounts["configuration"]

    def test_tbot_is_set_up_as_policies_prints_but_for_its_memory(
        self, name: str, tmp_path: Path
    ) -> None:
        usage = AwsUsage.of(load(configuration(example(name)), tmp_path), Hub.of(ROLE), None)
        printed = KINDS["tbot"].make(PolicyRequest(usage))
        assert isinstance(printed, dict)
        (found,) = [
            yaml.safe_load(each["data"]["tbot.yaml"])
            for each in of_kind(example(name), "ConfigMap")
            if "tbot.yaml" in each["data"]
        ]
        assert found == {**printed, "storage": {"type": "memory"}}

    def test_the_program_takes_its_arguments(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In each of its pods, which Kubernetes numbers."""
        manifest = workload(example(name))
        spec = manifest["spec"]
        job = spec.get("jobTemplate", {}).get("spec", {})
        for index in range(spec.get("replicas", job.get("completions", 1))):
            host = f"{manifest['metadata']['name']}-{index}"
            monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
            words = [
                each.replace("$(JOB_COMPLETION_INDEX)", str(index))
                for each in agent(example(name))["args"]
            ]
            assert parse(tuple(words)) == ("run" if manifest["kind"] != "CronJob" else "sweep")

    def test_selectors_take_the_pods_they_are_for(self, name: str) -> None:
        manifests = example(name)
        labels = pod_of(workload(manifests))["metadata"]["labels"]
        (test,) = of_kind(manifests, "Pod")
        exact = [
            each["spec"]["selector"].get("matchLabels", each["spec"]["selector"])
            for each in manifests
            if "selector" in each.get("spec", {}) and each["kind"] != "ServiceMonitor"
        ]
        assert all(selects(each, labels) for each in exact)
        assert not any(selects(each, test["metadata"]["labels"]) for each in exact)
        (policy,) = of_kind(manifests, "NetworkPolicy")
        assert selects(policy["spec"]["podSelector"]["matchLabels"], labels)
        assert selects(policy["spec"]["podSelector"]["matchLabels"], test["metadata"]["labels"])

    def test_only_needed_ways_of_the_network_are_open(self, name: str) -> None:
        (policy,) = of_kind(example(name), "NetworkPolicy")
        spec = policy["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        ways_in = [port for rule in spec["ingress"] for port in rule["ports"]]
        is_service = workload(example(name))["kind"] != "CronJob"
        assert ways_in == [{"protocol": "TCP", "port": "metrics"}] * is_service
        to_all = [
            [port["port"] for port in rule["ports"]]
            for rule in spec["egress"]
            if {"ipBlock": {"cidr": "0.0.0.0/0"}} in rule["to"]
        ]
        assert to_all == [[443]]


def test_one_process_is_stopped_before_the_next_one_starts() -> None:
    found = workload(example("run"))
    assert found["kind"] == "Deployment"
    assert (found["spec"]["replicas"], found["spec"]["strategy"]) == (1, {"type": "Recreate"})
    (claim,) = of_kind(example("run"), "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert of_kind(example("run"), "PodDisruptionBudget") == []


def test_shards_have_volumes_of_their_own_and_are_drained_one_by_one() -> None:
    found = workload(example("sharded"))
    assert found["kind"] == "StatefulSet"
    assert agent(example("sharded"))["args"] == [
        "run",
        f"--shard=ordinal/{found['spec']['replicas']}",
    ]
    assert [each["metadata"]["name"] for each in found["spec"]["volumeClaimTemplates"]] == ["state"]
    assert of_kind(example("sharded"), "PersistentVolumeClaim") == []
    (budget,) = of_kind(example("sharded"), "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1


def test_the_index_of_a_job_is_its_shard() -> None:
    cron = workload(example("indexed"))["spec"]
    job = cron["jobTemplate"]["spec"]
    assert cron["concurrencyPolicy"] == "Forbid"
    assert (job["completionMode"], job["completions"], job["parallelism"]) == ("Indexed", 8, 8)
    assert agent(example("indexed"))["args"] == ["sweep", "--shard=$(JOB_COMPLETION_INDEX)/8"]
    assert of_kind(example("indexed"), "PersistentVolumeClaim") == []
    volumes = pod_of(workload(example("indexed")))["spec"]["volumes"]
    (state,) = [each for each in volumes if each["name"] == "state"]
    assert set(state) == {"name", "emptyDir"}


def test_a_shard_that_fails_leaves_the_others_running() -> None:
    """With `backoffLimit: 0` Kubernetes would end every other pod of the Job."""
    job = workload(example("indexed"))["spec"]["jobTemplate"]["spec"]
    assert job["backoffLimitPerIndex"] == 0
    assert "backoffLimit" not in job
    assert pod_of(workload(example("indexed")))["spec"]["restartPolicy"] == "Never"


def test_the_probes_ask_the_pages_there_are() -> None:
    container = agent(example("run"))
    assert {probe: container[probe]["httpGet"]["path"] for probe in PROBES} == PROBES
    assert [each["name"] for each in container["ports"]] == ["metrics"]


def test_another_configuration_is_another_pod() -> None:
    def checksum(*options: str) -> str:
        found = rendered("--values", str(example_file("run")), *options)
        (value,) = [
            value
            for key, value in pod_of(workload(found))["metadata"]["annotations"].items()
            if key == "checksum/config"
        ]
        return str(value)

    before = checksum()
    assert before == checksum("--set", "resources.limits.memory=2Gi")
    assert before != checksum("--set", "config.policy=create-only")


def test_a_network_lets_out_to_teleports_port_and_to_caches_that_are_probed() -> None:
    options = (
        "config.control_plane.address=auth.example.com:3025",
        "config.service.probe.interval=1h",
    )
    found = rendered("--values", str(example_file("run")), "--set", ",".join(options))
    (policy,) = of_kind(found, "NetworkPolicy")
    assert [443, 3025, 6379] in [
        [port["port"] for port in rule["ports"]] for rule in policy["spec"]["egress"]
    ]


def test_an_identity_from_a_secret_is_where_the_configuration_looks() -> None:
    secret = "teleport.identity=secret,teleport.secret=machine-id"
    found = rendered("--values", str(example_file("run")), "--set", secret)
    pod = pod_of(workload(found))["spec"]
    assert "initContainers" not in pod
    (identity,) = [each for each in pod["volumes"] if each["name"] == "identity"]
    assert identity["secret"]["secretName"] == "machine-id"
    assert identity["secret"]["items"] == [{"key": "identity", "path": "identity"}]
    assert len(of_kind(found, "ConfigMap")) == 1
    check_mounts(workload(found))
    check_restricted(pod_of(workload(found)))


def test_a_platform_may_choose_the_user_and_never_root() -> None:
    found = rendered("--values", str(example_file("run")), "--set", "runAs=null")
    context = pod_of(workload(found))["spec"]["securityContext"]
    assert context["runAsNonRoot"] is True
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(context)


def test_what_yaml_could_take_for_something_else_comes_through(tmp_path: Path) -> None:
    tags = {"a": "off", "b": "1.10", "c": "10:30", "d": "012345670123", "e": "~", "f": "2026-12-01"}
    values = {"config": {"matchers": [{"name": "all", "tags": tags, "labels": {"x": "# y: {z}"}}]}}
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values), "utf-8")
    found = rendered("--values", str(example_file("run")), "--values", str(file))
    loaded = yaml.safe_load(configuration(found))["matchers"]
    assert loaded == values["config"]["matchers"]


SNAPSHOT = "config.state.snapshot=s3://bucket/key"


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("sweep", "shards=4", "mode: sweep with shards: 4 needs config.state.snapshot"),
        ("indexed", SNAPSHOT, "config.state.snapshot is shared by 8 shards: write {shard}"),
        ("indexed", "shards=1", "config.state.snapshot has {shard} in it"),
        ("run", "shards=2", "config.service.events.queue_url is shared by 2 shards"),
        ("sharded", "shards=1", "config.service.events.queue_url has {shard} in it"),
        ("sharded", "persistence.existingClaim=mine", "persistence.existingClaim is one volume"),
        ("run", "config.service.listen=127.0.0.1:9808", "probes and Prometheus cannot reach it"),
        ("run", "config.service.listen=[::1]:9808", "probes and Prometheus cannot reach it"),
        ("run", "teleport.identity=none", "config.control_plane is Teleport"),
        ("run", "teleport.identity=secret", "set teleport.secret to the name"),
        ("run", "env.AWS_SECRET_ACCESS_KEY=x", "env.AWS_SECRET_ACCESS_KEY is a secret"),
        ("run", "image.repository=", "image.repository is missing"),
        ("run", "config.group=null", "group"),
        ("run", "shardes=2", "shardes"),
    ],
)
def test_what_could_not_work_is_refused_with_a_reason(
    name: str, options: str, sentence: str
) -> None:
    run = template("--values", str(example_file(name)), "--set", options)
    assert run.returncode != 0
    assert sentence in run.stderr
    assert run.stdout == ""


def test_without_teleport_there_is_no_tbot_and_none_may_be_asked_for() -> None:
    least = "image.repository=registry.example.com/cachemuster,config.group=trial"
    refused = template("--set", least)
    assert refused.returncode != 0
    assert "config.control_plane is not of kind teleport" in refused.stderr
    found = rendered("--set", f"{least},teleport.identity=none")
    assert "initContainers" not in pod_of(workload(found))["spec"]
    check_mounts(workload(found))


# Chart and overlay.


@functools.cache
def overlay(name: str) -> tuple[Manifest, ...]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: there is no overlay to compare with")
    command = [kubectl, "kustomize", str(ROOT / "deploy/kubernetes/overlays" / name)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return tuple(yaml.safe_load_all(run.stdout))


def overlay_workload(manifests: tuple[Manifest, ...]) -> Manifest:
    (found,) = [each for each in manifests if each["kind"] in PODS]
    return found


def environment_of(container: Manifest, manifests: tuple[Manifest, ...]) -> dict[str, str]:
    maps = {each["metadata"]["name"]: each for each in of_kind(manifests, "ConfigMap")}
    found = {each["name"]: each["value"] for each in container.pop("env", ())}
    for each in container.pop("envFrom", ()):
        found |= maps[each["configMapRef"]["name"]]["data"]
    return found


def comparable(manifest: Manifest, manifests: tuple[Manifest, ...]) -> Any:
    """A workload's specification without what is named or written in another way."""
    spec = copy.deepcopy(manifest["spec"])
    job = spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec
    pod = job["template"]["spec"]
    shards = {}
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        environment = environment_of(container, manifests)
        shards = {"SHARDS": environment.pop("SHARDS", "")}
        container["env"] = environment
    (container,) = pod["containers"]
    container["args"] = [each.replace("$(SHARDS)", shards["SHARDS"]) for each in container["args"]]
    without_names = re.sub(
        r"cachemuster(-tbot)?-[a-z0-9]{10}\b", r"cachemuster\1", yaml.safe_dump(spec)
    )
    return _without_labels(yaml.safe_load(without_names))


def _without_labels(value: Any) -> Any:
    """Without labels, annotations, selectors and defaults that one of both writes down."""
    left_out = {"labels", "annotations", "matchLabels", "optional", "suspend", "creationTimestamp"}
    if isinstance(value, dict):
        return {key: _without_labels(each) for key, each in value.items() if key not in left_out}
    if isinstance(value, list):
        return sorted((_without_labels(each) for each in value), key=yaml.safe_dump)
    return value


@pytest.mark.parametrize("name", ["sharded", "sweep"])
def test_chart_and_overlay_make_one_workload(name: str) -> None:
    theirs, ours = overlay(name), example(name)
    expected = comparable(overlay_workload(theirs), theirs)
    assert comparable(workload(ours), ours) == expected


def test_chart_and_overlay_make_one_pod_of_one_process() -> None:
    """The workloads differ: a Deployment with a claim, a StatefulSet with a template for one."""
    theirs, ours = overlay("run"), example("run")
    expected = comparable(overlay_workload(theirs), theirs)["template"]["spec"]
    found = comparable(workload(ours), ours)["template"]["spec"]
    claim = {"name": "state", "persistentVolumeClaim": {"claimName": "cachemuster"}}
    found["volumes"].remove(claim)
    assert found == expected
    (made,) = of_kind(ours, "PersistentVolumeClaim")
    (wanted,) = overlay_workload(theirs)["spec"]["volumeClaimTemplates"]
    assert made["spec"] == wanted["spec"]


@pytest.mark.parametrize("name", ["run", "sharded", "sweep"])
@pytest.mark.parametrize("kind", ["NetworkPolicy", "Service", "ServiceAccount", "ServiceMonitor"])
def test_chart_and_overlay_make_the_same_beside_it(name: str, kind: str) -> None:
    def specs(manifests: tuple[Manifest, ...]) -> Any:
        found = [each.get("spec", each) for each in of_kind(manifests, kind)]
        for each in found:
            each.pop("selector", None)
            each.pop("podSelector", None)
            each.pop("metadata", None)
        return found

    theirs, ours = specs(copy.deepcopy(overlay(name))), specs(copy.deepcopy(example(name)))
    if kind == "NetworkPolicy" and name == "sweep":
        theirs[0]["ingress"] = []  # the overlays share one policy; nothing can be read of a sweep
    assert ours == theirs
    assert bool(ours) == (kind in ("NetworkPolicy", "ServiceAccount") or name != "sweep")
