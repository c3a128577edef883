"""
The judges' cases of Kayenta and PipeCD, told to ours.

`answer(case)` is what ours says, `expected(case)` what theirs did, both in one shape. How a case is
told:

- classify, compare: a point of theirs is what one second's requests took, twenty of each version;
  stable's mean is put at 100 ms. Compared is the p95, whatever the bands (the peers have none),
  looked at after each second, with their confidence as the false alarms of the whole. "Low" is
  "High" of what the values are one over: less is worse then. Who watches one direction asks that
  alone.
- score, threshold: a metric is a finding of that zone, a value the answer to a query.
- utest, effect: who is slower, in parts of all pairs; their order alone is told, as the values are
  put as far apart as our sketch can tell.
- summary, outlier, nan: what our sketch, or our gauges, keep of the values.

That a metric of theirs is critical is not told: each of ours is. What a group weighs is not either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from canarytest.core.bands import AgainstStable, Band, Policy
from canarytest.core.compared import compare, superiority
from canarytest.core.evidence import Evidence, TestOutcome
from canarytest.core.finding import Finding, Verdict, Zone
from canarytest.core.judge import judge
from canarytest.core.measure import Tally
from canarytest.core.query import Kind, Look, Query, judge_looks, look_of
from canarytest.core.reach import Version
from canarytest.core.sketch import Sketch
from tests.core.steps import POLICY, Seen, load_second

Case = Mapping[str, Any]
CANARY, STABLE = Version.CANARY, Version.STABLE
P95 = "latency_p95_ms"
FAR = Band(1e12, 1e12)  # ms: no peer has a band, the comparison decides alone
REQUESTS = 20  # of each version in each second
MEAN_MS = 100.0
NOTHING_LEFT = 1e-6  # of the greatest value: what one over 0 is one over
STEP = 1.05  # between neighbours whose order alone is told; a bucket is 2 %
PASS, MARGINAL = 95.0, 75.0  # scores, as Kayenta recommends
LOOKS = 3  # the least that a query is judged by
UNSAID = "ours has no such thing"

ZONES = {
    "Pass": Zone.NORMAL, "High": Zone.ROLL_BACK, "Low": Zone.ROLL_BACK, "Nodata": Zone.TOO_LITTLE
}  # fmt: skip


def answer(case: Case) -> Any:
    """Return what ours says; `UNSAID` where it has no such thing."""
    return TELLERS.get(case["kind"], _unsaid)(case)


def _unsaid(_: Case) -> str:
    return UNSAID


def expected(case: Case) -> Any:
    """Return what theirs said."""
    said = case["expected"]
    read = READERS.get(case["kind"])
    return read(said, case) if read else said


def _u(said: Case, case: Case) -> Any:
    """Return Mann and Whitney's U in parts of all pairs, or why there is none."""
    if "error" in said:
        return said["error"]
    return said["U_experiment"] / (len(case["experiment"]) * len(case["control"]))


def _classified(case: Case) -> str:
    if not case["control"] and not case["experiment"]:
        nothing = Evidence(0.5, Policy({P95: FAR}), load_expected=True)
        return "a reason" if judge(nothing).reason else "none"
    return _class(case, 1 - case["params"].get("confidence", 0.95))


def _compared(case: Case) -> bool:
    return _class(case, case["params"]["alpha"]) == "Pass"


def _class(case: Case, alpha: float) -> str:
    canary, stable = case["experiment"], case["control"]
    less, more = _allowed(case["params"])
    high = _findings(canary, stable, alpha, more - 1)
    most = max([*canary, *stable], default=1.0)
    low = _findings(_one_over(canary, most), _one_over(stable, most), alpha, 1 / less - 1)
    if not high:
        return "Nodata"
    if case["direction"] != "decrease" and high[-1].zone is Zone.ROLL_BACK:
        return "High"
    is_low = case["direction"] != "increase" and low[-1].zone is Zone.ROLL_BACK
    return "Low" if is_low else "Pass"


def _allowed(params: Mapping[str, Any]) -> Sequence[float]:
    """Return the ratios that are not worse; an effect that is no ratio is not told."""
    allowed = params.get("effect_allowed_decrease_increase")
    is_ratio = params.get("effect_measure") == "meanRatio"
    return allowed if allowed and is_ratio else (1 - POLICY.worse_latency, 1 + POLICY.worse_latency)


def _one_over(values: Sequence[float], most: float) -> list[float]:
    return [1 / max(value, NOTHING_LEFT * (most or 1)) for value in values]


