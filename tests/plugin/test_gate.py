"""The gate: closed by default, and shut for good."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from canarytest.core.plan import Plan, plan_of
from canarytest.plugin.gate import Gate
from tests.plugin.project import STEPS, Project, manifest
from tests.plugin.stage import Stage, stage

__all__ = ["stage"]


@pytest.fixture
def plan() -> Plan:
    return plan_of(manifest(STEPS))


@pytest.fixture
def gate(tmp_path: Path, plan: Plan) -> Gate:
    return Gate(tmp_path / "gate.json", plan)


def test_nothing_runs_before_a_step_is_opened(gate: Gate) -> None:
    assert gate.refusal("dark") == "step dark was never opened"


def test_what_one_process_opens_another_sees(gate: Gate, tmp_path: Path, plan: Plan) -> None:
    other = Gate(tmp_path / "gate.json", plan)
    for label, later in (("dark", "10%"), ("10%", "50%")):
        gate.open(label)

        assert other.refusal(label) is None
        assert other.refusal(later) == f"step {later} was never opened"


def test_what_was_shut_is_not_opened_again(gate: Gate, tmp_path: Path, plan: Plan) -> None:
    other = Gate(tmp_path / "gate.json", plan)
    gate.open("dark")
    assert other.refusal("dark") is None

    gate.shut("aborted at dark: boom")
    gate.open("10%")

    assert other.refusal("dark") == other.refusal("10%") == "aborted at dark: boom"


def test_it_can_be_shut_while_it_is_opened(gate: Gate) -> None:
    threads = [
        threading.Thread(target=act)
        for _ in range(20)
        for act in (lambda: gate.open("dark"), lambda: gate.shut("boom"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert gate.refusal("dark") == "boom"


def test_who_saw_too_little_because_of_the_abort_is_skipped(project: Project) -> None:
    project.suite(
        """
        from canarytest import Inconclusive

        def test_split(canary):
            canary.get("/restart")
            raise Inconclusive("only 3 responses")
        """
    )

    project.run()

    assert project.tests["test_split[dark]"] == "skipped"
    (ended, *_) = project.events_of("TestFinished")
    assert ended["message"] == "aborted at dark: the canary restarted: boom"


def test_a_test_under_way_on_another_worker_asks_the_canary_no_more(stage: Stage) -> None:
    stage.suite("""
def test_asks(canary):
    note("asks")
    while True: canary.get("/")

def test_fails():
    wait_for("asks")
    assert False, "wrong"
""")
    ended = stage.run("-n", "2")

    ended.assert_aborted(1)
    assert ended.outcomes["test_asks[dark]"] == "skipped"
    assert ended.messages["test_asks[dark]"] == (
        "aborted at dark: test_fails failed: AssertionError: wrong"
    )


def test_why_it_is_shut_is_written_without_secrets(gate: Gate, tmp_path: Path) -> None:
    gate.open("dark")
    gate.shut("test_it failed: token=abcdef")

    assert "abcdef" not in (tmp_path / "gate.json").read_text()
    assert gate.refusal("dark") == "test_it failed: token=«redacted»"
