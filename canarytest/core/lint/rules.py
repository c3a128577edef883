"""The registry of the rules, in the order in which their findings matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from canarytest.core.lint import fields, pods, queries, routing, samples, steps
from canarytest.core.lint.rule import Finding, Rule
from canarytest.core.lint.view import View

RULES: tuple[Rule, ...] = (
    # What the six mistakes of the reference scenario were.
    fields.auto_promotion,
    routing.no_traffic_routing,
    routing.unowned_alb_weights,
    samples.too_few_samples,
    fields.no_deadline_abort,
    queries.mixes_versions,
    queries.without_data,
    queries.compares_vector,
    queries.acts_late,
    # What Argo refuses, or reads otherwise than it is written.
    routing.needs_traffic_routing,
    routing.router_without_services,
    steps.unknown_step,
    fields.unknown_key,
    fields.deadline_too_short,
    fields.count_is_percent,
    # What users would feel.
    pods.no_readiness_probe,
    steps.no_dark_step,
    steps.canary_scale_held,
    steps.dark_pods_dropped,
    steps.weight_without_stop,
    steps.weight_not_rising,
    steps.consecutive_pauses,
    # What is lost, or left behind.
    pods.no_limits,
    fields.scale_down_delay_zero,
    fields.abort_delay_zero,
)


def lint(
    rollout: Mapping[str, Any], others: Sequence[Mapping[str, Any]] = ()
) -> tuple[Finding, ...]:
    """
    Say what is dangerous in *rollout*, and in the documents beside it.

    Whatever is missing or of another type is no finding of its own: the plan refuses it.
    """
    view = View(rollout, others)
    return tuple(finding for rule in RULES for finding in rule.findings(view))
