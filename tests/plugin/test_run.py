"""The walk: steps in their order, the first failure, and the exit status that says how it ended."""

import pytest

from tests.plugin.project import LABELS, Project

LOGIN = """
    def test_login(canary):
        assert canary.get("/login").status_code == 200
"""
BACK = ["abort", "close"]


def walked(*labels: str) -> list[str]:
    return ["begin", *(f"open {label}" for label in labels)]


def test_a_rollout_is_walked_to_its_end(project: Project) -> None:
    project.suite(LOGIN)
    result = project.run("-v")

    assert result.ret == 0
    assert project.calls == [*walked(*LABELS), "promote", "close"]
    assert project.tests == dict.fromkeys(
        ["test_login[dark]", "test_login[10%]", "test_login[50%]"], "passed"
    )
    assert project.summary["outcome"] == "promoted"
    assert [step["verdict"] for step in project.summary["steps"]] == ["successful"] * 3
    result.stdout.fnmatch_lines(
        [
            "*app v1 → v2 on t: dark, 10%, 50%",
            "*test_login?dark? PASSED*",
            "*10%*successful*",
            "*test_login?50%? PASSED*",
            "*promoted*exit status 0*",
            "*= canary =*",
            "outcome*promoted, exit status 0",
        ]
    )


def test_the_events_are_told_in_the_order_of_the_walk(project: Project) -> None:
    project.suite(LOGIN)
    project.run()
    step = ["StepOpened", "TestFinished", "StepJudged"]
    names = [event["event"] for event in project.events if event["event"] != "MeasurementTaken"]

    assert names == ["RolloutStarted", *step * 3, "RolloutPromoted", "RunEnded"]


def test_a_failing_test_in_the_dark_is_met_by_no_user(project: Project) -> None:
    project.configure(t={"broken": ["/login"]})
    project.suite(LOGIN)
    result = project.run("-rs")

    assert result.ret == 1
    assert project.calls == [*walked("dark"), *BACK]
    assert project.summary["exposure"]["requests"] == 0
    assert project.summary["rollback"]["proven"]
    result.stdout.fnmatch_lines(["SKIPPED*: step 10% was never opened", "SKIPPED*50% was never*"])
    result.assert_outcomes(failed=1, skipped=2)


def test_what_fails_first_ends_its_step_and_opens_no_other(project: Project) -> None:
    project.suite("""
        ran = []

        def test_before(step):
            ran.append(("before", step.label))

        def test_login(step):
            ran.append(("login", step.label))
            assert step.weight < 10, "wrong password"

        def test_after(step):
            ran.append(("after", step.label))

        def test_ran():
            print(ran)
    """)
    result = project.run("-rA")
    reasons = {
        event["nodeid"].partition("::")[2]: event["message"]
        for event in project.events_of("TestFinished")
        if event["outcome"] == "skipped"
    }

    assert result.ret == 1
    assert project.calls == [*walked("dark", "10%"), *BACK]
    assert project.tests["test_before[10%]"] == "passed"
    assert project.tests["test_login[10%]"] == "failed"
    here = "aborted at 10%: test_login failed: AssertionError: wrong password"
    assert {key: reason.partition("\n")[0] for key, reason in reasons.items()} == {
        "test_after[10%]": here,
        "test_ran[10%]": here,
        **dict.fromkeys(
            ["test_before[50%]", "test_login[50%]", "test_after[50%]", "test_ran[50%]"],
            "step 50% was never opened",
        ),
    }
    result.assert_outcomes(passed=5, failed=1, skipped=6)


def test_the_order_to_go_back_comes_before_the_teardown(project: Project) -> None:
    project.suite("""
        import pathlib, pytest

        @pytest.fixture
        def cleanup(pytestconfig):
            yield
            with (pytestconfig.rootpath / "standin.log").open("a") as log:
                log.write("0 teardown\\n")

        def test_login(cleanup):
            assert False
    """)
    project.run()

    assert project.calls == [*walked("dark"), "abort", "teardown", "close"]


def test_an_abort_is_sent_until_it_is_taken(project: Project) -> None:
    project.configure(t={"abort_fails": 2, "broken": ["/login"]})
    project.suite(LOGIN)
    result = project.run()

    assert result.ret == 1
    assert project.calls == [*walked("dark"), "abort", "abort", *BACK]
    assert project.summary["rollback"]["attempts"] == 3


def test_a_rollback_without_effect_is_not_proven(project: Project) -> None:
    project.configure(t={"stays": True}, proof={"window": 0.2, "responses": 10, "within": 0.6})
    project.suite("""
        def test_login(step):
            assert step.is_dark
    """)
    result = project.run()

    assert result.ret == 11
    assert project.summary["outcome"] == "error"
    result.stdout.fnmatch_lines(["*THE ROLLBACK IS NOT PROVEN, somebody must look now*"])


def test_the_edge_is_looked_at_closer_once_the_order_was_sent(project: Project) -> None:
    """A proof would take minutes at the rate at which users are spared."""
    project.configure(t={"broken": ["/login"]}, probe={"rate": 0.01})
    project.suite(LOGIN)

    assert project.run().ret == 1
    assert project.summary["rollback"]["responses"] >= 5


@pytest.mark.parametrize(
    ("trouble", "status", "outcome"),
    [("not ready", 1, "aborted"), ("inconclusive", 10, "inconclusive"), ("platform", 12, "error")],
)
def test_a_step_that_does_not_open(
    project: Project, trouble: str, status: int, outcome: str
) -> None:
    project.configure(t={"open_raises": {"10%": trouble}})
    project.suite(LOGIN)
    result = project.run()

    assert result.ret == status
    assert project.calls == [*walked("dark", "10%"), *BACK]
    assert project.summary["outcome"] == outcome
    assert project.summary["reason"] == f"opening 10%: {trouble}, as configured"
    assert project.tests["test_login[10%]"] == "skipped"


