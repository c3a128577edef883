"""Plans: what the steps of a Rollout come to."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.errors import ConfigError
from canarytest.core.plan import STEP_KINDS, Plan, Resources, plan_of, quantity, seconds

# The reference case, as its team has it: no router, two replicas, one surge pod.
ORIGINAL: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "metadata": {"name": "was", "namespace": "petclinic"},
    "spec": {
        "replicas": 2,
        "strategy": {
            "canary": {
                "maxSurge": 1,
                "maxUnavailable": 0,
                "steps": [
                    {"setWeight": 10},
                    {"pause": {"duration": "2m"}},
                    {"setWeight": 30},
                    {"pause": {"duration": "2m"}},
                    {"setWeight": 50},
                    {"pause": {"duration": "2m"}},
                    {"setWeight": 100},
                ],
            }
        },
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "was",
                        "image": "ecr.example.com/was:v100",
                        "resources": {
                            "requests": {"cpu": "250m", "memory": "512Mi"},
                            "limits": {"cpu": "500m", "memory": "1Gi"},
                        },
                    }
                ]
            }
        },
    },
}


def rollout(*steps: Any, **canary: Any) -> dict[str, Any]:
    """Return the reference Rollout with other steps, behind a router unless said otherwise."""
    changed = copy.deepcopy(ORIGINAL)
    changed["spec"]["strategy"]["canary"] = {
        "steps": list(steps), "trafficRouting": {"traefik": {}}, **canary,
    }  # fmt: skip
    return changed


def stops(plan: Plan) -> list[tuple[str, float, float, tuple[int, int]]]:
    return [
        (s.label, round(s.share, 3), s.bake_s, (s.canary_pods, s.stable_pods)) for s in plan.steps
    ]


PAUSE = {"pause": {"duration": "2m"}}
CORRECTED = rollout(
    {"setCanaryScale": {"replicas": 1}}, {"pause": {"duration": 30}},
    {"setCanaryScale": {"matchTrafficWeight": True}},
    {"setWeight": 10}, PAUSE, {"setWeight": 30}, PAUSE, {"setWeight": 50}, PAUSE,
    {"setWeight": 100},
)  # fmt: skip


def test_the_original_plan_gives_a_third_to_the_canary_whatever_it_says() -> None:
    plan = plan_of(ORIGINAL)

    assert stops(plan) == [
        ("10%", 0.333, 120.0, (1, 2)),
        ("30%", 0.333, 120.0, (1, 2)),
        ("50%", 0.5, 120.0, (1, 1)),
    ]
    assert (plan.rollout, plan.namespace, plan.replicas) == ("was", "petclinic", 2)
    assert (plan.image, plan.has_router) == ("ecr.example.com/was:v100", False)
    assert plan.resources == Resources(0.5, 2**30)
    assert [step.spec_index for step in plan.steps] == [1, 3, 5]


def test_the_corrected_plan_has_a_dark_step_and_the_shares_it_names() -> None:
    plan = plan_of(CORRECTED)

    assert stops(plan) == [
        ("dark", 0.0, 30.0, (1, 2)),
        ("10%", 0.1, 120.0, (1, 2)),
        ("30%", 0.3, 120.0, (1, 2)),
        ("50%", 0.5, 120.0, (1, 2)),
    ]
    assert [step.is_dark for step in plan.steps] == [True, False, False, False]
    assert [step.index for step in plan.steps] == [0, 1, 2, 3]
    assert plan.kinds[:3] == ("setCanaryScale", "pause", "setCanaryScale")


@pytest.mark.parametrize(
    ("steps", "labels"),
    [
        pytest.param([{"setWeight": 10}, PAUSE, PAUSE], ["10%", "10%#2"], id="twice"),
        pytest.param(
            [{"setWeight": 10}, PAUSE, {"setWeight": 20}, PAUSE, {"setWeight": 10}, PAUSE, PAUSE],
            ["10%", "20%", "10%#2", "10%#3"], id="back-again",
        ),
        pytest.param(
            [{"setCanaryScale": {"weight": 50}}, PAUSE, PAUSE], ["dark", "dark#2"], id="dark-twice"
        ),
        pytest.param([PAUSE, {"setWeight": 5}, PAUSE], ["5%"], id="no-canary-yet-is-no-stop"),
        pytest.param([{"setWeight": 100}, PAUSE], ["100%"], id="all"),
        pytest.param([{"setWeight": 10}, {"setWeight": 20}, PAUSE], ["20%"], id="no-stop-at-10"),
        pytest.param([{"setWeight": 20}, {"analysis": {"templates": []}}], ["20%"], id="analysis"),
        pytest.param(
            [{"setWeight": 20}, {"setHeaderRoute": {"name": "x"}}, {"pause": None}], ["20%"],
            id="header-route",
        ),
    ],
)  # fmt: skip
def test_stops_have_labels(steps: list[Any], labels: list[str]) -> None:
    assert [step.label for step in plan_of(rollout(*steps)).steps] == labels


@pytest.mark.parametrize(
    ("step", "indefinite", "bake_s"),
    [
        ({"pause": {}}, True, 0.0),
        ({"pause": None}, True, 0.0),
        ({"pause": {"duration": None}}, True, 0.0),
        ({"pause": {"duration": 0}}, False, 0.0),
        ({"pause": {"duration": "1m30s"}}, False, 90.0),
        ({"analysis": {}}, False, 0.0),
    ],
)
def test_a_pause_without_a_duration_waits_for_somebody(
    step: dict[str, Any], indefinite: bool, bake_s: float
) -> None:
    (stop,) = plan_of(rollout({"setWeight": 10}, step)).steps

    assert (stop.indefinite, stop.bake_s) == (indefinite, bake_s)


@pytest.mark.parametrize(
    ("scale", "pods"),
    [
        ({"replicas": 3}, (3, 2)),
        ({"weight": 100}, (2, 2)),
        ({"matchTrafficWeight": True}, (1, 2)),
        ({"matchTrafficWeight": False}, (1, 2)),
        (None, (1, 2)),
    ],
)
def test_the_scale_of_the_canary_is_its_own(scale: Any, pods: tuple[int, int]) -> None:
    (stop,) = plan_of(rollout({"setCanaryScale": scale}, {"setWeight": 10}, PAUSE)).steps

    assert (stop.canary_pods, stop.stable_pods) == pods


def test_without_a_router_a_scale_does_nothing() -> None:
    plan = plan_of(
        rollout(
            {"setCanaryScale": {"replicas": 1}},
            PAUSE,
            {"setWeight": 50},
            PAUSE,
            trafficRouting=None,
        )
    )

    assert stops(plan) == [("50%", 0.5, 120.0, (1, 1))]


@pytest.mark.parametrize(
    ("surge", "pods"), [(0, (1, 1)), ("0%", (1, 1)), (1, (1, 2)), ("25%", (1, 2)), (None, (1, 2))]
)
def test_the_surge_decides_how_close_pods_come_to_a_weight(surge: Any, pods: object) -> None:
    (stop,) = plan_of(rollout({"setWeight": 10}, PAUSE, trafficRouting=None, maxSurge=surge)).steps

    assert (stop.canary_pods, stop.stable_pods) == pods


def test_what_a_manifest_leaves_out_has_argos_defaults() -> None:
    plan = plan_of(
        {
            "kind": "Rollout",
            "spec": {
                "replicas": None,
                "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}},
            },
        }
    )

    assert (plan.rollout, plan.namespace, plan.replicas) == ("rollout", "default", 1)
    assert (plan.image, plan.resources) == ("", Resources(None, None))


WITHOUT_SPEC = {"kind": "Rollout"}
BLUE_GREEN = {"kind": "Rollout", "spec": {"strategy": {"blueGreen": {}}}}


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        pytest.param(
            {"kind": "Deployment"},
            "the manifest is a 'Deployment', not a 'Rollout' of argoproj.io", id="deployment",
        ),
        pytest.param({}, "the manifest is a None, not a 'Rollout' of argoproj.io", id="empty"),
        pytest.param(
            WITHOUT_SPEC, "the Rollout has no 'spec' that canarytest can walk; found None",
            id="no-spec",
        ),
        pytest.param(
            BLUE_GREEN, "the Rollout has no 'canary' that canarytest can walk; found None",
            id="blue-green",
        ),
        pytest.param(
            rollout(),
            "spec.strategy.canary.steps is empty: Argo would give the canary all traffic at once; "
            "add steps, e.g. [{setWeight: 10}, {pause: {duration: 2m}}]", id="no-steps",
        ),
        pytest.param(
            rollout({"setWeight": 10}, {"setWeight": 100}),
            "spec.strategy.canary.steps has no pause: there is no stop where the canary could be "
            "verified; add e.g. {pause: {duration: 2m}} after each setWeight", id="no-pause",
        ),
        pytest.param(
            rollout({"setWeight": 101}, PAUSE),
            "steps[0]: setWeight 101 is not a whole number from 0 to 100", id="101-percent",
        ),
        pytest.param(
            rollout({"setWeight": True}, PAUSE),
            "steps[0]: setWeight True is not a whole number from 0 to 100", id="true-percent",
        ),
        pytest.param(
            rollout({"setWeight": "10"}, PAUSE),
            "steps[0]: setWeight '10' is not a whole number from 0 to 100", id="text-percent",
        ),
        pytest.param(
            rollout(PAUSE, {"sleep": 10}),
            "steps[1]: {'sleep': 10} is no step; expected exactly one of " + ", ".join(STEP_KINDS),
            id="unknown-step",
        ),
        pytest.param(
            rollout({"setWeight": 10, "pause": {}}),
            "steps[0]: {'setWeight': 10, 'pause': {}} is no step; expected exactly one of "
            + ", ".join(STEP_KINDS), id="two-in-one",
        ),
        pytest.param(
            rollout("pause"), "steps[0]: 'pause' is no step; expected exactly one of "
            + ", ".join(STEP_KINDS), id="text-step",
        ),
        pytest.param(
            rollout({"setWeight": 10}, {"pause": {"duration": "soon"}}),
            "'soon' is not a duration; expected e.g. 30, '90s' or '1h30m'", id="duration",
        ),
        pytest.param(
            rollout() | {"spec": {"strategy": {"canary": {"steps": 3}}}},
            "spec.strategy.canary.steps is 3; expected a list, e.g. [{setWeight: 10}, "
            "{pause: {duration: 2m}}]", id="steps-are-a-number",
        ),
        pytest.param(
            rollout({"setWeight": 10}, {"pause": "2m"}),
            "steps[1]: pause '2m' is not a mapping; expected e.g. {pause: {duration: 2m}}",
            id="pause-is-text",
        ),
        pytest.param(
            rollout({"setCanaryScale": 1}, PAUSE),
            "steps[0]: setCanaryScale 1 is not a mapping; "
            "expected e.g. {setCanaryScale: {replicas: 1}}",
            id="scale-is-a-number",
        ),
        pytest.param(
            rollout({"setCanaryScale": {"replicas": "one"}}, PAUSE),
            "setCanaryScale.replicas 'one' is not a whole number from 0 on", id="scale-is-text",
        ),
        pytest.param(
            rollout({"setCanaryScale": {"weight": 1.5}}, PAUSE),
            "setCanaryScale.weight 1.5 is not a whole number from 0 on", id="scale-is-no-weight",
        ),
        pytest.param(
            {"kind": "Rollout", "spec": ORIGINAL["spec"] | {"replicas": "2"}},
            "spec.replicas '2' is not a whole number from 0 on", id="replicas-are-text",
        ),
        pytest.param(
            rollout({"setWeight": 10}, PAUSE, maxSurge="one"),
            "maxSurge 'one' is not a number of pods or a percentage; expected e.g. 1 or '25%'",
            id="surge",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_walked_is_said(manifest: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_of(manifest)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (30, 30), ("30", 30), (0, 0), ("90s", 90), ("2m", 120), ("1h30m", 5400), ("1.5h", 5400),
        ("500ms", 0.5), (" 10s ", 10),
    ],
)  # fmt: skip
def test_durations(duration: str | int, expected: float) -> None:
    assert seconds(duration) == pytest.approx(expected)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, rest: int) -> None:
    assert seconds(f"{hours}h{minutes}m{rest}s") == hours * 3600 + minutes * 60 + rest


@pytest.mark.parametrize("duration", ["", "soon", "-5s", -5, "5 s", "s", "1d", "10s5", "²", True])
def test_what_is_no_duration_is_said(duration: Any) -> None:
    with pytest.raises(ConfigError, match="is not a duration; expected"):
        seconds(duration)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500m", 0.5), ("1Gi", 2**30), ("1G", 10**9), ("512Mi", 2**29), ("1k", 1000), (2, 2),
        (0.5, 0.5), ("0", 0), ("1.5Gi", 1.5 * 2**30), ("1Ei", 2**60), ("1E", 10**18),
        ("128974848000m", 128974848), ("129e6", 129e6), ("1E3", 1000), ("5e-1", 0.5),
        ("250000u", 0.25), ("5000000n", 0.005),
    ],
)  # fmt: skip
def test_quantities(text: str | float, expected: float) -> None:
    assert quantity(text) == pytest.approx(expected)


@given(st.integers(0, 10**6), st.sampled_from("kMGTPE"))
def test_a_binary_suffix_is_a_power_of_1024(number: int, unit: str) -> None:
    power = "kMGTPE".index(unit) + 1

    assert quantity(f"{number}{unit}") == pytest.approx(number * 1000**power)
    assert quantity(f"{number}{unit.upper()}i") == pytest.approx(number * 1024**power)


@given(st.floats(0, 1e6, allow_subnormal=False).map(lambda x: round(x, 3)))
def test_a_milli_is_a_thousandth(number: float) -> None:
    assert quantity(f"{number:.3f}m") == pytest.approx(number / 1000)


@pytest.mark.parametrize("text", ["", "1 Gi", "1GB", "-1", "one", "1Gim", None])
def test_what_is_no_quantity_is_said(text: Any) -> None:
    with pytest.raises(ConfigError, match="is not a Kubernetes quantity; expected"):
        quantity(text)


step = st.one_of(
    st.builds(lambda w: {"setWeight": w}, st.integers(0, 100)),
    st.builds(lambda d: {"pause": d}, st.sampled_from([None, {}, {"duration": "10s"}])),
    st.builds(lambda n: {"setCanaryScale": {"replicas": n}}, st.integers(0, 3)),
    st.just({"setCanaryScale": {"matchTrafficWeight": True}}),
)


@given(st.lists(step, max_size=12), st.integers(0, 10), st.booleans())
def test_every_stop_of_every_plan_can_be_verified(
    steps: list[Any], replicas: int, has_router: bool
) -> None:
    manifest = rollout(*steps, trafficRouting={"traefik": {}} if has_router else None)
    manifest["spec"]["replicas"] = replicas
    try:
        plan = plan_of(manifest)
    except ConfigError:
        return

    labels = [stop.label for stop in plan.steps]
    assert len(set(labels)) == len(labels)
    for stop in plan.steps:
        assert stop.canary_pods > 0
        assert 0 <= stop.share <= 1
        assert stop.is_dark == (has_router and stop.weight == 0)
        assert plan.kinds[stop.spec_index] in ("pause", "analysis")
