"""
What a rollout on a real cluster with Argo Rollouts and Traefik costs its users, and its API server.

`python -m benchmarks cluster` with KUBECONFIG set. In turns with each way back the baseline: the
same Rollout at the same weight, and a bare abort patch as the kubectl plugin sends it.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import yaml

from benchmarks import client, rollout
from benchmarks.figures import Figure
from canarytest.core.errors import CanaryError
from canarytest.platforms.argo.api import connect
from tests.cluster import stage as stages
from tests.cluster.faulty import FaultyApi
from tests.cluster.stage import DEPLOY, EDGE, SUITE, TRAEFIK, Object, Stage

AT_HALF: list[Object] = [{"setWeight": 50}, {"pause": {"duration": "1s"}}]
RATE, USERS = 200, 50  # requests a second at the edge: to time the way back, and as users
STEADY_S, AFTER_S = 1.0, 2.0
SENT_WITHIN_S, LAST_ABOVE_BARE_S, LAST_WITHIN_S = 0.2, 0.15, 0.7  # what issue 7 asks
FAILED_AT_MOST, CALLS_AT_MOST, LONG_S = 10, 60, 600.0
LOAD_ONLY = "v103-some"


@dataclass(frozen=True, slots=True)
class WayBack:
    """One way back, in seconds from the moment at which it was known to be needed."""

    sent: float
    last: float


def main(*, quick: bool = False) -> list[Figure]:
    """Measure, where there is a cluster; say why not, where there is none."""
    rounds = 2 if quick else 7
    try:
        with stage() as made:
            return [
                *_ways_back(made, rounds),
                *_failures(made, 1 if quick else 3),
                _calls(made, LONG_S / 10 if quick else LONG_S),
            ]
    except Skipped as reason:
        print(f"not measured: {reason}", end=" ")
        return []


class Skipped(Exception):
    """There is no cluster to measure on."""


@contextmanager
def stage() -> Iterator[Stage]:
    """Yield a namespace with PetClinic behind Traefik."""
    path = os.environ.get("KUBECONFIG")
    if not path or not stages.CLUSTER.exists():
        raise Skipped(f"KUBECONFIG has to name a cluster, made by {stages.CLUSTER}")
    kubeconfig = yaml.safe_load(Path(path).read_text())
    api = connect(kubeconfig["current-context"], "KUBECONFIG")
    try:
        api.get("/apis/argoproj.io/v1alpha1", patience_s=0)
        requests.get(EDGE, timeout=2)
    except (CanaryError, requests.RequestException) as error:
        raise Skipped(f"Argo Rollouts, and Traefik at {EDGE}, have to answer: {error}") from error
    stages.images()
    stages.make_image(LOAD_ONLY, ["errors=0.15"])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.callback(api.close)
        made = Stage(api, kubeconfig, f"canarytest-{secrets.token_hex(3)}", folder)
        stack.callback(made.remove)
        made.build(stages.rollout(), *stages.documents(DEPLOY / "petclinic" / "traefik.yaml"))
        made.write_project(TRAEFIK, SUITE)
        yield made


def _ways_back(made: Stage, rounds: int) -> Iterator[Figure]:
    plan: list[Object] = made.read()["spec"]["strategy"]["canary"]["steps"]
    made.plan(AT_HALF)
    suite = made.project / "suites" / "test_petclinic.py"
    suite.write_text(rollout.FAILS)
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(_abort(made))
        bare.append(_patch(made))
    made.plan(plan)
    made.write_project(TRAEFIK, SUITE)
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
    yield Figure(f"{what}: the longest", "s", [max(last)], at_most=LAST_WITHIN_S)


def _abort(made: Stage) -> WayBack:
    """Let a test fail in a run."""
    made.rest()
    with _stream(RATE, made.project / "notes"):
        ran = made.run(stages.good_image(made))
    if "test_fails failed" not in ran.summary["reason"]:
        raise RuntimeError(f"it was not the test that ended it: {ran.output}")
    failed = float((made.project / "failed").read_text())
    sent = _time_of(made, "AbortSent")
    return WayBack(sent - failed, _last(made, failed))


def _patch(made: Stage) -> WayBack:
    """Send the abort patch, and do nothing else."""
    made.rest()
    image = stages.good_image(made).rpartition("=")[2]
    with _stream(RATE, made.project / "notes"):
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
    answers = client.read(made.project / "notes")
    canary = next(a.version for a in answers if a.version not in ("-", stable))
    last = client.last_of(canary, answers)
    if not any(answer.version == stable and answer.at > last for answer in answers):
        raise RuntimeError("the client saw no response after the canary's last one")
    return max(0.0, last - since)


def _failures(made: Stage, rounds: int) -> Iterator[Figure]:
    cases = {
        "a login bug, with a dark step": ("v103-login", "", 0, "every login fails"),
        "a bug that only load can see": (
            LOAD_ONLY,
            "alone or load",  # a smoke test may meet it, and no user would then
            FAILED_AT_MOST,
            "15 % of the answers are a 500; at 10 % a load of 100 requests/s asks the canary alone",
        ),
    }
    for what, (tag, tests, at_most, how) in cases.items():
        failed = [_failed(made, tag, tests) for _ in range(rounds)]
        note = f"{USERS} logins/s at the edge; {how}"
        yield Figure(f"failed requests of users: {what}", "", failed, at_most=at_most, note=note)


def _failed(made: Stage, tag: str, tests: str) -> float:
    made.rest()
    with _stream(USERS, made.project / "notes", "login"):
        ran = made.run(stages.image(tag), "-k", tests)
    if ran.status != 1:
        raise RuntimeError(f"it was not aborted: {ran.output}")
    return float(sum(a.status != 200 for a in client.read(made.project / "notes")))


def _calls(made: Stage, seconds: float) -> Figure:
    """Count the calls of a run that takes so many *seconds*: at the API server, not by the run."""
    plan: list[Object] = made.read()["spec"]["strategy"]["canary"]["steps"]
    pauses = sum("duration" in (step.get("pause") or {}) for step in plan)
    pause = {"pause": {"duration": f"{seconds / pauses:.0f}s"}}
    made.plan([pause if (s.get("pause") or {}).get("duration") else s for s in plan])
    with FaultyApi(made.cluster) as api:
        ran = made.run_through(api.url, stages.good_image(made))
    if ran.status:
        raise RuntimeError(f"it was not promoted: {ran.output}")
    kinds = {call.partition("?")[0].replace(made.namespace, "NS") for call in api.calls}
    note = f"a good version, {len(plan)} steps, {len(kinds)} kinds of calls"
    return Figure(
        f"calls to the API server in a run of {seconds:.0f} s",
        "",
        [len(api.calls)],
        at_most=CALLS_AT_MOST,
        note=note,
    )


def _stream(rate: float, notes: Path, what: str = "version") -> Any:
    return client.stream(urlsplit(EDGE).port or 80, rate, notes, what)


def _time_of(made: Stage, kind: str) -> float:
    return datetime.fromisoformat(made.events(kind)[0]["time"]).timestamp()
