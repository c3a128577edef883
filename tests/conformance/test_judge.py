"""The judges' cases: what Kayenta and PipeCD say, what ours says, and why it is not the same."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from canarytest.core.sketch import ACCURACY
from tests.conformance.cases import MISSING, cases
from tests.conformance.differences import DIFFERENCES, FEW, NO_DATA
from tests.conformance.judged import UNSAID, answer, expected

CASES = cases("judge")
pytestmark = pytest.mark.skipif(not CASES, reason=MISSING)
ENOUGH = 120  # points, two minutes of ours


def agree(ours: Any, theirs: Any, tolerance: float) -> bool:
    """Whether both are the same, numbers within our sketch's accuracy or their tolerance."""
    if isinstance(theirs, Mapping):
        keys = set(theirs) - {"tolerance"}
        return isinstance(ours, Mapping) and set(ours) == keys and all(
            agree(ours[key], theirs[key], tolerance) for key in keys
        )  # fmt: skip
    if isinstance(theirs, float) and isinstance(ours, float):
        return bool(ours == pytest.approx(theirs, rel=2 * ACCURACY, abs=tolerance))
    return bool(ours == theirs)


def is_agreed(case: Mapping[str, Any]) -> bool:
    said = case["expected"]
    return agree(answer(case), expected(case), said.get("tolerance", 0.0))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_each_difference_is_explained_and_each_explanation_is_of_one(case: dict[str, Any]) -> None:
    is_explained = case["id"] in DIFFERENCES

    assert is_agreed(case) is not is_explained, f"ours: {answer(case)}, theirs: {expected(case)}"


@pytest.mark.parametrize("name", [name for name, why in DIFFERENCES.items() if why is FEW])
def test_of_the_same_points_more_times_ours_says_what_theirs_did(name: str) -> None:
    """Too few is all that was wrong with them."""
    case = next(case for case in CASES if case["id"] == name)
    times = -(-ENOUGH // len(case["control"]))
    longer = {key: case[key] * times for key in ("control", "experiment")}

    assert answer({**case, **longer}) == expected(case)


@pytest.mark.parametrize("name", [name for name, why in DIFFERENCES.items() if why is NO_DATA])
def test_no_data_is_never_good(name: str) -> None:
    case = next(case for case in CASES if case["id"] == name)

    assert answer(case) in ("Nodata", "inconclusive", False)


def test_every_case_is_accounted_for() -> None:
    told = Counter("unsaid" if answer(case) == UNSAID else "told" for case in CASES)
    same = sum(map(is_agreed, CASES))

    assert told == {"told": 100, "unsaid": 14}
    assert (same, len(DIFFERENCES)) == (61, 53)
    assert same + len(DIFFERENCES) == len(CASES) == 114
    assert DIFFERENCES.keys() <= {case["id"] for case in CASES}
