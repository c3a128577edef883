"""Seconds of load, there and back."""

import json

from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.reach import Version
from canarytest.core.sketch import Sketch


def test_a_second_of_load_comes_back_from_its_json() -> None:
    tallies = (
        EndpointTally(Version.CANARY, "GET /owners", Tally(3, 1, Sketch.of([1, 2, 300]))),
        EndpointTally(Version.STABLE, "GET /owners", Tally(2, 0, Sketch.of([1, 1]))),
        EndpointTally(None, "POST /visits", Tally(1, 1, Sketch.of([0.2]))),
    )
    second = LoadSecond(at=1.5, users=20, cpu=0.25, lag_s=0.004, tallies=tallies)

    there_and_back = LoadSecond.from_json(json.loads(json.dumps(second.as_json())))

    assert there_and_back == second
    assert there_and_back.of(Version.CANARY).failures == 1
