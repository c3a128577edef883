"""
What it costs to take secrets out: of each event, and of text that is made to take long.

A passing test's event is held against writing it as JSON, which has to be done anyway. Of each kind
of text four times as much is held against once: if the time grew with the square of the size, a
character would take four times as long.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from functools import partial
from time import process_time

from benchmarks.figures import Figure
from canarytest.core.events import TestFinished, as_json
from canarytest.core.redaction import Redactor, known
from canarytest.reporting.log import encoded

AN_EVENT_US = 20.0
GROWS_AT_MOST = 2.0  # a square would be 4
SIZE = 100_000
PEM = "-----BEGIN PRIVATE KEY-----"
# Each begins what a rule looks for, and ends nothing.
UNITS = (
    *("token ", "token=", 'token="', "token=[", "token: \n", "\\", PEM, "eyJ", "://", "bearer "),
    *("Basic ab==", 'password:"\\', "--token ", 'form-data; name="token"\r\n', "..."),
)
LABELS = ("parentSuite", "suite", "subSuite", "rollout", "target", "platform", "framework")


def main(*, quick: bool = False) -> list[Figure]:
    """Look at an event again and again, and at text of every kind."""
    repeats = 5 if quick else 25
    secrets = Redactor(values=known(f"{number}-s3cr3t-value" for number in range(10)))
    event = as_json(_passed())
    line = encoded(event)
    assert not secrets.suspects(line)
    size = SIZE // 10 if quick else SIZE
    grown = {unit: _grows(secrets, unit, size) for unit in UNITS}
    slowest = max(grown, key=lambda unit: grown[unit])
    return [
        Figure(
            "a passing test's event looked at", "µs",
            _took_us(lambda: secrets.suspects(line), repeats), at_most=AN_EVENT_US,
            baseline=_took_us(lambda: encoded(event), repeats),
            note=f"{len(line)} characters, 10 secrets known; the baseline is writing it as JSON",
        ),
        Figure(
            "a character of text four times as long", "", [grown[slowest]],
            at_most=GROWS_AT_MOST, note=f"the worst of {len(UNITS)} kinds, of {slowest!r}",
        ),
    ]  # fmt: skip


def _passed() -> TestFinished:
    labels = [{"name": name, "value": "was on local"} for name in LABELS]
    times = {"start": 1795461735000, "stop": 1795461735012, "status": "passed", "stage": "finished"}
    ids = dict.fromkeys(("uuid", "historyId", "testCaseId"), "9a0364b9e99bb480dd25e1f0284c8555")
    nodeid = "suites/smoke/test_owners.py::test_owners[dark]"
    about = {**times, **ids, "name": "test_owners[dark]", "labels": labels, "fullName": nodeid}
    return TestFinished(1795461735.0, 0, "dark", nodeid, "passed", 0.012, "", "", (), about)


def _took_us(act: Callable[[], object], repeats: int, number: int = 1000) -> list[float]:
    """Return how long it takes, in the processor's time: other work is not in it."""
    times = timeit.repeat(act, number=number, repeat=repeats, timer=process_time)
    return [1e6 * seconds / number for seconds in times]


def _grows(redactor: Redactor, unit: str, size: int) -> float:
    """Return how much longer a character takes where there are four times as many."""
    once, four_times = (
        min(_took_us(partial(redactor.text, unit * (times * size // len(unit))), 3, number=1))
        for times in (1, 4)
    )
    return four_times / (4 * max(once, 100))  # below that it is the clock's
