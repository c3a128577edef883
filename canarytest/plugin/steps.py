"""Collection: each test once for each step of the plan, in the order of the plan."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from canarytest.core.plan import Plan
from canarytest.plugin import marker

PARAMETER = "step"  # a fixture of ours; in node ids, JUnit and Allure's history alike
WAITING = {"load", "split"}  # fixtures that look for a while: last, beside nothing that waits


def label_of(item: pytest.Item) -> str:
    """Return the label of the step that *item* belongs to."""
    callspec = getattr(item, "callspec", None)
    label = callspec.params.get(PARAMETER) if callspec else None
    if not isinstance(label, str):
        raise pytest.UsageError(_not_a_step_item(item))
    return label


def label_in(nodeid: str, labels: Iterable[str]) -> str | None:
    """Return the label in *nodeid*, of which only the text is known; None if there is none."""
    match = _labelled(tuple(labels)).search(nodeid)
    return match[1] if match else None


@functools.cache
def _labelled(labels: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds one of *labels*; asked for each test, so it is made once."""
    pattern = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    return re.compile(rf"::[^:\[]+\[({pattern})(?:-.*)?\]", re.DOTALL)


class StepCollection:
    """The hooks of every process that collects."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._labels = [step.label for step in plan.steps]
        self._steps = {step.label: step for step in plan.steps}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> Iterator[None]:
        """
        Make the step the first parameter of every test: `test_login[10%]`.

        A wrapper, to come before a conftest's hook that wants to be first as well.
        """
        if PARAMETER not in metafunc.fixturenames:
            metafunc.fixturenames.append(PARAMETER)
        metafunc.parametrize(PARAMETER, self._labels, indirect=True, scope="session")
        try:
            return (yield)
        except (pytest.Collector.CollectError, ValueError) as error:
            if "duplicate" in str(error) and repr(PARAMETER) in str(error):
                raise pytest.Collector.CollectError(_taken(metafunc)) from None
            raise

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Iterator[None]:
        """Drop the tests that their markers exclude, then sort by step. Selection comes first."""
        result = yield
        wanted = [item for item in items if self._is_wanted(item)]
        if len(wanted) < len(items):
            kept = set(map(id, wanted))
            config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
        items[:] = sorted(wanted, key=self._place)
        return result

    def _place(self, item: pytest.Item) -> tuple[int, bool]:
        waits = not WAITING.isdisjoint(getattr(item, "fixturenames", ()))
        return self._steps[label_of(item)].index, waits

    def _is_wanted(self, item: pytest.Item) -> bool:
        step = self._steps[label_of(item)]
        return all(
            marker.read(mark, self._labels, item.nodeid).admits(step)
            for mark in item.iter_markers("canary")
        )


def remember_all_steps(config: pytest.Config, plan: Plan) -> None:
    """
    Let `--lf` and `--ff` select a test at every step if it failed at one.

    What failed last is known by node id, which has the step in it, and a rollout in which a test
    runs at the first step only could never be promoted. `lastfailed` is pytest's own name, not a
    public one: a test of ours fails should it move.
    """
    plugin = config.pluginmanager.get_plugin("lfplugin")
    failed: dict[Any, bool] | None = getattr(plugin, "lastfailed", None)
    if not failed:
        return
    labels = [step.label for step in plan.steps]
    for key in list(failed):
        nodeid, make = str(key), getattr(type(key), "parse", str)  # a str before pytest 9.2
        label = label_in(nodeid, labels)
        for other in labels if label else ():
            failed[make(nodeid.replace(f"[{label}", f"[{other}", 1))] = True


def _taken(metafunc: pytest.Metafunc) -> str:
    return (
        f"{metafunc.definition.nodeid}: {PARAMETER!r} is canarytest's own parameter, the open "
        "step; give yours another name"
    )


def _not_a_step_item(item: pytest.Item) -> str:
    return (
        f"{item.nodeid} cannot be run at each step of a rollout: it is a {type(item).__name__}, "
        "which pytest cannot parametrise; expected a test function or a method of a plain class "
        "(no unittest.TestCase, no doctest). Deselect it, e.g. by --deselect or -m"
    )
