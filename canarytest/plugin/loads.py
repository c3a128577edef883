"""The loads of the open step: which there are, and where their seconds go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.driver import Driver
from canarytest.core.errors import ConfigError, Inconclusive
from canarytest.core.measure import LoadSecond
from canarytest.core.plan import Step
from canarytest.core.reach import Endpoint, Reach, Version
from canarytest.plugin.service import LoadBoard
from canarytest.plugin.steps import label_of
from canarytest.signals.generator import saturation
from canarytest.signals.load import Ending, Load, LoadEnd, LoadSpec

DEFAULT = "default"  # the key of the load that the configuration gives every step
Specs = Mapping[str, Mapping[str, LoadSpec]]  # label -> key -> load


def key_of(mark: pytest.Mark | None) -> str:
    """Return what tells one load from another: the same marker on two tests is one load."""
    if mark is None:
        return DEFAULT
    return repr((mark.args, sorted(mark.kwargs.items())))


def specs_of(items: Iterable[pytest.Item], default: LoadSpec | None, root: Path) -> Specs:
    """
    Return the loads of each step that *items* belong to.

    Raises ConfigError for a marker that cannot be run, or a test that asks for a load where
    there is none.
    """
    specs: dict[str, dict[str, LoadSpec]] = {}
    for item in items:
        here = specs.setdefault(label_of(item), {DEFAULT: default} if default else {})
        mark = item.get_closest_marker("load")
        key = key_of(mark)
        if mark is not None and key not in here:
            where = f"{item.nodeid}: load"
            here[key] = LoadSpec.from_marker(mark.args, mark.kwargs, root=root, where=where)
        elif mark is None and default is None and "load" in getattr(item, "fixturenames", ()):
            raise ConfigError(
                f"{item.nodeid} uses the fixture 'load', but there is none: expected "
                '@pytest.mark.load("load/visits.py", users=20, spawn_rate=20) on the test, or '
                "[tool.canarytest.load] in pyproject.toml"
            )
    return specs


def specs_to_json(specs: Specs) -> dict[str, dict[str, Any]]:
    """Return *specs* as plain data, for the process that drives."""
    return {
        label: {key: {**asdict(spec), "file": str(spec.file)} for key, spec in here.items()}
        for label, here in specs.items()
    }


def specs_from_json(data: Mapping[str, Mapping[str, Any]], root: Path) -> Specs:
    """Return what `specs_to_json` was made of."""
    return {
        label: {
            key: LoadSpec(**{**values, "file": root / values["file"]})
            for key, values in here.items()
        }
        for label, here in data.items()
    }


class StepLoads:
    """Starts the loads of a step, hands on what they count, and stops them."""

    def __init__(
        self,
        specs: Specs,
        driver: Driver,
        directory: Path,
        tell: Callable[[Step, LoadSecond], None],
    ) -> None:
        self._specs = specs
        self._driver = driver
        self._directory = directory
        self._tell = tell
        self._boards: dict[str, LoadBoard] = {}
        self._running: list[Load] = []

    def are_expected(self, step: Step) -> bool:
        """Whether *step* has a load."""
        return bool(self._specs.get(step.label))

    def start(self, step: Step, reach: Reach) -> None:
        """
        Start the loads of *step*: at the edge, or in the dark at the canary alone.

        Where no response carries the version, each version is asked alone, side by side.
        """
        self._boards = {}
        for number, (key, spec) in enumerate(self._specs.get(step.label, {}).items()):
            board = self._boards[key] = LoadBoard(is_dark=step.is_dark)
            for way, (endpoint, version) in _ways(step, reach).items():
                self._running.append(
                    Load.start(
                        spec,
                        endpoint,
                        reach.identity,
                        directory=self._directory,
                        name=f"{step.index}-{step.label.replace('%', '')}-{number}{way}",
                        version=version,
                        on_second=self._receiver(step, spec, board),
                        on_end=lambda end, board=board: self._ended(end, board),  # type: ignore[misc]
                    )
                )

    def board(self, key: str) -> LoadBoard:
        """
        Return where the seconds of the load *key* of the open step arrive.

        Raises Inconclusive if it was not started: another one failed to, or a fixture asks for
        it that the collection did not see.
        """
        board = self._boards.get(key)
        if board is None:
            raise Inconclusive(
                "this step has no such load: expected @pytest.mark.load on the test that uses the "
                "fixture 'load', or [tool.canarytest.load] in pyproject.toml"
            )
        return board

    def stop(self) -> None:
        """Stop what runs; returns when the last second is counted. Safe to call twice."""
        running, self._running = self._running, []
        for load in running:
            load.stop()
        for board in self._boards.values():
            board.end()

    def _receiver(
        self, step: Step, spec: LoadSpec, board: LoadBoard
    ) -> Callable[[LoadSecond], None]:
        seconds: list[LoadSecond] = []

        def receive(second: LoadSecond) -> None:
            seconds.append(second)
            del seconds[:-60]
            self._driver.see_load(second)  # first: it may have to abort
            board.add(second)
            self._tell(step, second)
            if trouble := saturation(seconds, spec):
                board.spoil(trouble)
                self._driver.see_load_trouble(trouble)

        return receive

    def _ended(self, end: LoadEnd, board: LoadBoard) -> None:
        if end.how is not Ending.STOPPED:
            board.spoil(end.message)
            self._driver.see_load_trouble(end.message)


def _ways(step: Step, reach: Reach) -> Mapping[str, tuple[Endpoint, Version | None]]:
    """Return where the load of *step* goes, and who answers there; None: either may."""
    if step.is_dark:
        return {"": (reach.canary, Version.CANARY)}
    if reach.identity.header is not None:
        return {"": (reach.edge, None)}
    canary = {"": (reach.canary, Version.CANARY)}
    if step.is_promoted:
        return canary  # the previous revision is no user's any more
    return {**canary, "-stable": (reach.stable, Version.STABLE)}
