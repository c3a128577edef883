"""
Requests per second of a load under canarytest, against plain Locust on the same locustfile.

Both in turns against PetClinic, whose own counter is read, over the same span of time:
`python benchmarks/load_throughput.py --rounds 5 --seconds 6`. As other work on the machine takes
from both, the CPU that the generator spends on a request is told as well.
"""

from __future__ import annotations

import argparse
import contextlib
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

from canarytest.core.reach import Endpoint, Identity
from canarytest.signals.load import Load, LoadSpec

LOCUSTFILE = """
from locust import FastHttpUser, task


class Visitor(FastHttpUser):
    @task
    def info(self):
        self.client.get("/petclinic/actuator/info")
"""
WARM_UP_S = 1.0


def main() -> None:
    """Print the medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--users", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, petclinic() as server:
        directory = Path(name)
        (directory / "visits.py").write_text(LOCUSTFILE)
        spec = LoadSpec(directory / "visits.py", options.users, float(options.users))
        kinds: dict[str, Callable[[], AbstractContextManager[int]]] = {
            "plain locust": lambda: plain(spec, server),
            "canarytest": lambda: listened(spec, server, directory),
        }
        rates: dict[str, list[float]] = {kind: [] for kind in kinds}
        costs: dict[str, list[float]] = {kind: [] for kind in kinds}
        for number in range(options.rounds):
            for kind in list(kinds)[:: -1 if number % 2 else 1]:
                with kinds[kind]() as pid:
                    rate, cost = measure(pid, server, options.seconds)
                rates[kind].append(rate)
                costs[kind].append(cost)
                print(f"{kind:12} {rate:8.1f} requests/s {cost * 1e6:7.1f} us CPU each", flush=True)
    report("requests/s", rates)
    report("requests per second of CPU", {k: [1 / c for c in v] for k, v in costs.items()})


def report(what: str, values: dict[str, list[float]]) -> None:
    """Print the median of each kind, and the ratio of the second to the first."""
    medians = {kind: statistics.median(all_of_it) for kind, all_of_it in values.items()}
    plain_median, ours = medians.values()
    listed = ", ".join(f"{kind} {median:.1f}" for kind, median in medians.items())
    print(f"median {what}: {listed}; ratio {ours / plain_median:.4f}")


def measure(pid: int, server: str, seconds: float) -> tuple[float, float]:
    """Return requests per second that *server* answered, and the CPU seconds of *pid* for each."""
    idle = answered(server)
    while answered(server) < idle + 100:
        time.sleep(0.05)
    time.sleep(WARM_UP_S)
    generator = psutil.Process(pid)
    first, cpu, at = answered(server), sum(generator.cpu_times()[:2]), time.perf_counter()
    time.sleep(seconds)
    last, cpu_then, then = answered(server), sum(generator.cpu_times()[:2]), time.perf_counter()
    return (last - first) / (then - at), (cpu_then - cpu) / (last - first)


def answered(server: str) -> int:
    """Return how many requests for the page of the locustfile PetClinic has answered."""
    page = requests.get(f"{server}/metrics", timeout=5).text
    counts = re.findall(r"http_requests_total\{[^}]*actuator/info[^}]*\} (\d+)", page)
    return sum(map(int, counts))


@contextlib.contextmanager
def petclinic() -> Iterator[str]:
    """Run PetClinic; yield its URL."""
    argv = [sys.executable, "-m", "petclinic", "--version", "v100", "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@contextlib.contextmanager
def plain(spec: LoadSpec, server: str) -> Iterator[int]:
    """Run Locust as anybody would; yield its pid."""
    argv = [sys.executable, "-m", "locust", "--headless", "--only-summary", "-f", str(spec.file)]
    argv += ["--users", str(spec.users), "--spawn-rate", str(spec.spawn_rate), "--host", server]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
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


if __name__ == "__main__":
    main()
