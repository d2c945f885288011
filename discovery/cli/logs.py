"""Configure logging to stderr: readable lines on a terminal, JSON elsewhere."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final

import structlog

from discovery.cli.streams import LogFormat, log_events_only
from discovery.cli.vendor_logs import set_up_vendor_logs
from discovery.model.fingerprint import fingerprint
from discovery.model.foreign_text import without_passwords
from discovery.reports.safe_text import escape_unprintable

_MULTILINE: Final = ("exception", "text")
"""Fields that may have several lines: ours, so none of them passes for an event."""
_SECRET_WORDS: Final = ("external_id", "secret", "token", "password", "credential")


def set_up_logs(chosen: LogFormat | None, verbosity: int, *, shows_events: bool = False) -> None:
    """Send log events to stderr in the chosen format.

    A person at a terminal reads the report and sees warnings only, unless the command has no report
    (`shows_events`); a log collector gets every event. Each `-v` shows one level more. Where JSON
    was asked for, and in the log of a service, nothing but events is written to stderr.
    """
    log_format = chosen or (LogFormat.CONSOLE if sys.stderr.isatty() else LogFormat.JSON)
    is_pure = log_format is LogFormat.JSON and (chosen is not None or shows_events)
    log_events_only(on=is_pure)
    logging.captureWarnings(is_pure)
    level = _level(log_format, verbosity, shows_events=shows_events)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            sanitize,
            *_renderers(log_format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_StderrFactory(),
        cache_logger_on_first_use=False,
    )
    set_up_vendor_logs(shows_debug=verbosity > 1)


def sanitize(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Make every text of an event safe to print, and replace secrets by their fingerprint."""
    return {escape_unprintable(key): _sanitize_value(value, key) for key, value in event.items()}


def _sanitize_value(value: Any, key: str) -> Any:
    if type(value) is str:
        return _sanitize_text(value, key)
    if isinstance(value, Mapping):
        return {
            escape_unprintable(str(inner)): _sanitize_value(held, str(inner))
            for inner, held in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_sanitize_value(one, key) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _sanitize_text(str(value), key)


def _sanitize_text(text: str, key: str) -> str:
    if _is_secret(key):
        return fingerprint(text)
    if key in _MULTILINE:
        return "\n".join(_safe(line) for line in text.split("\n"))
    return _safe(text)


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET_WORDS)


def _safe(text: str) -> str:
    return escape_unprintable(without_passwords(text))


def _level(log_format: LogFormat, verbosity: int, *, shows_events: bool) -> int:
    is_quiet = log_format is LogFormat.CONSOLE and not shows_events
    usual = logging.WARNING if is_quiet else logging.INFO
    return max(logging.DEBUG, usual - 10 * verbosity)


def _renderers(log_format: LogFormat) -> tuple[structlog.typing.Processor, ...]:
    if log_format is LogFormat.JSON:
        return (structlog.processors.JSONRenderer(ensure_ascii=True),)
    return summary_only, flatten, structlog.dev.ConsoleRenderer(colors=_colours(), pad_event_to=28)


def summary_only(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Reduce an event that has a summary sentence to that sentence, for a person at a terminal."""
    if "sentence" not in event:
        return event
    kept = ("timestamp", "level", "event", "kind", "sentence", "error")
    return {key: event[key] for key in kept if event.get(key)}


def flatten(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Write nested values as `a=1, b=2` instead of Python syntax, for a person at a terminal."""
    return {key: _flatten(value) for key, value in event.items()}


def _flatten(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_flatten(held)}" for key, held in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(str(_flatten(each)) for each in value)
    return value


def _colours() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


class _StderrFactory:
    """Create loggers for the stderr of the moment, which a progress display may have replaced."""

    def __call__(self, *_names: Any) -> structlog.PrintLogger:
        return _BestEffortLogger(sys.stderr)


class _BestEffortLogger(structlog.PrintLogger):
    """Drop log lines that cannot be written, such as on a full disk."""

    def msg(self, message: str) -> None:
        """Print a line, or drop it."""
        with contextlib.suppress(OSError, ValueError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg
