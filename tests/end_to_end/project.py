"""A project of its own for each run, the sample rolled out in it, and all that came of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil

from canarytest.core.events import Event, from_json

ROOT = Path(__file__).parents[2]
SOON_S = 60  # never reached, unless something is wrong
MARK = "CANARYTEST_END_TO_END"  # in the environment of all that descends from a run
LIMITS = "            limits: {cpu: 500m, memory: 1Gi}\n"
APP = "python -m petclinic --port {port} --version"

PYPROJECT = """\
[tool.pytest.ini_options]
addopts = ["-ra", "--strict-markers", "--strict-config", "--import-mode=importlib"]
asyncio_default_fixture_loop_scope = "function"
filterwarnings = ["error"]

[tool.canarytest]
suites = ["suites"]

[tool.canarytest.proof]
window = "{window}"
responses = 50
within = "20s"

[tool.canarytest.targets.local]
platform = "local"
rollout = "rollout.yaml"
pause_at_most = 0
run.stable = "{stable}"
run.canary = "{canary}"
ready = "/petclinic/actuator/health"
ready_within = "{ready_within}"
identity = {{ path = "/petclinic/actuator/info", json = "version" }}
"""

# Nothing that users do: what only their traffic shows stays hidden from it.
HEALTH = """
def test_it_is_up(canary):
    assert canary.get("/petclinic/actuator/health").status_code == 200
"""
LOAD = """
import pytest

@pytest.mark.canary(min_weight={min_weight})
@pytest.mark.load("load/visits.py", users=20, spawn_rate=20)
def test_load(load):
    load.assert_within(error_rate=0.05, latency_p95_ms=1000)
"""
SPLIT = """
def test_split(split):
    split.assert_matches()
"""
# Waits at a step until it is let go, so that what happens meanwhile happens to a running test.
HOLD = """
from pathlib import Path

def test_hold(step, pytestconfig):
    fifo = pytestconfig.rootpath / f"hold-{step.weight}"
    if fifo.exists():
        (pytestconfig.rootpath / f"held-{step.weight}").touch()
        try:
            fifo.read_text()
        except FileNotFoundError:
            pass