def _findings(
    canary: Sequence[float], stable: Sequence[float], alpha: float, borne: float
) -> list[Finding]:
    """Return what is said after each second, to the first that condemns."""
    policy = Policy(
        {P95: FAR}, false_alarm=alpha, against_stable=AgainstStable.ALWAYS, worse_latency=borne
    )
    evidence = Evidence(0.5, policy)
    mean = sum(stable) / len(stable) if any(stable) else 1.0
    found: list[Finding] = []
    for index, (ours, theirs) in enumerate(zip(canary, stable, strict=False)):
        seen: Seen = {CANARY: _second(ours / mean), STABLE: _second(theirs / mean)}
        evidence = evidence.with_load(load_second(seen), index + 1.0)
        found += compare(P95, evidence.served, policy)
        if found and found[-1].zone is Zone.ROLL_BACK:
            break
    return found


def _second(value: float) -> Tally:
    return Tally(REQUESTS, 0, Sketch.of([value * MEAN_MS] * REQUESTS))


def _scored(case: Case) -> Verdict:
    evidence = Evidence(1.0, POLICY, {TestOutcome.PASSED: 1}, tests_over=True, probed={CANARY: 1})
    for number, metric in enumerate(case["metrics"]):
        said = metric["classification"]
        evidence = evidence.with_finding(Finding(f"{number}", ZONES[said], said))
    return judge(evidence).verdict


def _verdict_of(score: float) -> Verdict:
    if score >= PASS:
        return Verdict.SUCCESSFUL
    return Verdict.INCONCLUSIVE if score >= MARGINAL else Verdict.FAILED


def _held(case: Case) -> Any:
    """Say whether the values are below their greatest, asked as a query would be."""
    most = case["params"]["max"]
    if most is None:
        return UNSAID
    looks = [
        Look(Kind.UNANSWERED, why=value) if isinstance(value, str) else look_of([({}, value)])
        for value in case["values"]
    ]
    while len(looks) < LOOKS:
        looks += looks
    return (
        judge_looks(Query("theirs", "theirs", Band(most, most)), looks, is_dark=False).zone
        is Zone.NORMAL
    )


def _superior(case: Case) -> float:
    values = sorted({*case["experiment"], *case["control"]})
    place = {value: STEP**index for index, value in enumerate(values)}
    return superiority(
        *(_all([place[v] for v in case[name]]) for name in ("experiment", "control"))
    )


def _all(latencies: Sequence[float]) -> Tally:
    return Tally(len(latencies), 0, Sketch.of(latencies))


def _effect(case: Case) -> Any:
    if case["params"]["measure"] == "cles":
        return _superior(case)
    if case["params"]["measure"] != "meanRatio":
        return UNSAID
    canary, stable = (_all(case[name]).latency.quantile(0.5) for name in ("experiment", "control"))
    return (canary or 0.0) / (stable or math.nan)


def _summary(case: Case) -> Any:
    sketch = _all(case["values"]).latency
    if "percentile" in case["expected"]:
        return sketch.quantile(case["expected"]["percentile"] / 100)
    ends = {"min": sketch.quantile(0.0), "max": sketch.quantile(1.0)}
    return {**ends, "count": sketch.count}


def _removed(case: Case) -> list[int]:
    """Return which values are not kept: if not all are counted, nobody could say which."""
    kept = _all(case["values"]).latency.count
    return list(range(kept, len(case["values"])))


def _numbers(case: Case) -> list[float]:
    evidence = Evidence(0.1, POLICY)
    for value in case["values"]:
        evidence = evidence.with_gauges({"cpu": _float(value)})
    return list(evidence.gauges.get("cpu", ()))


def _float(value: Any) -> float:
    return math.nan if value == "NaN" else float(value)


TELLERS: Mapping[str, Callable[[Case], Any]] = {
    "classify": _classified, "compare": _compared, "score": _scored, "threshold": _held,
    "utest": _superior, "effect": _effect, "summary": _summary, "outlier": _removed,
    "nan": _numbers,
}  # fmt: skip

READERS: Mapping[str, Callable[[Case, Case], Any]] = {
    "classify": lambda said, _: said.get("classification", "a reason"),
    "compare": lambda said, _: said["acceptable"],
    "threshold": lambda said, _: said["acceptable"],
    "score": lambda said, _: _verdict_of(said["summary_score"]),
    "effect": lambda said, _: _float(said["value"]),
    "utest": _u,
    "summary": lambda said, _: said["value"] if "percentile" in said else said,
    "outlier": lambda said, _: said["outlier_indices"],
    "nan": lambda said, _: said["values"],
}
