"""
From a failing assertion at 50 % on a cluster to the last response of the canary at the edge.

In turns with it the baseline: the same Rollout at the same weight, and a bare abort patch as the
kubectl plugin sends it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from benchmarks import client, rollout
from benchmarks.cluster_stage import measured, notes, stream
from benchmarks.figures import Figure
from tests.cluster import stage as stages
from tests.cluster.stage import Object, Stage

AT_HALF: list[Object] = [{"setWeight": 50}, {"pause": {"duration": "1s"}}]
RATE = 200  # requests a second at the edge: half of them are the canary's
STEADY_S, AFTER_S = 1.0, 2.0
SENT_WITHIN_S, LAST_ABOVE_BARE_S, LAST_WITHIN_S = 0.2, 0.15, 0.7  # what issue 7 asks


@dataclass(frozen=True, slots=True)
class WayBack:
    """One way back, in seconds from the moment at which it was known to be needed."""

    sent: float
    last: float


def main(*, quick: bool = False) -> list[Figure]:
    """Measure ways back and bare patches, in turns."""
    return measured(lambda made: _ways_back(made, 2 if quick else 7))


def _ways_back(made: Stage, rounds: int) -> Iterator[Figure]:
    made.plan(AT_HALF)
    (made.project / "suites" / "test_petclinic.py").write_text(rollout.FAILS)
    ours: list[WayBack] = []
    bare: list[WayBack] = []
    for number in range(rounds):
        for measure, found in ((_abort, ours), (_patch, bare))[:: -1 if number % 2 else 1]:
            found.append(measure(made))
    last, base = [way.last for way in ours], [way.last for way in bare]
    yield Figure(
        "failing assertion to abort patch accepted",
        "s",
        [way.sent for way in ours],
        at_most=SENT_WITHIN_S,
        baseline=[way.sent for way in bare],
        note="AbortSent.time - the moment before the assert; the baseline is the bare patch alone",
    )
    bound = sorted(base)[len(base) // 2] + LAST_ABOVE_BARE_S
    what = "failing assertion to the canary's last answer"
    note = f"behind Traefik at 50 %, {RATE} requests/s; the bound is the bare patch's own + 0.15 s"
    yield Figure(what, "s", last, at_most=bound, baseline=base, note=note)
    yield Figure(f"{what}: the longest", "s", [max(last)], LAST_WITHIN_S, baseline=[max(base)])


def _abort(made: Stage) -> WayBack:
    """Let a test fail in a run."""
    made.rest()
    with stream(made, RATE):
        ran = made.run(stages.good_image(made))
    if "test_fails failed" not in ran.summary["reason"]:
        raise RuntimeError(f"it was not the test that ended it: {ran.output}")
    failed = float((made.project / "failed").read_text())
    sent = datetime.fromisoformat(made.events("AbortSent")[0]["time"]).timestamp()
    return WayBack(sent - failed, _last(made, failed))


def _patch(made: Stage) -> WayBack:
    """Send the abort patch, and do nothing else."""
    made.rest()
    image = stages.good_image(made).rpartition("=")[2]
    with stream(made, RATE):
        made.patch([{"op": "replace", "path": stages.IMAGE, "value": image}])
        made.wait_for(lambda view: view.weight == 50 and view.sits_in_pause)
        time.sleep(STEADY_S)
        wanted = time.time()
        made.patch([{"op": "add", "path": "/status/abort", "value": True}], "/status")
        sent = time.time()
        time.sleep(AFTER_S)
    return WayBack(sent - wanted, _last(made, wanted))


def _last(made: Stage, since: float) -> float:
    """Return the seconds from *since* to the canary's last response."""
    stable = made.image.rpartition(":")[2]
    answers = client.read(notes(made))
    canary = next(a.version for a in answers if a.version not in ("-", stable))
    last = client.last_of(canary, answers)
    if not any(answer.version == stable and answer.at > last for answer in answers):
        raise RuntimeError("the client saw no response after the canary's last one")
    return max(0.0, last - since)
