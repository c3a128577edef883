"""The hooks under pytest-xdist: of the controller, and of its workers."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Generator, Hashable, Iterable
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.errors import ConfigError
from canarytest.core.plan import Plan
from canarytest.plugin.loads import Specs, specs_from_json, specs_of, specs_to_json
from canarytest.plugin.remote import ServiceServer
from canarytest.plugin.scheduling import StepScheduling
from canarytest.plugin.service import Service
from canarytest.plugin.settings import Settings
from canarytest.plugin.steps import label_in

GATE, SERVICE, LOADS = "canary_gate", "canary_service", "canary_loads"  # in `workerinput`
RESULTS = "canary_results"  # in `workerinput` too: xdist hands on what was typed, and no more
ALLURE = "allure_report_dir"  # the option of allure-pytest that it is for
USAGE = "canary_usage"  # in `workeroutput`


def is_distributed(config: pytest.Config) -> bool:
    """Whether the tests run on workers of xdist, and this is their controller."""
    return getattr(config.option, "dist", "no") != "no" and not hasattr(config, "workerinput")


class WorkerHooks:
    """A worker tells what only it knows of its tests; the controller has nothing but node ids."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self._path = path
        self._settings = settings

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, object, object]:
        """Let the controller say what the user got wrong; a worker has nobody to say it to."""
        try:
            return (yield)
        except pytest.UsageError as error:
            session.config.workeroutput[USAGE] = str(error)  # type: ignore[attr-defined]  # xdist adds it
            raise

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write the loads and the groups down; every worker finds the same ones."""
        try:
            specs = specs_of(session.items, self._settings.load, self._settings.root)
        except ConfigError as error:
            raise pytest.UsageError(str(error)) from None
        has_groups = getattr(session.config.option, "loadgroup", False)
        told = {
            "specs": specs_to_json(specs),
            "groups": _groups_of(session.items) if has_groups else {},
        }
        fresh = self._path.with_suffix(f".{session.config.workerinput['workerid']}")  # type: ignore[attr-defined]  # xdist adds it
        fresh.write_text(json.dumps(told), "utf-8")
        fresh.replace(self._path)  # before xdist tells the controller that all is collected


class ControllerHooks:
    """The controller: it schedules, and answers what the workers' fixtures ask."""

    def __init__(
        self,
        plan: Plan,
        service: Service,
        *,
        directory: Path,
        between: Callable[[str | None, str | None], None],
        is_aborted: Callable[[], bool],
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._between = between
        self._is_aborted = is_aborted
        self._server = ServiceServer(service)
        self._session: pytest.Session
        self._scheduler: StepScheduling | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Remember who counts the errors of the collection."""
        self._session = session

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Say what a worker found wrong with how the suites are written."""
        told = getattr(node, "workeroutput", {}).get(USAGE)
        if told is not None:
            raise pytest.UsageError(told)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where the gate is, and whom its fixtures may ask."""
        node.workerinput[GATE] = str(self._directory / "gate.json")
        node.workerinput[LOADS] = str(self._directory / "loads.json")
        node.workerinput[SERVICE] = self._server.address
        node.workerinput[RESULTS] = getattr(node.config.option, ALLURE, None)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config) -> StepScheduling:
        """Run step after step, and keep together in a step what `--dist` wants together."""
        from xdist.workermanage import parse_tx_spec_config  # noqa: PLC0415  xdist is optional

        labels = [step.label for step in self._plan.steps]
        indices = {label: index for index, label in enumerate(labels)}

        def between(over: int | None, upcoming: int | None) -> None:
            if over is None:
                self._refuse_collection_errors()
            self._between(
                None if over is None else labels[over],
                None if upcoming is None else labels[upcoming],
            )

        self._scheduler = StepScheduling(
            config,
            len(parse_tx_spec_config(config)),
            step_of=lambda nodeid: indices[label_in(nodeid, labels) or ""],
            between=between,
            unit_of=_unit_of(config.option.dist, self._directory / "loads.json"),
            is_draining=self._is_aborted,
        )
        return self._scheduler

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Let a crash be blamed on the test that had begun, and on no other."""
        if self._scheduler is not None:
            self._scheduler.mark_test_started(nodeid)

    def pytest_unconfigure(self) -> None:
        """Answer nobody any more."""
        self._server.close()

    def _refuse_collection_errors(self) -> None:
        """Do as pytest does in one process; xdist would run the rest, and that would promote."""
        session = self._session
        errors = session.testsfailed
        if errors and not session.config.option.continue_on_collection_errors:
            raise session.Interrupted(f"{errors} error{'s' * (errors > 1)} during collection")


def read_specs(path: Path, root: Path) -> Specs:
    """Return the loads that the workers wrote to *path*."""
    return specs_from_json(json.loads(path.read_text("utf-8"))["specs"], root)


def refuse_unknown_distribution(dist: str) -> None:
    """Raise ConfigError for a way to distribute that has no meaning with steps."""
    if dist == "each":
        raise ConfigError(
            "--dist each runs every test on every worker, which a rollout cannot judge; "
            "expected load, loadscope, loadfile, loadgroup or worksteal"
        )


def _unit_of(dist: str, told: Path) -> Callable[[str], Hashable] | None:
    """Return what names the group of a test within its step; None: each for itself."""

    @functools.cache
    def groups() -> dict[str, str]:
        found: dict[str, str] = json.loads(told.read_text("utf-8"))["groups"]
        return found

    return {
        "loadscope": lambda nodeid: nodeid.rpartition("::")[0],
        "loadfile": lambda nodeid: nodeid.partition("::")[0],
        "loadgroup": lambda nodeid: groups().get(nodeid, nodeid),
    }.get(dist)


def _groups_of(items: Iterable[pytest.Item]) -> dict[str, str]:
    """
    Return the groups of those of *items* that are in one, by node id.

    xdist 3.8 means to append them to the node ids, which pytest 9.2 no longer lets it do.
    """
    groups: dict[str, str] = {}
    for item in items:
        names = {
            str(mark.args[0] if mark.args else mark.kwargs.get("name", "default"))
            for mark in item.iter_markers("xdist_group")
        }
        if names:
            groups[item.nodeid] = "@" + "_".join(sorted(names))
    return groups
