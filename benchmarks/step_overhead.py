"""
What a step costs beside its tests: opened, one test that does nothing, judged, and the next.

A plan of many steps that bake no time, without load, on real PetClinic and real Envoy. What is
told is the wall time from the first step opened to the last one, divided by the steps between.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import rollout
from benchmarks.figures import Figure
from canarytest.core.events import StepOpened

SUITE = "def test_nothing():\n    pass\n"
STEP_WITHIN_S = 0.3  # what issue 3 asks


def main(*, quick: bool = False) -> list[Figure]:
    """Walk some rollouts."""
    weights = range(3, 31 if quick else 96, 3)
    seconds = [_seconds_a_step(list(weights)) for _ in range(1 if quick else 5)]
    note = f"{len(weights)} steps a run, one empty test each; n runs"
    return [Figure("a step's own overhead", "s", seconds, at_most=STEP_WITHIN_S, note=note)]


def _seconds_a_step(weights: list[int]) -> float:
    with tempfile.TemporaryDirectory() as name:
        rollout.write(Path(name), SUITE, weights=weights)
        run = rollout.run(Path(name))
    opened = [event.time for event in run.told if isinstance(event, StepOpened)]
    if run.status or len(opened) != len(weights):
        raise RuntimeError(f"the rollout was not promoted:\n{run.output}")
    return mean_between(opened)


def mean_between(times: list[float]) -> float:
    """Return the mean time from one to the next."""
    return (times[-1] - times[0]) / (len(times) - 1)
