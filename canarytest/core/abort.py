"""The one way back: sent once, tried until it is taken, then proven."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from canarytest.core import events
from canarytest.core.finding import Finding
from canarytest.core.ports import Clock, Platform
from canarytest.core.proof import ProbeSample, Proof, Terms
from canarytest.core.reasons import Cause, Reason

LOG = logging.getLogger(__name__)
T = TypeVar("T")
RETRY_S = 0.5
HANG_S = 5.0  # by which a platform may exceed all limits before it is not waited for any more
SLICE_S = 1.0  # of a wait in the main thread
REMIND_S = 2.0  # a controller has acted on an order by then
LOOK_S = 0.25  # how often the platform is asked whether it is back, while responses are counted


class Abort:
    """
    The abort of one rollout, and its proof.

    A thread of its own sends the order, so that whoever finds the reason is not held up by an API
    that hangs, and proves it, so that the proof does not wait for a test that is still running.
    """

    def __init__(
        self,
        platform: Platform,
        clock: Clock,
        emit: Callable[[events.Event], None],
        terms: Terms,
        within_s: float,
        is_edge_known: Callable[[], bool] = lambda: True,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.reason: Reason | None = None
        self.is_proven = False
        self.on_tried: Callable[[], None] = lambda: None  # told after the first attempt to send
        self.hang_s = HANG_S
        self._platform = platform
        self._clock = clock
        self._emit = emit
        self._terms = terms
        self._within_s = within_s
        self._is_edge_known = is_edge_known
        self._note = note
        self._changed = threading.Condition()
        self._is_forbidden = False
        self._is_sent = False
        self._is_announced = False
        self._is_ended = False
        self._is_settled = False  # ended, and that was told
        self._given_up = ""
        self._is_owed = True  # a proof; not where nobody could have met the canary through us
        self._proof: Proof | None = None
        self._explain: Callable[[], tuple[Finding, ...]] = lambda: ()
        self._under_way = 0  # calls that may yet give the canary traffic
        self._decided_time = self._ordered_at = 0.0
        self._sender: int | None = None  # the thread that sends the order

    def start(
        self, reason: Reason, explain: Callable[[], tuple[Finding, ...]] = lambda: ()
    ) -> bool:
        """
        Begin to abort for *reason*; False if there was one before, or it is promoted.

        *explain* gives the numbers behind it, and is asked once the order was sent.
        """
        with self._changed:
            if self.reason is not None or self._is_forbidden:
                return False
            self._decided_time = self._clock.time()
            self._explain = explain
            self._proof = Proof(self._terms, self._clock.now())
            run = _beside(self._run)
            # Last: what interrupts this before leaves an abort that can still be started.
            self.reason = reason
        run()
        return True

    def forbid(self) -> bool:
        """Let no abort begin any more: the rollout is promoted. False if one has begun."""
        with self._changed:
            self._is_forbidden = self.reason is None
            return self._is_forbidden

    def leave(self, reason: Reason) -> bool:
        """
        End for *reason* without an order: the rollout is not ours to abort.

        False if there was a reason before, or it is promoted.
        """
        with self._changed:
            is_first = self.reason is None and not self._is_forbidden
            if is_first:
                self.reason = reason
                self.is_proven = self._is_settled = True
            return is_first

    @contextlib.contextmanager
    def outlasting(self) -> Iterator[None]:
        """
        Prove nothing while a call is under way that may yet give the canary traffic.

        If an abort began meanwhile, that call may have undone it: the order is sent once more.
        """
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            has_begun = self.reason is not None and self._proof is not None
            (_beside(self._repeat) if has_begun else self._call_ended)()

    def see(self, samples: Sequence[ProbeSample]) -> None:
        """Take responses at the edge."""
        with self._changed:
            if self._proof is not None:
                for sample in samples:
                    self._proof.see(sample)  # wakes nobody: the platform is asked in its own time

    def wait_sent(self, seconds: float) -> None:
        """Wait until the order was taken, at most *seconds*."""
        if self.reason is None or self._sender == threading.get_ident():
            return
        with self._changed:
            self._changed.wait_for(lambda: self._is_sent or self._is_settled, seconds)

    def wait_settled(self) -> bool:
        """Wait until the rollback is proven or given up; True if it is proven."""
        terms = self._terms
        limit = self._within_s + terms.within_s + self.hang_s
        with self._changed:
            self._wait_for(lambda: self._is_settled or self.reason is None, limit)
            if self._proof is not None and self._proof.is_held:  # it may have to be made once more
                self._wait_for(lambda: self._is_settled, terms.hold_s + terms.within_s)
        self._end(f"the platform hangs: no answer for {limit:.0f} s")
        return self.is_proven

    def _wait_for(self, is_over: Callable[[], bool], seconds: float) -> None:
        """
        Wait in slices: Python hears a signal that comes just as a wait begins only at its end.

        The lock is held by the caller.
        """
        left = seconds
        while not self._changed.wait_for(is_over, min(left, SLICE_S)) and left > 0:
            left -= SLICE_S

    def give_up(self, why: str) -> None:
        """Stop proving: what is not proven by now is not."""
        if self.reason is None or self._is_settled:
            return
        with self._changed:
            self._given_up = why
            self._changed.notify_all()
            if self._sender == threading.get_ident():
                return
            self._changed.wait_for(lambda: self._is_settled, self.hang_s)
        self._end(f"{why}: the platform hangs")

    def _run(self) -> None:
        with self._changed:
            reason, proof = self.reason, self._proof
        if reason is None or proof is None:
            return  # `start` was interrupted before it was done
        self._sender = threading.get_ident()
        try:
            complaint = self._send_and_prove(reason, proof)
        except BaseException as error:
            LOG.exception("the rollback is not proven")
            complaint = f"canarytest failed: {type(error).__name__}: {error}"
        self._end(complaint)

    def _end(self, complaint: str) -> None:
        """Say how it ended, and let those go who wait: who comes first has the word."""
        with self._changed:
            reason, proof = self.reason, self._proof
            if self._is_ended or reason is None or proof is None:
                return
            self._is_ended = True
        self._announce(reason)
        self._tell(proof, complaint)
        with self._changed:
            self.is_proven = not complaint
            self._is_settled = True
            self._changed.notify_all()

    def _repeat(self) -> None:
        self._order(self._clock.now())
        self._call_ended()

    def _call_ended(self) -> None:
        with self._changed:
            self._under_way -= 1
            if self._proof is not None:
                self._proof.restart()

    def _send_and_prove(self, reason: Reason, proof: Proof) -> str:
        complaint = self._send(reason, proof)
        self._announce(reason)
        with self._changed:
            self._ordered_at = self._clock.now()
            proof.taken(self._ordered_at)
            self._is_sent = not complaint
            self._changed.notify_all()
        while not complaint:
            complaint = self._prove(proof)
            if complaint or self._holds(proof):
                break
        return complaint

    def _announce(self, reason: Reason) -> None:
        with self._changed:
            if self._is_announced:
                return
            self._is_announced = True
        self._emit(
            events.RolloutAborted(
                self._clock.time(),
                cause=reason.cause,
                reason=reason.sentence,
                step=reason.step,
                findings=_tried(self._explain, ()),
            )
        )

    def _send(self, reason: Reason, proof: Proof) -> str:
        """Send the order until it is taken; return why it was not, if so."""
        attempts, complaint = self._order(proof.decided, self.on_tried)
        if complaint or self._is_ended:
            return complaint
        self._emit(
            events.AbortSent(
                self._clock.time(),
                reason=reason.sentence,
                decided=self._decided_time,
                seconds=self._ordered_at - proof.decided,
                attempts=attempts,
            )
        )
        return ""

    def _order(self, since: float, tell: Callable[[], None] = lambda: None) -> tuple[int, str]:
        """Try until the order is taken; return how often, and why it was not, if so."""
        attempts = 0
        while True:
            attempts += 1
            try:
                self._platform.abort()
            except Exception as error:  # noqa: BLE001  whatever it is, the traffic is not back
                trouble = f"{type(error).__name__}: {error}"
            else:
                trouble = ""
            self._ordered_at = self._clock.now()  # what is told next takes its time
            if attempts == 1:
                _tried(tell, None)
            if not trouble:
                return attempts, ""
            with self._changed:
                waited = self._clock.now() - since
                if self._given_up or waited > self._within_s:
                    return (
                        attempts,
                        f"not taken in {waited:.0f} s and {attempts} attempts: {trouble}",
                    )
                self._clock.wait(self._changed, RETRY_S)

    def _prove(self, proof: Proof) -> str:
        """Wait for the proof; return what is missing, if so."""
        while True:
            is_back, trouble = self._ask()
            with self._changed:
                if self._under_way:
                    is_back, trouble = False, "; an earlier call to the platform has not returned"
                if not is_back:
                    proof.restart()
                now = self._clock.now()
                self._is_owed = self._is_edge_known()
                if is_back and (proof.is_complete(now) or not self._is_owed):
                    proof.hold()  # from here on no response of the canary is missed
                    return ""
                if self._given_up:
                    return f"{self._given_up}: {proof.complaint}"
                if proof.is_late(now):
                    return f"{proof.complaint}{trouble}"
                self._clock.wait(self._changed, LOOK_S)

    def _holds(self, proof: Proof) -> bool:
        """
        Tell the proof, and hold it while the canary could answer again.

        False if it did: then it has to be proven once more.
        """
        if not self._is_owed:
            return True
        with self._changed:
            if not proof.is_held:
                return False
            proven = self._proven(proof)
        self._emit(proven)
        if self.reason is not None and self.reason.cause is Cause.INTERRUPTED:
            return True  # whoever ends a run, as CI does, gives it some seconds and no more
        began, before = self._clock.now(), proof.responses
        while True:
            lingers = self._lingers()
            with self._changed:
                held_s = self._clock.now() - began
                if not proof.is_held:
                    return False
                if not lingers or self._given_up or held_s >= self._terms.hold_s:
                    break
                self._clock.wait(self._changed, LOOK_S)
        self._tell_held(self._clock.now() - began, proof.responses - before)
        return True

    def _lingers(self) -> bool:
        try:
            return self._platform.state().lingers
        except Exception:  # noqa: BLE001  one that cannot say may still have it up
            return True

    def _ask(self) -> tuple[bool, str]:
        try:
            state = self._platform.state()
        except Exception as error:  # noqa: BLE001  a platform that cannot say is not back
            return False, f"; the platform cannot say where it is: {error}"
        if state.share > 0:
            self._remind()
            return False, f"; the router still gives the canary {state.share:.0%}"
        # Where it could not even be begun, the stable version may be what does not start.
        is_complete = state.stable_complete or not self._is_edge_known()
        return is_complete, "" if is_complete else "; stable is not complete"

    def _remind(self) -> None:
        """Send the order again, now and then, while the platform says that it is not in force."""
        now = self._clock.now()
        if now - self._ordered_at >= REMIND_S and not self._under_way:  # `outlasting` sends one too
            self._ordered_at = now
            _tried(self._platform.abort, None)

    def _tell(self, proof: Proof, complaint: str) -> None:
        if complaint:
            self._emit(
                events.RollbackNotProven(
                    self._clock.time(),
                    reason=complaint,
                    last_canary=proof.seconds_to_last_canary,
                    errors=proof.errors,
                    probes=proof.probes,
                )
            )

    def _tell_held(self, seconds: float, responses: int) -> None:
        if seconds < LOOK_S:
            return  # there was nothing to hold it for
        message = (
            f"the rollback held for {seconds:.0f} s more, while the canary was still up: none of "
            f"{responses} responses was the canary's"
        )
        self._note(message)

    def _proven(self, proof: Proof) -> events.RollbackProven:
        return events.RollbackProven(
            self._clock.time(),
            window=self._terms.window_s,
            responses=proof.responses,
            bound=proof.bound,
            last_canary=proof.seconds_to_last_canary,
            errors=proof.errors,
            restarts=proof.restarts,
            probes=proof.probes,
            sentence=proof.sentence,
        )


def _tried(ask: Callable[[], T], otherwise: T) -> T:
    """Return what *ask* gives; whatever it does wrong, the way back goes on."""
    try:
        return ask()
    except Exception:
        LOG.exception("the rollback goes on without it")
        return otherwise


def _beside(run: Callable[[], None]) -> Callable[[], None]:
    """Run it in a thread of its own, at once; return how to run it here if there is none to get."""
    try:
        threading.Thread(target=run, name="canarytest-abort", daemon=True).start()
    except RuntimeError:  # no more threads, or the interpreter is on its way out
        return run
    return lambda: None
