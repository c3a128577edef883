"""What an analysis means for the open step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from canarytest.core.analysis import Assessment, Measurement, Phase, Run, assess, read_metric
from canarytest.core.analysis.meaning import BACKGROUND, STEP, finding_of
from canarytest.core.finding import Zone

ONE = {"name": "ok", "count": 1, "consecutiveErrorLimit": 0}
ENDLESS = {"name": "ok", "interval": "1s"}


def after(*phases: Phase, metric: Mapping[str, object], is_dry: bool = False) -> Assessment:
    run = Run.of([replace(read_metric(metric), is_dry_run=is_dry)], 0.0)
    for phase in phases:
        run = assess(run.with_measurement("ok", Measurement(phase, 0.0, 0.0, value="[1]"))).run
    return assess(run)


def test_what_failed_says_what_was_wanted() -> None:
    at = after(Phase.FAILED, metric={**ONE, "successCondition": "result[0] < 1"})

    assert finding_of("judge", STEP, at, is_last_step=False).sentence == (
        'analysis judge (step): Failed: Metric "ok" assessed Failed due to failed (1) > '
        "failureLimit (0) (ok: 1 Failed, the last [1], successful if result[0] < 1)"
    )


@pytest.mark.parametrize("part", [STEP, BACKGROUND])
@pytest.mark.parametrize(
    ("phase", "zone"),
    [
        (Phase.SUCCESSFUL, Zone.NORMAL),
        (Phase.FAILED, Zone.ROLL_BACK),
        (Phase.INCONCLUSIVE, Zone.UNTRUSTED),
        (Phase.ERROR, Zone.UNTRUSTED),
    ],
)
def test_the_end_decides(part: str, phase: Phase, zone: Zone) -> None:
    finding = finding_of("judge", part, after(phase, metric=ONE), is_last_step=False)

    assert finding.zone is zone
    assert finding.metric == "analysis judge"
    assert f"({part}): {phase}" in finding.sentence
    assert f"(ok: 1 {phase}, the last [1])" in finding.sentence


@pytest.mark.parametrize(
    ("part", "measured", "is_last", "zone"),
    [
        (STEP, False, False, Zone.UNDER_WAY),
        (STEP, True, True, Zone.UNDER_WAY),
        (BACKGROUND, False, False, Zone.SHOWN),
        (BACKGROUND, True, True, Zone.SHOWN),
        (BACKGROUND, False, True, Zone.TOO_LITTLE),  # nothing is promoted by what did not look
    ],
)
def test_what_runs_is_waited_for_or_shown(
    part: str, zone: Zone, *, measured: bool, is_last: bool
) -> None:
    at = after(*[Phase.SUCCESSFUL] * measured, metric=ENDLESS)

    assert finding_of("judge", part, at, is_last_step=is_last).zone is zone


def test_what_argo_calls_successful_though_nothing_was_measured_is_not_trusted() -> None:
    run = replace(Run.of([read_metric(ENDLESS)], 0.0), is_stopped=True)
    finding = finding_of("judge", STEP, assess(run), is_last_step=False)

    assert assess(run).phase is Phase.SUCCESSFUL
    assert finding.zone is Zone.UNTRUSTED
    assert "nothing was measured" in finding.sentence


@pytest.mark.parametrize("phase", [Phase.SUCCESSFUL, Phase.FAILED])
def test_dry_runs_decide_nothing(phase: Phase) -> None:
    at = after(phase, metric=ONE, is_dry=True)

    assert finding_of("judge", STEP, at, is_last_step=True).zone is Zone.SHOWN
