"""Figures in words, the same in every report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from canarytest.core.bands import ERROR_RATE, GAUGES, LATENCY
from canarytest.core.finding import Finding, Zone

_MINUTE = 60.0
_SAME = 1e-9  # shares that differ by less are the same


def seconds(value: float) -> str:
    """Return a duration: "0.03 s", "4.0 s", "2 min 5 s"."""
    if value < 1:
        return f"{value:.2g} s"
    if value < 2 * _MINUTE:
        return f"{value:.1f} s"
    return f"{int(value // _MINUTE)} min {value % _MINUTE:.0f} s"


def share(value: float) -> str:
    """Return a share as percent: "10.0 %"."""
    return f"{value:.1%}".replace("%", " %")


def by_pods(step: Mapping[str, Any]) -> str:
    """
    Return what is asked of a planned *step* and what its pods give: "10 % asked, 33.3 % by 1 of 3
    pods". Empty where they give what is asked, or a router does.
    """
    pods = (step.get("canary_pods", 0), step.get("stable_pods", 0))
    weight, given = step["weight"], step.get("share", step["weight"] / 100)
    if not sum(pods) or abs(given - weight / 100) < _SAME:
        return ""
    return f"{weight} % asked, {share(given)} by {pods[0]} of {sum(pods)} pods"


def counted(tests: Mapping[str, int]) -> str:
    """Return the counts of tests: "3 passed, 1 failed"."""
    return ", ".join(f"{count} {outcome}" for outcome, count in tests.items()) or "none"


def deciding(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings that say something, those that a verdict rests on."""
    return (finding for finding in findings if finding.zone != Zone.SHOWN)


def brief(finding: Finding) -> str:
    """Return *finding* in a few words; its own sentence where it has no figure."""
    value, n = finding.estimate, finding.n
    if value is None:
        return finding.sentence.removeprefix("tests: ")
    if finding.metric == ERROR_RATE:
        return f"errors {share(value)} of {n}"
    if match := LATENCY.fullmatch(finding.metric):
        return f"p{match[1]} {value:.0f} ms"
    if finding.metric in GAUGES:
        return f"{finding.metric} {share(value)}"
    if finding.metric == "split":
        return f"split {share(value)} of {n}"
    return finding.sentence
