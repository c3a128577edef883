"""Runs the analyses of a manifest where no controller does, as Argo would."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from canarytest.core import events
from canarytest.core.analysis import (
    Assessment,
    Measurement,
    Metric,
    Phase,
    Run,
    assess,
    due,
    measured_phase,
    next_at_s,
)
from canarytest.core.analysis.meaning import BACKGROUND, STEP, finding_of
from canarytest.core.driver import Driver
from canarytest.core.errors import MeasurementError
from canarytest.core.expressions import Value
from canarytest.core.finding import Zone
from canarytest.core.plan import Step
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause
from canarytest.plugin.templates import LATEST, STABLE, Analysis
from canarytest.signals.providers import Ask

_CAUSES = {Zone.ROLL_BACK: Cause.BREACH, Zone.UNTRUSTED: Cause.INCONCLUSIVE}


class Analyses:
    """Those of a step run while it is open, those in the background until the rollout is over."""

    def __init__(self, analyses: Sequence[Analysis], driver: Driver) -> None:
        self._analyses, self._driver = analyses, driver
        self._running: dict[str, Running] = {}

    def open(self, step: Step) -> None:
        """Begin what *step* begins, and say how stands what runs already."""
        for analysis in self._analyses:
            if analysis.part == BACKGROUND and analysis.name in self._running:
                self._running[analysis.name].see()
            elif _is_begun_by(step, analysis):
                self._running[analysis.name] = Running(analysis, self._driver)

    def close(self) -> None:
        """End what was the step's."""
        for running in list(self._running.values()):
            if running.analysis.part == STEP:
                running.end()

    def stop(self) -> None:
        """End all."""
        for running in list(self._running.values()):
            running.end()


class Running:
    """One analysis, measured in a thread of its own."""

    def __init__(self, analysis: Analysis, driver: Driver) -> None:
        self.analysis, self._driver = analysis, driver
        self._over = threading.Event()
        self._asks = dict(_by_name(analysis, driver))
        metrics = [metric for metric, _ in self._asks.values()]
        self._at: Assessment = assess(Run.of(metrics, driver.clock.now()))
        self.see()
        threading.Thread(
            target=self._run, name=f"canarytest-analysis-{analysis.name}", daemon=True
        ).start()

    def end(self) -> None:
        """Measure no more, and hear no answer that is still to come."""
        self._over.set()

    def see(self) -> None:
        """Tell the driver how it stands; between two steps only what ends the rollout counts."""
        step, plan = self._driver.step, self._driver.plan
        is_last = step is not None and step.index == len(plan.before_promotion) - 1
        name, part = self.analysis.name, self.analysis.part
        finding = finding_of(name, part, self._at, is_last_step=is_last)
        self._driver.see_finding(finding)
        if self._driver.evidence is None and finding.zone in _CAUSES:
            self._driver.abort(_CAUSES[finding.zone], finding.sentence)

    def _run(self) -> None:
        clock = self._driver.clock
        while not self._at.phase.is_completed:
            names = due(self._at.run, clock.now())
            if not self._measure(names):
                return
            now = clock.now()
            again_at = next_at_s(self._at.run, now)
            if again_at is not None and self._over.wait(max(0.0, again_at - now)):
                return
        self._tell({"phase": self._at.phase, "message": self._at.message})

    def _measure(self, names: Sequence[str]) -> bool:
        """Measure *names*, side by side as Argo does; False if it is over meanwhile."""
        taken: dict[str, Measurement] = {}

        def take(name: str) -> None:
            taken[name] = _measured(*self._asks[name], self._driver)

        threads = [threading.Thread(target=take, args=[name], daemon=True) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._over.is_set():
            return False
        run = self._at.run
        for name in names:
            run = run.with_measurement(name, taken[name])
            self._tell(_values(self._asks[name][0], taken[name], self._driver))
        self._at = assess(run)
        self.see()
        return True

    def _tell(self, values: Mapping[str, Any]) -> None:
        step = self._driver.step
        self._driver.emit(
            events.MeasurementTaken(
                self._driver.clock.time(),
                step=step.index if step else 0,
                source="analysis",
                values={"name": self.analysis.name, "part": self.analysis.part, **values},
            )
        )


def _is_begun_by(step: Step, analysis: Analysis) -> bool:
    if analysis.part == STEP:
        return step.spec_index == analysis.spec_index
    return not step.is_promoted and step.spec_index >= analysis.spec_index


def _by_name(analysis: Analysis, driver: Driver) -> Mapping[str, tuple[Metric, Ask]]:
    facts = driver.facts
    hashes = {LATEST: Version.CANARY, STABLE: Version.STABLE}
    selectors = {word: facts.selects(v) if facts else "" for word, v in hashes.items()}
    return {metric.name: (metric, ask) for metric, ask in analysis.metrics(selectors)}


def _measured(metric: Metric, ask: Ask, driver: Driver) -> Measurement:
    started = driver.clock.now()
    try:
        value = ask()
    except MeasurementError as error:
        return Measurement(Phase.ERROR, started, driver.clock.now(), message=str(error))
    phase, message = measured_phase(metric, value)
    return Measurement(phase, started, driver.clock.now(), value=_shown(value), message=message)


def _shown(value: Value) -> str:
    """Return a result as Argo writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return f"[{','.join(f'{number:g}' for number in value)}]"
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)


def _values(metric: Metric, measurement: Measurement, driver: Driver) -> Mapping[str, Any]:
    passed = driver.clock.time() - driver.clock.now()  # to the time of day
    finished = measurement.finished_at_s or measurement.started_at_s
    return {
        "metric": metric.name,
        "phase": measurement.phase,
        "value": measurement.value,
        "message": measurement.message,
        "dry_run": metric.is_dry_run,
        "started": events.timestamp(measurement.started_at_s + passed),
        "finished": events.timestamp(finished + passed),
    }
