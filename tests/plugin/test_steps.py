"""The step of a test, as its node id tells it."""

import pytest

from canarytest.core.plan import Step
from canarytest.plugin import marker
from canarytest.plugin.steps import label_in

LABELS = ("dark", "10%", "30%", "100%", "10%#2")


@pytest.mark.parametrize(
    ("nodeid", "label"),
    [
        ("suites/test_it.py::test_login[dark]", "dark"),
        ("suites/test_it.py::test_login[10%]", "10%"),
        ("suites/test_it.py::test_login[100%]", "100%"),
        ("suites/test_it.py::test_login[10%-jane]", "10%"),
        ("suites/test_it.py::test_login[10%#2]", "10%#2"),
        ("suites/test_it.py::test_login[10%#2-jane]", "10%#2"),
        ("suites/test_it.py::test_login[10%-20]", "10%"),
        ("suites/test_it.py::test_login[10%-2]", "10%"),  # the first stop, with the parameter 2
        ("suites/test_it.py::TestOwners::test_all[30%-a-b]", "30%"),
        ("suites/test_it.py::TestOwners::TestPets::test_all[30%]", "30%"),
        ("suites/test_it.py::test_login[dark-a::b[10%]]", "dark"),
        ("suites/test_it.py::test_login[dark-two\nlines]", "dark"),
        ("suites/test_it.py::test_login[dark]@group", "dark"),
        ("suites[10%]/test_it.py::test_login[dark]", "dark"),
        ("suites[10%]/test_it.py::test_login", None),
        ("suites/test_it.py::test_login", None),
        ("suites/test_it.py::test_login[jane]", None),
        ("suites/test_it.py::test_login[jane-10%]", None),
        ("suites/test_it.py::test_login[darkest]", None),
        ("suites/test_it.py::test_login[1000%]", None),
        ("suites/test_it.py::test_dark[20%]", None),
        ("suites/test_it.py", None),
        ("", None),
    ],
)
def test_a_label_stands_first_in_the_parameters(nodeid: str, label: str | None) -> None:
    assert label_in(nodeid, LABELS) == label


@pytest.mark.parametrize(
    ("arguments", "weight", "label", "is_admitted"),
    [
        ({}, 0, "dark", True),
        ({"min_weight": 10}, 10, "10%", True),
        ({"min_weight": 10.5}, 10, "10%", False),
        ({"max_weight": 10}, 10, "10%#2", True),
        ({"max_weight": 10}, 30, "30%", False),
        ({"steps": {"10%"}}, 10, "10%", True),
        ({"steps": {"10%"}}, 10, "10%#2", False),
        ({"steps": {"10%#2"}}, 10, "10%#2", True),
        ({"steps": ["promoted"]}, 100, "promoted", True),  # another target may watch it
        ({"steps": ["promoted"]}, 100, "100%", False),
        ({"min_weight": 30}, 100, "promoted", True),
        ({"max_weight": 50}, 100, "promoted", False),
        ({"steps": None, "min_weight": 1}, 0, "dark", False),
    ],
)
def test_a_marker_admits_steps(
    arguments: dict[str, object], weight: int, label: str, is_admitted: bool
) -> None:
    mark = pytest.mark.canary(**arguments).mark
    step = Step(0, label, weight, weight / 100, 0.0, False, 0, 1, 2)

    assert marker.read(mark, LABELS, "test_it").admits(step) is is_admitted
