"""A run judged again, by what its events hold: other bands, other error rates, the same judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from canarytest.core import events as e
from canarytest.core.bands import ERROR_RATE, GAUGES, AgainstStable, Band, Policy, is_metric
from canarytest.core.compared import AGAINST
from canarytest.core.evidence import GAUGE_SAMPLES, Evidence, TestOutcome
from canarytest.core.finding import Finding, Verdict, Zone
from canarytest.core.gauge import judge_gauge
from canarytest.core.judge import LOAD, UNANSWERED, Judgement, judge
from canarytest.core.measure import LoadSecond, Tally
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause

ABORTED = "aborted"  # what is said of a step that was not judged to its end
# What no bands excuse. A test that failed is told only once its teardown is over, which is after
# the abort that it was the cause of.
_WHATEVER_THE_BANDS = (Cause.TEST, Cause.NOT_READY, Cause.RESTARTED, Cause.CONDEMNED)


@dataclass(frozen=True, slots=True)
class Rejudged:
    """One step: what was said of it, and what is said now."""

    label: str
    was: str  # the verdict then, or `ABORTED`; empty where the run broke off
    was_reason: str
    judgement: Judgement
    decided_s: float | None  # seconds after it opened when it could not succeed any more

    @property
    def verdict(self) -> Verdict:
        """What is said now."""
        return self.judgement.verdict


def policy_of(started: e.RolloutStarted) -> Policy:
    """Return what the run was judged by; events of before it was told have the defaults."""
    told = started.judging
    bands = {name: Band(*band) for name, band in started.bands.items()}
    known = {name: told[name] for name in ("false_alarm", "miss") if name in told}
    mode = AgainstStable(told.get("against_stable", AgainstStable.WARNING))
    policy = Policy(bands, against_stable=mode, **known)
    policy = replace(policy, promote_on_warning=bool(told.get("promote_on_warning")))
    for name in ("worse_error_rate", "worse_latency"):
        if name in told:
            policy = replace(policy, **{name: told[name]})
    return policy.shared_by(max(len(started.steps), 1))


def rejudge(told: Iterable[e.Event], policy: Policy) -> list[Rejudged]:
    """
    Judge each step that was opened by *policy*, whose false alarms are shared already.

    What another judged, an analysis of the cluster say, is taken as it was found. A step is judged
    as far as it was seen: one that was aborted early has no more to tell.
    """
    steps: list[_Step] = []
    needing: set[str] = set()
    for event in told:
        match event:
            case e.RolloutStarted():
                needing = {need["label"] for need in event.needs}
            case e.StepOpened():
                evidence = Evidence(event.share, policy, load_expected=event.label in needing)
                steps.append(_Step(event, evidence))
            case _ if steps:
                steps[-1].see(event)
    return [step.result() for step in steps]


class _Step:
    """A step that is seen again."""

    def __init__(self, opened: e.StepOpened, evidence: Evidence) -> None:
        self._opened = opened
        self._evidence = evidence
        self._was = self._was_reason = ""
        self._decided_s: float | None = None
        self._samples: dict[str, tuple[float, ...]] = {}
        self._found: Sequence[Finding] = ()  # what was said of it then
        self._last_s = 0.0

    def see(self, event: e.Event) -> None:
        """Take one more event; nothing after the step's end is of it."""
        if self._was:
            return
        at_s = event.time - self._opened.time
        match event:
            case e.TestFinished() if event.label == self._opened.label:
                self._evidence = self._evidence.with_test(TestOutcome(event.outcome))
            case e.MeasurementTaken() if event.step == self._opened.step:
                self._measured(event.source, event.values, at_s)
            case e.StepJudged() if event.step == self._opened.step:
                self._end(event.verdict, event.reason, event.findings)
            case e.RolloutAborted():
                self._end(ABORTED, event.reason, (*event.findings, *_beside_the_bands(event)))
            case _:
                return
        self._last_s = at_s
        if self._decided_s is None and judge(self._evidence).is_final:
            self._decided_s = at_s

    def result(self) -> Rejudged:
        """Return what is said of the step."""
        evidence = self._evidence.with_tests_over().closed(self._last_s)
        for finding in self._found:
            evidence = self._with_found(evidence, finding)
        judgement = judge(evidence)
        label = self._opened.label
        return Rejudged(label, self._was, self._was_reason, judgement, self._decided_s)

    def _end(self, verdict: str, reason: str, findings: Sequence[Finding]) -> None:
        self._was, self._was_reason, self._found = verdict, reason, findings

    def _measured(self, source: str, values: Mapping[str, Any], at_s: float) -> None:
        match source:
            case "load":
                second = LoadSecond.from_json(values)
                self._evidence = self._evidence.with_load(second, at_s)
            case "probe":
                for version, _, tally in values.get("tallies", ()):
                    who = Version(version) if version else None
                    self._evidence = self._evidence.with_probe(who, Tally.from_json(tally), at_s)
            case "platform":
                gauges = {name: values[name] for name in GAUGES if name in values}
                self._evidence = self._evidence.with_gauges(gauges)
            case "prometheus" if values.get("value") is not None:
                name = str(values["metric"])
                samples = (*self._samples.get(name, ()), float(values["value"]))
                self._samples[name] = samples[-GAUGE_SAMPLES:]

    def _with_found(self, evidence: Evidence, finding: Finding) -> Evidence:
        """Return *evidence* with what was judged elsewhere: again where its samples are known."""
        samples = self._samples.get(finding.metric)
        band = evidence.policy.bands.get(finding.metric)
        if samples and band:
            return evidence.with_finding(judge_gauge(finding.metric, band, samples, shown=_plain))
        if finding.metric == LOAD:
            return evidence.with_load_trouble(finding.sentence)
        return evidence if _is_ours(finding.metric) else evidence.with_finding(finding)


def _is_ours(metric: str) -> bool:
    """Whether this judge finds *metric* itself, from requests, tests and responses."""
    made = metric in ("tests", "split", UNANSWERED) or is_metric(metric)
    return made or metric.endswith(AGAINST) or metric.startswith(f"{ERROR_RATE} of ")


def _beside_the_bands(aborted: e.RolloutAborted) -> Iterable[Finding]:
    if aborted.cause in _WHATEVER_THE_BANDS:
        yield Finding(aborted.cause, Zone.ROLL_BACK, aborted.reason)


def _plain(value: float) -> str:
    return f"{value:.4g}"
