"""What is verified, and before whom, in the steps as they are written."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import pairwise, takewhile

from canarytest.core.lint.rule import Flaw, error, warning
from canarytest.core.lint.view import FULL, STEPS, Entry, View, at, is_count, mapping
from canarytest.core.plan import STEP_KINDS
from canarytest.core.replicas import with_router


@error(
    "unknown-step",
    because="Argo refuses the Rollout (InvalidSpec)",
    why="A refused Rollout does nothing at all: the old version runs on, and the deployment "
    "seems to hang.",
)
def unknown_step(view: View) -> Iterator[Flaw]:
    for entry in view.entries:
        if entry.kind:
            continue
        keys = [str(key) for key in mapping(entry.value)]
        known = [key for key in keys if key in STEP_KINDS]
        if len(known) > 1:
            says, fix = f"{' and '.join(known)} in one step", "a step of its own for each"
        elif known:
            says, fix = f"{known[0]} has no value: to Argo the step is empty", f"- {known[0]}: {{}}"
        else:
            near = [m for key in keys for m in difflib.get_close_matches(key, STEP_KINDS, n=1)]
            says = f"{', '.join(map(repr, keys)) or 'it'} is no kind of step"
            fix = f"- {near[0]}: ..." if near else f"exactly one of {', '.join(STEP_KINDS)}"
            says += f"; did you mean {near[0]!r}?" if near else ""
        yield Flaw(entry.where, f"steps[{entry.index}]: {says}", fix)


@warning(
    "no-dark-step",
    because="the walk is true, only its first user is at risk",
    why="Without it the smoke tests and the first users meet the canary at the same time; with "
    "it a broken login never reaches anybody.",
)
def no_dark_step(view: View) -> Iterator[Flaw]:
    if not view.router or not view.first_weight:
        return
    before = list(takewhile(lambda e: e.kind != "setWeight" or e.value == 0, view.entries))
    scaled = [e.index for e in before if e.kind == "setCanaryScale" and _has_pods(e.value)]
    if not scaled or not any(e.is_stop and e.index > scaled[0] for e in before):
        yield Flaw(
            (*STEPS, 0),
            f"no stop at weight 0: users meet the canary at {view.first_weight} % before any test "
            "has",
            f"- setCanaryScale: {{weight: {view.first_weight}}}\n- pause: {{}}\n"
            f"- setWeight: {view.first_weight}\n- setCanaryScale: {{matchTrafficWeight: true}}",
        )


@warning(
    "weight-without-stop",
    because="we verify the other stops as they are written",
    why="The rollout passes through this weight unseen: what breaks there is found at the next.",
)
def weight_without_stop(view: View) -> Iterator[Flaw]:
    for entry, weight in view.weights:
        after = takewhile(lambda e: e.kind != "setWeight", view.entries[entry.index + 1 :])
        if 0 < weight < FULL and not any(e.is_stop for e in after):
            yield Flaw(
                entry.where,
                f"setWeight {weight} has no pause or analysis after it: it cannot be verified",
                f"- setWeight: {weight}\n- pause: {{duration: 2m}}",
            )


@warning(
    "weight-not-rising",
    because="it is walked as written",
    why="Going down or repeating gives more users the risk and proves nothing new; most often a "
    "digit is missing.",
)
def weight_not_rising(view: View) -> Iterator[Flaw]:
    for (_, before), (entry, weight) in pairwise(view.weights):
        if weight <= before:
            yield Flaw(
                entry.where,
                f"setWeight {weight} after {before}: "
                + ("it repeats" if weight == before else "it goes down"),
                f"a weight above {before}, or remove the step",
            )


@warning(
    "consecutive-pauses",
    because="it is walked as written, only twice",
    why="Each pause is a stop with a whole round of tests: the second one finds what the first "
    "one found, and the canary stays exposed meanwhile.",
)
def consecutive_pauses(view: View) -> Iterator[Flaw]:
    for before, entry in pairwise(view.entries):
        if before.kind == entry.kind == "pause":
            yield Flaw(
                entry.where,
                f"steps[{before.index}] and steps[{entry.index}] are both a pause, at one weight",
                "one pause; its duration is the least time to bake, {} waits for a person",
            )


@warning(
    "canary-scale-held",
    because="somebody may want it so, and it is walked as written",
    why="A setCanaryScale stays in force: at a later weight few pods serve what many should, and a "
    "good canary falls over.",
)
def canary_scale_held(view: View) -> Iterator[Flaw]:
    count = view.spec.get("replicas", 1)
    if not view.router or not is_count(count):
        return
    scale: Entry | None = None
    for entry in view.entries:
        if entry.kind == "setCanaryScale":
            scale = entry
        pods = _scaled(scale.value, count) if scale else None
        if not scale or pods is None or entry.kind != "setWeight" or not is_count(entry.value):
            continue
        wanted, _ = with_router(entry.value, count)
        if pods < wanted:
            yield Flaw(
                (*scale.where, "setCanaryScale"),
                f"{pods} of {count} pods by setCanaryScale are still in force at {entry.value} %, "
                f"which wants {wanted}",
                "- setCanaryScale: {matchTrafficWeight: true}  # after the first setWeight",
            )
            scale = None  # said once


@warning(
    "dark-pods-dropped",
    because="what is verified is still this version, by other pods",
    why="The pods that passed the dark step are ended, and the first users wait for new ones to "
    "start, which nobody has tried.",
)
def dark_pods_dropped(view: View) -> Iterator[Flaw]:
    before = list(takewhile(lambda e: e.kind != "setWeight" or e.value == 0, view.entries))
    scales = [entry for entry in before if entry.kind == "setCanaryScale"]
    for earlier, entry in pairwise(scales if view.router else []):
        if _has_pods(earlier.value) and mapping(entry.value).get("matchTrafficWeight") is True:
            yield Flaw(
                entry.where,
                f"steps[{entry.index}] matches the weight, which is still 0: the pods of "
                f"steps[{earlier.index}] are scaled down to 0",
                "put it after the first setWeight",
            )


def _scaled(scale: object, count: int) -> int | None:
    """Return the canary pods that a setCanaryScale asks for; None if it leaves that open."""
    pods, weight = at(scale, "replicas"), at(scale, "weight")
    if is_count(pods):
        return int(pods)
    return with_router(weight, count)[0] if is_count(weight) else None


def _has_pods(scale: object) -> bool:
    values = [mapping(scale).get(key) for key in ("replicas", "weight")]
    return any(is_count(value) and value for value in values)
