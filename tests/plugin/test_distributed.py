"""Steps under pytest-xdist, with real workers."""

from __future__ import annotations

import signal

import psutil
import pytest

from canarytest.core import events
from tests.plugin.project import LABELS
from tests.plugin.stage import XDIST, Stage, stage

__all__ = ["stage"]

MIXED = """
@pytest.fixture(scope="session", autouse=True)
def once_per_worker():
    note("session", WORKER)
    yield
    note("session-end", WORKER)

@pytest.fixture(scope="module")
def lives(): note("module", WORKER)

@pytest.fixture(scope="module")
def rebuilt(step): note("rebuilt", step.label, WORKER)

@pytest.mark.parametrize("n", range(4))
def test_many(canary, n, lives, rebuilt): assert canary.get("/").json()["version"] == "v2"

class TestClass:
    @pytest.mark.canary(min_weight=10)
    def test_later(self, edge): assert edge.get("/").ok

@pytest.mark.skip(reason="not today")
def test_skipped(): ...

@pytest.mark.xfail(reason="known")
def test_xfailed(): assert 0

@pytest.mark.parametrize("n", range(3))
def test_split(split, n):
    note("split", split.observe().sentence)

def test_facts(rollout, step):
    assert rollout.revisions == {"stable": "v1", "canary": "v2"}
"""


MIXED_OUTCOMES = {
    **{f"test_many[{label}-{n}]": "passed" for label in LABELS for n in range(4)},
    **{f"TestClass::test_later[{label}]": "passed" for label in LABELS[1:]},
    **{f"test_skipped[{label}]": "skipped" for label in LABELS},
    **{f"test_xfailed[{label}]": "xfailed" for label in LABELS},
    **{f"test_split[{label}-{n}]": "passed" for label in LABELS for n in range(3)},
    **{f"test_facts[{label}]": "passed" for label in LABELS},
}


@pytest.mark.parametrize("workers", [0, 1, 2, 3, 8])
def test_the_same_rollout_with_any_number_of_workers(stage: Stage, workers: int) -> None:
    stage.suite(MIXED)

    ended = stage.run("-n", str(workers))

    ended.assert_promoted()
    assert ended.outcomes == MIXED_OUTCOMES
    sessions = [line for line in ended.trace if line.startswith("session ")]
    assert len(sessions) == len(set(sessions)) <= max(workers, 1)
    assert len([line for line in ended.trace if line.startswith("session-end")]) == len(sessions)
    modules = [line for line in ended.trace if line.startswith("module")]
    assert len(modules) == len(set(modules))
    rebuilt = {line for line in ended.trace if line.startswith("rebuilt")}
    assert {line.split()[1] for line in rebuilt} == {"dark", "10%", "50%"}
    splits = [line for line in ended.trace if line.startswith("split")]
    assert len(splits) == 9
    assert len(set(splits)) <= 3  # one for each step, whoever asked


# Crashes


@pytest.mark.parametrize(
    ("workers", "which"), [(1, "last"), (2, "first"), (2, "middle"), (2, "last")]
)
def test_a_crash_is_blamed_on_the_test_that_ran(stage: Stage, workers: int, which: str) -> None:
    n = {"first": 0, "middle": 2, "last": 4}[which]
    death = "os._exit(3)" if workers == 1 else "os.kill(os.getpid(), signal.SIGKILL)"
    stage.suite(f"""
@pytest.mark.parametrize("n", range(5))
def test_it(step, n):
    if step.label == "10%" and n == {n}: {death}
""")

    ended = stage.run("-n", str(workers))

    ended.assert_aborted(1)
    assert ended.reason.startswith("test_it crashed")
    assert [test for test, outcome in ended.outcomes.items() if outcome == "error"] == [
        f"test_it[10%-{n}]"
    ]
    assert len(ended.outcomes) == 15
    assert {test.worker for test in ended.of(events.TestFinished)} <= {"gw0", "gw1", "gw2"}
    assert {ended.outcomes[f"test_it[50%-{n}]"] for n in range(5)} == {"skipped"}


