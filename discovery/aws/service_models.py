"""The model of EC2 with the operations that are called alone.

Reading the whole of it, 705 operations, takes 66 ms of CPU and 8 MB: twice as much as all other
services together, for two calls. `ec2.json` is made from the SDK's own by

    python -m discovery.aws.service_models

and used with the version of the SDK that it was made from; with another, the SDK's own is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import Loader

SERVICE = "ec2"
OPERATIONS = ("DescribeRegions", "DescribeSubnets")
FILE = Path(__file__).with_name("ec2.json")

Model = dict[str, Any]


class ServiceLoader(Loader):
    """Loader of service models that looks for the named services alone.

    The SDK's looks into the directories of all four hundred, twice, before it loads the first.
    """

    def __init__(self, search_paths: list[str], services: tuple[str, ...]) -> None:
        super().__init__(search_paths, include_default_search_paths=False)
        self._services = services

    def list_available_services(self, type_name: str) -> list[str]:
        """Name those of the services that have such a file."""
        return [name for name in self._services if self._places(name, type_name)]

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Model:
        """Load a model: EC2's own short one, unless the SDK or its user has another."""
        is_short = (service_name, type_name, api_version) == (SERVICE, "service-2", None)
        if is_short and self._places(SERVICE, type_name) == [self.BUILTIN_DATA_PATH]:
            model = kept_model()
            if model is not None:
                return model
        whole: Model = super().load_service_model(service_name, type_name, api_version)
        return whole

    def _places(self, name: str, type_name: str) -> list[str]:
        """Search paths that have the service."""
        return [
            path for path in self.search_paths if any(Path(path, name).glob(f"*/{type_name}.*"))
        ]


def kept_model() -> Model | None:
    """Read the short model; None when it was made from another version of the SDK."""
    kept = json.loads(FILE.read_text("utf-8"))
    return kept["model"] if kept["botocore"] == botocore.__version__ else None


def short_model(whole: Mapping[str, Any]) -> Model:
    """Leave out of a model all that the operations do not need."""
    operations = {name: whole["operations"][name] for name in OPERATIONS}
    needed: set[str] = set()
    waiting = list(_shapes_in(operations))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += _shapes_in(whole["shapes"][name])
    shapes = {name: shape for name, shape in whole["shapes"].items() if name in needed}
    return {**whole, "operations": operations, "shapes": shapes}


def _shapes_in(part: Any) -> Iterator[str]:
    """Name every shape that a part of a model refers to."""
    if isinstance(part, list):
        for each in part:
            yield from _shapes_in(each)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "shape" and isinstance(value, str):
                yield value
            else:
                yield from _shapes_in(value)


def made_file() -> str:
    """Make the content of `ec2.json` from the installed SDK."""
    model = short_model(Loader().load_service_model(SERVICE, "service-2"))
    return json.dumps({"botocore": botocore.__version__, "model": model}, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(made_file(), "utf-8")
