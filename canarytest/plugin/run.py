"""One run: the driver, what it is told, and where its events go."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from canarytest.clock import SystemClock
from canarytest.core import events
from canarytest.core.driver import Driver
from canarytest.core.errors import CanaryError
from canarytest.core.measure import LoadSecond
from canarytest.core.plan import Plan, Step
from canarytest.core.ports import Facts, Platform
from canarytest.core.proof import ProbeSample
from canarytest.core.reasons import Cause, Outcome, left_at, outcome_of
from canarytest.core.stretch import drill_at
from canarytest.core.telling import Emit
from canarytest.plugin.aftermath import Aftermath
from canarytest.plugin.answers import Answers
from canarytest.plugin.controlled import ControlledAnalyses
from canarytest.plugin.exposed import Exposed
from canarytest.plugin.gate import Gate
from canarytest.plugin.loads import Specs, StepLoads
from canarytest.plugin.power import judging, needs_as_json, needs_of
from canarytest.plugin.queries import tags_of
from canarytest.plugin.sampling import EdgeTallies, Ticker
from canarytest.plugin.settings import Settings
from canarytest.plugin.watches import Watching
from canarytest.signals.probe import Probe

PROOF_MARGIN = 1.2  # the probe asks this much faster than the proof needs


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What is known of a run before it begins."""

    run_id: str
    directory: Path
    warnings: tuple[str, ...]
    versions: Mapping[str, str]
    surroundings: Mapping[str, object] = field(default_factory=dict)  # executor, context, links
    aa: bool = False  # both versions are the same build


