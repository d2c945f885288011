"""Compile `teleport.proto` to Python; for developers, with the `proto` extra.

Run as `python -m discovery.control_plane.teleport.compile`. What it makes is committed, and a test
compares: running the agent needs the protobuf runtime only.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

SOURCE = Path("discovery/control_plane/teleport/teleport.proto")
"""Relative to the root of the repository, as the descriptor in the module names it."""
MADE = ("teleport_pb2.py", "teleport_pb2.pyi")
ROOT = Path(__file__).parents[3]


def compile_messages(into: Path) -> None:
    """Write the compiled modules below `into`, in their packages' folders.

    Raises: RuntimeError.
    """
    from grpc_tools import protoc  # noqa: PLC0415 - a tool of developers, not a dependency

    well_known = resources.files("grpc_tools") / "_proto"
    arguments = (
        f"--proto_path={ROOT}",
        f"--proto_path={well_known}",
        f"--python_out={into}",
        f"--pyi_out={into}",
        str(ROOT / SOURCE),
    )
    if protoc.main(("protoc", *arguments)) != 0:
        raise RuntimeError("the compiler refused teleport.proto; its messages are above")


if __name__ == "__main__":
    compile_messages(ROOT)
    sys.stderr.write(f"made {', '.join(MADE)}\n")
