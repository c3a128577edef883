"""The step under load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import Any


@pytest.mark.load("load/visits.py", users=20, spawn_rate=20)
def test_load(load: Any) -> None:
    load.assert_within(error_rate=0.05, latency_p95_ms=1000)
