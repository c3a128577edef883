"""The hooks of the process that drives: around the loop, at each report, at the end."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from collections import Counter
from collections.abc import Collection, Generator
from pathlib import Path
from typing import Any

import pytest

from canarytest.core import events
from canarytest.core.errors import CanaryError, ConfigError
from canarytest.core.evidence import TestOutcome
from canarytest.core.plan import Plan, Step
from canarytest.core.reasons import Cause
from canarytest.plugin import archive, asking, github, interrupts
from canarytest.plugin.distributed import is_distributed, read_specs
from canarytest.plugin.loads import Specs, specs_of
from canarytest.plugin.outcomes import Outcomes, TestSoFar, short_reason
from canarytest.plugin.redacting import REDACTOR, ReportRedaction, clean_files
from canarytest.plugin.run import Run, RunInfo
from canarytest.plugin.screen import Screen, width_of
from canarytest.plugin.settings import Settings
from canarytest.plugin.steps import StepCollection, label_in, remember_all_steps
from canarytest.reporting import build, summary, terminal
from canarytest.reporting.log import EventLog
from canarytest.signals import load

_CHECKED = "canarytest/locustfiles"  # in pytest's cache: locustfiles known to import


class CollectOnly:
    """Registers the collection by steps once all selecting plugins are there."""

    def __init__(self, collection: StepCollection, plan: Plan) -> None:
        self._collection = collection
        self._plan = plan

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Let our sorting wrap every other plugin's selection."""
        session.config.pluginmanager.register(self._collection, "canarytest-steps")
        remember_all_steps(session.config, self._plan)


