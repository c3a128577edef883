"""What is doubtful about the queries of a run, said before it begins: each is asked once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from canarytest.core.errors import ConfigError, MeasurementError, NotBegun, QueryRefused
from canarytest.core.gauge import GAUGE_MINIMUM
from canarytest.core.lint.queries import mixed_selectors, names_canary
from canarytest.core.plan import Plan
from canarytest.core.query import Kind, Look, Query, filled, is_of_canary, of_any_version
from canarytest.plugin.queries import asked_of, look_at
from canarytest.plugin.settings import Settings
from canarytest.signals.prometheus import Server


def doubts(settings: Settings, plan: Plan, stable: str) -> Iterator[str]:
    """
    Ask each query once, and yield what is doubtful about it.

    *stable*, what selects the stable version in metrics, takes the canary's place, who does not run
    yet; where it is not known, any version does. Raises ConfigError for a query that cannot be
    parsed, NotBegun if the server gives no answer: nothing could be judged by it.
    """
    server = settings.prometheus
    if server is None:
        yield from _not_asked(settings)
        return
    for query in asked_of(settings):
        where = f"tool.canarytest.metrics.{query.name}"
        look = _asked(server, f"{where}.query", query.text, plan, stable)
        for doubt in (*_flaws(query), *_answered(look, stable), *_long(query, plan)):
            yield f"{where}: warning: {doubt}"
    yield from _counted(server, settings, plan, stable)


def _counted(server: Server, settings: Settings, plan: Plan, stable: str) -> Iterator[str]:
    if settings.exposure is None:
        return
    for key, text in asdict(settings.exposure).items():
        where = f"{settings.where}.exposure.{key}"
        look = _asked(server, where, text, plan, stable)
        if look.kind is Kind.SEVERAL:
            yield f"{where}: warning: {look.why}; sum it, or nothing can be counted"
        if not (is_of_canary(text) or names_canary(text)):
            yield f"{where}: warning: the query does not say {{{{canary}}}}: whom does it count?"


def _not_asked(settings: Settings) -> Iterator[str]:
    if settings.metrics:
        named = ", ".join(query.name for query in settings.metrics)
        yield (
            f"tool.canarytest.metrics: warning: not judged here: {named}; {settings.where} names "
            'no Prometheus to ask\n  fix: prometheus = "http://…" in the target'
        )


def _flaws(query: Query) -> Iterator[str]:
    if names_canary(query.text):
        return
    if not is_of_canary(query.text):
        yield (
            "the query does not say {{canary}}: the canary is judged by what both versions do "
            'together, so that the stable one hides it; select it, e.g. {version="{{canary}}"}'
        )
    elif mixed := mixed_selectors(query.text):
        yield f"{mixed[0]} selects the canary and the stable version together"


def _answered(look: Look, stable: str) -> Iterator[str]:
    if look.kind is Kind.NO_DATA or (look.kind is Kind.SEVERAL and stable):
        yield f"asked for {'the stable version' if stable else 'any version'}, {look.why}"


def _long(query: Query, plan: Plan) -> Iterator[str]:
    needed_s = query.looks_back_s + (GAUGE_MINIMUM - 1) * query.interval_s
    held = [step.label for step in plan.steps if step.bake_s < needed_s and not step.indefinite]
    if held:
        yield (
            f"{GAUGE_MINIMUM} looks, each of the {query.looks_back_s:g} s before it, take "
            f"{needed_s:g} s: the pause at {', '.join(held)} is shorter, and is held for so long"
        )


def _asked(server: Server, where: str, asked: str, plan: Plan, stable: str) -> Look:
    tags = {"rollout": plan.rollout, "namespace": plan.namespace}
    text = asked if stable else of_any_version(asked)
    text = filled(text, {**tags, "canary": stable, "stable": stable})
    try:
        return look_at(server, text)
    except QueryRefused as error:
        raise ConfigError(f"{where}: {text!r} cannot be asked: {error}; correct it") from None
    except MeasurementError as error:
        raise NotBegun(f"{where}: {error}; without it the canary cannot be judged") from None
