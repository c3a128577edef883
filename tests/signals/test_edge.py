"""Responses are taken until the split can be told, and no longer."""

import itertools
from collections.abc import Callable, Iterable

import pytest

from canarytest.core.errors import Inconclusive
from canarytest.core.proof import ProbeSample
from canarytest.core.reach import Version
from canarytest.core.split import SplitVerdict
from canarytest.signals.edge import MOST_ERRORS, MOST_RESPONSES, observe_split, settle

CANARY, STABLE, NOBODY = Version.CANARY, Version.STABLE, None


class Asked:
    """Answers in the order of *answers*, and counts."""

    def __init__(self, answers: Iterable[Version | None]) -> None:
        self.times = 0
        self._answers = iter(answers)

    def __call__(self) -> ProbeSample:
        self.times += 1
        version = next(self._answers)
        error = "" if version else "ConnectionRefusedError: [Errno 111]"
        return ProbeSample(0.0, version, version is not None, 1.0, error)


def every(nth: int) -> Iterable[Version]:
    """Have the canary make every *nth* answer."""
    return itertools.cycle([CANARY, *[STABLE] * (nth - 1)])


def observe(
    asked: Asked, expected: float, is_over: Callable[[], bool] = lambda: False
) -> SplitVerdict:
    return observe_split(asked, expected, alpha=0.01, miss=0.05, is_over=is_over)


@pytest.mark.parametrize(
    ("answers", "expected", "matches"),
    [
        pytest.param(every(10), 0.10, True, id="10 %"),
        pytest.param(every(3), 0.10, False, id="33 % at 10 %"),
        pytest.param(every(2), 0.5, True, id="50 %"),
        pytest.param(itertools.repeat(STABLE), 0.5, False, id="none at 50 %"),
        pytest.param(itertools.repeat(STABLE), 0.0, True, id="dark"),
        pytest.param(every(40), 0.0, False, id="a leak in the dark"),
        pytest.param(itertools.repeat(CANARY), 1.0, True, id="all"),
        pytest.param(every(2), 1.0, False, id="not all"),
    ],
)
def test_the_split_is_told(answers: Iterable[Version], expected: float, matches: bool) -> None:
    asked = Asked(answers)
    verdict = observe(asked, expected)

    assert verdict.matches is matches
    assert verdict.split.total == asked.times < MOST_RESPONSES


def test_a_leak_is_told_at_the_next_look() -> None:
    asked = Asked([CANARY, *[STABLE] * 9])

    assert observe(asked, 0.0).matches is False
    assert asked.times == 10


def test_answers_of_nobody_count_for_nobody() -> None:
    asked = Asked(itertools.cycle([CANARY, *[STABLE] * 9, NOBODY]))
    verdict = observe(asked, 0.10)

    assert verdict.matches
    assert verdict.split.total == asked.times - asked.times // 11


def test_a_share_on_the_edge_is_left_undecided_in_the_end() -> None:
    asked = Asked(every(6))
    verdict = observe_split(asked, 0.10, alpha=1e-18, miss=1e-18)

    assert verdict.matches is None
    assert asked.times == MOST_RESPONSES
    assert "cannot be told from the expected 10.0%" in verdict.sentence


def test_an_edge_that_does_not_answer_cannot_be_observed() -> None:
    asked = Asked(itertools.repeat(NOBODY))

    with pytest.raises(Inconclusive, match="20 answers in a row that no version made, the last"):
        observe(asked, 0.10)
    assert asked.times == MOST_ERRORS


def test_an_edge_that_answers_again_can() -> None:
    answers = itertools.chain([NOBODY] * (MOST_ERRORS - 1), every(10))

    assert observe(Asked(answers), 0.10).matches


def test_nobody_is_asked_once_it_is_over() -> None:
    asked = Asked([])

    assert observe(asked, 0.10, lambda: True).matches is None
    assert asked.times == 0


def test_it_may_be_over_between_two_looks() -> None:
    asked = Asked(every(10))
    verdict = observe(asked, 0.10, lambda: asked.times >= 10)

    assert verdict.matches is None
    assert asked.times == 10


def test_it_settles_once_either_version_has_answered() -> None:
    answers = iter([Version.STABLE, None, Version.STABLE, Version.CANARY, Version.STABLE])
    settle(lambda: ProbeSample(0.0, next(answers), True, 1.0), lambda: False)

    assert list(answers) == [Version.STABLE]
