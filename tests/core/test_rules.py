"""
What must always hold (section 4 of the design), over random plans, events and failures.

Left out on purpose: calls that hang, of which `test_abort.py` has each; and stamps of time where
threads run beside each other, since virtual time does not wait for them.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from canarytest.core import events
from canarytest.core.driver import Limits
from canarytest.core.errors import CanaryNotReady, Inconclusive, PlatformError
from canarytest.core.evidence import TestOutcome
from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.ports import Incident, IncidentKind, State
from canarytest.core.proof import Terms
from canarytest.core.reach import Version
from canarytest.core.reasons import Cause
from canarytest.core.sketch import Sketch
from canarytest.core.stretch import watched
from canarytest.testing import Act, Rehearsal, fails, pass_one_test, says

TERMS = Terms(window_s=2.0, responses=20, within_s=8.0, hold_s=4.0)
LIMITS = Limits(look_longer_s=3.0, abort_within_s=6.0, proof=TERMS)
Happening = Callable[[Rehearsal], object]


@dataclass
class Story:
    """What is going to happen in a run."""

    weights: list[int]
    bake_s: float
    happenings: list[tuple[float, Happening]]  # by virtual time
    calls: dict[str, list[Act]] = field(default_factory=dict)  # how the platform's calls go
    during: list[str] = field(default_factory=list)  # calls within which another thread aborts
    broken_reports: bool = False
    watched_s: float = 0.0  # how long the promotion may be undone
    lingers_s: float = 0.0  # until when a canary that was sent back could answer again

    def plan(self) -> Plan:
        steps = tuple(
            Step(i, f"{weight}%-{i}", weight, weight / 100, self.bake_s, False, i, 1, 2)
            for i, weight in enumerate(self.weights)
        )
        plan = Plan("was", "default", 2, True, steps, ("pause",) * len(steps), "", NO_LIMITS)
        return watched(plan, self.watched_s)


NO_LIMITS = Resources(None, None)
ROUNDED = 1e-6  # of times in seconds


def second(version: Version | None, requests: int, failures: int) -> LoadSecond:
    tally = Tally(requests, failures, Sketch.of([20.0] * requests))
    return LoadSecond(1.0, 10, 0.1, 0.0, (EndpointTally(version, "GET /", tally),))


def elsewhere(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def sees_test(outcome: TestOutcome) -> Happening:
    return lambda r: r.driver.see_test(outcome, f"a test {outcome}")


def sees_load(version: Version | None, failures: int) -> Happening:
    return lambda r: r.driver.see_load(second(version, 30, failures))


def sees_incident(kind: IncidentKind, version: Version | None) -> Happening:
    return lambda r: r.driver.see_incident(Incident(kind, version, f"{version} {kind}"))


def answers(version: Version | None) -> Happening:
    return lambda r: r.edge.next(version)


def aborts(cause: Cause) -> Happening:
    return lambda r: r.driver.abort(cause, f"because {cause}")


def aborts_elsewhere(cause: Cause) -> Happening:
    # Not waited for here: it may be the very thread that sends the order that runs this.
    return lambda r: threading.Thread(
        target=lambda: r.driver.abort(cause, f"elsewhere {cause}"), name="canarytest-abort"
    ).start()


def measures(value: float) -> Happening:
    return lambda r: r.driver.see_gauges({"cpu": value})


def gives_up(r: Rehearsal) -> None:
    r.driver.give_up("interrupted again")


harmless = st.one_of(
    st.builds(sees_test, st.sampled_from([TestOutcome.PASSED, TestOutcome.SKIPPED])),
    st.builds(sees_load, st.sampled_from(Version), st.just(0)),
    st.builds(measures, st.floats(0, 0.5)),
)
harmful = st.one_of(
    st.builds(sees_test, st.sampled_from(TestOutcome)),
    st.builds(sees_load, st.sampled_from([*Version, None]), st.sampled_from([1, 15, 30])),
    st.builds(sees_incident, st.sampled_from(IncidentKind), st.sampled_from([*Version, None])),
    st.builds(answers, st.sampled_from([*Version, None])),
    st.builds(aborts, st.sampled_from(Cause)),
    st.builds(aborts_elsewhere, st.sampled_from(Cause)),
    st.builds(measures, st.floats(0, 2)),
    st.just(lambda r: r.driver.see_load_trouble("the generator is too slow")),
    st.just(gives_up),
)
times = st.floats(0, 20).map(lambda at: round(at, 1))
trouble = st.sampled_from(
    [
        fails(PlatformError("503")),
        fails(CanaryNotReady("CrashLoopBackOff")),
        fails(Inconclusive("who is who")),
    ]
)
fine = st.just(lambda: None)
odd_state = st.sampled_from(
    [
        fails(PlatformError("503")),
        fails(ConnectionResetError("reset")),
        says(State(0.1, stable_complete=True)),
        says(State(0.0, stable_complete=False)),
        lambda: None,
    ]
)
refusals = st.sampled_from([fails(PlatformError("503")), fails(OSError("timed out"))])
calls = st.fixed_dictionaries(
    {},
    optional={
        "begin": st.lists(trouble, min_size=1, max_size=1),
        "open": st.lists(fine | trouble, max_size=3),
        "promote": st.lists(trouble, min_size=1, max_size=1),
        "retire": st.lists(trouble, min_size=1, max_size=1),
        "abort": st.lists(refusals, max_size=16),
        "state": st.lists(odd_state, max_size=30),
    },
)
stories = st.builds(
    Story,
    weights=st.lists(st.sampled_from([0, 10, 30, 50, 100]), min_size=1, max_size=3).map(sorted),
    bake_s=st.sampled_from([0.0, 1.0, 3.0]),
    happenings=st.lists(st.tuples(times, harmless), max_size=4).flatmap(
        lambda good: st.lists(st.tuples(times, harmful), max_size=3).map(lambda bad: good + bad)
    ),
    calls=st.just({}) | calls,
    during=st.lists(st.sampled_from(["begin", "open", "promote", "retire"]), max_size=1),
    broken_reports=st.booleans(),
    watched_s=st.sampled_from([0.0, 2.0]),
    lingers_s=st.sampled_from([0.0, 12.0, 1e6]),
)


def refuse(event: events.Event) -> None:
    raise OSError(28, "No space left on device")


def ignore(event: events.Event) -> None:
    """Report nothing."""


def join_all() -> None:
    """Wait for what still runs: the order may be being repeated."""
    while alive := [
        thread
        for thread in threading.enumerate()
        if thread.name == "canarytest-abort" and thread.is_alive()
    ]:
        alive[0].join()


def tell(story: Story) -> Rehearsal:
    """Have the story happen, to its end."""
    rehearsal = Rehearsal(
        story.plan(),
        limits=LIMITS,
        every_s=0.1,
        requests=10,
        emit=refuse if story.broken_reports else ignore,
    )
    for at, happening in story.happenings:
        rehearsal.clock.at(at, lambda happening=happening: happening(rehearsal))  # type: ignore[misc]
    for method, acts in story.calls.items():
        rehearsal.platform.next(method, *acts)
    for method in story.during:
        rehearsal.platform.next(
            method,
            lambda: elsewhere(lambda: rehearsal.driver.abort(Cause.WORLD, "in the midst of it")),
        )
    rehearsal.platform.lingers = story.lingers_s > 0
    rehearsal.clock.at(story.lingers_s, lambda: setattr(rehearsal.platform, "lingers", False))
    rehearsal.walk(pass_one_test)
    join_all()
    return rehearsal


def check_order(rehearsal: Rehearsal) -> None:
    told = [name for name in rehearsal.names if name != "MeasurementTaken"]
    if rehearsal.driver.is_promoted:
        last = ["RolloutPromoted", "StepOpened", "StepJudged"]
        assert told[-3:] == last if rehearsal.plan.may_undo else told[-1] == last[0]
        assert not {"AbortSent", "RolloutAborted"} & set(told)
        return
    if "RolloutPromoted" in told:
        assert rehearsal.plan.may_undo
        assert told.index("RolloutPromoted") < told.index("RolloutAborted")
    if "abort" not in rehearsal.platform.orders():  # it was somebody else's by then
        assert told[-1] == "RolloutAborted"
        return
    if rehearsal.driver.facts is None and told[-1] == "RolloutAborted":
        assert rehearsal.platform.share == 0  # it was never begun: no proof is owed
        assert told == ["AbortSent", "RolloutAborted"]
        return
    back = [name for name in told if name.startswith("Rollback")]
    assert back
    assert told[-len(back) - 1 :] == ["RolloutAborted", *back]
    assert "RollbackNotProven" not in back[:-1]  # one that is held may be lost, or made anew
    assert told.count("RolloutAborted") == 1
    assert told.count("AbortSent") <= 1
    assert rehearsal.driver.settle() == (back[-1] == "RollbackProven")
    if "AbortSent" in told:
        assert told.index("AbortSent") < told.index("RolloutAborted")
        assert "StepOpened" not in told[told.index("AbortSent") :]
    else:
        assert told[-1] == "RollbackNotProven"


def check_promotion(rehearsal: Rehearsal) -> None:
    judged = rehearsal.of(events.StepJudged)
    assert rehearsal.driver.reason is None
    assert [step.verdict for step in judged] == ["successful"] * len(rehearsal.plan.steps)
    assert [step.step for step in judged] == [step.index for step in rehearsal.plan.steps]
    assert rehearsal.platform.orders()[-1] == ("retire" if rehearsal.plan.may_undo else "promote")
    assert "abort" not in rehearsal.platform.calls


def check_abort(rehearsal: Rehearsal) -> None:
    reason = rehearsal.driver.reason
    assert reason is not None
    aborted = rehearsal.of(events.RolloutAborted)[0]
    assert (aborted.cause, aborted.reason, aborted.step) == (
        reason.cause, reason.sentence, reason.step,
    )  # fmt: skip
    assert all(sent.reason == reason.sentence for sent in rehearsal.of(events.AbortSent))
    if rehearsal.of(events.AbortSent):
        assert rehearsal.platform.orders()[-1] == "abort"


def check_proof(rehearsal: Rehearsal) -> None:
    for proven in rehearsal.of(events.RollbackProven):
        told_at = proven.time - rehearsal.clock.time() + rehearsal.clock.now()
        seen = [sample for sample in rehearsal.edge.samples if sample.at <= told_at + ROUNDED]
        began = seen[-1].at - proven.window + ROUNDED
        window = [s for s in seen if s.at > began]
        assert proven.responses >= TERMS.responses
        assert len(window) >= TERMS.responses
        assert all(s.is_ok and s.version is Version.STABLE for s in window)
        assert rehearsal.platform.share == 0
        last = seen[-1].at
    if rehearsal.of(events.RollbackProven) and rehearsal.driver.settle():
        later = [sample for sample in rehearsal.edge.samples if sample.at > last]
        assert not [sample for sample in later if sample.version is Version.CANARY]


@settings(max_examples=250)
@given(stories)
@example(Story([10], 1.0, []))
@example(Story([10], 1.0, [(0.5, aborts(Cause.DRILL))], {"abort": [fails(OSError())] * 30}))
@example(Story([10], 1.0, [(2.0, aborts(Cause.DRILL))], watched_s=2.0))
@example(Story([0], 1.0, [(0.5, aborts(Cause.DRILL)), (6, answers(Version.CANARY))], lingers_s=9))
@example(Story([10], 1.0, [(0.5, sees_incident(IncidentKind.NOT_OURS, None))]))
def test_whatever_happens_the_rules_hold(story: Story) -> None:
    rehearsal = tell(story)

    check_order(rehearsal)
    check_proof(rehearsal)
    if rehearsal.driver.is_promoted:
        check_promotion(rehearsal)
    else:
        check_abort(rehearsal)


@settings(max_examples=60)
@given(stories, st.lists(harmful, min_size=2, max_size=4))
def test_they_hold_with_real_threads_beside(story: Story, meddling: list[Happening]) -> None:
    threads: list[threading.Thread] = []

    def meddle(rehearsal: Rehearsal) -> None:
        for happening in meddling:
            thread = threading.Thread(target=happening, args=(rehearsal,))
            threads.append(thread)
            thread.start()

    story.happenings.append((0.3, meddle))
    rehearsal = tell(story)
    for thread in threads:
        thread.join()

    check_order(rehearsal)
    if rehearsal.driver.is_promoted:
        check_promotion(rehearsal)
    else:
        assert rehearsal.driver.reason is not None
        assert len({aborted.reason for aborted in rehearsal.of(events.RolloutAborted)}) == 1
