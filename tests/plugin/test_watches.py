"""What is measured beside the tests: the driver hears of it at once, and nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from canarytest.core.analysis.meaning import STEP
from canarytest.core.bands import Band
from canarytest.core.events import MeasurementTaken
from canarytest.core.finding import Zone
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.query import Query
from canarytest.plugin.analyses import Analyses
from canarytest.plugin.queries import Queries
from canarytest.plugin.templates import Analysis
from canarytest.plugin.watches import Watch
from canarytest.signals import prometheus
from canarytest.testing import Hang, Rehearsal
from tests.signals.server import Asked, Said, Server, serving, vector

Make = Callable[[Server, Rehearsal], Watch]
TEN = Step(0, "10%", 10, 0.1, 0.0, False, 1, 1, 2)
PLAN = Plan(
    "was", "petclinic", 2, True, (TEN,), ("setWeight", "analysis"), "", Resources(None, None)
)
METRIC = {
    "name": "share", "count": 1, "successCondition": "result[0] < 1",
    "provider": {"prometheus": {"query": "lag"}},
}  # fmt: skip


@pytest.fixture
def hang() -> Iterator[Hang]:
    """Where the server hangs until the test is over."""
    hang = Hang()
    yield hang
    hang.release()


@pytest.fixture
def server(hang: Hang) -> Iterator[Server]:
    def answer(_: Asked) -> Said:
        hang()
        return vector("0.5")

    with serving(answer) as server:
        yield server


def queries(server: Server, rehearsal: Rehearsal) -> Watch:
    query = Query("lag", 'lag{v="{{canary}}"}', Band(1, 2), window_s=0.0)
    return Queries([query], prometheus.Server(server.url), rehearsal.driver)


def analyses(server: Server, rehearsal: Rehearsal) -> Watch:
    there = prometheus.Server(server.url)
    spec = {"metrics": [METRIC], "args": [], "dryRun": [], "measurementRetention": []}
    analysis = Analysis("lag-1", STEP, 1, "rollout.yaml:1", spec, None, {}, there)
    return Analyses([analysis], rehearsal.driver)


@pytest.mark.parametrize("make", [queries, analyses])
def test_what_is_not_answered_yet_holds_the_step(make: Make, server: Server, hang: Hang) -> None:
    rehearsal = Rehearsal(PLAN)
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)
    watch = make(server, rehearsal)

    watch.open(TEN)
    evidence = rehearsal.driver.evidence
    watch.close()

    assert evidence is not None
    assert [finding.zone for finding in evidence.assessed.values()] == [Zone.UNDER_WAY]


@pytest.mark.parametrize("make", [queries, analyses])
def test_an_answer_that_comes_too_late_is_not_heard(make: Make, server: Server, hang: Hang) -> None:
    rehearsal = Rehearsal(PLAN)
    rehearsal.driver.begin()
    rehearsal.driver.open(TEN)
    watch = make(server, rehearsal)

    watch.open(TEN)
    hang.entered.wait()
    watch.close()
    hang.release()
    for thread in threading.enumerate():
        if thread.name.startswith(("canarytest-query", "canarytest-analysis")):
            thread.join()
    evidence = rehearsal.driver.evidence

    assert evidence is not None
    assert [finding.zone for finding in evidence.assessed.values()] == [Zone.UNDER_WAY]
    assert not rehearsal.of(MeasurementTaken)
