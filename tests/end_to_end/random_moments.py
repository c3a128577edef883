"""
Kills something of a rollout at a random moment, again and again, and looks at what is left.

`python -m tests.end_to_end.random_moments --moments 20 --seed 1`: a line for each moment; exit
status 1 if anything is left, the canary answers a user after the abort, or an exit status is not
as the contract has it.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from canarytest.core.events import AbortSent
from tests.end_to_end.project import LOAD, SOON_S, SPLIT, Case, Ended, Rollout

LONGEST_S = 14.0  # about what a run takes that nothing happens to
CASE = Case("moment", ("smoke", SPLIT, LOAD.format(min_weight=0)), gone_within_s=SOON_S)
PROMOTED = 0


@dataclass(frozen=True)
class Kind:
    """What is done, and the exit statuses that may come of it."""

    name: str
    do: Callable[[Rollout], None]
    statuses: frozenset[int]


def signals(number: signal.Signals) -> Callable[[Rollout], None]:
    return lambda rollout: rollout.signal(number)


# A test under way may fail for want of what was killed before anybody hears of that: hence the 1.
KINDS = (
    Kind("SIGINT to pytest", signals(signal.SIGINT), frozenset({2})),
    Kind("SIGTERM to pytest", signals(signal.SIGTERM), frozenset({2})),
    Kind("SIGKILL to pytest", signals(signal.SIGKILL), frozenset({-signal.SIGKILL})),
    Kind("SIGKILL to Locust", lambda r: r.locust().kill(), frozenset({10})),
    Kind("SIGKILL to Envoy", lambda r: r.envoy().kill(), frozenset({12, 1})),
    Kind("SIGKILL to stable", lambda r: r.version("v100").kill(), frozenset({12, 1})),
    Kind("SIGKILL to canary", lambda r: r.version("v101").kill(), frozenset({1})),
)


@dataclass(frozen=True)
class Moment:
    """One of them, and what was wrong after it."""

    kind: Kind
    at_s: float
    was_there: bool  # what was to be killed
    ended: Ended
    troubles: tuple[str, ...]

    def __str__(self) -> str:
        story = self.ended.story if self.ended.run_dir.exists() else []
        steps = [line["label"] for line in self.ended.of("StepOpened")] if story else []
        done = self.kind.name if self.was_there else f"({self.kind.name}: not there)"
        told = (
            f"{self.at_s:5.2f} s  {steps[-1] if steps else '-':4}  {done:32}"
            f"exit {self.ended.status:3}  {story[-1] if story else 'not begun'}"
        )
        return "  ".join([told, *self.troubles])


def moments(count: int, seed: int, folder: Path, *, at_once: int = 2) -> Iterator[Moment]:
    """Yield *count* moments, in order; those of one *seed* are always the same."""
    chance = random.Random(seed)
    # Each kind comes as often as any other, to within one.
    kinds = [KINDS[i % len(KINDS)] for i in range(count)]
    chance.shuffle(kinds)
    times = [chance.uniform(0.2, LONGEST_S) for _ in kinds]
    folders = [folder / str(number) for number in range(count)]
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(happen, kinds, times, folders)


def happen(kind: Kind, at_s: float, folder: Path) -> Moment:
    """Begin a rollout, and let it happen *at_s* later."""
    rollout = Rollout(CASE, folder)
    try:
        was_there = not rollout.wait(at_s)
        if was_there:
            try:
                kind.do(rollout)
            except (AssertionError, psutil.Error):
                was_there = False
        ended = rollout.end(gone_within_s=SOON_S)
    finally:
        rollout.kill()
    return Moment(kind, at_s, was_there, ended, tuple(troubles(kind, ended, was_there=was_there)))


def troubles(kind: Kind, ended: Ended, *, was_there: bool) -> Iterator[str]:
    """Say what is not as it has to be."""
    yield from (f"LEFT: {process}" for process in ended.left)
    story = ended.story if (ended.run_dir / "events.jsonl").exists() else []
    if "RolloutStarted" not in story:
        return  # nothing was touched, and the signals are not ours yet
    expected = kind.statuses if was_there else {PROMOTED}
    if "RolloutPromoted" in story or kind.name.endswith("Locust"):
        expected = expected | {PROMOTED}  # it may have been stopped at that moment anyway
    if ended.status not in expected:
        yield f"EXIT STATUS: expected {sorted(expected)}: {ended.output[-2000:]}"
    if "AbortSent" in story and "RunEnded" in story and "RollbackProven" not in story:
        owes = "StepOpened" in story
        yield from ["NOT PROVEN"] if owes else []
    if any(isinstance(event, AbortSent) for event in ended.events):
        late = ended.canary_answers_after("AbortSent")
        yield from [f"THE CANARY ANSWERED {len(late)} USERS AFTER THE ABORT"] if late else []


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2)
    options = parser.parse_args(argv)
    bad = 0
    with tempfile.TemporaryDirectory(prefix="canarytest-moments-") as folder:
        for moment in moments(options.moments, options.seed, Path(folder), at_once=options.at_once):
            sys.stdout.write(f"{moment}\n")
            sys.stdout.flush()
            bad += bool(moment.troubles)
    sys.stdout.write(f"{bad} of {options.moments} moments were not as they have to be\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
