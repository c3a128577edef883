"""
How often a run on a cluster calls the API server, counted at the server's door and not by the run.

The baseline is a run that takes a tenth of the time: what is between the two is what time costs.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cluster_stage import measured, steps_of
from benchmarks.figures import Figure
from tests.cluster import stage as stages
from tests.cluster.faulty import FaultyApi
from tests.cluster.stage import Object, Stage

CALLS_AT_MOST, LONG_S = 60, 600.0  # what issue 7 asks


def main(*, quick: bool = False) -> list[Figure]:
    """Count the calls of a long run, and of a short one."""
    seconds = LONG_S / 10 if quick else LONG_S
    return measured(lambda made: _compared(made, seconds))


def _compared(made: Stage, seconds: float) -> Iterator[Figure]:
    short, long = _calls(made, seconds / 10), _calls(made, seconds)
    kinds = {call.partition("?")[0].replace(made.namespace, "NS") for call in long}
    steps = len(steps_of(made))
    yield Figure(
        f"calls to the API server in a run of {seconds:.0f} s",
        "",
        [len(long)],
        at_most=CALLS_AT_MOST,
        baseline=[len(short)],
        note=f"a good version, {steps} steps, {len(kinds)} kinds of calls; "
        f"the baseline is a run of {seconds / 10:.0f} s",
    )


def _calls(made: Stage, seconds: float) -> list[str]:
    """Return the calls of a run whose pauses take so many *seconds*."""
    plan = steps_of(made)
    pauses = sum("duration" in (step.get("pause") or {}) for step in plan)
    pause: Object = {"pause": {"duration": f"{seconds / pauses:.0f}s"}}
    made.plan([pause if (s.get("pause") or {}).get("duration") else s for s in plan])
    with FaultyApi(made.cluster) as api:
        ran = made.run_through(api.url, stages.good_image(made))
    if ran.status:
        raise RuntimeError(f"it was not promoted: {ran.output}")
    return api.calls
