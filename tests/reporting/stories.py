"""One list of events for each way a run may go, as the driver would have emitted it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from canarytest.core import events as e
from canarytest.core.finding import Finding, Zone
from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause
from canarytest.core.sketch import Sketch

T0 = 1768209120.0  # 2026-01-12T09:12:00Z
RUN = "20260112-091200-3f2a"
SMOKE = ("test_health", "test_login", "test_owners", "test_visit_with_attachment")

BANDS = {"error_rate": (0.01, 0.05), "latency_p95_ms": (500.0, 1000.0)}


def plan() -> tuple[dict[str, Any], ...]:
    weights = ((0, "dark"), (10, "10%"), (30, "30%"), (50, "50%"))
    return tuple(
        {
            "index": i,
            "label": label,
            "weight": weight,
            "share": weight / 100,
            "bake_s": 4.0,
            "indefinite": False,
            "spec_index": 2 * i + 1,
            "canary_pods": 1,
            "stable_pods": 2,
        }
        for i, (weight, label) in enumerate(weights)
    )


def started(**changes: Any) -> e.RolloutStarted:
    values: dict[str, Any] = {
        "run_id": RUN,
        "rollout": "petclinic",
        "namespace": "petclinic",
        "platform": "local",
        "target": "local",
        "stable": "v100",
        "canary": "v101",
        "images": {"stable": "petclinic:v100", "canary": "petclinic:v101"},
        "steps": plan(),
        "bands": BANDS,
        "warnings": ("deploy/rollout.yaml:31: no abortScaleDownDelaySeconds",),
        "versions": {"canarytest": "0.1.0", "python": "3.11.9", "envoy": "1.36.2"},
    }
    return e.RolloutStarted(T0, **{**values, **changes})


def opened(at: float, step: int, seconds: float = 0.2) -> e.StepOpened:
    p = plan()[step]
    return e.StepOpened(T0 + at, step, p["label"], p["weight"], p["share"], seconds, "v101")


def finished(
    at: float, step: int, name: str, outcome: str = "passed", message: str = ""
) -> e.TestFinished:
    label = plan()[step]["label"]
    sections = (("Captured stdout call", "status 401\n"),) if outcome == "failed" else ()
    nodeid = f"suites/smoke/test_petclinic.py::{name}[{label}]"
    return e.TestFinished(T0 + at, step, label, nodeid, outcome, 0.12, message, "", sections)


def skipped(at: float, steps: range, why: str) -> Iterator[e.Event]:
    for step in steps:
        for name in SMOKE:
            yield finished(at, step, name, "skipped", f"step {plan()[step]['label']} {why}")


def tally(requests: int, failures: int = 0, latency_ms: float = 20.0) -> Tally:
    return Tally(requests, failures, Sketch.of([latency_ms] * requests))


def load(at: float, step: int, canary: Tally, stable: Tally) -> e.MeasurementTaken:
    tallies = (
        EndpointTally(Version.CANARY, "GET /owners", canary),
        EndpointTally(Version.STABLE, "GET /owners", stable),
    )
    second = LoadSecond(T0 + at, 20, 0.21, 0.002, tallies)
    return e.MeasurementTaken(T0 + at, step, "load", second.as_json())


def probe(at: float, step: int, canary: int, stable: int) -> e.MeasurementTaken:
    tallies = [["canary", "", tally(canary).as_json()], ["stable", "", tally(stable).as_json()]]
    return e.MeasurementTaken(T0 + at, step, "probe", {"tallies": tallies})


def normal(n: int = 480, split: float = 0.1) -> tuple[Finding, ...]:
    return (
        Finding("tests", Zone.NORMAL, "tests: 4 passed", n=4),
        Finding(
            "error_rate", Zone.NORMAL,
            f"error rate 0.0% (0 of {n} requests, between 0.0% and 1.1%): normal, below 1.0%",
            n, 59, 0.0, 0.0, 0.011, 0.01, 0.05,
        ),
        Finding(
            "latency_p95_ms", Zone.NORMAL,
            f"latency p95 21 ms (0 of {n} requests over 1000 ms): normal, below 500 ms",
            n, 59, 21.0, None, None, 500, 1000,
        ),
        Finding(
            "split", Zone.NORMAL, f"{split:.1%} of 80 responses from the canary, as expected",
            80, 1, split, max(0.0, split - 0.06), split + 0.11,
        ),
    )  # fmt: skip


def good_step(at: float, step: int) -> Iterator[e.Event]:
    share = plan()[step]["share"]
    found = normal(split=share)
    yield opened(at, step)
    for i, name in enumerate(SMOKE):
        yield finished(at + 0.3 + i / 5, step, name)
    for second in range(1, 4):
        yield load(
            at + second, step, tally(max(1, int(120 * share))), tally(int(120 * (1 - share)))
        )
        yield probe(at + second, step, int(20 * share), 20 - int(20 * share))
    yield e.StepJudged(
        T0 + at + 4, step, plan()[step]["label"], "successful",
        "; ".join(f.sentence for f in found), 4.0, {"passed": 4}, found,
    )  # fmt: skip


def ended(at: float, outcome: str, status: int, reason: str, exposed: tuple[int, int]) -> e.Event:
    exposure = {"requests": exposed[0], "failures": exposed[1], "counted_by": "router"}
    return e.RunEnded(T0 + at, outcome, status, reason, at, exposure)


def back(
    at: float, why: str, cause: Cause, step: str | None, *findings: Finding
) -> Iterator[e.Event]:
    """The abort decided at *at*, and its proof."""
    yield e.AbortSent(T0 + at + 0.031, why, T0 + at, 0.031, 1)
    yield e.RolloutAborted(T0 + at + 0.032, cause, why, step, findings)
    last = None if step == "dark" else 0.084
    said = (
        "no response of the canary since the decision"
        if last is None
        else f"its last response came {last:.2f} s after the decision"
    )
    sentence = (
        "0 of 612 responses from the canary in 10 s: below 0.49% with 95 % confidence; "
        f"{said}; 0 errors"
    )
    yield e.RollbackProven(T0 + at + 10.2, 10.0, 612, 0.0049, last, 0, 0, 618, sentence)


def promoted() -> list[e.Event]:
    return [
        started(),
        *(event for step in range(4) for event in good_step(1 + 5 * step, step)),
        e.RolloutPromoted(T0 + 21.5, "v101", 0.4),
        ended(22, "promoted", 0, "every step was successful", (348, 0)),
    ]


LOGIN_FAILED = "test_login[dark] failed: assert 401 == 200"


def aborted_dark() -> list[e.Event]:
    """The login bug, caught before any user met it."""
    why = LOGIN_FAILED
    return [
        started(),
        opened(1, 0),
        finished(1.2, 0, "test_health"),
        finished(1.4, 0, "test_login", "failed", "assert 401 == 200"),
        *back(1.4, why, Cause.TEST, "dark"),
        finished(1.5, 0, "test_owners", "skipped", f"aborted at dark: {why}"),
        finished(1.5, 0, "test_visit_with_attachment", "skipped", f"aborted at dark: {why}"),
        *skipped(1.6, range(1, 4), "was never opened"),
        ended(12, "aborted", 1, why, (0, 0)),
    ]


TOO_SLOW = "latency p95 1862 ms (94 of 412 requests over 1000 ms): over 1000 ms, roll back"


def aborted_at_30() -> list[e.Event]:
    """Slow under load, found by the load while it ran."""
    slow = Finding(
        "latency_p95_ms", Zone.ROLL_BACK, TOO_SLOW, 412, 59, 1862.0, None, None, 500, 1000
    )
    findings = (*normal(412)[:2], slow, normal(split=0.3)[3])
    return [
        started(),
        *good_step(1, 0),
        *good_step(6, 1),
        opened(11, 2),
        finished(11.3, 2, "test_health"),
        finished(11.5, 2, "test_login"),
        probe(12, 2, 6, 14),
        load(12, 2, tally(36, 0, 1860.0), tally(84)),
        load(13, 2, tally(30, 1, 1900.0), tally(70)),
        *back(13.1, TOO_SLOW, Cause.BREACH, "30%", *findings),
        finished(13.4, 2, "test_owners", "skipped", f"aborted at 30%: {TOO_SLOW}"),
        *skipped(13.5, range(3, 4), "was never opened"),
        ended(24, "aborted", 1, TOO_SLOW, (91, 1)),
    ]


NOTHING = "no test passed at this step (4 skipped): nothing was verified"


def inconclusive() -> list[e.Event]:
    """A step at which every test was skipped."""
    findings = (Finding("tests", Zone.UNTRUSTED, NOTHING, n=4), *normal()[1:])
    return [
        started(),
        *good_step(1, 0),
        opened(6, 1),
        *(finished(6.1, 1, name, "skipped", "no stock of pets") for name in SMOKE),
        load(7, 1, tally(12), tally(108)),
        e.StepJudged(T0 + 10, 1, "10%", "inconclusive", NOTHING, 4.0, {"skipped": 4}, findings),
        *back(10, NOTHING, Cause.INCONCLUSIVE, "10%"),
        *skipped(10.3, range(2, 4), "was never opened"),
        ended(21, "inconclusive", 10, NOTHING, (14, 0)),
    ]


NOT_PROVEN = (
    "not proven within 60 s: 102 of 600 clean responses of the stable version in a row; "
    "the canary's last response came 58.20 s after the decision; 4 errors at the edge, the last "
    "one: status 503"
)


def not_proven() -> list[e.Event]:
    """The router takes the order, and goes on as before."""
    why = "test_login[10%] failed: assert 500 == 200"
    told = f"THE ROLLBACK IS NOT PROVEN, somebody must look now. Aborted: {why}"
    return [
        started(),
        *good_step(1, 0),
        opened(6, 1),
        finished(6.2, 1, "test_health"),
        finished(6.4, 1, "test_login", "failed", "assert 500 == 200"),
        e.AbortSent(T0 + 7.45, why, T0 + 6.4, 1.05, 3),
        e.RolloutAborted(T0 + 7.46, Cause.TEST, why, "10%"),
        *skipped(7.5, range(2, 4), "was never opened"),
        e.RollbackNotProven(T0 + 66.4, NOT_PROVEN, 58.2, 4, 1204),
        ended(67, "error", 11, told, (402, 31)),
    ]


def truncated() -> list[e.Event]:
    """Killed with -9 at 30%."""
    return aborted_at_30()[:-9]


STORIES = {
    "promoted": promoted,
    "aborted dark": aborted_dark,
    "aborted at 30%": aborted_at_30,
    "inconclusive": inconclusive,
    "not proven": not_proven,
    "truncated": truncated,
}
