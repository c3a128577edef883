"""What is seen adds up, and nothing that was seen changes."""

from dataclasses import replace

from canarytest.core.evidence import GAUGE_SAMPLES, Evidence, TestOutcome
from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.reach import Version
from canarytest.core.sketch import Sketch
from tests.core.steps import POLICY

CANARY, STABLE = Version.CANARY, Version.STABLE
NOTHING = Evidence(0.1, POLICY, load_expected=True)


def tally(requests: int, failures: int = 0) -> Tally:
    return Tally(requests, failures, Sketch.of([20.0] * requests))


def second(*tallies: EndpointTally) -> LoadSecond:
    return LoadSecond(at=1.0, users=10, cpu=0.1, lag_s=0.0, tallies=tallies)


def test_tests_are_counted_by_their_outcome() -> None:
    evidence = NOTHING.with_test(TestOutcome.PASSED).with_test(TestOutcome.PASSED)
    evidence = evidence.with_test(TestOutcome.FAILED).with_tests_over()

    assert evidence.tests == {TestOutcome.PASSED: 2, TestOutcome.FAILED: 1}
    assert evidence.tests_over
    assert Evidence(0.1, POLICY, load_expected=True) == NOTHING


def test_the_split_is_of_those_who_answered_the_probe() -> None:
    evidence = NOTHING.with_load(second(EndpointTally(CANARY, "GET /", tally(100))), 1.0)
    evidence = evidence.with_probe(CANARY, tally(2), 1.1).with_probe(STABLE, tally(18), 1.2)
    evidence = evidence.with_probe(None, tally(5, 5), 1.3)

    assert (evidence.split.canary, evidence.split.total, evidence.split.expected) == (2, 20, 0.1)


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

    assert NOTHING.with_load(told, 1.0).with_load(silent, 2.0).load_pending == Sketch.of([300.0])
    later = replace(told, pending=Sketch())
    assert NOTHING.with_load(told, 1.0).with_load(later, 2.0).load_pending == Sketch()
