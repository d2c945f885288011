"""The `reports` section: what reports say of each cache besides."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from discovery.config.fields import Section
from discovery.config.problems import quoted

_SIGNS: Final = "_.:/=+-@"


def _tag_key(text: str) -> str:
    if not all(each.isalnum() or each in f" {_SIGNS}" for each in text):
        expected = f"the key of an AWS tag: letters, digits, blanks and any of {_SIGNS}"
        raise ValueError(f"{quoted(text)} is not {expected}")
    return text


AwsTagKey = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_tag_key)]


class Reports(Section):
    """What reports say of each cache besides."""

    owner_tag: AwsTagKey | None = None
    """The tag whose value says whose a cache is, such as `team`: reports show it beside the cache.
    Upper and lower case differ, as in AWS. Default: none, and reports name no owner."""
