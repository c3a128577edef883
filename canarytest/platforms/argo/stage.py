"""Where a rollout stands, against where it should: in words, and never by a guess. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from canarytest.core.plan import Plan, Step
from canarytest.platforms.argo.view import PodView, RolloutView, ready


@dataclass(frozen=True, slots=True)
class Ours:
    """What we drive, and how far we let it go."""

    canary: str  # the pod hash of the revision that we drive
    stable: str
    floor: int  # the steps at which the controller may be
    ceiling: int
    is_promoting: bool = False
    is_holding: bool = False  # at a timed step, by spec.paused
    is_open: bool = False  # a step is in force, and the next one not yet on its way


def missing(view: RolloutView, pods: Iterable[PodView], step: Step, plan: Plan) -> str:
    """Return what keeps *step* from being in force; empty if nothing does."""
    if plan.is_first:
        return "" if view.phase == "Healthy" else view.message or f"it is {view.phase}"
    return (
        _not_there(view, step, plan)
        or (_not_routed(view, step) if plan.has_router else "")
        or _not_ready(view, tuple(pods), step, has_router=plan.has_router)
    )


def lingers(view: RolloutView, pods: Iterable[PodView], ours: Ours) -> bool:
    """Whether pods of ours, sent back, are still up, and the controller is to end them soon."""
    delay_s = view.abort_delay_s if view.canary == ours.canary else view.previous_delay_s
    return delay_s > 0 and any(pod.hash == ours.canary and not pod.is_leaving for pod in pods)


def seized(view: RolloutView, ours: Ours) -> str:
    """Return by what our rollout came to be somebody else's, and is over; empty if it did not."""
    if ours.is_promoting:
        is_replaced = view.stable == ours.canary != view.canary
        return "the Rollout was given another revision after the promotion" if is_replaced else ""
    if view.canary != ours.canary:
        return ""
    is_promoted = view.is_promoted_in_full or view.stable == ours.canary
    return "somebody else promoted the rollout in full" if is_promoted else ""


def trespass(view: RolloutView, ours: Ours, kinds: tuple[str, ...]) -> str:
    """Return what somebody else did to the rollout that we drive; empty if nothing."""
    if view.canary != ours.canary:
        return (
            f"the Rollout was given another revision while this one was on its way: pod hash "
            f"{view.canary} instead of {ours.canary} (revision {view.revision})"
        )
    if view.stable == ours.canary:
        return ""
    if view.stable != ours.stable:
        return f"the stable revision changed from {ours.stable} to {view.stable}"
    # What a status says of the steps that is not fresh may be of the spec before.
    return _moved(view, ours, kinds) if view.is_fresh else ""


def blamed(view: RolloutView) -> str:
    """Return why the controller itself aborted; empty if it did not, or was told to."""
    why = view.why_aborted
    told = ("Rollout aborted update to revision", ": ")
    if why.startswith(told[0]) and told[1] not in why:
        return ""
    return why if view.is_aborted else ""


def undecided(view: RolloutView) -> str:
    """Return what the controller could not decide, by which it paused or aborted; else empty."""
    run = view.background_run if view.step_run is None else view.step_run
    for reason in view.pauses:
        if reason.startswith("Inconclusive"):
            said = f": {run.message}" if run is not None and run.message else ""
            return f"{reason}{said}"
    why = blamed(view)
    return why if "assessed Error" in why or "nable to resolve" in why else ""


def _moved(view: RolloutView, ours: Ours, kinds: tuple[str, ...]) -> str:
    if ours.is_holding and not view.is_held:
        return (
            "somebody else set spec.paused to false, which held the rollout while it is judged; if "
            "it was Argo CD's self-heal, let it ignore that field"
        )
    if view.index > ours.ceiling:
        if kinds[ours.ceiling : ours.ceiling + 1] == ("analysis",) and not ours.is_holding:
            return (
                f"the analysis at step {ours.ceiling} was over before the rollout could be held "
                "there; give it more than one measurement, or put a pause after it"
            )
        step = f"{ours.ceiling} ({kinds[ours.ceiling]})" if ours.ceiling < len(kinds) else "the end"
        return f"somebody else let the rollout go on from step {step} to step {view.index}"
    if view.index < ours.floor:
        return f"the rollout was sent back from step {ours.floor} to step {view.index}"
    return ""


def _not_there(view: RolloutView, step: Step, plan: Plan) -> str:
    if view.index != step.spec_index:
        return f"the controller is at step {view.index}, not at {step.spec_index}"
    kind = plan.kinds[step.spec_index]
    if kind == "pause" and not view.sits_in_pause:
        return f"the controller has not begun the pause at step {view.index}"
    if kind == "analysis" and not _is_analysed(view):
        return f"the controller has not begun the analysis at step {view.index}"
    if not step.indefinite and not view.is_held:
        return f"step {view.index} is not held"
    return ""


def _is_analysed(view: RolloutView) -> bool:
    """Whether the analysis that the status has is this step's, and not that of the one before."""
    run = view.step_run
    return run is not None and run.name.partition(".")[0].endswith(f"-{view.index}")


def _not_routed(view: RolloutView, step: Step) -> str:
    is_ours = not step.weight or view.weight_hash == view.canary
    if (view.weight or 0) != step.weight or not is_ours:
        return f"the router has the weight {view.weight} instead of {step.weight}"
    return "" if view.is_verified else f"the router did not take the weight {step.weight}"


def _not_ready(
    view: RolloutView, pods: tuple[PodView, ...], step: Step, *, has_router: bool
) -> str:
    canary, stable = ready(pods, view.canary), ready(pods, view.stable)
    if canary < step.canary_pods:
        return f"{canary} of {step.canary_pods} canary pods are ready"
    if not has_router and (canary, stable) != (step.canary_pods, step.stable_pods):
        return (
            f"{canary} canary and {stable} stable pods are ready instead of "
            f"{step.canary_pods} and {step.stable_pods}"
        )
    return ""
