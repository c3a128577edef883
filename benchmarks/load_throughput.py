"""
Throughput of a load under canarytest, against plain Locust on the same locustfile.

In one process of Locust windows with our listener alternate with windows without it, so that both
have the same neighbours on the machine; what is told is the median of the ratios of neighbours.
Requests per second of CPU are the robust figure: the generator's core is what limits it, and other
work on the machine takes from requests per second in a way that no alternation evens out.

Beside it whole runs, plain Locust and a load as a step has it, in turns; PetClinic counts.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import requests

from benchmarks import locust_windows, rollout
from benchmarks.figures import Figure, uncertainty
from benchmarks.locust_windows import Window
from canarytest.core.reach import Endpoint, Identity
from canarytest.signals.load import Load, LoadSpec

LOCUSTFILE = """
from locust import FastHttpUser, task


class Visitor(FastHttpUser):
    @task
    def info(self):
        self.client.get("/petclinic/actuator/info")
"""
USERS = 20
WARM_UP_S = 1.0
WINDOW_S = 0.1
KEPT = 0.97  # what issue 3 asks
NAME = "load, against plain Locust"


def main(*, quick: bool = False) -> list[Figure]:
    """Compare windows, then whole runs."""
    with tempfile.TemporaryDirectory() as name, petclinic() as server:
        directory = Path(name)
        (directory / "visits.py").write_text(LOCUSTFILE)
        spec = LoadSpec(directory / "visits.py", USERS, float(USERS))
        pairs = locust_windows.in_pairs(windows(spec, server, 100 if quick else 750))
        whole = runs(spec, server, directory, *((1, 3.0) if quick else (4, 5.0)))
    return [*_of_windows(pairs), *_of_runs(whole)]


def _of_windows(pairs: list[tuple[Window, Window]]) -> list[Figure]:
    by_cpu = [ours.efficiency / plain.efficiency for ours, plain in pairs]
    by_wall = [ours.rate / plain.rate for ours, plain in pairs]
    cost = [1e6 / plain.efficiency for _, plain in pairs]
    return [
        Figure(
            f"{NAME}: per second of CPU",
            "",
            by_cpu,
            at_least=KEPT,
            note=(
                f"ratios of windows of {WINDOW_S:g} s; standard error of the median "
                f"{uncertainty(by_cpu):.4f}; a request takes plain Locust "
                f"{statistics.median(cost):.0f} us"
            ),
        ),
        Figure(
            f"{NAME}: per second",
            "",
            by_wall,
            note=f"likewise; standard error of the median {uncertainty(by_wall):.4f}",
        ),
    ]


def _of_runs(whole: dict[str, list[float]]) -> list[Figure]:
    plain_runs, ours = whole.values()
    ratios = [one / other for one, other in zip(ours, plain_runs, strict=True)]
    return [
        Figure(
            f"{NAME}: whole runs, per second of CPU",
            "",
            ratios,
            note="the same ratio for processes that were started anew, which differ more",
        )
    ]


def windows(spec: LoadSpec, server: str, pairs: int) -> list[Window]:
    """Return what Locust did with the listener and without it, in turns."""
    module = "benchmarks.locust_windows"
    ended = subprocess.run(
        [*_locust(spec, server, module), "--skip-log-setup"],
        env={
            **rollout.environment(),
            locust_windows.PAIRS: str(pairs),
            locust_windows.SECONDS: str(WINDOW_S),
        },
        cwd=rollout.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if locust_windows.MARK not in ended.stdout:
        raise RuntimeError(f"Locust told nothing:\n{ended.stderr[-2000:]}")
    return locust_windows.read(ended.stdout)


def runs(
    spec: LoadSpec, server: str, directory: Path, rounds: int, seconds: float
) -> dict[str, list[float]]:
    """Return the requests per second of CPU of whole runs, in turns."""
    kinds: dict[str, Callable[[], AbstractContextManager[int]]] = {
        "plain locust": lambda: plain(spec, server),
        "canarytest": lambda: listened(spec, server, directory),
    }
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind in list(kinds)[:: -1 if number % 2 else 1]:
            with kinds[kind]() as pid:
                found[kind].append(efficiency(pid, server, seconds))
    return found


def efficiency(pid: int, server: str, seconds: float) -> float:
    """Return how many requests *server* answered for each second of CPU that *pid* took."""
    idle = answered(server)
    while answered(server) < idle + 100:
        time.sleep(0.05)
    time.sleep(WARM_UP_S)
    generator = psutil.Process(pid)
    first, cpu = answered(server), sum(generator.cpu_times()[:2])
    time.sleep(seconds)
    return (answered(server) - first) / (sum(generator.cpu_times()[:2]) - cpu)


def answered(server: str) -> int:
    """Return how many requests for the page of the locustfile PetClinic has answered."""
    return sum(counts(requests.get(f"{server}/metrics", timeout=5).text))


def counts(page: str) -> list[int]:
    """Return the counts of that page in PetClinic's metrics."""
    found = re.findall(r"http_requests_total\{[^}]*actuator/info[^}]*\} (\d+)", page)
    return [int(count) for count in found]


@contextlib.contextmanager
def petclinic() -> Iterator[str]:
    """Run PetClinic; yield its URL."""
    argv = [sys.executable, "-m", "petclinic", "--version", "v100", "--port", "0"]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, text=True, env=rollout.environment()
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@contextlib.contextmanager
def plain(spec: LoadSpec, server: str) -> Iterator[int]:
    """Run Locust as anybody would; yield its pid."""
    argv = _locust(spec, server, "locust")
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL, env=dict(os.environ)) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


@contextlib.contextmanager
def listened(spec: LoadSpec, server: str, directory: Path) -> Iterator[int]:
    """Run the load as a step does; yield its generator's pid."""
    load = Load.start(
        spec,
        Endpoint(server),
        Identity(canary="v101", stable="v100", header="x-version"),
        directory=directory,
        on_second=lambda _: None,
        on_end=lambda _: None,
    )
    try:
        yield load.pid
    finally:
        load.stop()


def _locust(spec: LoadSpec, server: str, module: str) -> list[str]:
    argv = [sys.executable, "-m", module, "--headless", "--only-summary", "-f", str(spec.file)]
    return [
        *argv,
        "--users",
        str(spec.users),
        "--spawn-rate",
        str(spec.spawn_rate),
        "--host",
        server,
    ]