class RunHooks:
    """Lets a run begin before the first test, hear of each, and end whatever happens."""

    run: Run

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        log: EventLog,
        info: RunInfo,
        junit: Path,
    ) -> None:
        self._config = config
        self._settings = settings
        self._log = log
        self._info = info
        self._junit = junit  # where pytest writes it
        self._redactor = config.stash[REDACTOR]
        self._reports = ReportRedaction(config, self._redactor)
        config.pluginmanager.register(self._reports, "canarytest-redaction")
        self._outcomes = Outcomes()
        self._screen: Screen | None = None  # None: nobody wants to see it
        self._items: list[pytest.Item] = []
        self._collected: Collection[str] = ()  # node ids
        self._summary: dict[str, Any] | None = None
        self._paths: dict[str, Path | str] = {}
        self._troubles: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """Show the rollout on the terminal as it goes."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and reporter.verbosity >= 0:
            self._screen = screen = Screen(self._config, reporter)
            self._config.add_cleanup(screen.close)
            screen.tell(self._log)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember the tests: their markers say which loads there are."""
        self._items = session.items
        self._collected = [item.nodeid for item in session.items]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Remember the tests under xdist: each worker has the same ones."""
        self._collected = ids

    def between(self, over: str | None, upcoming: str | None) -> None:
        """Begin the rollout before the first step; then as `Run.between`."""
        if over is None:
            self.run.begin(self._known_specs(), self._tests())
        self.run.between(over, upcoming)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """
        Walk the rollout around the tests; leaving this in any way ends it.

        The innermost wrapper: whatever others do after the tests, the traffic is back before.
        """
        trouble: tuple[Cause, str] | None = None
        with interrupts.told(self._interrupted):
            try:
                return (yield)
            except (KeyboardInterrupt, session.Interrupted, pytest.exit.Exception) as error:
                trouble = Cause.INTERRUPTED, f"interrupted: {str(error) or type(error).__name__}"
                raise
            except session.Failed:
                raise
            except BaseException as error:
                trouble = Cause.INTERNAL, f"{type(error).__name__}: {error}"
                raise
            finally:
                if self.run.is_begun:
                    self.run.end(trouble)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hear of a phase of a test; a bad one aborts here and now."""
        self._reports.learn(report)
        test, is_bad, is_over = self._outcomes.take(report)
        if is_bad and test.outcome is not None:
            self.run.driver.see_test(test.outcome, short_reason(report, self._redactor.text))
        elif is_over and test.outcome is not None and not _is_bad(test.outcome):
            self.run.driver.see_test(test.outcome, "")
        self._reports.clean(report)  # the other reporters are told after this
        if is_over:
            self._log(self._finished(report, test))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """
        Write what the run leaves, and say by the exit status how the rollout ended.

        The outermost wrapper: the summary is there when the terminal shows it, the JUnit XML when
        it is copied, and no other plugin has the last word on the exit status.
        """
        if self.run.outcome is not None:
            self._log.close()
            self._troubles += clean_files(self._info.directory, self._redactor)
            self._leave()
            self._troubles += archive.file_run(self._settings.archive, self._info.directory)
        try:
            yield
        except Exception:  # noqa: BLE001  another plugin's trouble; uncaught, it would exit with 1
            self._config.notify_exception(pytest.ExceptionInfo.from_current())
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        self._keep_junit()
        if self._summary is not None:
            github.tell(os.environ, self._info.directory, self._summary, self._config.rootpath)
        if self.run.outcome is not None:
            session.exitstatus = self.run.outcome.exit_status

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the summary, and where to read on."""
        if self._summary is None and not self._troubles:
            return
        terminalreporter.section("canary")
        if self._summary is not None:
            lines = terminal.table(
                self._summary,
                paths=self._paths,
                width=width_of(terminalreporter),
                is_brief=terminalreporter.verbosity < -1,
            )
            for line in lines:
                terminalreporter.write_line(line)
        for trouble in self._troubles:
            terminalreporter.write_line(trouble, red=True)

    def approve(self, step: Step) -> bool:
        """Ask a person whether the rollout may leave *step*, where that is wanted."""
        if self._config.option.canary_approve == "auto":
            return True
        self.pytest_enter_pdb()
        try:
            return asking.may_leave(self._config, step)
        finally:
            self.pytest_leave_pdb()

    def pytest_enter_pdb(self) -> None:
        """Leave the terminal to the debugger."""
        if self._screen is not None:
            self._screen.hold(is_held=True)

    def pytest_leave_pdb(self) -> None:
        """Take the terminal back."""
        if self._screen is not None:
            self._screen.hold(is_held=False)

    def _interrupted(self, name: str) -> None:
        if self.run.is_begun:
            self.run.driver.abort(Cause.INTERRUPTED, f"interrupted by {name}")

    def _leave(self) -> None:
        """Write the summary and the report; what cannot be written is told, and hurts nothing."""
        directory, root = self._info.directory, self._config.rootpath
        self._troubles += filter(None, (self._log.trouble, *self._log.reporter_troubles))
        self._paths["run"] = _short(directory, root)
        try:
            self._summary = summary.write(directory)
        except (CanaryError, OSError) as error:
            self._troubles.append(f"the summary could not be written: {error}")
        if not getattr(self._config.option, "allure_report_dir", None):
            return
        results = Path(self._config.option.allure_report_dir)
        try:
            build.rebuild(directory, results)
            if self._config.option.canary_report:
                self._paths["report"] = _short(build.page(directory), root)
        except (CanaryError, OSError) as error:
            self._troubles.append(f"the report could not be written: {error}")

    def _keep_junit(self) -> None:
        """Have the JUnit XML among what the run leaves, also where the user wants it elsewhere."""
        copy = self._info.directory / "junit.xml"
        if self._junit != copy:
            with contextlib.suppress(OSError):  # it may be switched off
                shutil.copyfile(self._junit, copy)

    @functools.cached_property
    def _steps(self) -> dict[str, Step]:
        return {step.label: step for step in self.run.plan.steps}

    def _tests(self) -> dict[str, int]:
        labels = list(self._steps)
        return dict(Counter(label_in(nodeid, labels) or "" for nodeid in self._collected))

    def _finished(self, report: pytest.TestReport, test: TestSoFar) -> events.TestFinished:
        steps = self._steps
        label = label_in(report.nodeid, steps) or ""
        return events.TestFinished(
            self.run.clock.time(),
            step=steps[label].index if label else 0,
            label=label,
            nodeid=report.nodeid,
            outcome=test.outcome or TestOutcome.ERROR,
            seconds=test.seconds,
            message=test.message,
            worker=test.worker,
            sections=test.sections,
            about=test.about,
            exchanges=test.exchanges,
        )

    def _known_specs(self) -> Specs:
        """Return the loads. Raises UsageError for a bad one, before anything is touched."""
        settings = self._settings
        try:
            if is_distributed(self._config):
                specs = read_specs(self._info.directory / "loads.json", settings.root)
            else:
                specs = specs_of(self._items, settings.load, settings.root)
            self._check_locustfiles(specs)
        except ConfigError as error:
            raise pytest.UsageError(str(error)) from None
        return specs

    def _check_locustfiles(self, all_specs: Specs) -> None:
        """Import each locustfile once in a child; what is known to import is not tried again."""
        cache = getattr(self._config, "cache", None)  # `-p no:cacheprovider` takes it away
        known = cache.get(_CHECKED, {}) if cache else {}
        specs = {spec.file: spec for here in all_specs.values() for spec in here.values()}
        for path, spec in specs.items():
            stat = path.stat()
            mark = [stat.st_mtime_ns, stat.st_size]
            if known.get(str(path)) != mark:
                load.check(spec)
                known[str(path)] = mark
        if cache and specs:
            cache.set(_CHECKED, known)


def _short(path: Path, root: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path


def _is_bad(outcome: TestOutcome) -> bool:
    return outcome in (TestOutcome.FAILED, TestOutcome.ERROR, TestOutcome.INCONCLUSIVE)
