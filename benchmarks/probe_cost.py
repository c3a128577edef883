"""
What the edge probe costs at 20 requests a second: CPU time of the process that drives a rollout.

The process has the driver of a run, a step at 50 % open in it, and does what a run does with each
sample: the driver sees it and judges, a tally is kept, an event a second is written. Its CPU time
is read over spans with the probe and without it, in turns. Real PetClinic and real Envoy run
beside it and are not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import rollout
from benchmarks.figures import Figure
from canarytest.clock import SystemClock
from canarytest.core.driver import Driver
from canarytest.core.events import MeasurementTaken
from canarytest.core.evidence import TestOutcome
from canarytest.core.plan import Step
from canarytest.core.ports import Facts
from canarytest.core.proof import ProbeSample
from canarytest.core.reach import Reach
from canarytest.platforms import local
from canarytest.plugin import preflight, settings
from canarytest.plugin.sampling import EdgeTallies, Ticker
from canarytest.reporting.log import EventLog
from canarytest.signals.probe import Probe
from canarytest.testing import FakePlatform

WEIGHT = 50
RATE = 20.0
PATH = "/petclinic/actuator/info"
SHARE_OF_A_CORE = 3.0  # percent; what issue 3 asks


def main(*, quick: bool = False) -> list[Figure]:
    """Start the platform, and the process that is measured."""
    spans, seconds = (2, 4.0) if quick else (5, 20.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rollout.write(folder, "", weights=[WEIGHT])
        chosen = settings.read(folder, None)
        plan = preflight.check(chosen).plan
        platform = local.create(chosen.platform_table(), root=folder, run_dir=folder / "run")
        try:
            platform.begin(plan, lambda _: None)
            reach = platform.open(plan.steps[0]).reach
            argv = [name, json.dumps(reach.as_json()), str(spans), str(seconds)]
            found = subprocess.run(
                [sys.executable, "-m", "benchmarks.probe_cost", *argv],
                cwd=rollout.ROOT,
                stdout=subprocess.PIPE,
                check=True,
            )
        finally:
            platform.close()
    probed, idle = json.loads(found.stdout)
    costs = [one - other for one, other in zip(probed, idle, strict=True)]
    note = f"{RATE:g} requests/s, {seconds:g} s each; less the same process without the probe"
    return [Figure("the edge probe", "% of a core", costs, at_most=SHARE_OF_A_CORE, note=note)]


class Driven:
    """The part of a run that the probe reaches."""

    def __init__(self, folder: Path, reach: Reach) -> None:
        chosen = settings.read(folder, None)
        plan = preflight.check(chosen).plan
        self.step: Step = plan.steps[0]
        self.reach = reach
        self.log = EventLog(folder / "events.jsonl")
        facts = Facts("local", "v100", "v101", {}, reach)
        self.driver = Driver(
            plan, FakePlatform(facts), chosen.policy, clock=SystemClock(), emit=self.log
        )
        self._edge = EdgeTallies()
        self._ticker = Ticker(self._tick)
        self._seen = 0

    def begin(self) -> None:
        """Open the step, and let a test pass in it."""
        self.driver.begin()
        self.driver.open(self.step)
        self.driver.see_test(TestOutcome.PASSED, "")
        self._ticker.start()

    def probe(self) -> Probe:
        """Return a probe that has not started."""
        reach = self.reach
        return Probe(
            reach.edge, lambda: reach.identity, path=PATH, rate=RATE, deliver=self._deliver
        )

    def check(self, requests: float) -> None:
        """Fail unless so many were made, in a step that is still open: else it did less."""
        if self.driver.reason is not None or self.log.trouble or self._seen < requests:
            raise RuntimeError(
                f"{self._seen} of {requests:.0f} requests; {self.driver.reason}; {self.log.trouble}"
            )

    def _deliver(self, samples: Sequence[ProbeSample]) -> None:
        self._seen += len(samples)
        self.driver.see_probe(samples)
        self._edge.add(samples)

    def _tick(self) -> None:
        if tallies := self._edge.cut():
            values = {"tallies": tallies}
            self.log(MeasurementTaken(time.time(), step=0, source="probe", values=values))


def measured() -> None:
    """Be the process that is measured; print its shares of a core, with the probe and without."""
    folder, reach, spans, seconds = sys.argv[1:]
    driven = Driven(Path(folder), Reach.from_json(json.loads(reach)))
    driven.begin()
    probed: list[float] = []
    idle: list[float] = []
    for number in range(int(spans)):
        for is_probed in (True, False)[:: -1 if number % 2 else 1]:
            if not is_probed:
                idle.append(_share(float(seconds)))
                continue
            probe = driven.probe()
            probe.start()
            probed.append(_share(float(seconds)))
            probe.stop()
    driven.check(0.9 * RATE * float(seconds) * int(spans))
    print(json.dumps([probed, idle]))


def _share(seconds: float) -> float:
    """Return the CPU time of this process in the *seconds* to come, in percent of a core."""
    began, cpu = time.perf_counter(), time.process_time()
    time.sleep(seconds)
    return 100 * (time.process_time() - cpu) / (time.perf_counter() - began)


if __name__ == "__main__":
    measured()
