"""Remove from the AWS SDK the descriptions of services that the program never asks.

Run by the Dockerfile in the environment that goes into the image. Half of all files there are
descriptions of four hundred services; the SDK reads one only when a client of it is made.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import botocore

from discovery.aws.sdk_session import SDK_NAMES, SERVICES

OTHERS = {"s3", "sso", "sso-oidc", "signin"}
"""Where `state.snapshot` is, and whom the SDK itself asks for credentials, besides STS."""


def prune(data: Path) -> None:
    """Leave of each service in use the newest description, and the files that all share."""
    used = {SDK_NAMES.get(name, name) for name in SERVICES} | OTHERS
    for service in [each for each in data.iterdir() if each.is_dir()]:
        newest = max((each.name for each in service.iterdir()), default=None)
        for version in service.iterdir():
            if service.name not in used or version.name != newest:
                shutil.rmtree(version)
        if service.name not in used:
            service.rmdir()


if __name__ == "__main__":
    prune(Path(botocore.__file__).parent / "data")