def test_a_rollout_that_another_run_drives_is_left_alone(project: Project) -> None:
    project.configure(t={"begin_raises": "locked"})
    project.suite(LOGIN)
    result = project.run()

    assert result.ret == 12
    assert project.calls == ["begin", "close"]
    assert project.summary["outcome"] == "error"
    assert project.tests["test_login[dark]"] == "skipped"


def test_a_rollout_that_cannot_be_begun(project: Project) -> None:
    """Nothing was answered yet, so that there is nothing to prove."""
    project.configure(t={"begin_raises": "platform"})
    project.suite(LOGIN)
    result = project.run()

    assert result.ret == 12
    assert project.calls == ["begin", *BACK]
    assert project.summary["reason"] == "platform, as configured"


def test_a_leak_in_the_dark_is_found_without_any_test_of_it(project: Project) -> None:
    project.configure(t={"share": 1.0})
    project.suite(LOGIN)
    result = project.run()

    assert result.ret == 1
    assert project.summary["reason"].endswith("is not the expected 0.0%")
    assert project.calls == [*walked("dark"), *BACK]


def test_a_canary_that_restarts_is_sent_back_while_a_test_runs(project: Project) -> None:
    project.suite("""
        def test_login(canary):
            canary.get("/restart")
    """)
    result = project.run()

    assert result.ret == 1
    assert project.summary["reason"] == "the canary restarted: boom"
    assert project.calls == [*walked("dark"), *BACK]


def test_what_the_platform_only_notes_is_told_on_the_terminal_and_ends_nothing(
    project: Project,
) -> None:
    project.suite("""
        def test_login(canary, step):
            if step.is_dark:
                canary.get("/noted")
    """)
    result = project.run()

    assert result.ret == 0
    told = [line for line in result.outlines if line.endswith("  noted: somebody scaled it")]
    assert len(told) == 1


def test_what_the_platform_measures_is_told(project: Project) -> None:
    project.configure(t={"gauges": {"cpu": 0.25}})
    project.suite(LOGIN)
    project.run()
    told = [event["values"] for event in project.events_of("MeasurementTaken")]

    assert {"cpu": 0.25} in told


def test_a_platform_that_cannot_say_what_is_used_ends_nothing(project: Project) -> None:
    """It is told in the events; no gauge is judged that was never seen."""
    project.configure(t={"gauges_fail": True})
    project.suite(LOGIN)
    result = project.run("-W", "error")

    assert result.ret == 0
    (taken,) = [
        event for event in project.events_of("MeasurementTaken") if event["source"] == "platform"
    ][:1]
    assert taken["values"] == {"trouble": "PlatformError: the metrics server does not answer"}


def test_a_platform_that_does_not_close_changes_no_outcome(project: Project) -> None:
    project.configure(t={"close_fails": True})
    project.suite(LOGIN)
    result = project.run()

    assert result.ret == 0
    assert project.summary["exit_status"] == 0
    assert project.events[-1]["event"] == "RunEnded"


def test_a_drill_measures_the_way_back(project: Project) -> None:
    project.suite(LOGIN)
    result = project.run("--canary-drill", "10")

    assert result.ret == 0
    assert project.calls == [*walked("dark", "10%"), *BACK]
    assert project.summary["outcome"] == "aborted"
    assert project.summary["reason"] == "drill: aborted on purpose at 10%"
    assert project.summary["rollback"]["proven"]


def test_a_drill_in_the_dark(project: Project) -> None:
    project.suite(LOGIN)
    result = project.run("--canary-drill", "0")

    assert result.ret == 0
    assert project.calls == [*walked("dark"), *BACK]


def test_a_run_leaves_what_the_contract_says(project: Project) -> None:
    project.suite(LOGIN)
    project.run()
    (run,) = project.runs

    assert project.latest.resolve() == run
    assert {"events.jsonl", "summary.json", "junit.xml"} <= {path.name for path in run.iterdir()}
    assert len(project.allure_results) == 3
    assert run.joinpath("junit.xml").read_text().count("<testcase") == 3


def test_the_last_run_is_the_latest(project: Project) -> None:
    project.suite(LOGIN)
    project.run()
    first = project.latest.resolve()
    project.run()

    assert project.latest.resolve() != first
    assert len(project.allure_results) == 3


def test_reports_that_no_link_can_be_made_in_are_written_all_the_same(project: Project) -> None:
    """As a cache of CI may leave it, which follows links when it copies."""
    project.write("reports/latest/summary.json", "{}")
    project.suite(LOGIN)
    result = project.run()

    assert result.ret == 0
    assert len(project.runs) == 1


def test_a_second_stop_at_the_same_weight_is_a_step_of_its_own(project: Project) -> None:
    project.rollout([{"setWeight": 10}, {"pause": {}}, {"pause": {}}, {"setWeight": 100}])
    project.suite(LOGIN)
    result = project.run()

    assert result.ret == 0
    assert project.calls == [*walked("10%", "10%#2"), "promote", "close"]


def test_a_pause_is_cut_to_what_the_target_says(project: Project) -> None:
    project.rollout([{"setWeight": 10}, {"pause": {"duration": "1h"}}])
    project.configure(t={"pause_at_most": "10ms"})
    project.suite(LOGIN)

    assert project.run().ret == 0
