"""Queries and limits of an analysis that do not say what they seem to say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from canarytest.core.lint.metrics import Metric, metrics, whole
from canarytest.core.lint.rule import Flaw, warning
from canarytest.core.lint.view import View, duration_s

LATE_S = 60.0  # a limit that is reached later than this is said to be late
_STRING = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\''
_SELECTOR = re.compile(rf"\{{(?:[^{{}}\"']|{_STRING})*\}}")
_COMPARED = re.compile(r"\bresult(?=\s*(?:[<>]|==|!=))|(?<=[<>=])(\s*)result\b(?!\s*\[)")
ONE_VERSION = re.compile(r"canary|stable|preview|hash|version|revision", re.IGNORECASE)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


@warning(
    "query-mixes-versions",
    because="our own signals are counted by version",
    why="At a small weight the stable version's good answers hide a broken canary: the graph is "
    "green while users call.",
)
def mixes_versions(view: View) -> Iterator[Flaw]:
    for metric in metrics(view):
        mixed = mixed_selectors(metric.query)
        if not mixed:
            continue
        weight, limit = view.first_weight, metric.limit
        dilution = (
            f": at {weight} % a canary that fails 40 % of its requests shows as "
            f"{0.4 * weight:g} %, and it may fail {min(100.0, 100 * limit * 100 / weight):.0f} % "
            f"of them before the sum shows {100 * limit:g} %"
            if weight and limit and limit < 1
            else ""
        )
        yield _flaw(
            metric,
            ("provider", "prometheus", "query"),
            f"{mixed[0]} selects stable and canary together{dilution}",
            "select the canary's pods: take an argument from\n"
            "valueFrom: {podTemplateHashValue: Latest}\n"
            'and match it, e.g. {rollouts_pod_template_hash="{{args.canary-hash}}"}',
        )


@warning(
    "query-without-data",
    because="our own judge calls no data inconclusive",
    why="A good canary is aborted because nobody called it yet: the rollout fails at night, when "
    "there is little traffic.",
)
def without_data(view: View) -> Iterator[Flaw]:
    for metric in metrics(view):
        bare = re.sub(r"\{[^{}]*\}|\[[^\]]*\]", "", re.sub(_STRING, "", metric.query))
        if "/" not in bare:
            continue
        conditions = " ".join(metric.conditions.values())
        is_empty_said = "len(result)" in conditions or re.search(r"\bor\b", bare)
        is_nan_said = "isNaN" in conditions or re.search(r"clamp_min|>\s*0|!=\s*0", bare)
        missing = [
            *([] if is_nan_said else ["without traffic it is 0/0 = NaN, which meets no condition"]),
            *([] if is_empty_said else ["without one error the numerator, and so it, is empty"]),
        ]
        if missing:
            limit = 0.05 if metric.limit is None else metric.limit
            yield _flaw(
                metric,
                ("provider", "prometheus", "query"),
                f"no data is not provided for: {'; '.join(missing)}",
                "query: (sum(errors) or vector(0)) / sum(all)\n"
                f'successCondition: "len(result) == 0 || isNaN(result[0]) || '
                f'result[0] < {limit:g}"',
            )


@warning(
    "condition-compares-vector",
    because="a template that is not run harms nobody",
    why="Each measurement is an Error, and five in a row abort: every good canary goes back after "
    "less than a minute.",
)
def compares_vector(view: View) -> Iterator[Flaw]:
    for metric in metrics(view):
        if not metric.query or metric.query.lstrip().startswith("scalar("):
            continue
        for key, condition in metric.conditions.items():
            if _COMPARED.search(condition):
                yield _flaw(
                    metric,
                    (key,),
                    f"{key} {condition!r} compares a vector: Prometheus gives a list, so each "
                    "measurement is an Error",
                    f'{key}: "' + _COMPARED.sub(r"\1result[0]", condition) + '"',
                )


@warning(
    "failure-limit-acts-late",
    because="we abort at the first failed report, whatever it says",
    why="The limit is the number of failures that are borne: users bear them, at this weight and "
    "the next.",
)
def acts_late(view: View) -> Iterator[Flaw]:
    for metric in metrics(view):
        borne, interval = whole(metric.spec.get("failureLimit")), metric.spec.get("interval")
        interval_s = duration_s(interval)
        if not borne or not interval_s:
            continue
        window_s = max(map(_window_s, re.findall(r"\[([^\]:]+)", metric.query)), default=0.0)
        late_s = borne * interval_s + window_s
        if late_s <= LATE_S:
            continue
        pause_s = min(view.pauses_s, default=None)
        ordinal = _ORDINALS[borne] if borne < len(_ORDINALS) else f"{borne + 1}th"
        yield _flaw(
            metric,
            ("failureLimit",),
            f"failureLimit {borne} with interval {interval} acts at the {ordinal} failure: "
            f"{borne * interval_s:.0f} s after the first"
            + (f", plus the {window_s:.0f} s that the query looks back" if window_s else "")
            + (
                f"; the pause of {pause_s:.0f} s is over by then, and the weight the next"
                if pause_s is not None and pause_s < late_s
                else ""
            ),
            "failureLimit: 0",
        )


def _flaw(metric: Metric, place: tuple[str, ...], message: str, fix: str) -> Flaw:
    return Flaw(
        (*metric.where, *place),
        f"metric {metric.name!r}: {message}",
        fix,
        index=metric.index,
        severity=metric.severity if place != ("failureLimit",) else None,
    )


def mixed_selectors(query: str) -> list[str]:
    """Return the selectors of *query* that select stable and canary together."""
    selectors = _SELECTOR.findall(query)
    mixed = [selector for selector in selectors if not ONE_VERSION.search(selector)]
    is_joined = len(mixed) < len(selectors) and re.search(r"\bon\s*\(", query)
    if not selectors and "[" in query and not ONE_VERSION.search(query):
        return [query.strip()]
    return [] if is_joined else mixed


def names_canary(query: str) -> bool:
    """Whether each selector of *query* names the canary, as its Service does in a router's."""
    selectors = _SELECTOR.findall(query)
    return bool(selectors) and all("canary" in selector.lower() for selector in selectors)


def _window_s(text: str) -> float:
    return duration_s(text.strip()) or 0.0
