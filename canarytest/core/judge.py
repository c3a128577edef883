"""From what was seen in a step to a verdict, with its reason and its numbers. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from canarytest.core import sequential
from canarytest.core.bands import ERROR_RATE, GAUGES, LATENCY, Band, Policy
from canarytest.core.evidence import Evidence, TestOutcome
from canarytest.core.finding import Finding, Verdict, Zone
from canarytest.core.gauge import judge_gauge
from canarytest.core.measure import Tally
from canarytest.core.reach import Version
from canarytest.core.sketch import Sketch
from canarytest.core.split import contradicts, judge_split

OUTAGE = 10  # requests without an answer: fewer are one blink of a router, and come all at once
UNANSWERED = "unanswered"  # the metric of what users got no answer to


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a step, and what it rests on."""

    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...]

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


def judge(evidence: Evidence, policy: Policy) -> Judgement:
    """Say whether the step in which *evidence* was seen may be left, and why."""
    findings = tuple(_findings(evidence, policy))
    deciding = [f for zone in _ORDER for f in findings if f.zone is zone]
    if policy.promote_on_warning:
        deciding = [f for f in deciding if f.zone is not Zone.WARNING]
    if deciding:
        first = deciding[0]
        return Judgement(_VERDICTS[first.zone], first.sentence, findings)
    return Judgement(Verdict.SUCCESSFUL, "; ".join(f.sentence for f in findings), findings)


def _findings(evidence: Evidence, policy: Policy) -> Iterator[Finding]:
    yield _tests(evidence)
    if evidence.load_trouble:
        yield Finding("load", Zone.UNTRUSTED, evidence.load_trouble)
    for metric, band in policy.bands.items():
        if metric in GAUGES:
            samples = evidence.gauges.get(metric, ())
            if samples:  # else the platform does not measure it, or there is no limit
                yield judge_gauge(metric, band, samples, of="of its limit")
        else:
            yield _against_stable(metric, band, evidence, policy)
    yield _split(evidence, policy)
    yield from _unanswered(evidence, policy)
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


def _against_stable(metric: str, band: Band, evidence: Evidence, policy: Policy) -> Finding:
    """Judge the canary; where the stable version is just as bad, the canary is not to blame."""
    canary = judge_metric(
        metric, band, evidence.requests_of(Version.CANARY), policy, evidence.load_pending
    )
    if canary.zone is Zone.ROLL_BACK:
        stable = judge_metric(metric, band, evidence.requests_of(Version.STABLE), policy)
        if stable.zone is Zone.ROLL_BACK:
            sentence = f"the stable version is bad too: {stable.sentence}; {canary.sentence}"
            return _with(canary, Zone.UNTRUSTED, sentence)
    is_bad = canary.estimate is not None and canary.estimate >= band.roll_back
    if canary.zone is Zone.TOO_LITTLE and not evidence.load_expected and not is_bad:
        return _with(canary, Zone.SHOWN, f"{canary.sentence}: no load is configured for this step")
    return canary


def _with(finding: Finding, zone: Zone, sentence: str) -> Finding:
    return Finding(
        finding.metric, zone, sentence, finding.n, finding.needed, finding.estimate,
        finding.low, finding.high, finding.warning, finding.roll_back,
    )  # fmt: skip


def judge_metric(
    metric: str, band: Band, tally: Tally, policy: Policy, pending: Sketch | None = None
) -> Finding:
    """
    Judge one metric of one version by its requests. Raises ValueError for an unknown one.

    *pending* are the ages of requests that have no answer yet: users who wait for a slow one ask
    no more, so that at first only the fast ones are counted.
    """
    if metric == ERROR_RATE:
        return _error_rate(band, tally, policy)
    match = LATENCY.fullmatch(metric)
    if match is None:
        raise ValueError(metric)
    return _latency(metric, int(match[1]) / 100, band, tally, policy, pending or Sketch())


def _error_rate(band: Band, tally: Tally, policy: Policy) -> Finding:
    """
    Roll back once "at most *warning*" is refuted and the share is *roll_back* or more.

    Normal once "at least *roll_back*" is refuted and the share is below *warning*.
    """
    n, failures = tally.requests, tally.failures
    share = failures / n if n else 0.0
    refuted = sequential.log_e_above(failures, n, band.warning) >= math.log(1 / policy.alpha)
    cleared = sequential.log_e_below(failures, n, band.roll_back) >= math.log(1 / policy.miss)
    needed = sequential.needed_to_clear(band.roll_back, policy.miss)
    zone = _zone(
        roll_back=refuted and share >= band.roll_back,
        normal=cleared and share < band.warning,
        undecided=not band.warning <= share < band.roll_back or n < needed,
    )
    low, high = sequential.interval(failures, n, policy.miss)
    sentence = (
        f"error rate {share:.1%} ({failures} of {n} requests, between {low:.1%} and {high:.1%}): "
        + _said(zone, f"{band.warning:.1%}", f"{band.roll_back:.1%}", n, needed)
    )
    return Finding(
        ERROR_RATE, zone, sentence, n, needed, share, low, high, band.warning, band.roll_back
    )


