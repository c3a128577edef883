"""What the benchmarks work out of what they were told."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import (
    client,
    load_throughput,
    locust_windows,
    rollout,
    start_up,
    step_overhead,
    way_back,
)
from benchmarks.client import Answer
from benchmarks.locust_windows import Window
from canarytest.plugin import preflight, settings


@pytest.mark.parametrize("name", [*command.NAMES, *command.ON_DEMAND])
def test_each_benchmark_has_a_quick_way(name: str) -> None:
    main = importlib.import_module(f"benchmarks.{name}").main

    assert inspect.signature(main).parameters["quick"].default is False


def test_a_project_is_one_that_preflight_lets_pass(tmp_path: Path) -> None:
    rollout.write(tmp_path, "", weights=[0, 50])
    found = preflight.check(settings.read(tmp_path, None))

    assert not found.errors
    assert [(step.weight, step.bake_s) for step in found.plan.steps] == [(0, 0), (50, 0)]


def test_the_plugins_of_others_are_blocked() -> None:
    blocked = rollout.others_blocked()

    assert "no:hypothesispytest" in blocked
    assert not {f"no:{name}" for name in rollout.OURS} & set(blocked)


def test_a_client_tells_the_last_answer_and_the_errors(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.write_text("10.0 v101 200\n10.5 v100 200\n11.0 - 0\n11.2 v100 200\n11.9 v10")
    answers = client.read(notes)

    assert answers[2] == Answer(11.0, "-", 0)
    assert len(answers) == 4
    assert client.last_of("v101", answers) == 10.0
    assert client.errors(answers, 10.0, 11.0) == 1
    assert client.errors(answers, 10.0, 10.9) == 0


def test_the_way_back_ends_with_the_canarys_last_answer(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.write_text("10.0 v101 200\n10.2 v101 200\n10.3 v100 200\n")

    assert way_back.seen_by_client(notes, 10.0) == pytest.approx((0.2, 0))
    assert way_back.seen_by_client(notes, 10.25) == (0.0, 0)


def test_a_client_that_ended_too_early_proves_nothing(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.write_text("10.0 v100 200\n10.2 v101 200\n")

    with pytest.raises(RuntimeError, match="no response after"):
        way_back.seen_by_client(notes, 10.0)


def test_a_step_takes_the_mean_of_all() -> None:
    assert step_overhead.mean_between([1.0, 1.5, 3.0]) == 1.0


def test_costs_are_compared_with_their_neighbours() -> None:
    assert start_up.differences([0.3, 0.5], [0.2, 0.6]) == [pytest.approx(100), pytest.approx(-100)]


def test_windows_come_in_pairs_of_either_order() -> None:
    assert list(locust_windows.order(3)) == [False, True, True, False, False, True]

    ours, plain = Window(True, 98.0, 980.0), Window(False, 100.0, 1000.0)

    assert locust_windows.in_pairs([plain, ours, ours, plain]) == [(ours, plain)] * 2


def test_a_pair_without_requests_says_nothing() -> None:
    ours, plain = Window(True, 98.0, 980.0), Window(False, 100.0, 1000.0)
    stalled = Window(False, 0.0, 0.0)

    assert locust_windows.in_pairs([plain, ours, ours, stalled, plain, ours]) == [(ours, plain)] * 2


def test_windows_are_read_from_what_locust_prints() -> None:
    output = f"Type Name\n{locust_windows.MARK}[[true, 98.0, 980.0]]\n"

    assert locust_windows.read(output) == [Window(True, 98.0, 980.0)]


def test_petclinics_own_counter_is_read() -> None:
    page = (
        'http_requests_total{path="/petclinic/actuator/info",status="200"} 41\n'
        'http_requests_total{path="/petclinic/login",status="200"} 7\n'
    )

    assert load_throughput.counts(page) == [41]
