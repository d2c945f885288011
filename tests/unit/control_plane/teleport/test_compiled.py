"""What is committed is what the compiler makes of `teleport.proto`."""

from __future__ import annotations

from pathlib import Path

import pytest

from discovery.control_plane.teleport.compile import MADE, ROOT, SOURCE, compile_messages


def test_the_message_modules_are_up_to_date(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="the extra `proto` is not installed")
    compile_messages(tmp_path)
    for name in MADE:
        made = (tmp_path / SOURCE.parent / name).read_text()
        assert made == (ROOT / SOURCE.parent / name).read_text(), (
            "run python -m discovery.control_plane.teleport.compile"
        )
