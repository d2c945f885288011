"""Recognize the files that the program itself needs, which no report may overwrite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from discovery.config.control_plane import Embedded
from discovery.config.load import load_config
from discovery.config.model import Config
from discovery.config.problems import ConfigError
from discovery.snapshot.place import COPY_END
from state.errors import StateError
from state.lock import lock_path, service_lock_path
from state.reserve import reserve_of
from state.sqlite import files_of


def own_file(path: Path, configuration: Path) -> str | None:
    """Describe `path` if it is a file that this configuration depends on, else None.

    Compared by resolved path and by the file itself, so neither a symbolic nor a hard link hides
    one. Of a configuration that cannot be read only the file itself is known.
    """
    target = path.resolve()
    for own, what in _own_files(configuration):
        with suppress(OSError, RuntimeError, ValueError):
            if own.resolve() == target or (
                own.exists() and target.exists() and own.samefile(target)
            ):
                return what
    return None


def _own_files(configuration: Path) -> Iterator[tuple[Path, str]]:
    yield configuration, "the configuration"
    try:
        config = load_config(configuration)
    except ConfigError:
        return
    copy = config.state.path.with_name(config.state.path.name + COPY_END)
    for state in (config.state.path, copy) if config.state.snapshot else (config.state.path,):
        yield from ((each, "the state file") for each in _state_files(state))
    plane = config.control_plane
    if isinstance(plane, Embedded):
        yield from ((each, "the registry") for each in files_of(plane.path))
    else:
        yield plane.identity_file, "the identity file"
    yield from ((each, "the file of a secret") for each in _secret_files(config))


def _state_files(path: Path) -> Iterator[Path]:
    with suppress(OSError, RuntimeError, StateError):
        yield from files_of(path)
        yield lock_path(path)
        yield service_lock_path(path)
        yield reserve_of(path)


def _secret_files(config: Config) -> Iterator[Path]:
    return _referenced(config.model_dump())


def _referenced(value: Any) -> Iterator[Path]:
    """Yield every file that a reference of the form `file:PATH` names, at any depth."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _referenced(each)
    elif isinstance(value, str) and value.startswith("file:"):
        yield Path(value.removeprefix("file:"))
