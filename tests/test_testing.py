"""The fakes themselves: what other tests build on."""

import threading

import pytest

from canarytest.core.errors import PlatformError
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.ports import State
from canarytest.core.reach import Version
from canarytest.testing import FakeClock, FakePlatform, Hang, Rehearsal, fails, says

STEP = Step(0, "10%", 10, 0.1, 5.0, False, 1, 1, 2)
PLAN = Plan(
    "was", "petclinic", 2, True, (STEP,), ("setWeight", "pause"), "was", Resources(None, None)
)


def wait(clock: FakeClock, seconds: float) -> None:
    condition = threading.Condition()
    with condition:
        clock.wait(condition, seconds)


def test_an_hour_passes_at_once() -> None:
    clock = FakeClock()

    wait(clock, 3600)

    assert clock.elapsed == 3600


def test_a_wait_ends_at_the_first_callback_that_is_due() -> None:
    clock = FakeClock()
    seen: list[float] = []
    clock.at(5, lambda: seen.append(clock.elapsed))
    clock.at(3, lambda: seen.append(clock.elapsed))

    wait(clock, 60)

    assert clock.elapsed == 3
    assert seen == [3]


def test_callbacks_of_one_moment_run_in_the_order_in_which_they_were_given() -> None:
    clock = FakeClock()
    seen: list[str] = []
    for name in "abc":
        clock.at(1, lambda name=name: seen.append(name))  # type: ignore[misc]

    wait(clock, 60)

    assert "".join(seen) == "abc"


def test_advance_passes_all_that_is_due() -> None:
    clock = FakeClock()
    seen: list[float] = []
    clock.every(2, lambda: seen.append(clock.elapsed))

    clock.advance(7)

    assert seen == [2, 4, 6]
    assert clock.elapsed == 7


def test_what_is_past_runs_at_the_next_wait_and_time_does_not_go_back() -> None:
    clock = FakeClock()
    clock.advance(10)
    seen: list[float] = []
    clock.at(1, lambda: seen.append(clock.elapsed))

    wait(clock, 1)

    assert seen == [10]


def test_a_callback_may_take_the_condition_that_is_waited_on_in_another_thread() -> None:
    clock, condition = FakeClock(), threading.Condition()

    def take() -> None:
        with condition:
            condition.notify_all()

    def elsewhere() -> None:
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()

    clock.at(1, elsewhere)
    with condition:
        clock.wait(condition, 60)

    assert clock.elapsed == 1


def test_calls_run_the_acts_of_their_script_and_then_do_what_they_do() -> None:
    platform = FakePlatform()
    platform.next("abort", fails(PlatformError("503")))
    platform.next("state", says(State(0.5, stable_complete=False)))
    platform.open(STEP)

    with pytest.raises(PlatformError):
        platform.abort()
    assert platform.state() == State(0.5, stable_complete=False)
    assert platform.state() == State(0.1, stable_complete=True)
    platform.abort()
    assert platform.state() == State(0.0, stable_complete=True)
    assert platform.orders() == ["open 10%", "abort", "abort"]


def test_a_hang_is_entered_and_left() -> None:
    platform, hang = FakePlatform(), Hang()
    platform.next("abort", hang)
    thread = threading.Thread(target=platform.abort)
    thread.start()

    assert hang.entered.wait(30)
    hang.release()
    thread.join()


def test_the_edge_answers_by_the_share_that_is_set() -> None:
    rehearsal = Rehearsal(PLAN)
    rehearsal.platform.share = 0.1
    rehearsal.edge.next(None)

    versions = [sample.version for sample in rehearsal.edge.ask(101)]

    assert versions[0] is None
    assert versions.count(Version.CANARY) in (9, 10)


def test_a_rehearsal_of_a_good_canary_is_promoted() -> None:
    rehearsal = Rehearsal(PLAN)

    assert rehearsal.walk()
    assert rehearsal.platform.orders() == ["begin", "open 10%", "promote"]
    assert rehearsal.names == ["StepOpened", "StepJudged", "RolloutPromoted"]
