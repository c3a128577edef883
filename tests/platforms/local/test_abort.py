"""The way back, from every state and from any thread."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from canarytest.core.errors import PlatformError
from canarytest.core.ports import Incident, State
from canarytest.core.stretch import watched
from tests.platforms.local import stage
from tests.platforms.local.conftest import Make
from tests.platforms.local.stage import SOON_S, plan, step, who_answers

pytestmark = pytest.mark.envoy


def ignore(_: Incident) -> None: ...


def in_thread(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    return thread


@pytest.mark.parametrize("weights", [[], [0], [0, 10], [100]], ids=str)
def test_abort_from_each_step(make: Make, weights: list[int]) -> None:
    platform = make()
    edge = platform.begin(plan(*weights, 100), ignore).reach.edge
    for weight in weights:
        platform.open(step(weight))
    platform.abort()
    platform.abort()

    assert who_answers(edge, 50) == {("stable", "v100"): 50}
    assert platform.state().share == 0


@pytest.mark.parametrize("is_open", [False, True], ids=["promoted", "and open"])
def test_a_promotion_that_is_watched_is_undone_to_the_process_that_was_kept(
    make: Make, *, is_open: bool
) -> None:
    platform, walked = make(), watched(plan(10), 30.0)
    edge = platform.begin(walked, ignore).reach.edge
    old = stage.application("v100")
    platform.open(step(10))
    platform.promote()
    if is_open:
        platform.open(walked.steps[-1])
    platform.abort()

    assert who_answers(edge, 50) == {("stable", "v100"): 50}
    assert platform.state() == State(share=0.0, stable_complete=True)
    assert stage.application("v100").pid == old.pid
    with pytest.raises(PlatformError, match="aborted"):
        platform.retire()


def test_after_an_abort_nothing_opens(make: Make) -> None:
    platform = make()
    platform.begin(plan(0, 10), ignore)
    platform.abort()

    with pytest.raises(PlatformError, match="aborted"):
        platform.open(step(10))
    with pytest.raises(PlatformError, match="aborted"):
        platform.promote()
    assert platform.state().share == 0


def test_abort_while_open_waits_for_the_canary(make: Make, tmp_path: Path) -> None:
    never = tmp_path / "pipe"
    os.mkfifo(never)
    platform = make(canary=stage.command("v101", "--ready-file", never))
    platform.begin(plan(10, 100), ignore)
    raised: list[Exception] = []

    def open_it() -> None:
        try:
            platform.open(step(10))
        except PlatformError as error:
            raised.append(error)

    opening = in_thread(open_it)
    with never.open("w"):  # returns when the canary is there, waiting for it to be ready
        platform.abort()
        opening.join(SOON_S)

    assert "aborted" in str(raised[0])
    assert platform.state().share == 0


def test_an_open_under_way_never_undoes_an_abort(make: Make) -> None:
    platform = make()
    platform.begin(plan(0, 10), ignore)
    is_under_way = threading.Event()

    def open_again_and_again() -> None:
        for weight in range(1, 10000):
            try:
                platform.open(step(weight % 100 + 1))
            except PlatformError:
                return
            is_under_way.set()

    opening = in_thread(open_again_and_again)
    assert is_under_way.wait(SOON_S)
    aborting = [in_thread(platform.abort) for _ in range(8)]
    for thread in (*aborting, opening):
        thread.join(SOON_S)

    assert not opening.is_alive()
    assert platform.state().share == 0


def test_abort_returns_once_a_router_that_hung_has_it_in_force(make: Make) -> None:
    platform = make()
    edge = platform.begin(plan(0, 100), ignore).reach.edge
    platform.open(step(100))
    envoy = stage.envoy()
    envoy.send_signal(signal.SIGSTOP)
    aborting = in_thread(platform.abort)
    envoy.send_signal(signal.SIGCONT)
    aborting.join(SOON_S)

    assert who_answers(edge, 20) == {("stable", "v100"): 20}


def test_abort_while_the_router_is_gone(make: Make) -> None:
    platform = make()
    edge = platform.begin(plan(0, 100), ignore).reach.edge
    platform.open(step(100))
    stage.envoy().kill()
    platform.abort()

    assert who_answers(edge, 20) == {("stable", "v100"): 20}


def test_abort_from_the_thread_that_reports_an_incident(make: Make) -> None:
    platform = make()
    aborted = threading.Event()

    def on_incident(_: Incident) -> None:
        platform.abort()
        aborted.set()

    edge = platform.begin(plan(0, 100), on_incident).reach.edge
    platform.open(step(100))
    stage.envoy().kill()

    assert aborted.wait(SOON_S)
    assert who_answers(edge, 20) == {("stable", "v100"): 20}


def test_abort_after_close_does_nothing(make: Make) -> None:
    platform = make()
    platform.begin(plan(0, 10), ignore)
    platform.close()
    platform.abort()

    with pytest.raises(PlatformError, match="does not answer"):
        platform.state()
