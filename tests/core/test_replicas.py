"""The tables of the design's argo.md (5.3), which were read off Argo's own arithmetic."""

import pytest

from canarytest.core.replicas import resolve, with_router, without_router

WEIGHTS = (10, 20, 25, 50, 75, 90, 100)
TABLE = {
    (1, 1): [(1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 0)],
    (2, 1): [(1, 2), (1, 2), (1, 2), (1, 1), (2, 1), (2, 1), (2, 0)],
    (3, 1): [(1, 3), (1, 3), (1, 3), (2, 2), (3, 1), (3, 1), (3, 0)],
    (4, 1): [(1, 4), (1, 4), (1, 3), (2, 2), (3, 1), (4, 1), (4, 0)],
    (5, 2): [(1, 5), (1, 4), (1, 4), (3, 3), (4, 1), (5, 1), (5, 0)],
    (10, 3): [(1, 9), (2, 8), (3, 8), (5, 5), (8, 3), (9, 1), (10, 0)],
}


@pytest.mark.parametrize(
    ("replicas", "surge", "weight", "expected"),
    [
        pytest.param(n, surge, weight, pods, id=f"{n}-replicas-{weight}%")
        for (n, surge), row in TABLE.items()
        for weight, pods in zip(WEIGHTS, row, strict=True)
    ],
)
def test_pods_are_the_split_where_there_is_no_router(
    replicas: int, surge: int, weight: int, expected: tuple[int, int]
) -> None:
    assert without_router(weight, replicas, max_surge=surge) == expected


def test_without_surge_two_replicas_at_ten_percent_are_one_of_two() -> None:
    assert without_router(10, 2, max_surge=0) == (1, 1)


@pytest.mark.parametrize(("weight", "expected"), [(0, (0, 5)), (10, (1, 5)), (50, (3, 5))])
def test_stable_stays_complete_behind_a_router(weight: int, expected: tuple[int, int]) -> None:
    assert with_router(weight, 5) == expected


@pytest.mark.parametrize(
    ("value", "replicas", "round_up", "expected"),
    [
        (1, 2, True, 1),
        ("25%", 2, True, 1),
        ("25%", 5, True, 2),
        ("1", 10, True, 1),
        ("25", 5, False, 1),
    ],
)
def test_a_string_is_a_percentage(
    value: int | str, replicas: int, round_up: bool, expected: int
) -> None:
    assert resolve(value, replicas, round_up=round_up) == expected
