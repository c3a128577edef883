"""From an AnalysisTemplate to its metrics, or to the reason why it cannot be run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from canarytest.core.analysis.arguments import arguments_of, filled
from canarytest.core.analysis.metric import Metric, read_metric
from canarytest.core.errors import ConfigError

PROVIDERS = ("prometheus", "web")  # that canarytest asks itself


def metrics_of(spec: Mapping[str, Any], given: Mapping[str, str]) -> tuple[Metric, ...]:
    """
    Read the metrics of *spec*, an AnalysisTemplate's, with the arguments that are *given*.

    Raises ConfigError where Argo would not run it, and where canarytest cannot.
    """
    arguments = arguments_of(_mappings(spec, "args"), given)
    metrics = [read_metric(filled(raw, arguments)) for raw in _mappings(spec, "metrics")]
    validate(metrics)
    names = [metric.name for metric in metrics]
    dry = _matching(spec, "dryRun", names)
    _matching(spec, "measurementRetention", names)
    return tuple(replace(metric, is_dry_run=metric.name in dry) for metric in metrics)


def validate(metrics: Sequence[Metric]) -> None:
    """Raise ConfigError with Argo's words for the first metric that Argo would refuse."""
    if not metrics:
        raise ConfigError("no metrics specified")
    names: set[str] = set()
    for metric in metrics:
        if metric.name in names:
            raise ConfigError(f"metric {metric.name!r}: duplicate name {metric.name!r}")
        names.add(metric.name)
        for flaw in (_limits, _counts, _provider):
            said = flaw(metric)
            if said:
                raise ConfigError(f"metric {metric.name!r}: {said}")


def _limits(metric: Metric) -> str | None:
    if metric.consecutive_success_limit < 0:
        return "consecutiveSuccessLimit must be >= 0"
    if metric.failure_limit < -1:
        return "failureLimit must be >= 0, or -1 to be disabled"
    if metric.consecutive_success_limit == 0 and metric.failure_limit == -1:
        return "failureLimit and consecutiveSuccessLimit cannot both be disabled"
    if metric.inconclusive_limit < 0:
        return "inconclusiveLimit must be >= 0"
    if metric.consecutive_error_limit < 0:
        return "consecutiveErrorLimit must be >= 0"
    return None


def _counts(metric: Metric) -> str | None:
    count, failures, successes = (
        metric.count, metric.failure_limit, metric.consecutive_success_limit,
    )  # fmt: skip
    if count > 0 and failures >= 0 and count < failures + successes:
        return (
            f"count ({count}) must be >= failureLimit + consecutiveSuccessLimit "
            f"({failures} + {successes}) if both >= 0"
        )
    if count > 0 and failures < 0 and count < successes:
        return "count must be >= consecutiveSuccessLimit"
    if 0 < count < metric.inconclusive_limit:
        return "count must be >= inconclusiveLimit"
    if count > 1 and metric.interval_s is None:
        return "interval must be specified when count > 1"
    return None


def _provider(metric: Metric) -> str | None:
    match list(metric.provider):
        case []:
            return "no provider specified"
        case [kind]:
            return None if kind in PROVIDERS else _not_run(kind)
        case _:
            return "multiple providers specified"


def _not_run(kind: object) -> str:
    return (
        f"canarytest does not run the provider {kind!r}, only {' and '.join(PROVIDERS)}; "
        "platform 'argo' leaves the analysis to the cluster"
    )


def _matching(spec: Mapping[str, Any], key: str, names: Iterable[str]) -> set[str]:
    """Return the names that a rule of *key* matches, anywhere in the name, as Argo does."""
    found: set[str] = set()
    for index, rule in enumerate(_mappings(spec, key)):
        try:
            matched = {name for name in names if re.search(str(rule.get("metricName", "")), name)}
        except re.error as error:
            raise ConfigError(f"{key}[{index}]: {error}") from None
        if not matched:
            raise ConfigError(f"{key}[{index}]: Rule didn't match any metric name(s)")
        found |= matched
    return found


def _mappings(spec: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    raw = spec.get(key) or []
    if not isinstance(raw, list) or not all(isinstance(each, Mapping) for each in raw):
        raise ConfigError(f"{key} {raw!r} is not a list of mappings")
    return raw
