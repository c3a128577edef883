"""What the steps of a run need, by the loads that its tests ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from canarytest.core.bands import Policy, Test
from canarytest.core.needs import Need, need_of
from canarytest.core.plan import Plan, Step
from canarytest.core.reach import Reach
from canarytest.plugin.loads import Specs


def needs_of(
    plan: Plan, specs: Specs, policy: Policy, reach: Reach, look_longer_s: float
) -> Iterator[Need]:
    """Yield what each step needs that has a load; without one its requests do not decide."""
    for step in plan.steps:
        if specs.get(step.label):
            need = need_of(step, policy, _rate(step, specs, reach), look_longer_s)
            if need is not None:
                yield need


def needs_as_json(needs: Iterator[Need]) -> tuple[dict[str, Any], ...]:
    """Return *needs* as plain data for the report, each with its sentence."""
    return tuple({**asdict(need), "sentence": str(need)} for need in needs)


def judging(policy: Policy) -> Mapping[str, Any]:
    """Return how sure the judge has to be: the rollout's false alarms, and each test's part."""
    return {
        "false_alarm": policy.false_alarm,
        "miss": policy.miss,
        "promote_on_warning": policy.promote_on_warning,
        "against_stable": str(policy.against_stable),
        "worse_error_rate": policy.worse_error_rate,
        "worse_latency": policy.worse_latency,
        "parts": {str(test): policy.alpha(test) for test in Test},
    }


def _rate(step: Step, specs: Specs, reach: Reach) -> float | None:
    """Return the canary's requests a second; None where a load has no rate."""
    rates = [spec.rate for spec in specs[step.label].values()]
    known = [rate for rate in rates if rate is not None]
    if len(known) < len(rates):
        return None
    is_alone = step.is_dark or reach.identity.header is None  # then it is asked directly
    return sum(known) * (1.0 if is_alone else step.share)
