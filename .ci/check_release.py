"""Check that a tag, the package, the image and the changelog name one version.

    python3 .ci/check_release.py v0.2.0

Exit 1 with what differs.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def differences(tag: str, root: Path = ROOT) -> list[str]:
    """List what does not name the version of the tag."""
    version = tag.removeprefix("v")
    package = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    image = (root / "deploy/docker/Dockerfile").read_text("utf-8")
    changelog = (root / "CHANGELOG.md").read_text("utf-8")
    found = []
    if package != version:
        found.append(f"pyproject.toml has version {package}, the tag {version}")
    if f'org.opencontainers.image.version="{version}"' not in image:
        found.append(f"deploy/docker/Dockerfile does not name version {version}")
    heading = rf"^## \[{re.escape(version)}\] - [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$"
    if re.search(heading, changelog, re.MULTILINE) is None:
        found.append(f"CHANGELOG.md has no heading `## [{version}] - YYYY-MM-DD`")
    return found


if __name__ == "__main__":
    sys.exit("\n".join(differences(sys.argv[1] if len(sys.argv) > 1 else "")) or 0)
