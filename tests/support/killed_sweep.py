"""A `cachemuster` that is killed with SIGKILL at its first write of a kind.

It runs in a fork of a process that has loaded the program: a kill needs a process of its own, and
none of the start that the tests of the command line see.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import discovery.control_plane.embedded.storage as registry
from discovery.cli.app import main
from discovery.control_plane.embedded.control_plane import Embedded
from state.store import Store
from tests.sdk_cache import keep_what_the_sdk_reads

__all__ = ["run_until_killed"]

_PATIENCE_S = 60
_PROGRAM = ("discovery.cli.app", "discovery.cli.setup", "discovery.cli.sweep")


def run_until_killed(
    moment: str, words: tuple[str, ...], directory: Path, environment: Mapping[str, str]
) -> None:
    """Run a command in this directory, which has to end by the kill.

    `moment`: `before-create` kills before the first create, `after-create` when it is answered,
    `during-insert` inside the transaction that it shares with others.
    """
    context = multiprocessing.get_context("forkserver")
    # What the first call starts the server with; it finds `tests` only where PYTHONPATH says so.
    context.set_forkserver_preload([*_PROGRAM, __name__])
    output = directory / "killed.log"
    process = context.Process(target=_run, args=(moment, words, directory, environment, output))
    process.start()
    process.join(_PATIENCE_S)
    code = process.exitcode
    process.kill()
    process.join()
    process.close()
    said = output.read_text("utf-8")
    output.unlink()
    assert code == -signal.SIGKILL, said


def _run(
    moment: str,
    words: tuple[str, ...],
    directory: Path,
    environment: Mapping[str, str],
    output: Path,
) -> None:
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    keep_what_the_sdk_reads()
    _prepare(*moment.split("-", 1))
    sys.argv = ["cachemuster", *words]
    main()


def _prepare(moment: str, step: str) -> None:
    if hasattr(Embedded, step):
        setattr(Embedded, step, _answered(moment, getattr(Embedded, step)))
    else:
        place = Store if step == "record" else registry
        setattr(place, step, _inside(moment, getattr(place, step)))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _answered(moment: str, call: Callable[..., Any]) -> Callable[..., Any]:
    async def doomed(*arguments: Any) -> None:  # with the answer, it and all beside it is on disk
        if moment == "after":
            await call(*arguments)
        _die()

    return doomed


def _inside(moment: str, statement: Callable[..., Any]) -> Callable[..., Any]:
    def doomed(*arguments: Any) -> None:  # statements of one transaction, or of none
        if moment == "during":
            statement(*arguments)
        _die()

    return doomed
