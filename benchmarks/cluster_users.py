"""
How many requests of users fail before a bad canary is gone from the edge.

In turns with it the baseline: the same bug at 10 %, left to an analysis of Argo's own that is tuned
as hard as it can be (5 s apart, none may fail, by the canary's answers of the last 10 s).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import requests

from benchmarks import client
from benchmarks.cluster_stage import measured, notes, steps_of, stream
from benchmarks.figures import Figure
from tests.cluster import stage as stages
from tests.cluster.stage import PROMETHEUS, Object, Stage

USERS = 50  # logins a second at the edge
FAILED_AT_MOST = 10  # what issue 7 asks
LOAD_ONLY = "v103-some"
AT_TEN: list[Object] = [{"setWeight": 10}, {"pause": {}}]
TUNED = {"templates": [{"templateName": "tuned"}], "startingStep": 1}
AFTER_S = 2.0
WINDOW_S = 10.0  # that the analysis looks back


@dataclass(frozen=True, slots=True)
class Case:
    """A bug: the image that has it, and the tests that are to find it."""

    name: str
    tag: str
    tests: str
    at_most: int
    how: str


CASES = (
    Case("a login bug, with a dark step", "v103-login", "", 0, "every login fails"),
    Case(
        "a bug that only load can see",
        LOAD_ONLY,
        "alone or load",  # a smoke test may meet it, and no user would then
        FAILED_AT_MOST,
        "15 % of the answers are a 500; at 10 % a load of 100 requests/s asks the canary alone",
    ),
)


def main(*, quick: bool = False) -> list[Figure]:
    """Count the failed requests of both bugs."""
    return measured(lambda made: _failures(made, 1 if quick else 3))


def _failures(made: Stage, rounds: int) -> Iterator[Figure]:
    stages.make_image(LOAD_ONLY, ["errors=0.15"])
    plan, has_baseline = steps_of(made), _has_prometheus()
    if has_baseline:
        made.create(_template(made.namespace))
    for case in CASES:
        ours: list[float] = []
        tuned: list[float] = []
        for _ in range(rounds):
            ours.append(_ours(made, case, plan))
            tuned += [_tuned(made, case)] if has_baseline else []
        yield _figure(case, ours, tuned)


def _figure(case: Case, ours: Sequence[float], tuned: Sequence[float]) -> Figure:
    name = f"failed requests of users: {case.name}"
    note = f"{USERS} logins/s at the edge; {case.how}; the baseline is Argo's analysis tuned hard"
    return Figure(name, "", ours, at_most=case.at_most, baseline=tuned, note=note)


def _ours(made: Stage, case: Case, plan: list[Object]) -> float:
    made.plan(plan)
    with stream(made, USERS, "login"):
        ran = made.run(stages.image(case.tag), "-k", case.tests)
    if ran.status != 1:
        raise RuntimeError(f"it was not aborted: {ran.output}")
    return _failed(made)


def _tuned(made: Stage, case: Case) -> float:
    made.plan(AT_TEN, TUNED)
    time.sleep(WINDOW_S)  # what an earlier canary left there would abort this one at once
    image = stages.image(case.tag).rpartition("=")[2]
    with stream(made, USERS, "login"):
        made.patch([{"op": "replace", "path": stages.IMAGE, "value": image}])
        made.wait_for(lambda view: view.is_aborted)
        time.sleep(AFTER_S)
    return _failed(made)


def _failed(made: Stage) -> float:
    return float(sum(answer.status != 200 for answer in client.read(notes(made))))


def _has_prometheus() -> bool:
    try:
        return requests.get(f"{PROMETHEUS}/-/ready", timeout=2).ok
    except requests.RequestException:
        return False


def _template(namespace: str) -> Object:
    """Return the AnalysisTemplate, which takes no data for good: else it aborts good versions."""
    service = f'service="{namespace}-was-canary-80@kubernetescrd"'
    bad = _rate(service, 'code!~"2.."')
    query = f"({bad} or vector(0)) / {_rate(service)}"
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": "tuned"},
        "spec": {
            "metrics": [
                {
                    "name": "failed-share",
                    "interval": "5s",
                    "failureLimit": 0,
                    "successCondition": "len(result) == 0 || isNaN(result[0]) || result[0] < 0.05",
                    "provider": {"prometheus": {"address": PROMETHEUS, "query": query}},
                }
            ]
        },
    }


def _rate(*labels: str) -> str:
    selector = ",".join(labels)
    return f"sum(rate(traefik_service_requests_total{{{selector}}}[{WINDOW_S:.0f}s]))"
