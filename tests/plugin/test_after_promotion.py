"""The promotion as a step: what a user meets of it."""

import json
import signal
from typing import Any

import pytest

from tests.plugin.project import LABELS, Project
from tests.plugin.stage import Stage, stage
from tests.plugin.test_analyses import STEP as ANALYSIS
from tests.plugin.test_analyses import judge, template, written
from tests.plugin.test_options import at_terminal
from tests.signals.server import Server

__all__ = ["judge", "stage"]

WATCHED = {"abilities": ["undo"], "after_promotion": "50ms"}
GIVEN = ["begin", *(f"open {label}" for label in LABELS), "promote", "open promoted"]
LOGIN = """
    def test_login(canary):
        assert canary.get("/login").status_code == 200
"""
FAILS_AT_100 = """
    def test_login(canary, step):
        assert canary.get("/login").status_code == 200
        assert not step.is_promoted, "the pool is too small for all"
"""
STEP = ["StepOpened", "StepJudged"]
WALKED = ["RolloutStarted", *STEP * 3, "RolloutPromoted"]
UNDONE = ["AbortSent", "RolloutAborted", "RollbackProven"]
SOON_S = 60  # never reached, unless something is wrong


@pytest.fixture
def watched(project: Project) -> Project:
    project.configure(t=WATCHED)
    return project


def names(project: Project) -> list[str]:
    minor = ("TestFinished", "MeasurementTaken", "EvidenceCollected")
    return [event["event"] for event in project.events if event["event"] not in minor]


def rollout_result(project: Project) -> dict[str, Any]:
    """Return what Allure is told of the rollout itself."""
    folder = project.path / "reports" / "allure-results"
    results = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
    (found,) = [result for result in results if "canarytest.rollout" in result["fullName"]]
    return dict(found)


def test_the_tests_run_once_more_and_then_the_previous_revision_may_go(watched: Project) -> None:
    watched.suite(LOGIN)
    result = watched.run()

    assert result.ret == 0
    assert watched.calls == [*GIVEN, "retire", "close"]
    assert list(watched.tests) == [f"test_login[{label}]" for label in (*LABELS, "promoted")]
    assert names(watched) == [*WALKED, *STEP, "RunEnded"]
    last = watched.summary["steps"][-1]
    assert (last["label"], last["weight"], last["verdict"]) == ("promoted", 100, "successful")
    assert last["seconds"] >= 0.05
    assert (watched.summary["outcome"], watched.summary["rollback"]) == ("promoted", None)
    result.stdout.fnmatch_lines(
        [
            "*app v1 → v2 on t: dark, 10%, 50%, promoted",
            "*promoted the canary v2 in *",
            "*promoted  opened in *: 100.0 % of users expected on the canary v2",
            "*promoted  successful after *",
            "outcome*promoted, exit status 0",
        ]
    )


def test_without_the_key_all_is_as_it_was(project: Project) -> None:
    project.configure(t={"abilities": ["undo"], "after_promotion": 0})
    project.suite(LOGIN)

    assert project.run().ret == 0
    assert project.calls == [*GIVEN[:-1], "close"]
    assert names(project) == [*WALKED, "RunEnded"]
    assert list(project.tests) == [f"test_login[{label}]" for label in LABELS]


def test_a_test_that_fails_there_undoes_the_promotion(watched: Project) -> None:
    watched.suite(FAILS_AT_100)
    result = watched.run()

    assert result.ret == 1
    assert watched.calls == [*GIVEN, "abort", "close"]
    assert names(watched) == [*WALKED, "StepOpened", *UNDONE, "RunEnded"]
    summary = watched.summary
    assert (summary["outcome"], summary["exit_status"]) == ("aborted", 1)
    assert summary["rollback"]["proven"]
    assert [step["verdict"] for step in summary["steps"]] == ["successful"] * 3 + ["failed"]
    told = rollout_result(watched)
    assert told["name"] == "Rollout of app v1 → v2 on t: aborted at promoted"
    assert told["status"] == "failed"
    kept = (
        "dark", "10%", "50%", "Promoted the canary", "promoted", "Abort sent",
        "The order of things", "Rollback prov",
    )  # fmt: skip
    for step, begin in zip(told["steps"], kept, strict=True):
        assert step["name"].startswith(begin)


def test_an_undo_that_does_not_come_into_force_is_not_proven(project: Project) -> None:
    proof = {"window": 0.2, "responses": 10, "within": 0.6}
    project.configure(t={**WATCHED, "stays": True}, proof=proof)
    project.suite(FAILS_AT_100)
    result = project.run()

    assert result.ret == 11
    assert (project.summary["outcome"], project.summary["exit_status"]) == ("error", 11)
    assert not project.summary["rollback"]["proven"]
    assert rollout_result(project)["name"].endswith("at promoted, ROLLBACK NOT PROVEN")
    result.stdout.fnmatch_lines(["*THE ROLLBACK IS NOT PROVEN, somebody must look now*"])


