"""Read a configuration file: every problem in one go, each at its line and column.

`-`, standard input, a pipe (`<(…)` in a shell) and whatever lies under /dev or /proc, /dev/shm
excepted, is not opened by a directory entry of its own. The directory of such a descriptor says
nothing about where the state file is, so relative paths count from the working directory; and a
pipe that was read to its end is empty, so what it held is kept.
"""

from __future__ import annotations

import dataclasses
import os
import re
import stat
import sys
from collections.abc import Iterable
from pathlib import Path, PosixPath
from typing import Final

from pydantic import ValidationError

from discovery.config.control_plane import Embedded
from discovery.config.cross_checks import contradictions
from discovery.config.model import Config
from discovery.config.problems import ConfigError, Problem
from discovery.config.pydantic_messages import problems_of
from discovery.config.yaml_document import Document, Unreadable

_NO_PLACE: Final = re.compile("/dev/(?!shm/)|/proc/")
"""Where files are not opened by an entry of their own. /dev/shm is an ordinary directory."""


class ReadOnce(PosixPath):
    """A configuration that was read already and cannot be read again; its name as a path."""

    content: bytes


def is_read_once(file: Path) -> bool:
    """Return whether the file is not opened by a directory entry of its own."""
    if isinstance(file, ReadOnce) or is_standard_input(file):
        return True
    try:
        places = (os.path.normpath(file.absolute()), str(file.resolve()))
        mode = file.stat().st_mode
    except (OSError, RuntimeError, ValueError):
        return _NO_PLACE.match(os.path.normpath(file.absolute())) is not None
    is_file = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    return not is_file or any(map(_NO_PLACE.match, places))


def is_standard_input(file: Path) -> bool:
    """Return whether the file is `-`."""
    return str(file) == "-"


def name_of(file: Path) -> str:
    """Return what the file is called in messages."""
    return "<stdin>" if is_standard_input(file) else str(file)


def base_of(file: Path) -> Path:
    """Return the directory from which relative paths in the configuration count."""
    return Path.cwd() if is_read_once(file) else file.absolute().parent


def read_bytes(file: Path, at_most: int) -> bytes:
    """Read from the start, `at_most` bytes. Raises: OSError, ValueError."""
    if isinstance(file, ReadOnce):
        return file.content[:at_most]
    if is_standard_input(file):
        if sys.stdin is None:
            raise ValueError("standard input is closed")
        return sys.stdin.buffer.read(at_most)
    with file.open("rb") as stream:
        return stream.read(at_most)


def with_content(file: Path, content: bytes) -> Path:
    """Return a path of the same name that is read as this content."""
    made = ReadOnce(file)
    made.content = content
    return made


MAX_BYTES = 1 << 20
"""A configuration of thousands of accounts fits four times; more is some other file."""


def load_config(file: Path) -> Config:
    """Read and check the configuration in `file`.

    Relative paths in it count from its directory, so that cron and a shell agree, or from the
    working directory where it is no file (`is_read_once`).

    Raises: ConfigError with every problem.
    """
    return parse_config(read_text(file), file=name_of(file), base=base_of(file))


def readable_again(file: Path) -> Path:
    """Return the file, or a copy in memory where it can be read but once. Raises: ConfigError."""
    return with_content(file, _content(file)) if is_read_once(file) else file


def parse_config(text: str, *, file: str, base: Path) -> Config:
    """Parse and check the configuration in `text`, which came from `file`.

    Relative paths in it count from `base`.

    Raises: ConfigError with every problem.
    """
    try:
        document = Document(text)
    except Unreadable as error:
        raise _error([error.problem], file) from error
    if not isinstance(document.data, dict):
        problem = Problem("a configuration is a mapping, such as `version: 1`", line=1, column=1)
        raise _error([problem], file)
    problems = [*document.problems, *_contradictions(document)]
    try:
        config = Config.model_validate(document.data)
    except ValidationError as error:
        raise _error([*problems, *problems_of(error, document)], file) from error
    if problems:
        raise _error(problems, file)
    return _anchored(config, base)


def locate(problems: Iterable[Problem], file: Path) -> ConfigError:
    """Make an error of problems that were found while running, with their lines in `file` now."""
    try:
        document = Document(read_text(file))
    except (ConfigError, Unreadable):
        return _error(problems, name_of(file))
    return _error([_placed(problem, document) for problem in problems], name_of(file))


def _contradictions(document: Document) -> list[Problem]:
    found = contradictions(document.data)
    return [_placed(each.problem, document, of_key=each.of_key) for each in found]


def _placed(problem: Problem, document: Document, *, of_key: bool = False) -> Problem:
    line, column = document.place(problem.path, of_key=of_key)
    return dataclasses.replace(problem, line=line, column=column)


def _error(problems: Iterable[Problem], file: str) -> ConfigError:
    return ConfigError([dataclasses.replace(problem, file=file) for problem in problems], file)


def _anchored(config: Config, base: Path) -> Config:
    plane = config.control_plane
    field = "path" if isinstance(plane, Embedded) else "identity_file"
    absolute = {field: base / getattr(plane, field)}
    state = config.state.model_copy(update={"path": base / config.state.path})
    return config.model_copy(
        update={"state": state, "control_plane": plane.model_copy(update=absolute)}
    )


def read_text(file: Path) -> str:
    """Return the text of a file of at most a megabyte. Raises: ConfigError."""
    return _decoded(_content(file), name_of(file))


def _content(file: Path) -> bytes:
    name = name_of(file)
    try:
        content = read_bytes(file, MAX_BYTES + 1)
    except FileNotFoundError as error:
        hint = "name another with --config or CACHEMUSTER_CONFIG"
        raise _error([Problem(f"there is no such file; {hint}")], name) from error
    except IsADirectoryError as error:
        raise _error([Problem("this is a directory, not a file")], name) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no usable name for a file"
        raise _error([Problem(f"the file cannot be read: {reason}")], name) from error
    if len(content) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES >> 10} KiB: no configuration is"
        raise _error([Problem(message)], name)
    return content


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        message = "the file is not UTF-8 text; save it as UTF-8"
        raise _error([Problem(message, line=line, column=column)], file) from error
