"""Where the state of a process is: the file at `state.path`, or a snapshot in S3."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from discovery.config.model import Config
from discovery.config.snapshot import SnapshotPlace, snapshot_for
from discovery.plan.shard import Shard

COPY_END: Final = ".snapshot"
"""How the name of the copy ends that is kept beside `state.path`."""


@dataclass(frozen=True, slots=True)
class StatePlace:
    """Where the state of a process is."""

    config: Config
    snapshot: SnapshotPlace | None

    @classmethod
    def of(cls, config: Config, shard: Shard | None = None) -> Self:
        """Find the state of one process. Raises: ValueError, for a shard without its own."""
        url = config.state.snapshot
        return cls(config, snapshot_for(url, shard) if url is not None else None)

    @property
    def file(self) -> Path:
        """The file that is opened for writing: the state, or the copy of the snapshot."""
        path = self.config.state.path
        return path if self.snapshot is None else path.with_name(path.name + COPY_END)

    def __str__(self) -> str:
        return str(self.snapshot or self.config.state.path)
