"""Applications that do not come up, or fall; a router that is killed; a run that is."""

import queue
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from canarytest.core.errors import CanaryNotReady, Inconclusive, PlatformError
from canarytest.core.ports import Incident, IncidentKind
from canarytest.core.reach import Version
from tests.platforms.local import stage
from tests.platforms.local.conftest import Make
from tests.platforms.local.stage import SOON_S, command, get, plan, step, who_answers
from tests.waiting import has_ended

pytestmark = pytest.mark.envoy

Incidents = queue.Queue[Incident]
BEGIN = """
import signal, sys, threading
from pathlib import Path
from canarytest.platforms.local import create
from tests.platforms.local import stage
from tests.waiting import has_ended
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
platform = create(stage.table(), root=folder, run_dir=folder / "run")
platform.begin(stage.plan(0, 10), print)
platform.open(stage.step(10))
print(*(process.pid for process in stage.started()), flush=True)
threading.Event().wait()
"""


def test_a_canary_that_ends_at_once_is_not_ready(make: Make, incidents: Incidents) -> None:
    platform = make(canary=command("v101", "--end", 3))
    platform.begin(plan(0, 10), incidents.put)

    with pytest.raises(
        CanaryNotReady,
        match="canary ended with status 3 before it was ready: cannot go on: no database",
    ):
        platform.open(step(0))
    assert incidents.empty()


def test_a_stable_version_that_ends_at_once_is_the_platforms_failure(make: Make) -> None:
    platform = make(stable=command("v100", "--end", 0))

    with pytest.raises(PlatformError, match="stable version ended with status 0 before"):
        platform.begin(plan(0, 10), print)


@pytest.mark.parametrize(
    ("option", "seen"), [("--unready", "HTTP 503 at /ready"), ("--mute", "timed out at /ready")]
)
def test_a_canary_that_never_is_ready(make: Make, option: str, seen: str) -> None:
    platform = make(canary=command("v101", option), ready_within="3s")  # enough to listen
    platform.begin(plan(0, 10), print)

    with pytest.raises(
        CanaryNotReady, match=f"not ready within 3 s: {seen}; last log line: v101 is up"
    ):
        platform.open(step(0))


def test_two_versions_of_one_name_cannot_be_told_apart(make: Make) -> None:
    platform = make(canary=command("v100"))
    edge = platform.begin(plan(10, 100), print).reach.edge

    with pytest.raises(Inconclusive, match=r"both versions answer 'v100' at /info: .* run\.canary"):
        platform.open(step(10))
    assert platform.state().share == 0
    assert get(edge).status_code == 200


def test_an_identical_build_is_told_apart_by_the_router(make: Make) -> None:
    platform = make(canary=command("v101", "--unready"))
    platform.use_identical()
    reach = platform.begin(plan(10, 100), print).reach
    facts = platform.open(step(10))

    assert (facts.stable, facts.canary) == ("v100", "v100")
    assert facts.images[Version.CANARY] == facts.images[Version.STABLE]
    assert reach.identity.header is not None
    assert get(reach.canary).headers[reach.identity.header] == Version.CANARY


def test_a_version_that_does_not_say_which_it_is(make: Make) -> None:
    platform = make(identity={"path": "/info", "json": "build"})

    with pytest.raises(
        Inconclusive, match=r"stable version does not say .* no JSON key 'build' .* \(HTTP 200\)"
    ):
        platform.begin(plan(0, 10), print)


@pytest.mark.parametrize("version", list(Version))
def test_a_version_that_falls_is_started_again(
    make: Make, incidents: Incidents, version: Version
) -> None:
    platform = make()
    reach = platform.begin(plan(0, 10), incidents.put).reach
    platform.open(step(0))
    name = {Version.CANARY: "v101", Version.STABLE: "v100"}[version]
    pid = stage.application(name).pid
    get(getattr(reach, version), "/fall")
    incident = incidents.get(timeout=SOON_S)

    assert incident == Incident(
        IncidentKind.RESTARTED, version, f"{name} ended with status 3; last log line: out of memory"
    )
    assert has_ended(pid)
    assert stage.comes_back(name).pid != pid


def test_a_version_that_is_no_longer_ready(make: Make, incidents: Incidents) -> None:
    platform = make()
    reach = platform.begin(plan(0, 10), incidents.put).reach
    platform.open(step(0))
    get(reach.stable, "/tire")
    incident = incidents.get(timeout=SOON_S)

    assert (incident.kind, incident.version) == (IncidentKind.NOT_READY, Version.STABLE)
    assert "v100 was not ready 3 times in a row: HTTP 503 at /ready" in incident.message
    assert not platform.state().stable_complete


def test_a_killed_router_comes_back_as_it_was(make: Make, incidents: Incidents) -> None:
    platform = make()
    edge = platform.begin(plan(0, 100), incidents.put).reach.edge
    platform.open(step(100))
    who_answers(edge, 3)
    before = platform.exposure()
    stage.envoy().kill()
    incident = incidents.get(timeout=SOON_S)
    platform.open(step(100))
    answers = who_answers(edge, 5)
    after = platform.exposure()

    assert (incident.kind, incident.version) == (IncidentKind.ROUTER, None)
    assert "Envoy was ended by SIGKILL" in incident.message
    assert answers == {("canary", "v101"): 5}
    assert before is not None
    assert after is not None
    assert (before.requests, after.requests) == (3, 8)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_run_whatever_its_end(tmp_path: Path, number: signal.Signals) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", BEGIN, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with run:
        assert run.stdout is not None
        pids = [int(word) for word in run.stdout.readline().split()]
        run.send_signal(number)

    assert len(pids) == 6  # a keeper each
    assert all(has_ended(pid) for pid in pids)