"""
SAMPLE = ("smoke", "load", "split")


@dataclass(frozen=True)
class Case:
    """A run: what is rolled out, how pytest is called, and what is done to it meanwhile."""

    name: str
    suites: tuple[str, ...] = (HEALTH,)  # texts, or names of those of the sample
    fault: str = ""
    args: tuple[str, ...] = ()
    hold_at: int | None = None  # the weight of the step where a test waits to be let go
    manifest: str = "rollout.yaml"
    limits: str = ""  # of the pod; without any no gauge is judged, of which a step needs three
    stable: str = f"{APP} v100"
    canary: str = f"{APP} v101 --fault-from PETCLINIC_FAULT"
    ready_within: str = "20s"
    window: str = "1s"  # of the proof
    allow: tuple[str, ...] = ()
    keys: str = ""  # more of the target's, as TOML
    is_long: bool = False  # begun first, so that nobody waits for it alone
    gone_within_s: float = 0  # for those whom nobody is left to end
    act: Callable[[Rollout], None] = field(default=lambda _: None)  # beside the run

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Answer:
    """What came back at the edge, as a user saw it."""

    asked: float  # epoch
    version: str | None  # None: no answer
    status: int | None


@dataclass(frozen=True)
class Ended:
    """What is left of a run."""

    case: Case
    folder: Path
    status: int
    output: str
    answers: tuple[Answer, ...]  # of the edge, until the router was gone
    left: tuple[str, ...]  # processes that outlived it

    @property
    def run_dir(self) -> Path:
        return self.folder / "reports" / "latest"

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.run_dir / "summary.json").read_text())
        return found

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The events as they stand in their file."""
        text = (self.run_dir / "events.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    @property
    def events(self) -> list[Event]:
        return [from_json(line) for line in self.lines]

    @property
    def story(self) -> list[str]:
        """The names of the events that tell how it went."""
        beside = ("MeasurementTaken", "TestFinished", "EvidenceCollected")
        return [line["event"] for line in self.lines if line["event"] not in beside]

    def of(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == name]

    @property
    def seen(self) -> tuple[int, str, str | None]:
        """The exit status, the outcome, and the step that the abort came at."""
        aborted = self.of("RolloutAborted")
        step = aborted[0]["step"] if aborted else None
        return self.status, self.summary["outcome"], step

    @property
    def is_proven(self) -> bool:
        return "RollbackProven" in self.story

    def canary_answers_after(self, event: str) -> list[Answer]:
        """Answers of the canary to requests that were made after the first *event*."""
        since = next(e for e in self.events if type(e).__name__ == event).time
        return [a for a in self.answers if a.version == "canary" and a.asked > since]


class Rollout:
    """A run of pytest in a folder of its own."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.folder = folder
        self._mark = f"{case.name}-{uuid.uuid4()}"
        self._answers: list[Answer] = []
        write(case, folder)
        command = [sys.executable, "-m", "pytest", "--canary", "-p", "no:hypothesispytest"]
        with (folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *case.args],
                cwd=folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._asker = threading.Thread(target=self._ask, daemon=True)
        self._asker.start()

    def until(self, event: str, **values: object) -> bool:
        """Wait for an *event* with these *values*; False if the run ended without."""
        for line in self._lines():
            if line["event"] == event and values.items() <= line.items():
                return True
        return False

    def until_held_at(self, weight: int) -> None:
        """Wait until the test waits that is to be held at the step of this *weight*."""
        held = self.folder / f"held-{weight}"
        while not held.exists():
            assert not self.wait(0.02), (self.folder / "output").read_text()

    def let_go(self) -> None:
        """Let the test go that waits."""
        for fifo in self.folder.glob("hold-*"):
            descriptor = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)  # who waits to open it, may
            fifo.unlink()  # and who comes later, need not
            os.close(descriptor)

    def until_shut(self) -> None:
        """Wait until no test may begin any more: the order to go back was tried."""
        gate = self.folder / "reports" / "latest" / "gate.json"
        while not self.wait(0.02):
            if gate.exists() and json.loads(gate.read_text())["shut"]:
                return

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def family(self) -> list[psutil.Process]:
        """All that descends from it, whoever their parent is by now; pytest is not among them."""
        mine = [process for process in psutil.process_iter() if self._is_mine(process)]
        return [process for process in mine if process.pid != self.process.pid]

    def find(self, *words: str) -> psutil.Process:
        """The one process whose command has these *words* in it, and is no keeper."""
        found = [p for p in self.family() if self._says(p, words)]
        assert len(found) == 1, (words, found)
        return found[0]

    def envoy(self) -> psutil.Process:
        return self.find("--disable-hot-restart")

    def locust(self) -> psutil.Process:
        return self.find("canarytest.signals.locust_listener")

    def version(self, version: str) -> psutil.Process:
        return self.find("petclinic", version)

    def end(self, *, gone_within_s: float = 0) -> Ended:
        """Wait for the end; *gone_within_s* is for those whom nobody could end any more."""
        try:
            status = self.process.wait(SOON_S)
            family = self.family()
            psutil.wait_procs(family, gone_within_s)
            self._asker.join(SOON_S)
            left = tuple(f"{p.pid} {' '.join(p.cmdline())}" for p in family if self._is_mine(p))
        finally:
            self.kill()
        output = (self.folder / "output").read_text(errors="replace")
        return Ended(self.case, self.folder, status, output, tuple(self._answers), left)

    def kill(self) -> None:
        """End whatever is left; nothing, unless something is wrong."""
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.kill()
        self.process.wait()

    def _environment(self) -> dict[str, str]:
        ours = {"PYTHONPATH": str(ROOT), "PETCLINIC_FAULT": self.case.fault, MARK: self._mark}
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "COV_", "LOCUST_"))
        }
        return {**inherited, **ours}

    def _is_mine(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self._mark
        except psutil.Error:  # it has ended, or is nobody's business of ours
            return False

    def _says(self, process: psutil.Process, words: tuple[str, ...]) -> bool:
        try:
            command = process.cmdline()
        except psutil.Error:
            return False
        is_keeper = any(word.endswith("keeper.py") for word in command)
        return not is_keeper and set(words) <= set(command)

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Yield the events as they are written, until the run has ended."""
        path = self.folder / "reports" / "latest" / "events.jsonl"
        done, rest = 0, b""
        while True:
            is_over = self.wait(0.02)
            if path.exists():
                with path.open("rb") as file:
                    file.seek(done)
                    chunk = file.read()
                done += len(chunk)
                *lines, rest = (rest + chunk).split(b"\n")
                yield from map(json.loads, lines)
            if is_over:
                return

    def wait(self, seconds: float) -> bool:
        """Wait for the end of pytest, at most *seconds*; return whether it has ended."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _ask(self) -> None:
        """Be a user, from the moment when there is an edge until pytest has ended."""
        config = self.folder / "reports" / "latest" / "envoy" / "envoy.json"
        while not config.exists():
            if self.wait(0.02):
                return
        while not self.wait(0.02):
            try:
                found = json.loads(config.read_text())  # it may choose another port yet
            except ValueError:
                continue
            listener = found["static_resources"]["listeners"][0]
            port = listener["address"]["socket_address"]["port_value"]
            self._answers.append(ask(port))


def ask(port: int) -> Answer:
    """Ask the edge once, on a connection of its own."""
    asked = time.time()
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/petclinic/actuator/info")
        reply = connection.getresponse()
        reply.read()
    except (OSError, HTTPException):
        return Answer(asked, None, None)
    finally:
        connection.close()
    return Answer(asked, reply.getheader("x-canarytest-version"), reply.status)


def write(case: Case, folder: Path) -> None:
    """Write the project of *case*."""
    folder.mkdir(parents=True)
    settings = PYPROJECT.format(
        stable=case.stable,
        canary=case.canary,
        ready_within=case.ready_within,
        window=case.window,
    )
    keys = f"allow = {json.dumps(case.allow)}\n{case.keys}\n"
    (folder / "pyproject.toml").write_text(settings + keys)
    manifest = (ROOT / "deploy" / "petclinic" / case.manifest).read_text()
    assert LIMITS in manifest
    (folder / "rollout.yaml").write_text(manifest.replace(LIMITS, case.limits))
    shutil.copytree(ROOT / "load", folder / "load", ignore=shutil.ignore_patterns("__pycache__"))
    suites = folder / "suites"
    suites.mkdir()
    for number, suite in enumerate(case.suites):
        if "\n" not in suite:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / "suites" / suite, suites / suite, ignore=ignored)
            shutil.copy(ROOT / "suites" / "conftest.py", suites)
        else:
            (suites / f"test_{number}.py").write_text(suite)
    if case.hold_at is not None:
        (suites / "test_a_hold.py").write_text(HOLD)
        os.mkfifo(folder / f"hold-{case.hold_at}")
