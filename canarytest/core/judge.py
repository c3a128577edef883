"""From what was seen in a step to a verdict, with its reason and its numbers. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from canarytest.core import sequential
from canarytest.core.bands import ERROR_RATE, GAUGES, Band, Test
from canarytest.core.compared import compare, is_excused, judge_endpoints
from canarytest.core.evidence import Evidence, TestOutcome
from canarytest.core.finding import Finding, Verdict, Zone
from canarytest.core.gauge import judge_gauge
from canarytest.core.metric import judge_metric
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause
from canarytest.core.split import contradicts, judge_split

OUTAGE = 10  # requests without an answer: fewer are one blink of a router, and come all at once
LOAD = "load"  # the metric of a load that cannot be trusted
UNANSWERED = "unanswered"  # the metric of what users got no answer to


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a step, and what it rests on."""

    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...]

    @property
    def cause(self) -> Cause:
        """What kind of reason it is to abort, where it is one."""
        decisive = next((f for f in self.findings if f.sentence == self.reason), None)
        if decisive is not None and decisive.metric == UNANSWERED:
            return Cause.WORLD  # users cannot come in: neither a judgement nor a lack of data
        if self.verdict is not Verdict.FAILED:
            return Cause.INCONCLUSIVE
        return Cause.TEST if self.findings[0].zone is Zone.ROLL_BACK else Cause.BREACH

    @property
    def is_final(self) -> bool:
        """Whether nothing more that is seen can turn this into a success."""
        return any(f.zone in (Zone.ROLL_BACK, Zone.UNTRUSTED) for f in self.findings)

    @property
    def is_under_way(self) -> bool:
        """Whether something is being measured that ends by itself and is waited for."""
        return any(f.zone is Zone.UNDER_WAY for f in self.findings) and not self.is_final

    @property
    def may_change(self) -> bool:
        """Whether looking longer may turn this into a success."""
        undecided = any(f.zone in (Zone.TOO_LITTLE, Zone.WARNING) for f in self.findings)
        return undecided and not self.is_final


_ORDER = (Zone.ROLL_BACK, Zone.UNTRUSTED, Zone.UNDER_WAY, Zone.TOO_LITTLE, Zone.WARNING)
_VERDICTS = {
    Zone.ROLL_BACK: Verdict.FAILED,
    Zone.UNTRUSTED: Verdict.INCONCLUSIVE,
    Zone.UNDER_WAY: Verdict.INCONCLUSIVE,
    Zone.TOO_LITTLE: Verdict.INCONCLUSIVE,
    Zone.WARNING: Verdict.INCONCLUSIVE,
}


def judge(evidence: Evidence) -> Judgement:
    """Say whether the step in which *evidence* was seen may be left, and why."""
    findings = tuple(_findings(evidence))
    deciding = [f for zone in _ORDER for f in findings if f.zone is zone]
    if evidence.policy.promote_on_warning:
        deciding = [f for f in deciding if f.zone is not Zone.WARNING]
    if deciding:
        first = deciding[0]
        return Judgement(_VERDICTS[first.zone], first.sentence, findings)
    return Judgement(Verdict.SUCCESSFUL, "; ".join(f.sentence for f in findings), findings)


def _findings(evidence: Evidence) -> Iterator[Finding]:
    yield _tests(evidence)
    if evidence.load_trouble:
        yield Finding(LOAD, Zone.UNTRUSTED, evidence.load_trouble)
    for metric, band in evidence.policy.bands.items():
        if metric in GAUGES:
            samples = evidence.gauges.get(metric, ())
            if samples:  # else the platform does not measure it, or there is no limit
                yield judge_gauge(metric, band, samples, of="of its limit")
        else:
            yield _by_band(metric, band, evidence)
            yield from compare(metric, evidence.served, evidence.policy)
    yield from judge_endpoints(evidence.served, evidence.policy)
    yield _split(evidence)
    yield from _unanswered(evidence)
    yield from evidence.assessed.values()