KILLS_WORKERS = """
import standin
open_ = standin.StandIn.open

def kill_the_workers_and_open(self, step):
    if step.label == "10%":
        for line in TRACE.read_text().splitlines():
            if " pid " in line:
                worker = psutil.Process(int(line.split()[-1]))
                worker.kill()
                worker.wait()
    return open_(self, step)

standin.StandIn.open = kill_the_workers_and_open

@pytest.fixture(scope="session", autouse=True)
def told():
    note("pid", os.getpid())
"""


def test_workers_killed_between_two_steps_cost_nothing(stage: Stage) -> None:
    with (stage.path / "conftest.py").open("a") as file:
        file.write(KILLS_WORKERS)
    stage.suite("""
@pytest.mark.parametrize("n", range(4))
def test_it(n): ...
""")

    ended = stage.run("-n", "2")

    ended.assert_promoted()
    assert ended.counts == {"passed": 12}
    assert len([line for line in ended.trace if line.startswith("pid")]) > 2


def test_without_replacements_a_crash_ends_the_run(stage: Stage) -> None:
    stage.suite("""
@pytest.mark.parametrize("n", range(4))
def test_it(step, n):
    if step.label == "10%" and n == 1: os._exit(3)
""")

    ended = stage.run("-n", "2", "--max-worker-restart=0")

    ended.assert_aborted(1)
    assert ended.reason.startswith("test_it crashed")


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_a_test_that_hangs_is_ended_by_pytest_timeout(stage: Stage, method: str) -> None:
    stage.suite("""
@pytest.mark.parametrize("n", range(4))
def test_it(step, n):
    while step.label == "10%" and n == 1: signal.pause()
""")

    ended = stage.run(
        "-n2", "--timeout=1", f"--timeout-method={method}", plugins=(XDIST, "pytest_timeout")
    )

    ended.assert_aborted(1)
    bad = {"failed", "error"}
    assert [test for test, how in ended.outcomes.items() if how in bad] == ["test_it[10%-1]"]


def test_an_internal_error_in_a_worker_ends_in_an_abort(stage: Stage) -> None:
    with (stage.path / "conftest.py").open("a") as file:
        file.write("""
def pytest_runtest_protocol(item):
    if "10%-1" in item.nodeid: raise RuntimeError("a plugin's bug")
""")
    stage.suite("""
@pytest.mark.parametrize("n", range(4))
def test_it(n): ...
""")

    ended = stage.run("-n", "2")

    ended.assert_aborted(3)
    assert "a plugin's bug" in ended.output


# Abort


@pytest.mark.parametrize("at", LABELS)
def test_the_first_failed_report_aborts_and_the_rest_is_skipped(stage: Stage, at: str) -> None:
    stage.suite(f"""
def test_under_way(step):
    if step.label == "{at}":
        note("under way")
        wait_for("abort")

def test_bad(step):
    if step.label == "{at}":
        wait_for("under way")
        assert False, "boom"

@pytest.mark.parametrize("n", range(10))
def test_more(step, n):
    if step.label == "{at}": wait_for("abort")
""")

    ended = stage.run("-n", "2")

    ended.assert_aborted(1)
    opened = LABELS[: LABELS.index(at) + 1]
    assert ended.orders == ["begin", *(f"open {label}" for label in opened), "abort"]
    assert ended.outcomes[f"test_under_way[{at}]"] == "passed"
    assert ended.outcomes[f"test_bad[{at}]"] == "failed"
    assert ended.messages[f"test_more[{at}-9]"] == (
        f"aborted at {at}: test_bad failed: AssertionError: boom"
    )
    for label in LABELS[len(opened) :]:
        assert ended.messages[f"test_bad[{label}]"] == f"step {label} was never opened"
    assert len(ended.outcomes) == 36


