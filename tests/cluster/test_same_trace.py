"""The same plan and the same fault give the same events on `local` and on the real Argo."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from canarytest.core.reasons import Cause
from tests.cluster import stage as stages
from tests.cluster.stage import ROOT, TRAEFIK, Object, Stage, image

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.envoy,
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.timeout(240),
]
V100 = "local/petclinic:v100"
SUITE = Path(__file__).parent / "trace_suite.py"
BY_TEST, BY_LOAD = ("-k", "login"), ("-k", "up or load")
LOCAL = """
[tool.canarytest]
suites = ["suites"]

[tool.canarytest.proof]
window = "4s"
responses = 200

[tool.canarytest.targets.local]
platform = "local"
rollout = "rollout.json"
run.stable = "{python} -m petclinic --version v100 --port {{port}}"
run.canary = "{python} -m petclinic --version v103 --port {{port}}{fault}"
ready = "/petclinic/actuator/health"
ready_within = "20s"
identity = {{ path = "/petclinic/actuator/info", json = "version" }}
"""


@dataclass(frozen=True)
class Case:
    """A fault, the image that has it, and the tests that are to find it."""

    tag: str
    fault: str
    tests: tuple[str, ...]
    expected: int  # the exit status
    keys: str = ""  # more of the target


CASES = {
    "none": Case("v103", "", BY_LOAD, 0),
    "login": Case("v103-login", "login", BY_TEST, 1),
    "errors": Case("v103-errors", "errors=0.3", BY_LOAD, 1),
    "slow": Case("v103-slow-all", "slow=2", BY_LOAD, 1),
    "slow-some": Case("v103-slow", "slow-some=0.3:1.5", BY_LOAD, 1),
    "crash-after": Case("v103-crash-after", "crash-after=20", BY_LOAD, 1),
    "crash-at-start": Case("v103-crash", "crash-at-start", BY_TEST, 1),
    "never-ready": Case("v103-never", "never-ready", BY_TEST, 1),
    "health-lies": Case("v103-lies", "health-lies", BY_TEST, 1),
    "masquerade": Case("v103-mask", "masquerade=v100", BY_TEST, 10),
    "too small for all": Case("v103", "", ("-k", "up or users"), 1, 'after_promotion = "2s"'),
}


@pytest.mark.parametrize("what", CASES)
def test_a_fault_leaves_the_same_trace(behind_traefik: Stage, tmp_path: Path, what: str) -> None:
    case = CASES[what]
    stable(behind_traefik)
    keep_previous(behind_traefik, 20 if case.keys else 2)
    behind_traefik.write_project(TRAEFIK + case.keys, SUITE)
    beside = start_local(tmp_path, case)
    try:
        ran = behind_traefik.run(image(case.tag), *case.tests)
    finally:
        behind_traefik.write_project(TRAEFIK, stages.SUITE)
        output, _ = beside.communicate()
    on_argo, on_local = (
        list(story(folder / "reports/latest/events.jsonl"))
        for folder in (behind_traefik.project, tmp_path)
    )

    assert (ran.status, beside.returncode) == (case.expected, case.expected), ran.output + output
    assert driven(on_argo) == driven(on_local)
    assert ended(on_argo) == ended(on_local)


def stable(stage: Stage) -> None:
    """Have v100 as the stable version, as `local` has it."""
    stage.rest()
    if stage.image != V100:
        stage.patch([{"op": "replace", "path": stages.IMAGE, "value": V100}])
        stage.wait_for(lambda view: view.is_rolling)
        stage.patch([{"op": "add", "path": "/status/promoteFull", "value": True}], "/status")
        stage.wait_for(lambda view: view.stable == view.canary)
        stage.wait_healthy(stage.read())


def keep_previous(stage: Stage, seconds: int) -> None:
    """Have the pods of what is replaced stay up for so long."""
    path = "/spec/strategy/canary/scaleDownDelaySeconds"
    stage.patch([{"op": "replace", "path": path, "value": seconds}])


def start_local(folder: Path, case: Case) -> "subprocess.Popen[str]":
    """Start the run on this machine, of the same plan."""
    (folder / "suites").mkdir()
    shutil.copy(SUITE, folder / "suites" / "test_petclinic.py")
    shutil.copytree(ROOT / "load", folder / "load")
    (folder / "rollout.json").write_text(json.dumps(stages.rollout()))
    fault = f" --fault {case.fault}" if case.fault else ""
    text = LOCAL.format(python=sys.executable, fault=fault)
    (folder / "pyproject.toml").write_text(text + case.keys)
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "--canary", *case.tests],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def story(path: Path) -> Iterator[Object]:
    """Return the events of a run."""
    yield from map(json.loads, path.read_text().splitlines())


# Of an event, what does not depend on the machine: no times, no names of pods, no figures.
KEPT = {
    "RolloutStarted": ("tests",),
    "StepOpened": ("step", "label", "weight", "share", "canary"),
    "StepJudged": ("label", "verdict", "tests"),
    "AbortSent": (),
    "RolloutAborted": ("cause", "step"),
    "RollbackProven": ("window",),
    "RollbackNotProven": (),
    "RolloutPromoted": ("canary",),
    "RunEnded": ("outcome", "exit_status"),
}


def driven(events: list[Object]) -> list[tuple[object, ...]]:
    """
    Return what the driver told, in its order.

    What the platform measured by itself is not compared: `local` has gauges of its processes, and
    a cluster those of its Prometheus, where there is one.
    """
    return [
        (event["event"], *(told(event, key) for key in KEPT[event["event"]]))
        for event in events
        if event["event"] in KEPT
    ]


def told(event: Object, key: str) -> object:
    """
    Return what *event* says of *key*.

    A load is judged by the run, against its bands and against the stable version's, and by the
    test that asks for it: which of them is first is chance on each platform, and one cause here.
    """
    is_by_load = event.get("reason", "").startswith("test_load failed")
    return str(Cause.BREACH) if key == "cause" and is_by_load else event[key]


def ended(events: list[Object]) -> list[tuple[str, str]]:
    """
    Return how each test ended, in its order.

    Apart from the driver's: a test that is under way while the load decides may end before the
    order to go back is taken, or after it, on either platform. By that the load's own test fails,
    or is cut off.
    """
    return [
        (event["nodeid"], "cut off" if is_cut_off(event) else event["outcome"])
        for event in events
        if event["event"] == "TestFinished"
    ]


def is_cut_off(event: Object) -> bool:
    """Whether it is the load's own test, and it did not pass."""
    return "test_load[" in event["nodeid"] and event["outcome"] != "passed"
