"""
From a failing assertion at 50 % to the last response of the canary, and to the proof.

The test notes the time before it fails, a client of its own asks at the edge all the while; both
know nothing of canarytest. In turns with it the baseline: the same Envoy and the same PetClinic,
and a bare change of the weight to 0.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import client, rollout
from benchmarks.figures import Figure
from canarytest.core.events import AbortSent, RollbackProven
from canarytest.platforms import local
from canarytest.platforms.local import loopback
from canarytest.plugin import preflight, settings

WEIGHT = 50
RATE = 200  # requests a second at the edge: half of them are the canary's
STEADY_S = 1.0
AFTER_S = 1.0
SENT_WITHIN_S, LAST_WITHIN_S, PROVEN_WITHIN_S = 0.1, 0.3, 1.0  # what issue 3 asks


@dataclass(frozen=True, slots=True)
class WayBack:
    """One way back, in seconds from the moment at which it was known to be needed."""

    sent: float  # until the order is in force
    last: float  # until the canary's last response at the edge
    errors: int  # that users met meanwhile
    proven: float = 0.0  # beyond the window of the proof


def main(*, quick: bool = False) -> list[Figure]:
    """Measure ways back and bare changes of the weight, in turns."""
    aborted: list[WayBack] = []
    bare: list[WayBack] = []
    for number in range(3 if quick else 12):
        for measure, found in ((abort, aborted), (change, bare))[:: -1 if number % 2 else 1]:
            with tempfile.TemporaryDirectory() as name:
                found.append(measure(Path(name)))
    errors = sum(way.errors for way in aborted)
    return [
        Figure(
            "failing assertion -> abort in force",
            "s",
            [way.sent for way in aborted],
            at_most=SENT_WITHIN_S,
            baseline=[way.sent for way in bare],
            note="AbortSent.time - the time that the test noted; baseline: platform.abort()",
        ),
        Figure(
            "failing assertion -> last canary response",
            "s",
            [way.last for way in aborted],
            at_most=LAST_WITHIN_S,
            baseline=[way.last for way in bare],
            note=f"by a client's own notes, {RATE} requests/s; it met {errors} errors",
        ),
        Figure(
            "proof, beyond its window",
            "s",
            [way.proven for way in aborted],
            at_most=PROVEN_WITHIN_S,
            note="RollbackProven.time - AbortSent.decided - window",
        ),
    ]


def abort(folder: Path) -> WayBack:
    """Let a test fail in a run."""
    port = loopback.free_port()
    rollout.write(folder, rollout.FAILS, weights=[WEIGHT], edge_port=port)
    with client.stream(port, RATE, folder / "notes"):
        run = rollout.run(folder)
    sent, proven = run.first(AbortSent), run.first(RollbackProven)
    failed = float((folder / "failed").read_text())
    last, errors = seen_by_client(folder / "notes", failed)
    return WayBack(sent.time - failed, last, errors, proven.time - sent.decided - proven.window)


def change(folder: Path) -> WayBack:
    """Change the weight to 0, and do nothing else."""
    port = loopback.free_port()
    rollout.write(folder, rollout.FAILS, weights=[WEIGHT], edge_port=port)
    chosen = settings.read(folder, None)
    plan = preflight.check(chosen).plan
    platform = local.create(chosen.platform_table(), root=folder, run_dir=folder / "run")
    try:
        with client.stream(port, RATE, folder / "notes"):
            platform.begin(plan, lambda _: None)
            platform.open(plan.steps[0])
            time.sleep(STEADY_S)
            wanted = time.time()
            platform.abort()
            sent = time.time()
            time.sleep(AFTER_S)
    finally:
        platform.close()
    last, errors = seen_by_client(folder / "notes", wanted)
    return WayBack(sent - wanted, last, errors)


def seen_by_client(notes: Path, wanted: float) -> tuple[float, int]:
    """Return the seconds from *wanted* to the canary's last response, and the errors therein."""
    answers = client.read(notes)
    last = client.last_of("v101", answers)
    if not any(answer.version == "v100" and answer.at > last for answer in answers):
        raise RuntimeError("the client saw no response after the canary's last one")
    return max(0.0, last - wanted), client.errors(answers, wanted, wanted + AFTER_S)
