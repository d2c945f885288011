"""The record of a long run: it can be stopped, and resumed at the same commit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter

from tests.faults.batches import Batch, BatchResult

_RESULT = TypeAdapter(BatchResult)


class WrongCommit(Exception):
    """The figures in the file are not those of the code that stands here."""


@dataclass
class RunRecord:
    """A file with the commit in its first line, and one line for each finished batch."""

    path: Path
    finished: dict[str, BatchResult] = field(default_factory=dict)

    @classmethod
    def at_commit(cls, path: Path, commit: str) -> Self:
        """The file as it is, begun if need be. A batch whose line was cut off is run again.

        Raises: WrongCommit.
        """
        if not path.exists():
            path.write_text(json.dumps({"commit": commit}) + "\n", "utf-8")
        head, *lines = path.read_text("utf-8").split("\n")
        begun_at = json.loads(head)["commit"]
        if begun_at != commit:
            raise WrongCommit(f"{path} is of commit {begun_at}, and this is {commit}; name another")
        path.write_text("\n".join([head, *lines[:-1], ""]), "utf-8")
        rows = [json.loads(line) for line in lines[:-1]]
        return cls(path, {row["batch"]: _RESULT.validate_python(row["result"]) for row in rows})

    def left(self, batches: Sequence[Batch]) -> tuple[Batch, ...]:
        """Those that are not finished."""
        return tuple(batch for batch in batches if batch.label not in self.finished)

    def add(self, batch: Batch, result: BatchResult) -> None:
        """Record a finished batch."""
        self.finished[batch.label] = result
        row = {"batch": batch.label, "result": _RESULT.dump_python(result, mode="json")}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def total(self) -> BatchResult:
        """All of it in figures."""
        total = BatchResult()
        for each in self.finished.values():
            total.add(each)
        return total


def commit_here() -> str:
    """The commit that stands here. Raises: WrongCommit, when files differ from it."""
    if _git("status", "--porcelain"):
        raise WrongCommit("files differ from the commit; commit them, so that figures are of one")
    return _git("rev-parse", "HEAD")


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