@pytest.mark.parametrize("option", ["-x", "--maxfail=2"])
def test_pytests_own_limits_of_failures_change_no_verdict(stage: Stage, option: str) -> None:
    stage.suite("""
@pytest.mark.parametrize("n", range(6))
def test_it(step, n):
    assert step.label != "10%"
""")

    ended = stage.run("-n", "2", option)

    ended.assert_aborted(1)
    assert ended.reason.startswith("test_it failed")


@pytest.mark.parametrize(
    ("number", "where", "to_all"),
    [
        pytest.param(signal.SIGTERM, "test", False, id="SIGTERM in a test"),
        pytest.param(signal.SIGINT, "test", True, id="Ctrl-C in a test"),
        pytest.param(signal.SIGINT, "judgement", False, id="SIGINT while a step is judged"),
    ],
)
def test_an_interrupt_sends_the_traffic_back(
    stage: Stage, number: signal.Signals, where: str, to_all: bool
) -> None:
    if where == "judgement":
        stage.project.rollout([{"setCanaryScale": {"replicas": 1}}, {"pause": {"duration": "1h"}}])
        stage.suite("def test_it(): note('reached')")
    else:
        stage.suite("def test_it(): note('reached'); wait_for('abort')")
    running = stage.start("-n", "2")
    running.wait_for("reached")
    workers = running.descendants()

    running.interrupt(number, to_all=to_all)

    ended = running.end()
    ended.assert_aborted(2)
    assert ended.reason == f"interrupted by {number.name}"
    assert len(workers) >= 2
    assert not [worker for worker in workers if worker.is_running()]


# What exists once per step


def test_a_load_is_one_for_all_workers(stage: Stage) -> None:
    stage.configure(load={"file": "load.py", "users": 4, "spawn_rate": 100})
    stage.project.write(
        "load.py",
        """
        import sys
        from pathlib import Path
        from locust import FastHttpUser, constant, events, task

        @events.test_start.add_listener
        def started(environment, **_):
            with (Path(__file__).parent / "standin.log").open("a") as file:
                file.write("0 load" + chr(10))

        class Visitor(FastHttpUser):
            wait_time = constant(0.01)

            @task
            def visit(self):
                self.client.get("/")
        """,
    )
    stage.suite("""
@pytest.mark.parametrize("n", range(4))
def test_load(load, n):
    load.assert_within(error_rate=0.5)
    note("seen", n, load.requests > 0, load.failures)
""")
    stage.project.rollout([{"setCanaryScale": {"replicas": 1}}, {"pause": {"duration": "0s"}}])

    ended = stage.run("-n", "2")

    assert ended.status == 0, ended.output
    assert ended.trace.count("load") == 1
    assert {f"seen {n} True 0" for n in range(4)} <= set(ended.trace)


# Options of xdist and pytest


@pytest.mark.parametrize(
    ("dist", "groups"),
    [
        ("loadfile", {"test_a": "a", "test_b": "a", "test_c": "c", "test_d": "c"}),
        ("loadscope", {"test_a": "a", "test_b": "a", "test_c": "c", "test_d": "d"}),
        ("loadgroup", {"test_a": "g", "test_c": "g", "test_b": "b", "test_d": "d"}),
    ],
)
def test_what_dist_keeps_together_stays_on_one_worker_within_a_step(
    stage: Stage, dist: str, groups: dict[str, str]
) -> None:
    many = '@pytest.mark.parametrize("n", range(2))'
    group = '@pytest.mark.xdist_group("g")' if dist == "loadgroup" else ""
    stage.suite(f"{many}\n{group}\ndef test_a(n): ...\n{many}\ndef test_b(n): ...", "test_1.py")
    stage.suite(
        f"{many}\n{group}\ndef test_c(n): ...\nclass TestD:\n  {many}\n  def test_d(self, n): ...",
        "test_2.py",
    )

    ended = stage.run("-n", "2", "--dist", dist)

    ended.assert_promoted()
    assert ended.counts == {"passed": 24}
    workers: dict[tuple[str, str], set[str]] = {}
    for line in ended.trace:
        if line.startswith("run"):
            _, label, test, worker = line.split()
            workers.setdefault((label, groups[test]), set()).add(worker)
    alone = ("b", "d") if dist == "loadgroup" else ()
    assert all(len(seen) == 1 for (_, group), seen in workers.items() if group not in alone)


