"""The control endpoints of the data plane: its caches' latest calls, and faults."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from discovery.sandbox.control import PREFIX, SHOWN_CALLS, Body, ControlApi
from discovery.sandbox.data_plane.calls import CallLog
from discovery.sandbox.data_plane.faults import Fault
from discovery.sandbox.faults import FaultBoard


class DataPlaneControlApi(ControlApi[Fault]):
    """Answers the requests under `/_sandbox/data-plane/` of the simulated AWS."""

    fault_type = Fault
    prefix = f"{PREFIX}data-plane/"

    def __init__(self, faults: FaultBoard[Fault], calls: CallLog) -> None:
        super().__init__(faults, calls, {})

    def state(self) -> Body:
        """Describe how much was asked, and the faults in force."""
        return {"calls": len(self._calls), "faults": self.listed_faults()}

    def recent_calls(self) -> Body:
        """Describe the latest calls."""
        rows: list[dict[str, Any]] = [asdict(call) for call in tuple(self._calls)[-SHOWN_CALLS:]]
        return {"calls": [{**row, "at": row["at"].isoformat()} for row in rows]}
