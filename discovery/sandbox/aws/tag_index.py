"""The index behind the Resource Groups Tagging API, which lags behind the resources.

Source: aws/README: Tagging API. Never-tagged resources are not in it, formerly tagged
ones stay with no tags, deleted ones linger and new ones come late.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class IndexedTags:
    """The tags that the index shows of one resource from a moment on; None: not there."""

    visible_at: datetime
    tags: Mapping[str, str] | None


class TagIndex:
    """Tags by ARN, each change visible only from its own moment on."""

    def __init__(self) -> None:
        self._sightings: dict[str, tuple[IndexedTags, ...]] = {}

    def record(self, arn: str, tags: Mapping[str, str], *, visible_at: datetime) -> None:
        """Show `tags` from `visible_at` on; a resource never tagged stays unknown."""
        earlier = self._sightings.get(arn, ())
        if not tags and not earlier:
            return
        # A deletion that the index has not noticed yet is overtaken by the resource's return.
        kept = tuple(s for s in earlier if s.tags is not None or s.visible_at <= visible_at)
        self._sightings[arn] = (*kept, IndexedTags(visible_at, dict(tags)))

    def forget(self, arn: str, *, visible_at: datetime) -> None:
        """Stop showing the resource from `visible_at` on."""
        if arn in self._sightings:
            self._sightings[arn] = (*self._sightings[arn], IndexedTags(visible_at, None))

    def seen(self, now: datetime) -> Mapping[str, Mapping[str, str]]:
        """Return tags by ARN as the index shows them at `now`."""
        shown = {}
        for arn, sightings in tuple(self._sightings.items()):
            due = [sighting for sighting in sightings if sighting.visible_at <= now]
            if due and (tags := due[-1].tags) is not None:
                shown[arn] = tags
        return shown
