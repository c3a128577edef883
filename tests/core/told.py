"""The events of one step, as a run would have written them."""

from typing import Any

from canarytest.core import events as e
from canarytest.core.bands import DEFAULT_BANDS
from canarytest.core.reach import Version
from tests.core.steps import Seen, load_second, second_of, tally

CANARY, STABLE = Version.CANARY, Version.STABLE
GOOD: Seen = {CANARY: tally(400), STABLE: tally(3600)}
PROBED: Seen = {CANARY: tally(40), STABLE: tally(360)}


STARTED = e.RolloutStarted(
    0.0, "run", "was", "petclinic", "local", "local", "v100", "v101", {},
    ({"label": "10%"}, {"label": "30%"}), {name: (b.warning, b.roll_back) for name, b in
    DEFAULT_BANDS.items()}, (), {}, needs=({"label": "10%"},),
)  # fmt: skip


def measured(second: int, source: str, values: dict[str, Any]) -> e.MeasurementTaken:
    return e.MeasurementTaken(100.0 + second, 0, source, values)


def step(load: Seen, *more: e.Event, probe: Seen = PROBED) -> list[e.Event]:
    """Return the events of one step of twenty seconds, as a run would have written them."""
    told: list[e.Event] = [e.StepOpened(100.0, 0, "10%", 10, 0.1, 0.1, "v101")]
    told.append(e.TestFinished(100.5, 0, "10%", "test_it[10%]", "passed", 0.1, "", ""))
    for second in range(20):
        here = {version: second_of(whole, second, 20) for version, whole in load.items()}
        tallies = [
            [version, "edge probe", second_of(whole, second, 20).as_json()]
            for version, whole in probe.items()
        ]
        told.append(measured(second + 1, "probe", {"tallies": tallies}))
        told.append(measured(second + 1, "load", load_second(here).as_json()))
    told += more
    told.append(e.StepJudged(121.0, 0, "10%", "successful", "fine", 21.0, {}, ()))
    told.append(e.RunEnded(130.0, "promoted", 0, "fine", 130.0, {}))
    return [e.from_json(e.as_json(event)) for event in (STARTED, *told)]
