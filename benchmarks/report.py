"""
What the report costs: built from events with its pictures, its size, and how soon it is seen.

A run of four steps and an hour of load and probe, with 1,000 results and with 10,000 tests at each
step. The page is opened by a headless Chromium without a network, where there is one.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from canarytest.core import events as e
from canarytest.reporting import build
from canarytest.reporting.log import EventLog
from tests.reporting import stories
from tests.reporting.browser import CHROMIUM, browser

BUILT_WITHIN_S = 5.0  # what issue 6 asks of 1,000 results
STEPS, STEP_S = 4, 900
MEGABYTE = 1e6


def main(*, quick: bool = False) -> list[Figure]:
    """Build reports, and open the large one."""
    with tempfile.TemporaryDirectory() as name:
        small = [_built(Path(name), 1000)[0] for _ in range(2 if quick else 5)]
    note = "with pictures, of an hour; the first may have made matplotlib's cache of fonts"
    figure = Figure("report of 1,000 results", "s", small, at_most=BUILT_WITHIN_S, note=note)
    with tempfile.TemporaryDirectory() as name:
        return [figure, *_large(Path(name), 2_000 if quick else 10_000)]


def _large(folder: Path, tests: int) -> Iterator[Figure]:
    what = f"report of {tests:,} tests at {STEPS} steps"
    seconds, page = _built(folder, tests * STEPS)
    yield Figure(f"{what}: built", "s", [seconds])
    yield Figure(f"{what}: size", "MB", [page.stat().st_size / MEGABYTE])
    if CHROMIUM is not None:
        painted, read, scrolled = _opened(page, folder / "profile")
        yield Figure(f"{what}: first paint", "s", [painted])
        yield Figure(f"{what}: its tree to be read", "s", [read])
        yield Figure(f"{what}: scrolled to the end", "s", [scrolled])


def _built(folder: Path, results: int) -> tuple[float, Path]:
    """Return how long the report of a new run took, and its page."""
    run = folder / "runs" / str(time.monotonic_ns())
    with EventLog(run / "events.jsonl") as log:
        for event in told(results // STEPS):
            log(event)
    began = time.perf_counter()
    page = build.page(run, remember=False)
    return time.perf_counter() - began, page


def told(tests: int) -> Iterator[e.Event]:
    """Yield the events of a promoted run with *tests* at each step, and an hour of seconds."""
    yield stories.started()
    for step in range(STEPS):
        begin, label = step * STEP_S, stories.plan()[step]["label"]
        yield stories.opened(begin, step)
        for number in range(tests):
            yield _finished(begin + STEP_S * number / tests, step, label, number)
        for second in range(1, STEP_S):
            canary = stories.tally(60, 0, 10.0 + second % 37)
            yield stories.load(begin + second, step, canary, stories.tally(140))
            yield stories.probe(begin + second, step, 20 * step // 10, 20 - 20 * step // 10)
        seconds = float(STEP_S)
        yield e.StepJudged(
            stories.T0 + begin + seconds, step, label, "successful", "", seconds,
            {"passed": tests}, stories.normal(),
        )  # fmt: skip
    yield e.RolloutPromoted(stories.T0 + STEPS * STEP_S, "v101", 0.4)
    yield stories.ended(STEPS * STEP_S + 1, "promoted", 0, "every step was successful", (9000, 0))


def _finished(at: float, step: int, label: str, number: int) -> e.TestFinished:
    file, name = f"suites/smoke/test_{number // 25}.py", f"test_{number}[{label}]"
    return e.TestFinished(
        stories.T0 + at, step, label, f"{file}::{name}", "passed", 0.05, "", "gw0"
    )


def _opened(page: Path, profile: Path) -> tuple[float, float, float]:
    """Return the seconds to the first paint, to the tree, and of scrolling to its end."""
    with browser(profile) as reader:
        began = time.perf_counter()
        reader.open(page, until="Sort by")
        read = time.perf_counter() - began
        painted = reader.ask("performance.getEntriesByName('first-paint')[0]?.startTime ?? 0")
        began = time.perf_counter()
        reader.wait("(scrollTo(0, document.body.scrollHeight), true)")
        reader.ask("document.body.innerText.length")  # laid out, then
        return painted / 1000, read, time.perf_counter() - began
