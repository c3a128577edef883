"""What the table of the benchmarks says of figures."""

from __future__ import annotations

import pytest

from benchmarks.figures import HEAD, Figure, quartiles, spread, table, uncertainty


@pytest.mark.parametrize(
    ("figure", "holds"),
    [
        pytest.param(Figure("f", "s", [0.1], at_most=0.1), True, id="at-the-upper-bound"),
        pytest.param(Figure("f", "s", [0.11], at_most=0.1), False, id="above-it"),
        pytest.param(Figure("f", "", [0.97], at_least=0.97), True, id="at-the-lower-bound"),
        pytest.param(Figure("f", "", [0.96], at_least=0.97), False, id="below-it"),
        pytest.param(Figure("f", "s", [0.0, 0.1, 9.0], at_most=0.1), True, id="by-the-median"),
        pytest.param(Figure("f", "s", []), True, id="only-shown"),
        pytest.param(Figure("f", "s", [], at_most=0.1), False, id="nothing-measured"),
    ],
)
def test_a_figure_holds_by_its_median(figure: Figure, holds: bool) -> None:
    assert figure.holds is holds


def test_a_ratio_takes_a_baseline_that_is_not_zero() -> None:
    assert Figure("f", "s", [3.0], baseline=[1.0, 2.0, 9.0]).ratio == 1.5
    assert Figure("f", "s", [3.0], baseline=[0.0]).ratio is None
    assert Figure("f", "s", [3.0]).ratio is None


def test_the_table_says_which_bound_does_not_hold() -> None:
    lines = table(
        [
            Figure("way back", "s", [0.02, 0.01, 0.03], at_most=0.1, baseline=[0.01], note="why"),
            Figure("load", "", [0.9], at_least=0.97),
            Figure("shown", "ms", [1234.5]),
        ]
    ).splitlines()

    assert lines[0].split()[0] == HEAD[0]
    assert "0.02 s (0.01-0.03, n=3)" in lines[1]
    assert lines[1].endswith("<= 0.1 s  holds")
    assert lines[2].endswith(">= 0.97   DOES NOT HOLD")
    assert lines[3].split() == ["shown", "1234", "ms"]
    assert lines[4:] == ["", "way back: why"]


def test_nothing_measured_is_said() -> None:
    assert spread([], "s") == "nothing measured"


def test_the_error_of_a_median_comes_from_the_quartiles() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]

    assert quartiles(values) == (3.0, 7.0)
    assert uncertainty(values) == pytest.approx(1.25 * 4 / 1.35 / 3)