def test_a_flaky_test_and_a_flaky_worker_are_run_again(stage: Stage) -> None:
    stage.suite("""
def has_run(step):
    return TRACE.read_text().count(f"run {step.label} test_flaky") > 1

def test_flaky(step):
    if has_run(step): return
    if step.label == "50%": os._exit(3)
    assert step.label != "10%"

def test_good(): ...
""")

    ended = stage.run("-n", "2", "--reruns", "1", plugins=(XDIST, "pytest_rerunfailures"))

    ended.assert_promoted()
    assert ended.counts == {"passed": 6}
    assert [line for line in ended.trace if "test_flaky" in line][-1].startswith("run 50%")


def test_what_failed_last_is_run_at_every_step(stage: Stage) -> None:
    stage.suite("""
def test_good(): ...
def test_bad(step): assert step.label != "10%" or os.path.exists("good")
""")
    stage.run("-n", "2").assert_aborted(1)
    stage.project.write("good", "")

    ended = stage.run("-n", "2", "--lf")

    ended.assert_promoted()
    assert set(ended.outcomes) == {f"test_bad[{label}]" for label in LABELS}


def test_as_many_workers_as_there_are_cores(stage: Stage) -> None:
    stage.suite("def test_it(): ...")

    ended = stage.run("-n", "logical")

    ended.assert_promoted()
    assert f"{psutil.cpu_count()} worker" in ended.output


@pytest.mark.parametrize("is_there", [True, False], ids=["switched off", "not installed"])
def test_without_xdist(stage: Stage, is_there: bool) -> None:
    stage.suite("def test_it(): ...")
    if not is_there:
        stage.project.write("xdist.py", "raise ImportError")

    ended = stage.run("-p", "no:xdist", plugins=())

    ended.assert_promoted()
    assert ended.counts == {"passed": 3}


def test_every_test_on_every_worker_is_refused(stage: Stage) -> None:
    stage.suite("def test_it(): ...")

    ended = stage.run("-n", "2", "--dist", "each")

    ended.assert_never_begun(4)
    assert "--dist each runs every test on every worker" in ended.output


# Never begun


def test_a_file_that_cannot_be_imported_begins_nothing(stage: Stage) -> None:
    stage.suite("def test_it(): ...")
    stage.suite("raise ValueError('no such module')", "test_broken.py")

    ended = stage.run("-n", "2")

    ended.assert_never_begun(2)
    assert "no such module" in ended.output


def test_no_test_begins_nothing(stage: Stage) -> None:
    stage.suite("")

    ended = stage.run("-n", "2")

    ended.assert_never_begun(5)


def test_workers_that_collect_different_tests_begin_nothing(stage: Stage) -> None:
    stage.suite("""
@pytest.mark.parametrize("worker", [WORKER])
def test_it(worker): ...
""")

    ended = stage.run("-n", "2")

    ended.assert_never_begun(3)
    assert "the workers collected different tests" in ended.output


def test_a_load_that_cannot_be_run_begins_nothing(stage: Stage) -> None:
    stage.suite("""
@pytest.mark.load("load/nowhere.py")
def test_it(load): ...
""")

    ended = stage.run("-n", "2")

    ended.assert_never_begun(4)
    assert "load/nowhere.py" in ended.output


def test_a_marker_that_cannot_be_understood_begins_nothing(stage: Stage) -> None:
    stage.suite("""
@pytest.mark.canary(30)
def test_it(): ...
""")

    ended = stage.run("-n", "2")

    ended.assert_never_begun(4)
    assert "expected e.g. canary(min_weight=30)" in ended.output
