"""
What steps cost under pytest-xdist, against stock xdist with the same items.

`python -m benchmarks.steps_under_xdist --rounds 5` compares four steps of 2,500 tests of 1 ms each
with a plain parametrisation by four under `--dist load`: wall time, and the controller's CPU time
per report. The threads beside the tests (the probe, the platform) are no part of that: they cost by
the second. Then the collection of 10,000 tests in four steps, in one process: time and peak memory.
Then an abort with 9,000 tests left. Both kinds in turns, medians, one ratio each; `--scale 0.1` for
a tenth of the tests.

The steps have no bake and no load, and the platform is the stand-in of the tests. Neither kind
writes Allure results; both write JUnit XML.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, table
from canarytest.core import events
from canarytest.reporting import log

STANDIN = Path(__file__).parent.parent / "tests" / "plugin" / "standin.py"
LABELS = ("dark", "10%", "30%", "50%")
PLAIN, STEPS = "plain", "canarytest"
PLUGINS = [
    word
    for plugin in ("allure_pytest", "pytest_locust", "hypothesispytest", "cacheprovider")
    for word in ("-p", f"no:{plugin}")
]

PYPROJECT = """
[tool.pytest.ini_options]
asyncio_default_fixture_loop_scope = "function"

[tool.canarytest]
target = "bench"
proof = { window = 0.1, responses = 5, within = 30 }

[tool.canarytest.targets.bench]
platform = "standin"
rollout = "rollout.yaml"
pause_at_most = 0
"""
ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: bench}
spec:
  replicas: 4
  strategy:
    canary:
      canaryService: canary
      stableService: stable
      trafficRouting: {nginx: {stableIngress: bench}}
      steps:
        - setCanaryScale: {replicas: 1}
        - pause: {}
        - setWeight: 10
        - setCanaryScale: {matchTrafficWeight: true}
        - pause: {}
        - setWeight: 30
        - pause: {}
        - setWeight: 50
        - pause: {}
"""
BY_FOUR = f'@pytest.mark.parametrize("step", {list(LABELS)!r})\n'
CONFTEST = """
import json, os, resource, threading, time
import psutil, pytest

BESIDE = ("canarytest", "serve_forever", "process_request")  # threads of probe, ticker and platform

def used():
    beside = {
        thread.native_id for thread in threading.enumerate()
        if any(word in thread.name for word in BESIDE)
    }
    threads = [thread for thread in psutil.Process().threads() if thread.id not in beside]
    return sum(thread.user_time + thread.system_time for thread in threads)

def tell(**values):
    if "PYTEST_XDIST_WORKER" not in os.environ:
        with open("measured.jsonl", "a") as file:
            file.write(json.dumps(values) + chr(10))

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session):
    at = time.perf_counter()
    result = yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tell(collection=time.perf_counter() - at, peak=peak, collected=len(session.items))
    return result

reports = 0
first = 0.0

@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport():
    global reports, first
    reports += 1
    if "PYTEST_XDIST_WORKER" not in os.environ and reports % 500 == 0:
        first = first or used()
        tell(cpu=(used() - first) / max(reports - 500, 1), reports=reports)
"""


@dataclass(frozen=True)
class Ended:
    """A run that is over."""

    status: int
    seconds: float
    measured: dict[str, float]


class Project:
    """A folder with a suite, for one kind or the other."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder / kind
        self._is_ours = kind == STEPS
        self._site = self.folder / "site"
        metadata = self._site / "standin-0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: standin\nVersion: 0\n")
        (metadata / "entry_points.txt").write_text(
            "[canarytest.platforms]\nstandin = standin:create\n"
        )
        shutil.copy(STANDIN, self._site)
        (self.folder / "suites").mkdir()
        (self.folder / "pyproject.toml").write_text(PYPROJECT)
        (self.folder / "rollout.yaml").write_text(ROLLOUT)
        (self.folder / "conftest.py").write_text(CONFTEST)

    def suite(self, text: str, *, files: int = 1) -> None:
        """Write so many files of *text*; without us its `BY_FOUR` makes the steps."""
        shutil.rmtree(self.folder / "suites")
        (self.folder / "suites").mkdir()
        for number in range(files):
            written = text.replace("BY_FOUR\n", "" if self._is_ours else BY_FOUR)
            path = self.folder / "suites" / f"test_{number}.py"
            path.write_text(f"import time\nimport pytest\n\n{written}")

    def run(self, *args: str) -> Ended:
        """Run pytest, and return what was measured."""
        measured = self.folder / "measured.jsonl"
        measured.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "pytest", *PLUGINS, *args]
        argv += ["--canary"] if self._is_ours else ["--junitxml=junit.xml", "suites"]
        began = time.perf_counter()
        ended = subprocess.run(
            argv,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self._site)},
            stdout=(self.folder / "output.txt").open("w"),
            stderr=subprocess.STDOUT,
            check=False,
        )
        seconds = time.perf_counter() - began
        assert measured.exists(), self.output()
        values: dict[str, float] = {}
        for line in measured.read_text().splitlines():
            values |= json.loads(line)
        return Ended(ended.returncode, seconds, values)

    def output(self) -> str:
        """Return what pytest printed."""
        return (self.folder / "output.txt").read_text("utf-8", "replace")


def main(*, quick: bool = False) -> list[Figure]:
    """Return the figures; *quick* is a tenth of the tests, and one round."""
    return measure(("run", "collect", "abort"), 0.1 if quick else 1.0, rounds=1 if quick else 5)


def measure(names: Sequence[str], scale: float, *, rounds: int) -> list[Figure]:
    """Return what *names* name, with so large a part of the tests."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        projects = {kind: Project(Path(name), kind) for kind in (PLAIN, STEPS)}
        if "run" in names:
            figures += run(projects, round(2500 * scale), rounds)
        if "collect" in names:
            figures += collect(projects, round(100 * scale), rounds)
        if "abort" in names:
            figures += abort(projects[STEPS], round(2500 * scale), rounds)
    return figures


