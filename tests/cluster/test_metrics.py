"""What a Prometheus on the cluster answers: Traefik's counters, and the kubelet's of the pods."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from benchmarks import client
from canarytest.core.query import filled
from canarytest.core.reach import Version
from canarytest.platforms.argo.view import rollout_view
from canarytest.reporting import log
from canarytest.reporting.measured import by_version
from canarytest.signals.prometheus import Server, ask, result_of
from tests.cluster import stage
from tests.cluster.stage import (
    EDGE,
    PROMETHEUS,
    SUITE,
    TRAEFIK,
    Beside,
    Object,
    Stage,
    assert_proven_back,
    good_image,
    image,
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.nightly,  # each looks back a minute
    pytest.mark.timeout(400),
]
USERS = 50  # logins a second
LOAD_USERS = 10  # as the suite has it
TEN: list[Object] = [
    {"setWeight": 10},
    {"setCanaryScale": {"matchTrafficWeight": True}},
    {"pause": {"duration": "1s"}},
]
_COUNTED = 'traefik_service_requests_total{service="{{namespace}}-was-canary-80@kubernetescrd"'
_BAD = f'{_COUNTED},code=~"5.."}}'
_FAILED = f"sum(rate({_BAD}[1m]))"  # none without a 5xx, and 0/0 without users
QUERY = f"({_FAILED} or vector(0)) / sum(rate({_COUNTED}}}[1m]))"  # of the Service, not of a hash
ASKED = f'prometheus = "{PROMETHEUS}"'
EXPOSURE = f"exposure = {{ requests = 'sum({_COUNTED}}})', failures = 'sum({_BAD})' }}"
SPINS = ("sh", "-c", 'while :; do :; done & exec "$@"', "sh")  # beside what it starts
NAMED = 'count(container_memory_working_set_bytes{namespace="{{namespace}}",pod!=""})'


def metric(query: str, **others: str) -> str:
    lines = [f"{key} = {value}" for key, value in others.items()]
    table = ["[tool.canarytest.metrics.failed_share]", f"query = '{query}'", *lines]
    return "\n".join([ASKED, EXPOSURE, *table, "band = [0.01, 0.05]", ""])


@pytest.fixture(scope="module")
def measured(behind_traefik: Stage) -> Iterator[Stage]:
    """PetClinic at 10 % behind Traefik with users, where a Prometheus counts their requests."""
    try:
        requests.get(f"{PROMETHEUS}/-/ready", timeout=2).raise_for_status()
    except requests.RequestException:
        pytest.skip(f"no Prometheus answers at {PROMETHEUS}; CANARYTEST_PROMETHEUS names another")
    behind_traefik.plan(TEN)
    behind_traefik.write_project(f"{TRAEFIK}{metric(QUERY)}", SUITE)
    port = urlsplit(EDGE).port or 80
    with client.stream(port, USERS, notes(behind_traefik), "login"):
        yield behind_traefik
    behind_traefik.write_project(TRAEFIK, SUITE)
    behind_traefik.plan(stage.rollout()["spec"]["strategy"]["canary"]["steps"])


def notes(stage: Stage) -> Path:
    return stage.project / "notes"


def value(stage: Stage, query: str) -> float | None:
    answer = result_of(ask(Server(PROMETHEUS), filled(query, {"namespace": stage.namespace})))
    return answer[0] if isinstance(answer, tuple) and answer else None


def looks(stage: Stage, metric: str) -> list[Object]:
    events = stage.events("MeasurementTaken")
    values = [event["values"] for event in events if event["source"] == "prometheus"]
    return [look for look in values if look["metric"] == metric]


def failures_at_the_edge(stage: Stage) -> int:
    """Return how often the bad version failed: for users, and for the run's own load."""
    users = sum(a.version == "v103" and a.status == 500 for a in client.read(notes(stage)))
    told = log.read(stage.project / "reports/latest/events.jsonl")
    ours = by_version(told, 0, "load", "probe")[Version.CANARY].failures

    assert users > 0
    return users + ours


def test_a_good_version_is_not_aborted_for_what_an_earlier_canary_left(measured: Stage) -> None:
    bad = measured.run(image("v103-lies"), "-k", "load")
    failed = failures_at_the_edge(measured)
    left: list[float | None] = []
    with Beside(
        measured,
        lambda view: view.is_held and view.weight == 10 and not view.is_aborted,
        lambda stage: left.append(value(stage, QUERY)),
    ):
        good = measured.run(good_image(measured))
    shares = [look["value"] for look in looks(measured, "failed_share")]

    assert bad.status == 1, bad.output
    assert bad.summary["exposure"]["counted_by"] == "Prometheus"
    # What the load was still waiting for when it was ended, it did not count.
    assert 0 <= bad.summary["exposure"]["failures"] - failed <= LOAD_USERS
    assert left[0] is not None
    assert left[0] > 0.05  # from there on it is rolled back
    assert good.status == 0, good.output
    assert len(shares) >= 3
    assert set(shares) == {0.0}


def test_a_good_version_is_not_aborted_for_want_of_data_in_its_first_seconds(
    measured: Stage,
) -> None:
    at_once = metric(QUERY.replace("1m", "3s"), window='"0s"', interval='"1s"')
    measured.write_project(f"{TRAEFIK}{at_once}", SUITE)
    ran = measured.run(good_image(measured))
    measured.write_project(f"{TRAEFIK}{metric(QUERY)}", SUITE)
    kinds = [look["kind"] for look in looks(measured, "failed_share")]

    assert ran.status == 0, ran.output
    assert kinds[0] == "no data"
    assert kinds[-1] == "number"


@pytest.fixture
def named(measured: Stage) -> Stage:
    """Where the kubelet's cAdvisor says whose containers they are."""
    if not value(measured, NAMED):
        pytest.skip(f"{PROMETHEUS} has no container_… with a pod's name: cAdvisor knows none")
    return measured


def test_cpu_and_memory_are_the_canary_s_own_and_in_the_report(named: Stage) -> None:
    named.write_project(TRAEFIK + ASKED, SUITE)
    ran = named.run(good_image(named))
    found = {name: looks(named, name) for name in ("cpu", "memory")}
    pods = rollout_view(named.read()).stable  # it was the canary
    (judged,) = named.events("StepJudged")
    found_of = {finding["metric"]: finding["zone"] for finding in judged["findings"]}

    assert ran.status == 0, ran.output
    for name, taken in found.items():
        assert len(taken) >= 3
        assert all(0 < look["value"] < 0.7 for look in taken), taken
        assert {f"was-{pods}-" in look["query"] for look in taken} == {True}
        assert found_of[name] == "normal"


def test_a_canary_that_takes_all_of_its_cpu_is_rolled_back(named: Stage) -> None:
    stage.make_image("v103-spins", [], SPINS)
    judge = '[tool.canarytest.judge]\nagainst_stable = "never"'  # it is slower, too, and sooner
    named.write_project(f"{TRAEFIK}{ASKED}\n{judge}", SUITE)
    ran = named.run(image("v103-spins"), "-k", "login")

    assert ran.status == 1, ran.output
    assert re.search(r"cpu (9\d|1\d\d).*%: roll back", ran.summary["reason"]), ran.output
    assert_proven_back(ran, named)
