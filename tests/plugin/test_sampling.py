"""What is looked at by the clock, beside the tests."""

import threading

from canarytest.core.measure import LoadSecond, Tally
from canarytest.core.proof import ProbeSample
from canarytest.core.reach import Version
from canarytest.core.served import PROBE
from canarytest.core.sketch import Sketch
from canarytest.plugin.sampling import EdgeTallies, Ticker

SOON_S = 30  # never reached, unless something is wrong


def sample(version: Version | None, *, is_ok: bool = True) -> ProbeSample:
    return ProbeSample(1.0, version, is_ok, 10.0)


def test_a_ticker_ticks_until_it_is_stopped_and_once_more() -> None:
    ticks, enough = [0], threading.Event()

    def tick() -> None:
        ticks[0] += 1
        if ticks[0] == 3:
            enough.set()

    ticker = Ticker(tick, seconds=0.001)
    ticker.start()
    assert enough.wait(SOON_S)
    ticker.stop()
    told = ticks[0]
    ticker.stop()

    assert ticks[0] == told >= 4


def test_a_ticker_that_is_stopped_at_once_ticks_for_what_is_left() -> None:
    ticks = []
    ticker = Ticker(lambda: ticks.append(1), seconds=3600)
    ticker.start()
    ticker.stop()

    assert ticks == [1]


def test_a_ticker_that_was_never_started_can_be_stopped() -> None:
    Ticker(lambda: None).stop()


def test_tallies_are_cut_by_the_second() -> None:
    tallies = EdgeTallies()
    tallies.add([sample(Version.STABLE), sample(Version.STABLE, is_ok=False)])
    tallies.add([sample(None, is_ok=False)])
    cut = tallies.cut()

    latency = Sketch.of([10.0])
    assert cut == [
        [Version.STABLE, PROBE, Tally(2, 1, latency + latency).as_json()],
        [None, PROBE, Tally(1, 1, latency).as_json()],
    ]
    assert (
        LoadSecond.from_json({"at": 0, "users": 0, "cpu": 0, "lag_s": 0, "tallies": cut})
        .of(Version.STABLE)
        .requests
        == 2
    )
    assert tallies.cut() == []


def test_what_the_canary_answered_is_counted_over_all_seconds() -> None:
    tallies = EdgeTallies()
    tallies.add([sample(Version.CANARY), sample(Version.STABLE)])
    tallies.cut()
    tallies.add([sample(Version.CANARY, is_ok=False)])

    assert (tallies.of_canary().requests, tallies.of_canary().failures) == (2, 1)
