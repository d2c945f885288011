"""Make text of others (AWS, Teleport, a proxy) fit to repeat: no passwords, one line.

The one place for it. Errors of AWS and of the control plane, log events and what is said on stderr
all pass through `without_passwords`; what is cut to a length passes through it first, because a
cut could take the `@` and leave the password.
"""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "***"

_CREDENTIALS: Final = re.compile(r"(:(?:\\*/){2}).*@", re.DOTALL)
"""From the first `://` to the last `@`. A password may hold any character when the URL is none,
and a text may hold several URLs, so nothing in between is known to be harmless. JSON may spell
the slashes `\\/`."""


def without_passwords(text: str) -> str:
    """Hide everything between `://` and the last `@`; applying it twice is once."""
    if "@" not in text:
        return text
    return _CREDENTIALS.sub(rf"\1{HIDDEN}@", text)


def quoted(text: str, limit: int) -> str:
    """Put text of others on one line of at most `limit` characters, without passwords."""
    line = " ".join(without_passwords(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
