"""Users' requests to the canary, counted by what a Prometheus answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from canarytest.config import Table
from canarytest.core.errors import ConfigError
from canarytest.core.ports import Exposure
from canarytest.plugin import metrics
from canarytest.plugin.exposed import Exposed
from canarytest.plugin.metrics import Counters, read_counters
from canarytest.signals.prometheus import Server as Prometheus
from tests.plugin.project import Project
from tests.signals.server import Said, Server, serving, vector

REQUESTS = 'sum(requests_total{service="canary"})'
FAILURES = 'sum(requests_total{service="canary",code=~"5.."})'
QUERIES = {"requests": REQUESTS, "failures": FAILURES}
DOWN = Said("", 503)
SUITE = """
    def test_it(canary):
        assert canary.get("/").status_code == 200
"""


@pytest.fixture
def prometheus() -> Iterator[Server]:
    with serving(lambda _: vector("0")) as server:
        yield server


def answering(requests: Said, failures: Said) -> dict[str, Said]:
    return {REQUESTS: requests, FAILURES: failures}


@pytest.mark.parametrize(
    ("before", "after", "counted"),
    [
        ((vector("7"), vector("1")), (vector("19"), vector("4")), Exposure(12, 3)),
        ((vector(), vector()), (vector("12"), vector("3")), Exposure(12, 3)),
        ((vector("7"), vector()), (vector("19"), vector()), Exposure(12, 0)),
        ((vector(), vector()), (vector(), vector()), Exposure(0, 0)),
        ((vector("19"), vector("1")), (vector("7"), vector("1")), None),  # it began again
        ((vector("7"), vector("1")), (vector(), vector()), None),
        ((vector("7"), vector("1")), (vector("19"), DOWN), None),
        ((DOWN, vector("1")), (vector("19"), vector("4")), None),
        ((vector("7", "8"), vector("1")), (vector("19"), vector("4")), None),
    ],
)
def test_what_came_between_two_looks_is_counted(
    prometheus: Server,
    before: tuple[Said, Said],
    after: tuple[Said, Said],
    counted: Exposure | None,
) -> None:
    exposed = Exposed(Counters(**QUERIES), Prometheus(prometheus.url))
    prometheus.answer = lambda asked: answering(*before)[asked.query]
    exposed.begin({})
    prometheus.answer = lambda asked: answering(*after)[asked.query]

    assert exposed.count() == counted


def test_the_canary_is_filled_in(prometheus: Server) -> None:
    exposed = Exposed(Counters('a{v="{{canary}}"}', "b"), Prometheus(prometheus.url))
    exposed.begin({"canary": "v2"})

    assert [asked.query for asked in prometheus.asked] == ['a{v="v2"}', "b"]


def test_without_counters_nothing_is_asked(prometheus: Server) -> None:
    exposed = Exposed(None, Prometheus(prometheus.url))
    exposed.begin({})

    assert exposed.count() is None
    assert not prometheus.asked


def configure(project: Project, server: Server, **exposure: str) -> None:
    project.configure(bands={}, t={"prometheus": server.url, "exposure": {**QUERIES, **exposure}})
    project.suite(SUITE)


def test_a_run_tells_who_counted(project: Project, prometheus: Server) -> None:
    looks = iter([0, 0, 0, 0, 40, 2])  # of the preflight, the beginning, the end

    def count(_: object) -> Said:
        return vector(str(next(looks)))

    prometheus.answer = count
    configure(project, prometheus)
    project.run()

    assert project.summary["exposure"] == {
        "requests": 40,
        "failures": 2,
        "counted_by": "Prometheus",
    }


def test_a_run_whose_counters_are_lost_is_told_by_the_router(
    project: Project, prometheus: Server
) -> None:
    configure(project, prometheus)
    looks = iter([vector("0")] * 3)
    prometheus.answer = lambda _: next(looks, DOWN)
    project.run()

    assert project.summary["exposure"]["counted_by"] == "router"


@pytest.mark.parametrize(
    ("exposure", "said", "words"),
    [
        ({"requests": "sum(requests_total)"}, vector("1"), "does not say {{canary}}: whom"),
        ({}, vector("1", "2"), "it returned 2 series (pod=p0; pod=p1), expected one; sum it"),
    ],
)
def test_lint_says_what_is_doubtful(
    project: Project, prometheus: Server, exposure: dict[str, str], said: Said, words: str
) -> None:
    prometheus.answer = lambda _: said
    configure(project, prometheus, **exposure)
    result = project.pytester.runpytest_inprocess("--canary-lint")

    assert result.ret == 0
    assert words in result.stdout.str()


@pytest.mark.parametrize(
    ("exposure", "message"),
    [
        ({**QUERIES, "failed": "x"}, "t.exposure: unknown key 'failed'"),
        ({"requests": REQUESTS}, "t.exposure: 'failures' is missing"),
        ({**QUERIES, "failures": " "}, "t.exposure.failures: it is empty; expected a query"),
        ({**QUERIES, "requests": "{{canry}}"}, "{{canry}} cannot be filled in; did you mean"),
        (QUERIES, "t.exposure: there is no Prometheus to ask; expected prometheus = "),
    ],
)
def test_bad_input_is_refused(exposure: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_counters(Table({"exposure": exposure}, "t"), None)

    assert message in str(refused.value)


def test_what_is_configured_is_read() -> None:
    found = read_counters(Table({"exposure": QUERIES}, "t"), Prometheus("http://p"))

    assert found == metrics.Counters(REQUESTS, FAILURES)
