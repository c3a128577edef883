"""Fields that are not in force as written: misplaced, misspelt, or of another meaning."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from canarytest.core.lint.rule import Flaw, error, warning
from canarytest.core.lint.view import CANARY, View, is_count, mapping, shown

CANARY_KEYS = frozenset(
    {
        "abortScaleDownDelaySeconds",
        "analysis",
        "antiAffinity",
        "canaryMetadata",
        "canaryService",
        "dynamicStableScale",
        "maxSurge",
        "maxUnavailable",
        "minPodsPerReplicaSet",
        "pingPong",
        "replicaProgressThreshold",
        "scaleDownDelayRevisionLimit",
        "scaleDownDelaySeconds",
        "stableMetadata",
        "stableService",
        "steps",
        "trafficRouting",
    }
)
BLUE_GREEN_KEYS = frozenset(
    {
        "activeMetadata",
        "activeService",
        "autoPromotionSeconds",
        "postPromotionAnalysis",
        "prePromotionAnalysis",
        "previewMetadata",
        "previewReplicaCount",
        "previewService",
    }
)
SPEC_KEYS = frozenset(
    {
        "minReadySeconds",
        "paused",
        "progressDeadlineAbort",
        "progressDeadlineSeconds",
        "replicas",
        "restartAt",
        "revisionHistoryLimit",
        "rollbackWindow",
        "selector",
        "template",
        "workloadRef",
    }
)
PROGRESS_DEADLINE_S = 600  # Argo's default


@error(
    "auto-promotion-under-canary",
    because="the walk goes on where the manifest says that it waits",
    why="Nobody is asked before the next weight: whoever trusts this line is asleep when the "
    "canary reaches everybody.",
)
def auto_promotion(view: View) -> Iterator[Flaw]:
    if "autoPromotionEnabled" not in view.canary:
        return
    pauses = [mapping(e.value).get("duration") for e in view.entries if e.kind == "pause"]
    timed = [str(duration) for duration in pauses if duration is not None]
    effect = (
        f"the pauses are timed ({', '.join(timed)}), so the rollout goes on by itself after each"
        if timed
        else "it changes nothing here"
    )
    written = shown(view.canary["autoPromotionEnabled"])
    yield Flaw(
        (*CANARY, "autoPromotionEnabled"),
        f"autoPromotionEnabled: {written} belongs to blueGreen; under canary the "
        f"API server drops it silently: {effect}",
        "remove the line; where a person shall approve, write\n- pause: {}",
    )


@error(
    "unknown-canary-key",
    because="what is written is not in force",
    why="The API server drops an unknown field silently: the setting one relies on at night was "
    "never there.",
)
def unknown_key(view: View) -> Iterator[Flaw]:
    for key in view.canary:
        if key in CANARY_KEYS or key == "autoPromotionEnabled":
            continue
        near = difflib.get_close_matches(str(key), CANARY_KEYS, n=1)
        if key in BLUE_GREEN_KEYS:
            says, fix = "it belongs to blueGreen", "remove the line"
        elif key in SPEC_KEYS:
            says, fix = "it belongs to spec", f"spec:\n  {key}: {shown(view.canary[key])}"
        elif near:
            says, fix = f"did you mean {near[0]!r}?", f"{near[0]}: {shown(view.canary[key])}"
        else:
            says, fix = "nothing known is near it", "remove the line, or correct its name"
        known = bool(near) or key in BLUE_GREEN_KEYS | SPEC_KEYS
        yield Flaw(
            (*CANARY, key),
            f"{key!r} is no field of spec.strategy.canary: {says}",
            fix,
            severity=None if known else "warning",  # a newer Argo may know it
        )


@warning(
    "count-is-percent",
    because="the shares that we compute take it as Argo does",
    why="A string is a percentage to Argo: the surge is another one than the one that was meant.",
)
def count_is_percent(view: View) -> Iterator[Flaw]:
    for key in ("maxSurge", "maxUnavailable"):
        value = view.canary.get(key)
        if isinstance(value, str) and value.strip().isdigit():
            yield Flaw(
                (*CANARY, key),
                f"{key}: {value!r} is a string, which Argo reads as {value.strip()} %",
                f"{key}: {value.strip()}",
            )


@warning(
    "no-progress-deadline-abort",
    because="while we watch, our own deadline aborts",
    why="A canary that never becomes ready stays for ever, and the next rollout starts on top "
    "of it.",
)
def no_deadline_abort(view: View) -> Iterator[Flaw]:
    if view.canary and view.spec.get("progressDeadlineAbort") is not True:
        written = shown(view.spec.get("progressDeadlineAbort", "not set"))
        yield Flaw(
            ("spec", "progressDeadlineAbort"),
            f"progressDeadlineAbort is {written}: past the deadline Argo says 'Degraded', and "
            "aborts nothing",
            "spec:\n  progressDeadlineAbort: true",
        )


@error(
    "deadline-not-above-min-ready",
    because="Argo refuses the Rollout (InvalidSpec)",
    why="A refused Rollout does nothing at all: the old version runs on, and the deployment "
    "seems to hang.",
)
def deadline_too_short(view: View) -> Iterator[Flaw]:
    deadline = view.spec.get("progressDeadlineSeconds", PROGRESS_DEADLINE_S)
    least = view.spec.get("minReadySeconds", 0)
    if is_count(deadline) and is_count(least) and deadline <= least:
        key = "progressDeadlineSeconds"
        yield Flaw(
            ("spec", key if key in view.spec else "minReadySeconds"),
            f"progressDeadlineSeconds {deadline} is not above minReadySeconds {least}",
            f"spec:\n  progressDeadlineSeconds: {least + PROGRESS_DEADLINE_S}",
        )


@warning(
    "scale-down-delay-zero",
    because="it costs pods, not users",
    why="0 keeps the old pods up indefinitely (argo-rollouts #1639): the memory is gone when "
    "the next rollout needs it.",
)
def scale_down_delay_zero(view: View) -> Iterator[Flaw]:
    yield from _zero(view, "scaleDownDelaySeconds", "the old stable pods are never scaled down")


@warning(
    "abort-scale-down-delay-zero",
    because="the traffic is back before the pods are concerned",
    why="After an abort the canary's pods may be gone before anybody could look into them, or "
    "stay for ever (argo-rollouts #1841).",
)
def abort_delay_zero(view: View) -> Iterator[Flaw]:
    dark = bool(view.entries) and view.entries[0].kind == "setCanaryScale"
    yield from _zero(
        view,
        "abortScaleDownDelaySeconds",
        "after an abort the canary's pods "
        + ("stay, as the first step is a setCanaryScale" if dark else "are ended at once"),
    )


def _zero(view: View, key: str, effect: str) -> Iterator[Flaw]:
    if is_count(view.canary.get(key)) and view.canary[key] == 0:
        yield Flaw((*CANARY, key), f"{key} is 0: {effect}", f"{key}: 30")
