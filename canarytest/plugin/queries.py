"""The metrics that a Prometheus answers, asked while a step is open."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from canarytest.core import events
from canarytest.core.bands import GAUGES
from canarytest.core.driver import Driver
from canarytest.core.errors import MeasurementError, QueryRefused
from canarytest.core.evidence import GAUGE_SAMPLES
from canarytest.core.plan import Step
from canarytest.core.query import Kind, Look, Query, awaited, filled, judge_looks, look_of
from canarytest.core.reach import Version
from canarytest.plugin.metrics import shipped
from canarytest.plugin.settings import Settings
from canarytest.signals.prometheus import Server, ask


class Queries:
    """Asks each query of the open step at its interval, in a thread of its own."""

    def __init__(self, queries: Sequence[Query], server: Server, driver: Driver) -> None:
        self._queries, self._server, self._driver = queries, server, driver
        self._over = threading.Event()  # of the open step

    def open(self, step: Step) -> None:
        """Begin to ask, once the windows of the queries lie in *step*."""
        self._over = over = threading.Event()
        for query in self._queries:
            self._driver.see_finding(awaited(query))
            threading.Thread(
                target=self._watch,
                args=[query, step, over],
                name=f"canarytest-query-{query.name}",
                daemon=True,  # a server may hang for as long as its timeout
            ).start()

    def close(self) -> None:
        """Ask no more, and hear no answer that is still to come."""
        self._over.set()

    stop = close

    def _watch(self, query: Query, step: Step, over: threading.Event) -> None:
        text = filled(query.text, tags_of(self._driver))
        looks: tuple[Look, ...] = ()
        delay_s = query.looks_back_s
        while not over.wait(delay_s):
            look = look_or_why(self._server, text)
            if over.is_set():
                return
            looks = (*looks, look)[-GAUGE_SAMPLES:]
            self._tell(query, text, step, look)
            self._driver.see_finding(judge_looks(query, looks, is_dark=step.is_dark))
            delay_s = query.interval_s

    def _tell(self, query: Query, text: str, step: Step, look: Look) -> None:
        self._driver.emit(
            events.MeasurementTaken(
                self._driver.clock.time(),
                step=step.index,
                source="prometheus",
                values={
                    "metric": query.name,
                    "kind": look.kind,
                    "value": look.value,
                    "why": look.why,
                    "query": text,
                },
            )
        )


def asked_of(settings: Settings) -> tuple[Query, ...]:
    """
    Return the queries that a run with *settings* asks.

    CPU and memory are asked for on a cluster only: elsewhere the platform measures them.
    """
    if settings.prometheus is None:
        return ()
    if settings.manifest is not None:
        return tuple(query for query in settings.metrics if query.name not in GAUGES)
    own = {query.name for query in settings.metrics}
    besides = [query for query in shipped(settings.policy.bands) if query.name not in own]
    return (*settings.metrics, *besides)


def look_at(server: Server, text: str) -> Look:
    """Ask *server*; raises MeasurementError."""
    answer = ask(server, text)
    if answer.kind == "matrix":
        raise QueryRefused("it gives a range of values, expected one; drop the last [...]")
    return look_of([(series.labels, series.values[0]) for series in answer.series])


def look_or_why(server: Server, text: str) -> Look:
    """Ask *server*, and return why there is no answer where there is none."""
    try:
        return look_at(server, text)
    except MeasurementError as error:
        return Look(Kind.UNANSWERED, why=str(error))


def tags_of(driver: Driver) -> Mapping[str, str]:
    """Return what is filled in in queries, once the rollout has begun."""
    facts, plan = driver.facts, driver.plan
    versions = {str(v): facts.selects(v) for v in Version} if facts else {}
    return {"rollout": plan.rollout, "namespace": plan.namespace, **versions}
