"""Who answers at the edge, against what the step asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def test_split(split: Any) -> None:
    split.assert_matches()
