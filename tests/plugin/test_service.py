"""A board on which the seconds of a load arrive, and before which tests wait."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from canarytest.core.bands import DEFAULT_BANDS, Policy
from canarytest.core.errors import Inconclusive
from canarytest.core.finding import Zone
from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.reach import Version
from canarytest.core.sketch import Sketch
from canarytest.plugin.service import LoadBoard

POLICY = Policy(DEFAULT_BANDS)
SOON_S = 30  # never reached, unless something is wrong


def second(**by_version: tuple[int, int]) -> LoadSecond:
    """Return a second with so many (requests, failures) of each version, 10 ms each."""
    tallies = tuple(
        EndpointTally(
            None if name == "nobody" else Version(name),
            "GET /",
            Tally(requests, failures, Sketch.of([10.0] * requests)),
        )
        for name, (requests, failures) in by_version.items()
    )
    return LoadSecond(0.0, 1, 0.1, 0.0, tallies)


def test_seconds_add_up_by_version() -> None:
    board = LoadBoard()
    board.add(second(canary=(3, 1), stable=(5, 0)))
    board.add(second(canary=(4, 0), nobody=(2, 2)))
    view = board.view()

    assert (view.canary.requests, view.canary.failures) == (7, 1)
    assert (view.stable.requests, view.stable.failures) == (5, 0)
    assert (view.unanswered.requests, view.seconds) == (2, 2)


def test_what_nobody_answered_in_the_dark_is_the_canarys() -> None:
    board = LoadBoard(is_dark=True)
    board.add(second(canary=(3, 0), nobody=(2, 2)))
    view = board.view()

    assert (view.canary.requests, view.canary.failures) == (5, 2)
    assert view.unanswered.requests == 0


def test_an_empty_board_can_be_viewed() -> None:
    view = LoadBoard().view()

    assert (view.canary.requests, view.seconds, view.trouble) == (0, 0, None)


def waits(board: LoadBoard, wait: Callable[[], object], then: Callable[[], None]) -> list[object]:
    """Have *wait* begin in a thread of its own, do *then*, and return what came of it."""
    came: list[object] = []

    def run() -> None:
        try:
            came.append(wait())
        except Inconclusive as error:
            came.append(error)

    waiting = threading.Thread(target=run)
    waiting.start()
    then()
    waiting.join(SOON_S)
    return came


def test_who_waits_is_woken_by_what_decides() -> None:
    board = LoadBoard()

    def arrive() -> None:
        for _ in range(3):
            board.add(second(canary=(30, 0)))

    (view,) = waits(board, lambda: board.wait_until(lambda v: v.canary.requests >= 60), arrive)
    assert view.canary.requests >= 60  # type: ignore[attr-defined]


def test_who_waits_is_let_go_at_the_end() -> None:
    board = LoadBoard()

    (view,) = waits(board, lambda: board.wait_until(lambda _: False), board.end)
    assert view == board.view()


def test_who_waits_is_told_what_cannot_be_trusted() -> None:
    board = LoadBoard()
    (error,) = waits(
        board, lambda: board.wait_until(lambda _: False), lambda: board.spoil("the generator hangs")
    )
    assert str(error) == "the generator hangs"

    board.spoil("and more")
    with pytest.raises(Inconclusive, match=r"^the generator hangs$"):
        board.wait_until(lambda _: True)


@pytest.mark.parametrize(
    ("seconds", "bounds", "zones"),
    [
        ([second(canary=(300, 0))], {"error_rate": 0.05}, [Zone.NORMAL]),
        ([second(canary=(30, 6))] * 20, {"error_rate": 0.05}, [Zone.ROLL_BACK]),
        ([second(canary=(300, 0))], {"latency_p95_ms": 1000}, [Zone.NORMAL]),
        ([second(canary=(30, 0))] * 10, {"latency_p95_ms": 5}, [Zone.ROLL_BACK]),
        (
            [second(canary=(30, 6))] * 20,
            {"latency_p95_ms": 1000, "error_rate": 0.05},
            [Zone.NORMAL, Zone.ROLL_BACK],
        ),
        ([second(canary=(3, 0), stable=(900, 0))], {"error_rate": 0.05}, [Zone.TOO_LITTLE]),
    ],
)
def test_bounds_are_checked_against_the_canary(
    seconds: list[LoadSecond], bounds: dict[str, float], zones: list[Zone]
) -> None:
    board = LoadBoard()
    for each in seconds:
        board.add(each)
    board.end()

    assert [finding.zone for finding in board.check(bounds, POLICY)] == zones


def test_a_broken_bound_is_told_while_another_is_undecided() -> None:
    board = LoadBoard()
    for _ in range(5):
        board.add(second(canary=(8, 8)))

    (findings,) = waits(
        board,
        lambda: board.check({"error_rate": 0.05, "latency_p99_ms": 1000}, POLICY),
        lambda: None,
    )
    assert [f.zone for f in findings] == [Zone.ROLL_BACK, Zone.TOO_LITTLE]  # type: ignore[attr-defined]


def test_who_waits_for_an_answer_keeps_a_load_undecided() -> None:
    board = LoadBoard()
    board.add(replace(second(canary=(100, 0)), pending=Sketch.of([300.0] * 20)))
    (found,) = waits(
        board,
        lambda: board.check({"latency_p95_ms": 1000.0}, POLICY),
        lambda: board.add(replace(second(canary=(20, 0)), pending=Sketch())),
    )

    assert isinstance(found, tuple)
    assert [(finding.n, finding.zone) for finding in found] == [(120, Zone.NORMAL)]
