"""Whether a promotion can be taken back for as long as it is watched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from canarytest.core.lint.rule import Finding, Flaw, Rule
from canarytest.core.lint.view import CANARY, View, is_count

SCALE_DOWN_S = 30  # Argo's default for scaleDownDelaySeconds


def unwatchable(rollout: Mapping[str, Any], watched_s: float) -> tuple[Finding, ...]:
    """Say what in *rollout* ends the previous revision within *watched_s* of the promotion."""
    rule = Rule(
        "previous-revision-gone",
        "error",
        because="a promotion is watched so that it can be taken back",
        why="A promotion that turns out bad goes back to the previous revision's pods. Once they "
        "are gone, users keep the bad version until new ones have started.",
        check=lambda view: _flaws(view, watched_s),
    )
    return tuple(rule.findings(View(rollout, ())))


def _flaws(view: View, watched_s: float) -> Iterator[Flaw]:
    if not view.router:
        yield Flaw(
            CANARY,
            f"after_promotion is {watched_s:g} s, and without trafficRouting the previous "
            "revision's pods end as they are replaced",
            "add trafficRouting (with canaryService and stableService), or leave after_promotion "
            "out of the target",
        )
        return
    if view.canary.get("dynamicStableScale") is True:
        yield Flaw(
            (*CANARY, "dynamicStableScale"),
            f"after_promotion is {watched_s:g} s, and by dynamicStableScale the previous "
            "revision's pods end with the promotion",
            "remove dynamicStableScale, or leave after_promotion out of the target",
        )
    limit = view.canary.get("scaleDownDelayRevisionLimit")
    if is_count(limit) and not limit:  # of the revisions that the delay is for
        yield Flaw(
            (*CANARY, "scaleDownDelayRevisionLimit"),
            f"after_promotion is {watched_s:g} s, and by scaleDownDelayRevisionLimit the previous "
            "revision's pods end with the promotion",
            "scaleDownDelayRevisionLimit: 1  # or leave it out: then there is no limit",
        )
    delay = view.canary.get("scaleDownDelaySeconds", SCALE_DOWN_S)
    seconds = delay if is_count(delay) else SCALE_DOWN_S
    if seconds and seconds <= watched_s:  # 0: they are never ended
        yield Flaw(
            (*CANARY, "scaleDownDelaySeconds"),
            f"after_promotion is {watched_s:g} s, and the previous revision's pods end "
            f"{seconds} s after the promotion",
            f"scaleDownDelaySeconds: {_enough(watched_s)}  # and the time of your tests",
        )


def _enough(watched_s: float) -> int:
    return int(watched_s) + SCALE_DOWN_S
