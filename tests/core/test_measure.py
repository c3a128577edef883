"""Seconds of load, there and back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.measure import EndpointTally, LoadSecond, Tally, total
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


def test_a_second_of_load_comes_back_with_who_waits() -> None:
    for pending in (None, Sketch(), Sketch.of([0.5, 300.0])):
        second = LoadSecond(1.5, 20, 0.25, 0.004, (), pending)

        assert LoadSecond.from_json(json.loads(json.dumps(second.as_json()))) == second


def test_no_requests_have_no_error_rate() -> None:
    assert Tally().error_rate is None
    assert Tally(4, 1).error_rate == 0.25


def test_a_tally_adds_up() -> None:
    parts = [Tally(3, 1, Sketch.of([1, 2, 3])), Tally(1, 0, Sketch.of([2])), Tally()]

    assert total(parts) == Tally(4, 1, Sketch.of([1, 2, 2, 3]))
    assert total([]) == Tally()


def test_what_nobody_answered_is_neither_versions() -> None:
    second = LoadSecond(0.0, 1, 0.0, 0.0, (EndpointTally(None, "GET /", Tally(2, 2)),))

    assert second.of(None) == Tally(2, 2)
    assert second.of(Version.CANARY) == Tally()


tallies = st.builds(
    lambda ms, failures: Tally(len(ms) + failures, failures, Sketch.of(ms)),
    st.lists(st.floats(0.01, 1e5), max_size=10),
    st.integers(0, 5),
)


@given(tallies, tallies)
def test_a_tally_comes_back_from_its_json_and_adds_up_there(one: Tally, other: Tally) -> None:
    back = [Tally.from_json(json.loads(json.dumps(tally.as_json()))) for tally in (one, other)]

    assert back == [one, other]
    assert back[0] + back[1] == other + one