def _tests(evidence: Evidence) -> Finding:
    counts = evidence.tests
    bad = sum(counts.get(o, 0) for o in (TestOutcome.FAILED, TestOutcome.ERROR))
    unsure = counts.get(TestOutcome.INCONCLUSIVE, 0)
    passed = counts.get(TestOutcome.PASSED, 0) + counts.get(TestOutcome.XPASSED, 0)
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "none ran"
    if bad:
        zone, sentence = Zone.ROLL_BACK, f"tests: {said}"
    elif unsure:
        zone, sentence = Zone.UNTRUSTED, f"tests: {said}"
    elif passed:
        zone, sentence = Zone.NORMAL, f"tests: {said}"
    elif not evidence.tests_over:
        zone, sentence = Zone.TOO_LITTLE, f"no test has passed yet ({said})"
    else:
        zone, sentence = (
            Zone.UNTRUSTED,
            f"no test passed at this step ({said}): nothing was verified",
        )
    return Finding("tests", zone, sentence, n=sum(counts.values()))


def _by_band(metric: str, band: Band, evidence: Evidence) -> Finding:
    """Judge the canary; where the stable version is just as bad, the canary is not to blame."""
    served, policy = evidence.served, evidence.policy
    canary = judge_metric(metric, band, served.of(Version.CANARY), policy, evidence.load_pending)
    if canary.zone is Zone.ROLL_BACK and is_excused(metric, served, policy):
        stable = judge_metric(metric, band, served.of(Version.STABLE), policy)
        # Not for a second that hit both: it is waited whether it stays so.
        zone = Zone.UNTRUSTED if stable.zone is Zone.ROLL_BACK else Zone.TOO_LITTLE
        sentence = f"the stable version is bad too: {stable.sentence}; {canary.sentence}"
        return replace(canary, zone=zone, sentence=sentence)
    is_bad = canary.estimate is not None and canary.estimate >= band.roll_back
    if canary.zone is Zone.TOO_LITTLE and not evidence.load_expected and not is_bad:
        sentence = f"{canary.sentence}: no load is configured for this step"
        return replace(canary, zone=Zone.SHOWN, sentence=sentence)
    return canary


def _split(evidence: Evidence) -> Finding:
    """What the edge probe says of the split: it can refute it, to confirm it is a test's job."""
    split, policy = evidence.split, evidence.policy
    alpha = policy.alpha(Test.SPLIT)
    verdict = judge_split(split, alpha=alpha, miss=policy.miss)
    if split.total == 0:
        return Finding(
            "split", Zone.TOO_LITTLE, "the edge probe got no answer in this step yet", needed=1
        )
    zone = Zone.ROLL_BACK if contradicts(split, alpha=alpha) else Zone.NORMAL
    return Finding(
        "split", zone, verdict.sentence, split.total, 1, split.observed, verdict.low, verdict.high
    )


def _unanswered(evidence: Evidence) -> Iterator[Finding]:
    """
    Judge what users got no answer to, by the band of the error rate.

    Nobody can say whose failures these are, so that they speak against going on, not against the
    canary: it may refuse connections, or the router may be what fails.
    """
    series, policy = evidence.served.unanswered, evidence.policy
    band = policy.bands.get(ERROR_RATE)
    n, none = series.total.requests, series.total.failures
    if not none or band is None:
        return
    refuted = series.log_e(ERROR_RATE) >= math.log(1 / policy.alpha(Test.UNANSWERED))
    is_bad = refuted and none / n >= band.roll_back and none >= OUTAGE
    low, high = sequential.interval(none, n, policy.miss)
    sentence = (
        f"{none} of {n} requests at the edge ({none / n:.1%}) were answered by neither version"
    )
    yield Finding(
        UNANSWERED, Zone.UNTRUSTED if is_bad else Zone.SHOWN, sentence, n, 0, none / n, low, high
    )
