"""
Which stretch of its plan a run walks: all of it, up to a weight, or from where another run left it;
and whether it goes on to watch what came of the promotion.

Pure. Where a rollout was left, an annotation of the Rollout says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from canarytest.core.errors import ConfigError
from canarytest.core.plan import PROMOTED, Left, Plan, Step

LEFT = "canarytest/left"  # an annotation: by which run the rollout was left, and where
FIRST = "first"  # the label of the one step of a first deploy
REVISION = "rollout.argoproj.io/revision"


def left_of(rollout: Mapping[str, Any]) -> Left | None:
    """Return where *rollout* was left; None if it was not, or nobody can read it."""
    text = (rollout["metadata"].get("annotations") or {}).get(LEFT)
    try:
        return Left(**json.loads(text)) if text else None
    except (TypeError, ValueError):
        return None


def until(plan: Plan, weight: int) -> Plan:
    """Return *plan* up to its last stop at *weight*, not to be left; raises ConfigError."""
    stops = plan.before_promotion
    at = [step.index for step in stops if step.weight == weight]
    if not at:
        raise ConfigError(
            f"--canary-until {weight}: there is no step of this weight; expected one of "
            f"{', '.join(map(str, dict.fromkeys(step.weight for step in stops)))}"
        )
    return replace(plan, steps=plan.steps[: at[-1] + 1], stays=True)


def resumed(plan: Plan, rollout: Mapping[str, Any]) -> Plan:
    """
    Return *plan* from the stop on at which *rollout* was left, which is verified once more.

    Raises ConfigError if it was not left, or is no longer as it was left.
    """
    left = left_of(rollout)
    if left is None:
        raise ConfigError(
            "--canary-resume: there is nothing to resume: no run left the Rollout paused; expected "
            "one that ended by --canary-until; begin without --canary-resume"
        )
    if change := changed_since(left, rollout):
        raise ConfigError(
            f"--canary-resume: run {left.run} left the Rollout at {left.label} ({left.time}), but "
            f"{change}; begin without --canary-resume"
        )
    steps = [step for step in plan.steps if step.spec_index >= left.step]
    if not steps or steps[0].spec_index != left.step:
        raise ConfigError(
            f"--canary-resume: run {left.run} left the Rollout at step {left.step}, which is no "
            "stop any more: its steps were changed; begin without --canary-resume"
        )
    renumbered = tuple(replace(step, index=index) for index, step in enumerate(steps))
    return replace(plan, steps=renumbered, left=left)


def changed_since(left: Left, rollout: Mapping[str, Any]) -> str:
    """Return what became of *rollout* since it was *left*, in words; empty if nothing did."""
    status = rollout.get("status") or {}
    canary = status.get("currentPodHash", "")
    if canary != left.canary:
        return f"its revision is another now: pod hash {canary} instead of {left.canary}"
    if status.get("stableRS") == canary:
        return "it was promoted since"
    return "it was aborted since" if status.get("abort") else ""


def is_first_deploy(rollout: Mapping[str, Any]) -> bool:
    """Whether *rollout* has no revision before the one that it has: Argo takes no steps then."""
    status = rollout.get("status") or {}
    revision = (rollout["metadata"].get("annotations") or {}).get(REVISION, "1")
    stable = status.get("stableRS") or status.get("currentPodHash")
    return bool(revision == "1" and stable == status.get("currentPodHash"))


def first_deploy(plan: Plan) -> Plan:
    """Return *plan* with one step alone: all that came up, before nobody else."""
    step = Step(
        index=0,
        label=FIRST,
        weight=100,
        share=1.0,
        bake_s=0.0,
        indefinite=True,
        spec_index=len(plan.kinds),
        canary_pods=plan.replicas,
        stable_pods=0,
    )
    return replace(plan, steps=(step,), is_first=True)


def watched(plan: Plan, bake_s: float) -> Plan:
    """Return *plan* with the promotion as a step more, watched for *bake_s*; 0: as it is."""
    if not bake_s:
        return plan
    step = Step(
        index=len(plan.steps),
        label=PROMOTED,
        weight=100,
        share=1.0,
        bake_s=bake_s,
        indefinite=False,
        spec_index=len(plan.kinds),
        canary_pods=plan.replicas,
        stable_pods=plan.replicas,  # the previous revision's: they get no traffic, and stay up
    )
    return replace(plan, steps=(*plan.steps, step))


def drill_at(plan: Plan, weight: int | None) -> str | None:
    """Return the label of the step of *weight* that a drill aborts at: the promotion, if it is."""
    at = [step.label for step in plan.steps if step.weight == weight]
    return PROMOTED if PROMOTED in at else next(iter(at), None)