class Run:
    """Walks one rollout; the pytest side tells it where the tests are."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        *,
        platform: Platform,
        info: RunInfo,
        emit: Emit,
        gate: Gate,
        approve: Callable[[Step], bool],
        drill: int | None,
        watching: Watching = lambda _: (),
    ) -> None:
        self.settings = settings
        self.plan = plan
        self.info = info
        self.clock = SystemClock()
        self.driver = Driver(
            plan,
            platform,
            settings.policy,
            clock=self.clock,
            emit=emit,
            limits=settings.limits,
        )
        self.outcome: Outcome | None = None  # of the run, once it ended
        self.is_begun = False
        self._platform = platform
        self._emit = emit
        self._gate = gate
        self._approve = approve
        self._drill = drill_at(plan, drill)  # the label
        self._probe: Probe | None = None
        self._loads: StepLoads | None = None
        self._edge = EdgeTallies()
        self._exposed = Exposed(settings.exposure, settings.prometheus)
        self._controlled = ControlledAnalyses(platform, self.driver)
        self._watches = watching(self.driver)
        self._ticker = Ticker(self._tick)
        self._aftermath = Aftermath(platform, self.clock, emit)
        self.answers = Answers(self.driver)  # for the fixtures
        self._began = self.clock.now()
        self.driver.on_abort(self._on_abort)

    def begin(self, specs: Specs, tests: Mapping[str, int]) -> None:
        """Take the rollout over; there are so many *tests* for each label of a step."""
        self.is_begun = True
        began = self.clock.time()
        self.driver.begin(lambda facts: self._emit(self._started(facts, began, tests, specs)))
        facts = self.driver.facts
        if facts is None:
            return
        self._exposed.begin(tags_of(self.driver))
        self._loads = StepLoads(specs, self.driver, self.info.directory, self._tell_load)
        self.answers.loads, self.answers.probe_path = self._loads, self._probe_path(facts)
        self._probe = Probe(
            facts.reach.edge,
            lambda: self.answers.facts().reach.identity,
            path=self.answers.probe_path,
            rate=self.settings.probe_rate,
            deliver=self._deliver,
        )
        self._probe.start()
        self._ticker.start()
        if self.driver.reason is not None:  # before there was a probe to be told
            self._on_abort()

    def between(self, over: str | None, upcoming: str | None) -> None:
        """
        Judge the step *over*, and open the one *upcoming*; promote where there is none.

        A promotion that may be undone is such a step; after it the previous revision is let go.
        """
        if over is None:
            pass
        elif self._close() is None:
            return
        elif over == self._drill:
            self.driver.abort(Cause.DRILL, f"drill: aborted on purpose at {over}")
            return
        if self.driver.reason is not None:
            return
        following = self._following(over)
        if following is None and self.plan.stays:
            self.driver.leave()
        elif following is None:
            if over is None or self._is_approved(over, following):
                self._stop_watches()  # promoted is promoted, as with Argo
                self.driver.promote()
        elif following.label != upcoming:
            self.driver.abort(
                Cause.INCONCLUSIVE,
                f"step {following.label} has no tests: nothing would be verified there "
                "(all deselected, or excluded by their markers)",
            )
        elif over is None or self._is_approved(over, following):
            self._open(following)

    def end(self, trouble: tuple[Cause, str] | None) -> Outcome:
        """
        End the run, whatever happened: abort what was not promoted, prove it, take all down.

        *trouble* is why the tests ended early, if they did.
        """
        driver = self.driver
        cause, sentence = trouble or (Cause.INTERNAL, "the run ended before the last step")
        proven = False
        try:
            self._abort_unless_ended(cause, sentence)
            self._stop_loads()
            proven = driver.settle()
        except KeyboardInterrupt:
            proven = self._give_up(cause, sentence)
        finally:
            self.outcome = self._outcome(proven=proven)
            self._take_down(self.outcome)
        return self.outcome

    def _give_up(self, cause: Cause, sentence: str) -> bool:
        """End the proof now, which is soon over; return whether it was proven just before."""
        while True:
            with contextlib.suppress(KeyboardInterrupt):  # what is told already stays so
                self._abort_unless_ended(cause, sentence)  # should that be what was interrupted
                self.driver.give_up("interrupted again while the rollback was being proven")
                return self.driver.settle()

    def _abort_unless_ended(self, cause: Cause, sentence: str) -> None:
        driver = self.driver
        if not (driver.is_promoted or driver.is_left) and driver.reason is None:
            driver.abort(cause, sentence)

    def _outcome(self, *, proven: bool) -> Outcome:
        driver = self.driver
        if driver.is_left and driver.step is not None:
            return left_at(driver.step.label)
        return outcome_of(driver.reason, proven=proven or driver.is_promoted)

    def _open(self, step: Step) -> None:
        loads = self._open_loads()
        self.answers.forget_split()
        if step.is_promoted:
            self._stop_watches()  # an analysis in the background ends here, as with Argo
        if not self.driver.open(step, load_expected=loads.are_expected(step)):
            return
        self._controlled.look()  # before anything can judge: what is under way holds the step
        with contextlib.ExitStack() as stack:
            stack.callback(self._gate.open, step.label)  # also when the load does not start
            try:
                for watch in self._watches:  # before anything can judge, too
                    watch.open(step)
                loads.start(step, self.answers.facts().reach)
            except CanaryError as error:
                self.driver.abort(Cause.INCONCLUSIVE, str(error))
        if self.driver.reason is not None:
            self._shut()

    def _close(self) -> object | None:
        judgement = self.driver.close()
        for watch in self._watches:
            watch.close()
        self._stop_loads()
        return judgement

    def _is_approved(self, over: str, following: Step | None) -> bool:
        """Ask once where somebody has to let it go on, and before the promotion."""
        step = self._step(over)
        is_promotion = following.is_promoted if following else not step.is_promoted
        if (step.indefinite or is_promotion) and not self._approve(step):
            self.driver.abort(Cause.NOT_APPROVED, f"nobody approved to go on from {over}")
            return False
        return True

    def _on_abort(self) -> None:
        """The order to go back was sent: shut the gate, and look closer at the edge."""
        self._shut()
        step = self.driver.step
        self._aftermath.begin(step.index if step else 0, self.clock.time())
        self._stop_watches()
        terms = self.settings.limits.proof
        if self._probe is not None:
            rate = PROOF_MARGIN * terms.responses / max(terms.window_s, 0.1)
            self._probe.hurry(max(rate, self.settings.probe_rate))
        threading.Thread(target=self._stop_loads, name="canarytest-stop-load", daemon=True).start()

    def _shut(self) -> None:
        if self.driver.reason is not None:
            self._gate.shut(str(self.driver.reason))

    def _deliver(self, samples: Sequence[ProbeSample]) -> None:
        self.driver.see_probe(samples)
        self._edge.add(samples)

    def _tick(self) -> None:
        """Each second: the gauges, and what the probe saw in it."""
        try:
            gauges = self._platform.gauges()
        except Exception as error:  # noqa: BLE001  what cannot be measured now may be in a second
            self._measured("platform", {"trouble": f"{type(error).__name__}: {error}"})
            gauges = {}
        if gauges:
            self.driver.see_gauges(gauges)
            self._measured("platform", dict(gauges))
        self._controlled.look()
        if tallies := self._edge.cut():
            self._measured("probe", {"tallies": tallies})

    def _tell_load(self, step: Step, second: LoadSecond) -> None:
        if not step.is_dark and self.answers.facts().reach.identity.header is not None:
            self._edge.count_load(second)  # else it was not at the edge
        self._measured("load", second.as_json())

    def _measured(self, source: str, values: Mapping[str, object]) -> None:
        step = self.driver.step
        self._emit(
            events.MeasurementTaken(
                self.clock.time(), step=step.index if step else 0, source=source, values=values
            )
        )

    def _take_down(self, outcome: Outcome) -> None:
        """End what runs beside the tests, the platform last, and say how the run ended."""
        with contextlib.ExitStack() as stack:
            exposure = self._exposure()
            stack.callback(
                lambda: self._emit(
                    events.RunEnded(
                        self.clock.time(),
                        outcome=outcome.outcome,
                        exit_status=outcome.exit_status,
                        reason=outcome.reason,
                        seconds=self.clock.now() - self._began,
                        exposure=exposure,
                    )
                )
            )
            stack.callback(self._platform.close)
            stack.callback(self._aftermath.end)
            if self._probe is not None:
                stack.callback(self._probe.stop)
            stack.callback(self._controlled.look)  # the last measurements
            stack.callback(self._ticker.stop)
            stack.callback(self._stop_watches)
            stack.callback(self._stop_loads)

    def _exposure(self) -> Mapping[str, object]:
        asks = {"Prometheus": self._exposed.count, "router": self._platform.exposure}
        for name, ask in asks.items():
            try:
                counted = ask()
            except Exception:  # noqa: BLE001  whatever it is, all has to be taken down
                counted = None
            if counted is not None:
                return {**asdict(counted), "counted_by": name}
        seen = self._edge.of_canary()
        return {
            "requests": seen.requests,
            "failures": seen.failures,
            "counted_by": "our own load and probe: users' requests are not among them",
        }

    def _started(
        self, facts: Facts | None, began: float, tests: Mapping[str, int], specs: Specs
    ) -> events.RolloutStarted:
        plan, policy = self.plan, self.driver.policy
        look_longer_s = self.settings.limits.look_longer_s
        return events.RolloutStarted(
            began,
            run_id=self.info.run_id,
            rollout=plan.rollout,
            namespace=plan.namespace,
            platform=self.settings.platform,
            target=self.settings.target,
            stable=facts.stable if facts else "",
            canary=facts.canary if facts else "",
            images=facts.images if facts else {},
            steps=tuple(asdict(step) for step in plan.steps),
            bands={name: (band.warning, band.roll_back) for name, band in policy.bands.items()},
            warnings=self.info.warnings,
            versions=self.info.versions,
            tests=tests,
            needs=needs_as_json(needs_of(plan, specs, policy, facts.reach, look_longer_s))
            if facts
            else (),
            judging=judging(policy),
            aa=self.info.aa,
            surroundings=self.info.surroundings,
        )

    def _following(self, over: str | None) -> Step | None:
        index = -1 if over is None else self._step(over).index
        return self.plan.steps[index + 1] if index + 1 < len(self.plan.steps) else None

    def _step(self, label: str) -> Step:
        return next(step for step in self.plan.steps if step.label == label)

    def _open_loads(self) -> StepLoads:
        if self._loads is None:
            raise CanaryError("the rollout has not begun")
        return self._loads

    def _stop_loads(self) -> None:
        if self._loads is not None:
            self._loads.stop()

    def _stop_watches(self) -> None:
        for watch in self._watches:
            watch.stop()

    def _probe_path(self, facts: Facts) -> str:
        return self.settings.probe_path or facts.reach.identity.path or "/"
