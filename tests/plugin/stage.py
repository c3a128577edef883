"""
Real runs of pytest with `--canary` over the stand-in platform, in processes of their own.

Tests write what they do into the log of the platform, a line each: `note(...)` in a suite, and the
orders of the platform. So the order of its lines says what ran while which step was open.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil
import pytest

from canarytest.core import events
from canarytest.reporting import log
from tests.plugin.project import Project

E = TypeVar("E", bound=events.Event)
XDIST = "xdist"
WITHIN_S = 60.0  # a run that takes longer hangs

PYTEST = {"addopts": "--strict-markers --strict-config", "filterwarnings": ["error"]}
PROOF = {"window": 0.1, "responses": 5, "within": 30}
CONFTEST = """
import os, signal, time, pathlib
import psutil, pytest

TRACE = pathlib.Path(__file__).parent / "standin.log"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")

def note(*words):
    with TRACE.open("a") as file:
        file.write(" ".join(map(str, (0, *words))) + chr(10))

def wait_for(call):
    while call not in [line.partition(" ")[2] for line in TRACE.read_text().splitlines()]:
        time.sleep(0.005)

@pytest.fixture(autouse=True)
def noted(request, step):
    note("run", step.label, request.node.name.partition("[")[0], WORKER)
"""


@dataclass(frozen=True)
class Ended:
    """A run that is over."""

    status: int
    output: str
    trace: tuple[str, ...]
    events: tuple[events.Event, ...]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one *kind*."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def names(self) -> list[str]:
        """The names of the events, but for those of single tests and measurements."""
        minor = (events.TestFinished, events.MeasurementTaken)
        return [type(event).__name__ for event in self.events if not isinstance(event, minor)]

    @property
    def outcomes(self) -> dict[str, str]:
        """What became of each test, by the part of its node id behind the file."""
        finished = self.of(events.TestFinished)
        assert len({test.nodeid for test in finished}) == len(finished), "a test finished twice"
        return {test.nodeid.partition("::")[2]: test.outcome for test in finished}

    @property
    def messages(self) -> dict[str, str]:
        """Why each test that did not pass did not."""
        tests = self.of(events.TestFinished)
        return {test.nodeid.partition("::")[2]: test.message for test in tests if test.message}

    @property
    def counts(self) -> Counter[str]:
        """How many tests had which outcome."""
        return Counter(self.outcomes.values())

    @property
    def reason(self) -> str:
        """Why it was aborted."""
        (aborted,) = self.of(events.RolloutAborted)
        return aborted.reason

    @property
    def orders(self) -> list[str]:
        """What the platform was told."""
        orders = ("begin", "open", "abort", "promote", "retire")
        return [line for line in self.trace if line.split()[0] in orders]

    def assert_promoted(self) -> None:
        """Assert that every step was walked and the canary promoted."""
        assert self.status == 0, self.output
        assert self.orders == ["begin", "open dark", "open 10%", "open 50%", "promote"]
        assert self.names[-2:] == ["RolloutPromoted", "RunEnded"]
        self.assert_barrier()

    def assert_aborted(self, status: int) -> None:
        """Assert that all traffic went back, that it was proven, and how the run ended."""
        assert self.status == status, self.output
        assert self.orders[-1] == "abort"
        assert self.trace[-1] == "close"
        assert self.orders.count("abort") == 1
        assert "RollbackProven" in self.names
        assert self.names[-1] == "RunEnded"
        self.assert_barrier()

    def assert_never_begun(self, status: int) -> None:
        """Assert that nothing was touched."""
        assert self.status == status, self.output
        assert not self.orders
        assert not self.events

    def assert_barrier(self) -> None:
        """Assert that each test ran while its own step was open."""
        opened = ""
        for line in self.trace:
            what, *words = line.split()
            opened = words[0] if what == "open" else opened
            assert what != "run" or words[0] == opened, f"{line!r} while {opened} was open"


class Running:
    """A run under way."""

    def __init__(self, stage: Stage, process: subprocess.Popen[bytes]) -> None:
        self._stage = stage
        self._process = process

    def wait_for(self, line: str) -> None:
        """Wait until the trace has *line*."""
        while line not in self._stage.trace():
            assert self._process.poll() is None, self._stage.output()
            os.sched_yield()  # nobody tells: look again

    def interrupt(self, number: signal.Signals, *, to_all: bool = False) -> None:
        """Send a signal to the controller; *to_all*: to its workers as well, as Ctrl-C does."""
        if to_all:
            os.killpg(self._process.pid, number)
        else:
            self._process.send_signal(number)

    def descendants(self) -> list[psutil.Process]:
        """Return all processes of the run but the first."""
        return psutil.Process(self._process.pid).children(recursive=True)

    def end(self) -> Ended:
        """Wait for the end."""
        try:
            status = self._process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            for process in [*self.descendants(), psutil.Process(self._process.pid)]:
                process.kill()
            self._process.wait()
            pytest.fail(f"it hangs:\n{self._stage.output()}")
        return self._stage.ended(status)


class Stage:
    """A project, and runs of it with workers."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.path = project.path
        self.configure()
        project.write("conftest.py", CONFTEST)

    def configure(self, **keys: Any) -> None:
        """Write the configuration, as `Project.configure` does."""
        self.project.configure(pytest_ini=PYTEST, proof=PROOF, **keys)

    def suite(self, text: str, name: str = "test_it.py") -> None:
        """Write a file of tests."""
        self.project.suite(f"import os, pytest\nfrom conftest import *\n\n{text}", name=name)

    def run(self, *args: str, plugins: Sequence[str] = (XDIST,)) -> Ended:
        """Run pytest to its end."""
        return self.start(*args, plugins=plugins).end()

    def start(self, *args: str, plugins: Sequence[str] = (XDIST,)) -> Running:
        """Start pytest, with no plugins but ours and *plugins*: that is twice as fast."""
        (self.path / "standin.log").write_text("")
        self.project.latest.unlink(missing_ok=True)
        named = [word for plugin in ("canarytest.plugin", *plugins) for word in ("-p", plugin)]
        installed = os.environ["PYTHONPATH"]
        environment = {
            **{key: value for key, value in os.environ.items() if "PYTEST" not in key},
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": os.pathsep.join((installed, str(self.path))),
        }
        with (self.path / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *named, "--canary", *args],
                cwd=self.path,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Running(self, process)

    def trace(self) -> list[str]:
        """Return the lines that tests and platform wrote so far."""
        lines = (self.path / "standin.log").read_text().splitlines()
        return [line.partition(" ")[2] for line in lines]

    def output(self) -> str:
        """Return what pytest printed so far."""
        return (self.path / "output.txt").read_text("utf-8", "replace")

    def ended(self, status: int) -> Ended:
        """Return what a run left that ended with *status*."""
        path = self.project.latest / "events.jsonl"
        told = tuple(log.read(path)) if path.exists() else ()
        return Ended(status, self.output(), tuple(self.trace()), told)


@pytest.fixture
def stage(project: Project) -> Stage:
    """A project with no test in it yet."""
    return Stage(project)