def _latency(
    metric: str, quantile: float, band: Band, tally: Tally, policy: Policy, pending: Sketch
) -> Finding:
    """
    Judge a quantile by the share of requests that are slower than its bound.

    "p95 is over 1000 ms" is "more than 5 % take longer than 1000 ms", which is tested as such.
    What has been under way for longer than the quantile speaks against clearing it, as if it were
    to be slow; whose it is is not known, so that it blames nobody.
    """
    tail, n = 1 - quantile, tally.requests
    slow = tally.latency.above(band.roll_back)
    estimate = tally.latency.quantile(quantile)
    refuted = sequential.log_e_above(slow, n, tail) >= math.log(1 / policy.alpha)
    doubtful = pending.above(estimate or 0.0)
    bound = math.log(1 / policy.miss)
    cleared = sequential.log_e_below(slow + doubtful, n + doubtful, tail) >= bound
    needed = sequential.needed_to_clear(tail, policy.miss)
    is_fast = estimate is not None and estimate < band.warning
    is_slow = estimate is not None and estimate >= band.roll_back
    zone = _zone(
        roll_back=refuted,
        normal=cleared and is_fast,
        undecided=is_fast or is_slow or n < needed,
    )
    sentence = (
        f"{metric.removesuffix('_ms').replace('_', ' ')} {estimate or 0:.0f} ms "
        f"({slow} of {n} requests over {band.roll_back:.0f} ms): "
        + _said(zone, f"{band.warning:.0f} ms", f"{band.roll_back:.0f} ms", n, needed)
        + (f"; {doubtful} more wait for their answer" if doubtful else "")
    )
    return Finding(
        metric, zone, sentence, n, needed, estimate, None, None, band.warning, band.roll_back
    )


def _zone(*, roll_back: bool, normal: bool, undecided: bool) -> Zone:
    if roll_back:
        return Zone.ROLL_BACK
    if normal:
        return Zone.NORMAL
    return Zone.TOO_LITTLE if undecided else Zone.WARNING


def _said(zone: Zone, warning: str, roll_back: str, n: int, needed: int) -> str:
    match zone:
        case Zone.ROLL_BACK:
            return f"over {roll_back}, roll back"
        case Zone.NORMAL:
            return f"normal, below {warning}"
        case Zone.TOO_LITTLE:
            return f"too little to decide, {n} of at least {needed} requests"
        case _:
            return f"warning, not proven to be below {warning} nor over {roll_back}"


def _split(evidence: Evidence, policy: Policy) -> Finding:
    """What the edge probe says of the split: it can refute it, to confirm it is a test's job."""
    split = evidence.split
    verdict = judge_split(split, alpha=policy.alpha, miss=policy.miss)
    if split.total == 0:
        return Finding(
            "split", Zone.TOO_LITTLE, "the edge probe got no answer in this step yet", needed=1
        )
    zone = Zone.ROLL_BACK if contradicts(split, alpha=policy.alpha) else Zone.NORMAL
    return Finding(
        "split", zone, verdict.sentence, split.total, 1, split.observed, verdict.low, verdict.high
    )


def _unanswered(evidence: Evidence, policy: Policy) -> Iterator[Finding]:
    """
    Judge what users got no answer to, by the band of the error rate.

    Nobody can say whose failures these are, so that they speak against going on, not against the
    canary: it may refuse connections, or the router may be what fails.
    """
    none, n = evidence.unanswered
    band = policy.bands.get(ERROR_RATE)
    if not none or band is None:
        return
    refuted = sequential.log_e_above(none, n, band.warning) >= math.log(1 / policy.alpha)
    is_bad = refuted and none / n >= band.roll_back and none >= OUTAGE
    low, high = sequential.interval(none, n, policy.miss)
    sentence = (
        f"{none} of {n} requests at the edge ({none / n:.1%}) were answered by neither version"
    )
    yield Finding(
        UNANSWERED, Zone.UNTRUSTED if is_bad else Zone.SHOWN, sentence, n, 0, none / n, low, high
    )