def test_a_test_may_be_for_it_alone(watched: Project) -> None:
    watched.suite("""
        import pytest

        def test_login(): ...

        @pytest.mark.canary(steps=["promoted"])
        def test_all_users(step): assert step.weight == 100

        @pytest.mark.canary(max_weight=50)
        def test_few_users(step): assert step.weight <= 50
    """)

    assert watched.run().ret == 0
    assert [test for test in watched.tests if "users" in test] == [
        "test_few_users[dark]", "test_few_users[10%]", "test_few_users[50%]",
        "test_all_users[promoted]",
    ]  # fmt: skip


def test_nothing_is_promoted_that_no_test_would_verify_then(watched: Project) -> None:
    watched.suite("""
        import pytest

        @pytest.mark.canary(max_weight=50)
        def test_login(): ...
    """)

    assert watched.run().ret == 10
    assert "promote" not in watched.calls
    assert watched.summary["reason"].startswith("step promoted has no tests")


def test_the_split_is_all_of_it(watched: Project) -> None:
    watched.configure(t={**WATCHED, "after_promotion": "2s"})
    watched.suite("""
        def test_split(split, step):
            if step.is_promoted:
                split.assert_matches()
                assert split.observe().split.observed == 1
    """)

    assert watched.run().ret == 0


def test_a_drill_at_all_the_traffic_undoes_the_promotion(watched: Project) -> None:
    watched.suite(LOGIN)
    result = watched.run("--canary-drill", "100")

    assert result.ret == 0
    assert watched.calls == [*GIVEN, "abort", "close"]
    assert watched.summary["reason"] == "drill: aborted on purpose at promoted"
    assert watched.summary["rollback"]["proven"]


def test_a_platform_that_cannot_undo_is_refused(project: Project) -> None:
    project.configure(t={"after_promotion": "30s"})
    project.suite(LOGIN)
    result = project.run()

    assert result.ret == 4
    assert project.is_untouched
    result.stderr.fnmatch_lines(["*targets.t.after_promotion: the platform 'standin' cannot undo*"])


def test_who_approved_the_promotion_is_not_asked_once_more(watched: Project) -> None:
    watched.suite(LOGIN)
    args = ("--canary-approve", "ask", "-p", "no:xdist")
    status, output = at_terminal(watched, "y\ny\n", *args)

    assert status == 0, output
    assert output.count("Go on? [y/N]") == 2  # at dark, and before the promotion
    assert watched.calls == [*GIVEN, "retire", "close"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_is_watched_undoes_it(watched: Project, number: signal.Signals) -> None:
    watched.suite(f"""
        import os, threading

        def test_login(step):
            if step.is_promoted:
                os.kill(os.getpid(), {int(number)})
                threading.Event().wait({SOON_S})
    """)
    result = watched.run_apart()

    assert result.ret == 2
    assert watched.calls == [*GIVEN, "abort", "close"]
    assert watched.summary["reason"] == f"interrupted by {number.name}"
    assert watched.summary["rollback"]["proven"]


@pytest.mark.parametrize(
    ("delay", "begins", "status", "steps"),
    [("0s", 0, 0, {0}), ("1h", 0, 10, set()), ("0s", 2, 0, set())],
    ids=["measured", "never", "too late"],
)
def test_an_analysis_in_the_background_ends_with_the_last_step_before(
    project: Project, judge: Server, delay: str, begins: int, status: int, steps: set[int]
) -> None:
    endless = template(judge, count=0, interval="20ms", failureLimit=2, initialDelay=delay)
    pause = {"pause": {"duration": "200ms"}}
    analysis = {**ANALYSIS["analysis"], "startingStep": begins}
    written(project, [{"setWeight": 10}, pause], endless, analysis=analysis)
    project.configure(t={**WATCHED, "after_promotion": "200ms"}, judge={"look_longer": 0.2})
    told = project.run()
    taken = [event for event in project.events_of("MeasurementTaken") if "part" in event["values"]]

    assert told.ret == status
    assert {event["step"] for event in taken} == steps
    assert ("promote" in project.calls) == (status == 0)


@pytest.mark.parametrize(("fails_at", "status"), [("never", 0), ("promoted", 1)])
def test_workers_wait_for_the_promotion(stage: Stage, fails_at: str, status: int) -> None:
    stage.configure(t=WATCHED)
    stage.suite(f"""
@pytest.mark.parametrize("n", range(3))
def test_login(canary, step, n):
    assert canary.get("/login").ok
    assert (step.label, n) != ("{fails_at}", 0)
""")
    ended = stage.run("-n", "2")
    names = [name for name in ended.names if name != "EvidenceCollected"]

    assert ended.status == status, ended.output
    assert ended.orders == [*GIVEN, "abort" if status else "retire"]
    assert names == [*WALKED, "StepOpened", *(UNDONE if status else STEP[1:]), "RunEnded"]
    ended.assert_barrier()
