"""
What starting costs: pytest with canarytest installed but unused, and used until the first step.

Unused: `pytest` on one empty test, in turns with `-p no:canarytest`; the differences of neighbours
are compared, in CPU time beside wall time, since other work on the machine lengthens the latter.

Used: from the start of the process to the first step open. The applications are told to note when
they were started and when they listened; that time is theirs, and is taken off. They are nearly
instant, so that little is.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import rollout
from benchmarks.figures import Figure, uncertainty
from canarytest.core.events import RolloutStarted, StepOpened

TEST = "def test_nothing():\n    pass\n"
WITHOUT = ("-p", "no:canarytest")
UNUSED_MS, USED_S = 10.0, 1.0  # what issue 3 asks
INSTANT = """\
import os, socket, sys, time

ticks = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19])
up = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
version, port = sys.argv[1], int(sys.argv[2])
body = b'{"version": "%s"}' % version.encode()
head = b"HTTP/1.1 200 OK\\r\\nconnection: close\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(body)
with socket.create_server(("127.0.0.1", port)) as server:
    listening = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    open(f"start-{version}", "w").write(repr(listening))
    while True:
        client, _ = server.accept()
        client.recv(65536)
        client.sendall(head + body)
        client.close()
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process, in seconds."""

    wall: float
    cpu: float  # user and system


def main(*, quick: bool = False) -> list[Figure]:
    """Start pytest many times."""
    with tempfile.TemporaryDirectory() as name:
        ours, plain = unused(Path(name), 8 if quick else 60)
    with tempfile.TemporaryDirectory() as name:
        used, applications, bare = _used(Path(name), 2 if quick else 10)
    return [*_compared(ours, plain), *_until_open(used, applications, bare)]


def unused(folder: Path, pairs: int) -> tuple[list[Cost], list[Cost]]:
    """Return what pytest cost with and without the plugin, in pairs of neighbours."""
    (folder / "test_it.py").write_text(TEST)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    ours: list[Cost] = []
    plain: list[Cost] = []
    for options in ((), WITHOUT):
        _pytest(folder, options)  # once for the caches of the disk
    for number in range(pairs):
        for found, options in ((ours, ()), (plain, WITHOUT))[:: -1 if number % 2 else 1]:
            found.append(_pytest(folder, options))
    return ours, plain


def differences(ours: Sequence[float], plain: Sequence[float]) -> list[float]:
    """Return by how many milliseconds each of *ours* is above its neighbour."""
    return [(one - other) * 1000 for one, other in zip(ours, plain, strict=True)]


def _compared(ours: list[Cost], plain: list[Cost]) -> list[Figure]:
    wall = differences([cost.wall for cost in ours], [cost.wall for cost in plain])
    cpu = differences([cost.cpu for cost in ours], [cost.cpu for cost in plain])
    note = f"differences of neighbours; standard error of the median {uncertainty(cpu):.1f} ms"
    name = "pytest's start, plugin unused, above -p no:canarytest"
    return [
        Figure(f"{name}: CPU", "ms", cpu, at_most=UNUSED_MS, note=note),
        Figure(
            f"{name}: wall",
            "ms",
            wall,
            note=f"standard error of the median {uncertainty(wall):.1f} ms",
        ),
    ]


def _pytest(folder: Path, options: Sequence[str]) -> Cost:
    before, began = _cpu_of_children(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *rollout.others_blocked(), *options],
        cwd=folder,
        env=rollout.environment(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return Cost(time.perf_counter() - began, _cpu_of_children() - before)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _used(folder: Path, runs: int) -> tuple[list[float], list[float], list[float]]:
    """
    Return the seconds to the first step open, those of them that are the applications', and those
    that pytest takes without canarytest for the same test, in turns.
    """
    (folder / "instant.py").write_text(INSTANT)
    command = "python -I -S instant.py {version} {{port}}"
    rollout.write(folder, TEST, weights=[0, 50], command=command)
    used: list[float] = []
    applications: list[float] = []
    bare: list[float] = []
    for _ in range(runs):
        bare.append(_pytest(folder, [*WITHOUT, "suites"]).wall)
        run = rollout.run(folder)
        run.first(RolloutStarted)
        used.append(run.first(StepOpened).time - run.began)
        starts = (folder / f"start-{version}" for version in ("v100", "v101"))
        applications.append(sum(float(start.read_text()) for start in starts))
    return used, applications, bare


def _until_open(used: list[float], applications: list[float], bare: list[float]) -> list[Figure]:
    ours = [one - other for one, other in zip(used, applications, strict=True)]
    note = (
        "StepOpened.time - start of the process, less what the two applications took from their "
        f"own start until they listened: {statistics.median(applications):.3f} s; baseline: "
        "all of pytest on the same test, without canarytest"
    )
    name = "pytest's start, plugin used, to the first step open"
    return [Figure(name, "s", ours, at_most=USED_S, baseline=bare, note=note)]
