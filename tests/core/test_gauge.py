"""A sampled metric is judged by the median of its last few samples."""

import pytest

from canarytest.core.bands import DEFAULT_BANDS, Band
from canarytest.core.finding import Zone
from canarytest.core.gauge import judge_gauge


@pytest.mark.parametrize(
    ("metric", "samples", "zone", "said"),
    [
        pytest.param("cpu", (), Zone.TOO_LITTLE, "0 of 3 samples", id="none"),
        pytest.param("cpu", (0.69,) * 3, Zone.NORMAL, "cpu 69% of its limit: normal", id="cpu"),
        pytest.param("cpu", (0.70,) * 3, Zone.WARNING, ": warning (", id="cpu-warning"),
        pytest.param("cpu", (0.90,) * 3, Zone.ROLL_BACK, ": roll back (", id="cpu-roll-back"),
        pytest.param("cpu", (1.0, 0.1, 0.1), Zone.NORMAL, "cpu 10%", id="one-peak"),
        pytest.param("cpu", (1.0, 1.0), Zone.TOO_LITTLE, "2 of 3 samples", id="cpu-too-few"),
        pytest.param("memory", (0.79,) * 5, Zone.NORMAL, "memory 79%", id="memory"),
        pytest.param("memory", (0.80,) * 5, Zone.WARNING, ": warning", id="memory-warning"),
        pytest.param("memory", (0.95,) * 5, Zone.ROLL_BACK, ": roll back", id="memory-roll-back"),
    ],
)
def test_the_zones_of_a_gauge(
    metric: str, samples: tuple[float, ...], zone: Zone, said: str
) -> None:
    found = judge_gauge(metric, DEFAULT_BANDS[metric], samples, of="of its limit")

    assert found.zone is zone
    assert said in found.sentence


def test_values_are_told_in_the_words_that_are_asked_for() -> None:
    found = judge_gauge("queue", Band(10, 20), (12.0,) * 3, shown=lambda value: f"{value:g} jobs")

    assert found.sentence == (
        "queue 12 jobs: warning (warning from 10 jobs, roll back from 20 jobs)"
    )
    assert (found.estimate, found.warning, found.roll_back) == (12, 10, 20)
