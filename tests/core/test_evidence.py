"""What is seen adds up, and nothing that was seen changes."""

from dataclasses import replace

from canarytest.core.evidence import GAUGE_SAMPLES, Evidence, TestOutcome
from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.reach import Version
from canarytest.core.sketch import Sketch

CANARY, STABLE = Version.CANARY, Version.STABLE
NOTHING = Evidence(share=0.1, load_expected=True)


def tally(requests: int, failures: int = 0) -> Tally:
    return Tally(requests, failures, Sketch.of([20.0] * requests))


def second(*tallies: EndpointTally) -> LoadSecond:
    return LoadSecond(at=1.0, users=10, cpu=0.1, lag_s=0.0, tallies=tallies)


def test_tests_are_counted_by_their_outcome() -> None:
    evidence = NOTHING.with_test(TestOutcome.PASSED).with_test(TestOutcome.PASSED)
    evidence = evidence.with_test(TestOutcome.FAILED).with_tests_over()

    assert evidence.tests == {TestOutcome.PASSED: 2, TestOutcome.FAILED: 1}
    assert evidence.tests_over
    assert Evidence(share=0.1, load_expected=True) == NOTHING


def test_load_is_counted_by_version_over_all_endpoints_and_seconds() -> None:
    one = second(
        EndpointTally(CANARY, "GET /", tally(3, 1)), EndpointTally(CANARY, "POST /", tally(2))
    )
    other = second(
        EndpointTally(CANARY, "GET /", tally(4)), EndpointTally(STABLE, "GET /", tally(9))
    )
    evidence = NOTHING.with_load(one).with_load(other)

    assert evidence.load == {CANARY: tally(9, 1), STABLE: tally(9)}


def test_requests_of_a_version_are_those_of_load_and_probe() -> None:
    evidence = NOTHING.with_load(second(EndpointTally(CANARY, "GET /", tally(3, 1))))
    evidence = evidence.with_probe(CANARY, tally(2)).with_probe(CANARY, tally(1, 1))

    assert evidence.requests_of(CANARY) == tally(6, 2)
    assert evidence.requests_of(STABLE) == Tally()


def test_the_split_is_of_those_who_answered_the_probe() -> None:
    evidence = NOTHING.with_load(second(EndpointTally(CANARY, "GET /", tally(100))))
    evidence = evidence.with_probe(CANARY, tally(2)).with_probe(STABLE, tally(18))
    evidence = evidence.with_probe(None, tally(5, 5))

    assert (evidence.split.canary, evidence.split.total, evidence.split.expected) == (2, 20, 0.1)


def test_only_in_the_dark_is_a_request_that_nobody_answered_the_canarys() -> None:
    unanswered = second(EndpointTally(None, "GET /", tally(5, 5)))
    dark = Evidence(share=0.0, load_expected=True)

    assert dark.with_load(unanswered).requests_of(CANARY) == tally(5, 5)
    assert dark.with_load(unanswered).requests_of(STABLE) == Tally()
    assert dark.with_probe(None, tally(5, 5)).requests_of(CANARY) == Tally()
    assert NOTHING.with_load(unanswered).requests_of(CANARY) == Tally()


def test_the_first_trouble_of_the_load_is_kept() -> None:
    evidence = NOTHING.with_load_trouble("too slow").with_load_trouble("it ended")

    assert evidence.load_trouble == "too slow"


def test_only_the_last_samples_of_a_gauge_are_kept() -> None:
    evidence = NOTHING
    for n in range(GAUGE_SAMPLES + 3):
        evidence = evidence.with_gauges({"cpu": n / 10})
    evidence = evidence.with_gauges({"memory": 0.5})

    assert evidence.gauges == {"cpu": (0.3, 0.4, 0.5, 0.6, 0.7), "memory": (0.5,)}


def test_who_waits_is_known_by_the_last_second_that_tells_of_it() -> None:
    told = replace(second(), pending=Sketch.of([300.0]))
    silent = replace(second(), pending=None)  # of the load of the stable version alone

    assert NOTHING.with_load(told).with_load(silent).load_pending == Sketch.of([300.0])
    assert NOTHING.with_load(told).with_load(replace(told, pending=Sketch())).load_pending == (
        Sketch()
    )