def run(projects: dict[str, Project], tests: int, rounds: int) -> list[Figure]:
    """Measure whole runs of four times so many *tests* of 1 ms on two workers."""
    for project in projects.values():
        step = ", step" if project is projects[PLAIN] else ""
        project.suite(
            f'BY_FOUR\n@pytest.mark.parametrize("n", range({tests}))\n'
            f"def test_it(n{step}):\n    time.sleep(0.001)\n"
        )
    wall: dict[str, list[float]] = {kind: [] for kind in projects}
    cpu: dict[str, list[float]] = {kind: [] for kind in projects}
    for kind, project in turns(projects, rounds):
        ended = project.run("-n", "2")
        assert ended.status == 0, project.output()
        assert ended.measured["reports"] == 3 * len(LABELS) * tests
        wall[kind].append(ended.seconds)
        cpu[kind].append(1e6 * ended.measured["cpu"])
    return [
        compared(f"run of {4 * tests} tests under xdist", "s", wall, 1.1),
        compared("controller's CPU for a report", "us", cpu, 1.1),
    ]


def collect(projects: dict[str, Project], files: int, rounds: int) -> list[Figure]:
    """Measure the collection of so many *files* of a hundred tests each, in four steps."""
    for project in projects.values():
        step = "step" if project is projects[PLAIN] else ""
        tests = (f"BY_FOUR\ndef test_{n}({step}): ...\n" for n in range(100))
        project.suite("".join(tests), files=files)
    seconds: dict[str, list[float]] = {kind: [] for kind in projects}
    peak: dict[str, list[float]] = {kind: [] for kind in projects}
    for kind, project in turns(projects, rounds):
        ended = project.run("--collect-only", "-qq")
        assert ended.measured["collected"] == 100 * len(LABELS) * files, project.output()
        seconds[kind].append(ended.measured["collection"])
        peak[kind].append(ended.measured["peak"] / 1024)
    what = f"of {100 * files} tests in four steps"
    return [
        compared(f"collection {what}", "s", seconds, 1.3),
        compared(f"peak memory {what}", "MB", peak, 1.3),
    ]


def abort(project: Project, tests: int, rounds: int) -> list[Figure]:
    """Measure how long a run goes on after an abort with nine tenths of it left."""
    fatal = tests * 4 // 10
    project.suite(
        f'@pytest.mark.parametrize("n", range({tests}))\n'
        f"def test_it(n, step):\n    time.sleep(0.001)\n    assert n != {fatal}\n"
    )
    seconds = []
    for _ in range(rounds):
        ended = project.run("-n", "2")
        assert ended.status == 1, project.output()
        told = list(log.read(project.folder / "reports/latest/events.jsonl"))
        (sent,) = [event.time for event in told if isinstance(event, events.AbortSent)]
        finished = [event for event in told if isinstance(event, events.TestFinished)]
        assert len(finished) == len(LABELS) * tests
        left = sum(event.time >= sent for event in finished)
        assert left > 0.88 * len(finished)
        seconds.append(told[-1].time - sent)
    return [Figure(f"abort with {left} of {len(finished)} tests left", "s", seconds, at_most=5.0)]


def compared(name: str, unit: str, values: dict[str, list[float]], at_most: float) -> Figure:
    """Return the ratio of our median to the plain one, as the figure that is bound."""
    plain, ours = (statistics.median(values[kind]) for kind in (PLAIN, STEPS))
    note = f"{ours:.3g} {unit} against {plain:.3g} {unit} of stock xdist"
    if "in four steps" in name:
        note = f"{ours:.3g} {unit} against {plain:.3g} {unit} of a plain parametrisation by four"
    return Figure(f"{name}, ratio", "", [ours / plain], at_most=at_most, note=note)


def turns(projects: dict[str, Project], rounds: int) -> Iterator[tuple[str, Project]]:
    """Yield each kind in turn, now the one first and now the other."""
    for number in range(rounds):
        yield from list(projects.items())[:: -1 if number % 2 else 1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", nargs="+", default=["run", "collect", "abort"])
    options = parser.parse_args()
    print(table(measure(options.only, options.scale, rounds=options.rounds)))
