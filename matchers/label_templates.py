"""Values of a matcher's labels, in which words in braces stand for what the cache has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

ACCOUNT_NAME: Final = "account_name"
PLACEHOLDERS: Final = ("account_id", ACCOUNT_NAME, "region", "cache")
"""What the value of a label may name in braces."""

_BRACES: Final = re.compile(r"\{([\w .-]*)\}", re.ASCII)
"""A word in braces; other text in braces, such as JSON, stands for itself."""
_KNOWN: Final = re.compile(rf"\{{({'|'.join(PLACEHOLDERS)})\}}")


def placeholders_in(template: str) -> tuple[str, ...]:
    """List the words that a template has in braces, known or not."""
    return tuple(_BRACES.findall(template))


def fill_in_label(template: str, values: Mapping[str, str | None]) -> str | None:
    """Put the cache's own values in place of the words in braces; None where one is not known.

    What was put in is not looked at again, so a name in braces stands for itself.
    """
    if any(values[word] is None for word in _KNOWN.findall(template)):
        return None
    return _KNOWN.sub(lambda found: values[found[1]] or "", template)
