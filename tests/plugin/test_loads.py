"""A load beside the tests of a step, by a real generator."""

from canarytest.core.plan import Step
from canarytest.core.reach import Endpoint, Identity, Reach, Version
from canarytest.plugin.loads import _ways
from tests.plugin.project import Project

ONE_STEP = [{"setWeight": 50}, {"pause": {}}, {"setWeight": 100}]
VISITS = """
    from locust import FastHttpUser, task

    class Visitor(FastHttpUser):
        @task
        def visit(self):
            self.client.get("/visits")
"""
TEST = """
    import pytest

    @pytest.mark.load("load/visits.py", users=2)
    def test_load(load):
        load.assert_within(error_rate=0.2, latency_p95_ms=20_000)
        assert load.requests >= 1
        assert load.failures == 0
        assert 0 < load.p50 <= load.p95 <= load.p99
        assert load.stable.requests
"""
LENIENT = {"latency_p95_ms": [20_000, 30_000]}  # this machine may be busy


def test_a_load_is_counted_by_version(project: Project) -> None:
    project.rollout(ONE_STEP)
    project.configure(bands=LENIENT, judge={"look_longer": 30})
    project.write("load/visits.py", VISITS)
    project.suite(TEST)
    result = project.run()

    assert result.ret == 0, result.stdout.str()
    told = [event for event in project.events_of("MeasurementTaken") if event["source"] == "load"]
    assert told
    assert project.summary["exposure"]["requests"] > 0


def test_a_load_that_the_canary_fails_ends_the_rollout(project: Project) -> None:
    project.rollout(ONE_STEP)
    project.configure(bands=LENIENT, t={"broken": ["/visits"]})
    project.write("load/visits.py", VISITS)
    project.suite(TEST)
    result = project.run()

    assert result.ret == 1, result.stdout.str()
    assert "error rate" in project.summary["reason"]
    assert project.calls == ["begin", "open 50%", "abort", "close"]


def test_a_load_in_the_dark_ends_with_the_abort_not_with_the_test(project: Project) -> None:
    project.rollout([{"setCanaryScale": {"replicas": 1}}, {"pause": {}}, *ONE_STEP])
    project.configure(bands=LENIENT)
    project.write("load/visits.py", VISITS)
    project.suite("""
        import psutil, pytest

        def generators():
            found = psutil.Process().children(recursive=True)
            return [one for one in found if "locust" in " ".join(one.cmdline())]

        @pytest.mark.load("load/visits.py", users=2)
        def test_load(load, edge):
            assert load.requests and generators()
            edge.get("/restart", headers={"x-canary": "always"})
            _, running = psutil.wait_procs(generators(), timeout=30)
            assert not running
    """)
    result = project.run()

    assert result.ret == 1
    assert project.summary["reason"] == "the canary restarted: boom"
    assert project.tests["test_load[dark]"] == "passed"


def test_where_no_answer_says_who_made_it_each_is_asked_that_has_users() -> None:
    edge, canary, stable = (Endpoint(f"http://{name}") for name in ("edge", "canary", "stable"))
    reach = Reach(edge, canary, stable, Identity("v2", "v1", path="/info", json="version"))

    def asked(label: str, share: float) -> list[tuple[Endpoint, Version | None]]:
        step = Step(0, label, round(100 * share), share, 0.0, False, 0, 1, 2)
        return list(_ways(step, reach).values())

    assert asked("dark", 0.0) == [(canary, Version.CANARY)]
    assert asked("10%", 0.1) == [(canary, Version.CANARY), (stable, Version.STABLE)]
    assert asked("promoted", 1.0) == [(canary, Version.CANARY)]
