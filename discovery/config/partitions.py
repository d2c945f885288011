"""AWS partitions: one configuration serves one of them, that of the agent's own credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from discovery.config.fields import REGION
from discovery.config.model import Config
from discovery.config.problems import Path, Problem, dotted, quoted
from discovery.config.service import queue_region
from discovery.config.yaml_document import list_in, mapping_in, texts_in

_BY_PREFIX = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}


ALWAYS_ENABLED: Final = frozenset(
    {
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1"),
        *("ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1"),
        *("eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1"),
        "us-west-2",
    }
)
"""The regions of partition `aws` that no account can disable; those made since 2019 all can be. In
the other partitions none can."""

FIRST_REGION: Final[Mapping[str, str]] = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-eusc": "eusc-de-east-1",
}
"""A region of each partition that no account can disable."""


DNS_SUFFIX: Final[Mapping[str, str]] = {
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-us-gov": "amazonaws.com",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
}
"""What the names of AWS's own hosts end in, by partition (aws/README: ARNs and hosts)."""


def can_be_disabled(region: str) -> bool:
    """Return whether accounts may disable the region; such a one is disabled at first."""
    return partition_of_region(region) == "aws" and region not in ALWAYS_ENABLED


def partition_of_region(region: str) -> str:
    """Return the partition of a region, told by its name (aws/README: Partitions)."""
    return next((p for prefix, p in _BY_PREFIX.items() if region.startswith(prefix)), "aws")


@dataclass(frozen=True, slots=True)
class PartitionReference:
    """A value that names a partition."""

    path: Path
    value: str
    partition: str


def partition_references(data: Mapping[str, Any]) -> Iterator[PartitionReference]:
    """Find every value of a configuration that names a partition, in the order of the sections.

    `data` is the file as it was read: values of the wrong type are passed over.
    """
    aws = mapping_in(data.get("aws"))
    for i, entry in enumerate(list_in(aws.get("accounts"))):
        yield from _role(("aws", "accounts", i, "role_arn"), mapping_in(entry).get("role_arn"))
    yield from _regions(("aws", "regions"), aws.get("regions"))
    yield from _regions(("aws", "exclude_regions"), aws.get("exclude_regions"))
    for i, entry in texts_in(aws.get("expected_failures")):
        yield from _region(("aws", "expected_failures", i), entry.partition("/")[2])
    for i, matcher in enumerate(list_in(data.get("matchers"))):
        section = mapping_in(matcher)
        yield from _regions(("matchers", i, "regions"), section.get("regions"))
        connect = ("matchers", i, "connect", "assume_role_arn")
        yield from _role(connect, mapping_in(section.get("connect")).get("assume_role_arn"))
    events = mapping_in(mapping_in(data.get("service")).get("events"))
    region = queue_region(str(events.get("queue_url")))
    yield from _region(("service", "events", "queue_url"), region or "")


def partition_problems(config: Config, partition: str) -> tuple[Problem, ...]:
    """Find what belongs to another partition than the agent's own credentials.

    `load.locate` gives the problems their lines.
    """
    data = config.model_dump(mode="json")
    reason = f"the agent's credentials are of partition {partition}"
    foreign = (found for found in partition_references(data) if found.partition != partition)
    return tuple(_foreign(found, reason) for found in foreign)


def mixed_partitions(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what belongs to another partition than the first value that names one."""
    every = list(partition_references(data))
    for found in every[1:]:
        if found.partition != every[0].partition:
            yield _foreign(found, f"{dotted(every[0].path)} is of partition {every[0].partition}")


def _foreign(found: PartitionReference, reason: str) -> Problem:
    message = f"{quoted(found.value)} is of partition {found.partition}, but {reason}"
    return Problem(f"{message}; an agent serves one partition", found.path)


def _role(path: Path, arn: Any) -> Iterator[PartitionReference]:
    found = re.match(r"arn:(aws(?:-[a-z]+)*):iam:", str(arn), re.ASCII)
    if found:
        yield PartitionReference(path, str(arn), found[1])


def _regions(path: Path, regions: Any) -> Iterator[PartitionReference]:
    for i, region in texts_in(regions):
        yield from _region((*path, i), region)


def _region(path: Path, region: str) -> Iterator[PartitionReference]:
    """A glob tells its partition only where it begins like none but one: `cn-*` does."""
    partition = partition_of_region(region)
    if re.fullmatch(REGION, region, re.ASCII) or ("*" in region and partition != "aws"):
        yield PartitionReference(path, region, partition)
