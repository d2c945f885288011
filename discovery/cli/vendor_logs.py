"""Log what libraries log as our own events: one line each, and without secrets.

The AWS SDK's debug records hold whole requests and answers, with external ids, session keys and
session tokens in them (`botocore.endpoint`, `.parsers`, `.auth`, and more with every release), and
httpx logs the URL of every request, which of a webhook is a secret. So `-vv` shows what is named
here, and nothing else of it.
"""

from __future__ import annotations

import logging
from typing import Final

_QUIET: Final = {
    "aiobotocore": logging.CRITICAL,
    "aiohttp": logging.CRITICAL,
    "apscheduler": logging.ERROR,
    "asyncio": logging.ERROR,
    "botocore": logging.CRITICAL,
    "httpcore": logging.CRITICAL,
    "httpx": logging.CRITICAL,
    "urllib3": logging.CRITICAL,
}
"""Level from which on records of these libraries are shown without `-vv`.

An error that ends a task or a job is reported nowhere else.
"""

_SHOWN_AT_DEBUG: Final = (
    "aiobotocore.credentials",
    "aiobotocore.regions",
    "apscheduler",
    "asyncio",
    "botocore.configprovider",
    "botocore.credentials",
    "botocore.regions",
    "botocore.retries",
    "botocore.retryhandler",
)
"""What `-vv` shows: where credentials, regions and endpoints come from, what is retried."""


def set_up_vendor_logs(*, shows_debug: bool) -> None:
    """Log warnings of libraries as events, and with `shows_debug` selected debug records."""
    levels = {**dict.fromkeys(_SHOWN_AT_DEBUG, logging.NOTSET), **_QUIET}
    if shows_debug:
        levels |= dict.fromkeys(_SHOWN_AT_DEBUG, logging.DEBUG)
    for library, level in levels.items():
        logging.getLogger(library).setLevel(level)
    logging.basicConfig(handlers=[ForwardingHandler()], level=logging.WARNING)


class ForwardingHandler(logging.Handler):
    """Logging handler that logs a library's record as an event."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record as the event `library.said`."""
        import structlog

        try:
            level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
            structlog.get_logger().log(
                level,
                "library.said",
                library=record.name,
                message=record.getMessage(),
                exc_info=record.exc_info or None,
            )
        except Exception:
            self.handleError(record)
