"""A few random moments; `random_moments.py` tries as many as one likes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.random_moments import moments

pytestmark = [pytest.mark.envoy, pytest.mark.slow]


@pytest.mark.parametrize("seed", [17])
def test_nothing_is_left_whatever_is_killed_at_a_random_moment(tmp_path: Path, seed: int) -> None:
    for moment in moments(4, seed, tmp_path, at_once=4):
        assert moment.troubles == (), moment
