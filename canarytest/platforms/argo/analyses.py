"""The analyses that the controller runs for our rollout: followed, and told of once each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from canarytest.core.finding import Finding, Zone
from canarytest.core.ports import Analysis
from canarytest.platforms.argo import watch
from canarytest.platforms.argo.analysis import AnalysisView, Part, analysis_view, finding, verdict
from canarytest.platforms.argo.api import Api
from canarytest.platforms.argo.view import RolloutView, RunStatus
from canarytest.platforms.argo.watch import Objects, Watch

OBEYED_WITHIN_S = 5.0  # what a bad analysis wants of the controller is done by then

_MEASURED = ("analysis", "experiment")  # steps


def is_analysed(spec: Mapping[str, Any]) -> bool:
    """Whether the controller measures anything for the Rollout of *spec*."""
    canary = spec["strategy"]["canary"]
    steps = canary.get("steps") or ()
    return "analysis" in canary or any(kind in step for step in steps for kind in _MEASURED)


class Analyses:
    """
    Follows the AnalysisRuns that the Rollout's status names: those of earlier tries are not ours.

    `follow` is told of each change of the Rollout, from any thread.
    """

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._lock = threading.Lock()
        self._watch: Watch | None = None
        self._runs: Mapping[str, AnalysisView] = {}
        self._parts: dict[str, Part] = {}  # run -> what it is to us
        self._experiments: set[str] = set()
        self._told: set[tuple[object, ...]] = set()
        self._over_since: dict[str, float] = {}

    def start(self, spec: Mapping[str, Any]) -> None:
        """Begin to watch, where the Rollout of *spec* has anything to be analysed."""
        if not is_analysed(spec):
            return
        # What an experiment measures carries no label of the Rollout's.
        steps = spec["strategy"]["canary"].get("steps") or ()
        is_labelled = not any("experiment" in step for step in steps)
        some = {"labelSelector": watch.selector(spec["selector"])} if is_labelled else {}
        path = watch.analysis_runs(self._namespace)
        self._watch = Watch(self._api, path, some, self._see)
        self._watch.start()

    @property
    def is_started(self) -> bool:
        """Whether there is anything to be analysed."""
        return self._watch is not None

    def stop(self) -> None:
        """Watch no more."""
        if self._watch is not None:
            self._watch.stop()

    def follow(self, view: RolloutView) -> None:
        """Take from the Rollout which runs are ours."""
        with self._lock:
            if view.step_run is not None:
                self._parts[view.step_run.name] = Part.STEP
            if view.background_run is not None:
                self._parts[view.background_run.name] = Part.BACKGROUND
            if view.experiment:
                self._experiments.add(view.experiment)

    def standing(self, at: RunStatus | None) -> list[Analysis]:
        """Return how each stands; of those of steps, only *at* decides, the current one's."""
        with self._lock:
            found = list(self._ours())
            if at is not None and not any(run.name == at.name for run, _ in found):
                found.append((AnalysisView(at.name, "", at.phase, at.message, ()), Part.STEP))
            return [
                Analysis(self._finding(run, part, at), tuple(self._news(run, part)))
                for run, part in found
            ]

    def _see(self, objects: Objects) -> None:
        runs = {name: analysis_view(run) for name, run in objects.items()}
        with self._lock:
            self._runs = runs
            for name, run in runs.items():
                if run.is_over:
                    self._over_since.setdefault(name, time.monotonic())

    def _ours(self) -> Iterator[tuple[AnalysisView, Part]]:
        for name, run in self._runs.items():
            if name in self._parts:
                yield run, self._parts[name]
            elif run.experiment in self._experiments:
                yield run, Part.EXPERIMENT

    def _finding(self, run: AnalysisView, part: Part, at: RunStatus | None) -> Finding:
        is_past = part is Part.STEP and (at is None or run.name != at.name)
        since = self._over_since.get(run.name)
        is_obeyed = since is None or time.monotonic() - since < OBEYED_WITHIN_S
        found = finding(run, part, is_obeyed=is_obeyed)
        return replace(found, zone=Zone.SHOWN) if is_past else found

    def _news(self, run: AnalysisView, part: Part) -> Iterator[Mapping[str, Any]]:
        for measurement in run.measurements:
            key = (run.name, measurement["metric"], measurement["started"], measurement["finished"])
            if self._is_new(key):
                yield {"name": run.name, "part": str(part), **measurement}
        if run.is_over and self._is_new((run.name,)):
            yield verdict(run, part)

    def _is_new(self, key: tuple[object, ...]) -> bool:
        if key in self._told:
            return False
        self._told.add(key)
        return True
