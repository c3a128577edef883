"""What the steps of a run need, by the loads that their tests ask for."""

from dataclasses import replace
from pathlib import Path

import pytest

from canarytest.core.bands import DEFAULT_BANDS, Policy
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.reach import Endpoint, Identity, Reach
from canarytest.plugin.loads import Specs
from canarytest.plugin.power import judging, needs_as_json, needs_of
from canarytest.signals.load import LoadSpec

POLICY = Policy(DEFAULT_BANDS).shared_by(2)
DARK = Step(0, "dark", 0, 0.0, 30.0, False, 1, 1, 2)
TEN = Step(1, "10%", 10, 0.1, 30.0, False, 3, 1, 2)
PLAN = Plan("was", "default", 2, True, (DARK, TEN), (), "was", Resources(None, None))
AT_THE_EDGE = Reach(
    Endpoint("http://edge"), Endpoint("http://canary"), Endpoint("http://stable"),
    Identity("v2", "v1", header="x-version"),
)  # fmt: skip
SIDE_BY_SIDE = replace(AT_THE_EDGE, identity=Identity("v2", "v1", path="/info", json="version"))


def load(rate: float | None) -> LoadSpec:
    return LoadSpec(Path(__file__), users=1, spawn_rate=1, rate=rate)


def rates(specs: Specs, reach: Reach) -> list[tuple[str, float | None]]:
    return [(need.label, need.rate) for need in needs_of(PLAN, specs, POLICY, reach, 60)]


@pytest.mark.parametrize(
    ("reach", "ten"), [(AT_THE_EDGE, 4.0), (SIDE_BY_SIDE, 40.0)], ids=["edge", "side by side"]
)
def test_the_canary_has_its_share_of_a_load_at_the_edge(reach: Reach, ten: float) -> None:
    loads = {"a": load(30.0), "b": load(10.0)}

    assert rates({"dark": loads, "10%": loads}, reach) == [("dark", 40.0), ("10%", ten)]


def test_a_load_without_a_rate_leaves_it_unknown() -> None:
    assert rates({"10%": {"a": load(30.0), "b": load(None)}}, AT_THE_EDGE) == [("10%", None)]


def test_without_a_load_nothing_is_needed() -> None:
    assert rates({"dark": {}}, AT_THE_EDGE) == []


def test_what_is_needed_is_plain_data_with_its_sentence() -> None:
    needs = needs_of(PLAN, {"10%": {"a": load(30.0)}}, POLICY, AT_THE_EDGE, 60)
    (told,) = needs_as_json(needs)

    assert (told["label"], told["rate"]) == ("10%", 3.0)
    assert told["sentence"].startswith("10%: a decision takes ")


def test_the_parts_of_the_false_alarms_are_told() -> None:
    told = judging(POLICY)

    assert (told["false_alarm"], told["against_stable"]) == (0.01, "warning")
    assert told["parts"]["split"] == pytest.approx(0.01 / 2 * 4 / 17)
