"""Walks a Rollout from stop to stop, by the orders that its controller takes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum, auto

from canarytest.core.errors import (
    CanaryError,
    CanaryNotReady,
    Inconclusive,
    NotOurs,
    PlatformError,
)
from canarytest.core.plan import Plan, Step
from canarytest.core.ports import IncidentKind
from canarytest.platforms.argo import orders
from canarytest.platforms.argo.api import INVALID, NOT_FOUND, Api, ApiError
from canarytest.platforms.argo.kube_events import last_warning
from canarytest.platforms.argo.logs import Logs
from canarytest.platforms.argo.mirror import Mirror
from canarytest.platforms.argo.settings import Timeouts
from canarytest.platforms.argo.stage import Ours, missing
from canarytest.platforms.argo.troubles import lasting, troubles, unmade
from canarytest.platforms.argo.undo import Undo
from canarytest.platforms.argo.view import PodView, RolloutView
from canarytest.platforms.argo.watchman import loss

_LATER_S = 3600.0
_SLICE_S = 1.0  # of waiting: then it is asked whether the time is over
ABORT_WITHIN_S = 1.8
_MEANING: Mapping[IncidentKind, type[CanaryError]] = {
    IncidentKind.CONDEMNED: CanaryNotReady,
    IncidentKind.UNJUDGED: Inconclusive,
    IncidentKind.NOT_OURS: NotOurs,
}
_OWN_TIME = ("analysis", "experiment", "plugin")  # steps that take as long as they are written to


class _Move(Enum):
    ARRIVED = auto()
    RELEASE = auto()
    HOLD = auto()
    LET_GO = auto()


class Walk:
    """
    One rollout under way.

    `reach` and `finish` are called in turn from one thread, `abort` from any.
    """

    def __init__(
        self,
        api: Api,
        urgent: Api,
        mirror: Mirror,
        *,
        path: str,
        run_id: str,
        logs: Logs,
        timeouts: Timeouts,
    ) -> None:
        self.ours: Ours | None = None  # None: nothing was taken over
        self.plan: Plan | None = None
        self.undo: Undo | None = None  # None: a promotion is final
        self.is_aborted = False
        self._api, self._urgent, self._mirror, self._path = api, urgent, mirror, path
        self._run_id, self._logs, self._timeouts = run_id, logs, timeouts
        self._has_held = False
        self._waiting_since: dict[str, float] = {}  # what may pass -> when it came
        self._tidying: threading.Thread | None = None

    def take(self, ours: Ours, plan: Plan) -> None:
        """From now on the rollout is driven by us."""
        self.plan, self.ours = plan, ours

    def reach(self, step: Step) -> None:
        """Go on until *step* is in force; raises CanaryNotReady when the canary is in the way."""
        ours, plan = self._driven()
        self.ours = replace(ours, ceiling=step.spec_index, is_holding=False, is_open=False)
        self._go(step.spec_index, lambda: missing(*self._seen(), step, plan), step)
        at = step.spec_index
        is_holding = not step.indefinite
        self.ours = replace(ours, floor=at, ceiling=at, is_holding=is_holding, is_open=True)

    def finish(self) -> None:
        """Go on until the canary is the stable version."""
        ours, plan = self._driven()
        on_its_way = replace(ours, ceiling=len(plan.kinds), is_holding=False, is_open=False)
        self.ours = promoting = replace(on_its_way, is_promoting=True)
        self._go(len(plan.kinds), lambda: _unpromoted(self._mirror.rollout, ours), None)
        self.ours = replace(promoting, is_open=True)

    def leave(self, step: Step, text: str) -> None:
        """Mark the rollout as left at *step* by *text*; raises if it is not paused there."""
        ours, _ = self._driven()
        order = orders.leave(ours.canary, step.spec_index, text, is_held=not step.indefinite)
        self._mirror.see(self._api.patch(self._path, order))

    def abort(self) -> None:
        """Order all traffic back, once; returns when the order is taken."""
        self.is_aborted = True
        self._mirror.interrupt()
        ours = self.ours
        if ours is None or self._is_undone():
            return
        order = orders.abort(ours.canary, ours.stable)
        path = f"{self._path}/status"
        try:
            self._urgent.patch(path, order, patience_s=0, timeout_s=ABORT_WITHIN_S)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return  # there is no Rollout any more: nothing to be aborted
            if error.status != INVALID:
                raise
            if _is_on_its_way(self._read(), ours):
                raise
            self._is_undone()  # it was promoted in the same moment
        self.tidy()

    @property
    def is_owed(self) -> bool:
        """Whether an order to go back was given that is not in force, and reap could go on."""
        ours = self.ours
        if ours is None or not self.is_aborted:
            return False
        with contextlib.suppress(NotOurs):
            view = self._mirror.rollout
            is_half_back = self.undo is not None and self.undo.is_under_way(view)
            return is_half_back or (_is_on_its_way(view, ours) and not view.is_aborted)
        return False

    def close(self) -> None:
        """Wait a little for a hold to end that would keep an aborted canary's pods."""
        if self.undo is not None:
            self.undo.close()
        if self._tidying is not None:
            self._tidying.join(2.0)

    def _is_undone(self) -> bool:
        """Order a promotion to be taken back, if there was one; return whether there was."""
        with contextlib.suppress(NotOurs):  # the Rollout is gone
            if self.undo is not None and self.undo.is_due(self._mirror.rollout):
                self.undo.begin(ABORT_WITHIN_S)
                return True
        return False

    def _go(self, target: int, lacks: Callable[[], str], step: Step | None) -> None:
        within_s = self._timeouts.ready_s if step else self._timeouts.promote_s
        patience = _Patience(within_s, self._timeouts.controller_s)
        while True:
            move = self._mirror.wait(lambda: self._next(target, lacks, step), _SLICE_S)
            if move is _Move.ARRIVED:
                return
            if self.is_aborted:
                raise PlatformError("gave up waiting: the rollout was aborted")
            if move is not None:
                self._order(move)
            elif patience.is_over(self._busy_at(target)):
                raise self._late(lacks(), within_s)

    def _next(self, target: int, lacks: Callable[[], str], step: Step | None) -> _Move | None:
        view, pods = self._seen()
        self._refuse(view, pods, step.canary_pods if step else view.replicas)
        if not lacks():
            return _Move.ARRIVED
        if view.index < target:
            if view.is_held:
                return self._end_of_hold()
            return _Move.RELEASE if view.sits_in_pause else None
        if step is None or step.indefinite or view.is_held:
            return None
        is_there = view.sits_in_pause or self._driven()[1].kinds[view.index] != "pause"
        return _Move.HOLD if is_there else None

    def _busy_at(self, target: int) -> int | None:
        """Return the step before *target* that takes the controller's own time, if it is at one."""
        index, kinds = self._mirror.rollout.index, self._driven()[1].kinds
        return index if index < target and kinds[index] in _OWN_TIME else None

    def _end_of_hold(self) -> _Move:
        if not self._mirror.rollout.held_by:
            raise PlatformError(
                "somebody else paused the Rollout (spec.paused): it does not go on until they "
                "set it to false"
            )
        return _Move.LET_GO

    def _order(self, move: _Move) -> None:
        ours, index = self._driven()[0], self._mirror.rollout.index
        self._has_held = self._has_held or move is _Move.HOLD
        path, order = {
            _Move.RELEASE: (f"{self._path}/status", orders.release(ours.canary, index)),
            _Move.HOLD: (self._path, orders.hold(ours.canary, index, self._run_id)),
            _Move.LET_GO: (self._path, orders.let_go(self._mirror.rollout.held_by)),
        }[move]
        try:
            self._mirror.see(self._api.patch(path, order))
        except ApiError as error:
            if error.status != INVALID:
                raise
            self._read()  # it is no longer as it was when this was ordered: look again

    def _read(self) -> RolloutView:
        self._mirror.see(self._urgent.get(self._path, patience_s=0))
        return self._mirror.rollout

    def _refuse(self, view: RolloutView, pods: tuple[PodView, ...], wanted: int) -> None:
        ours, plan = self._driven()
        lost = loss(view, ours, plan.kinds)
        if lost:
            raise _MEANING.get(lost.kind, PlatformError)(lost.message)
        now = time.monotonic()
        all_found = tuple(troubles(view, ours.canary, pods, self._mirror.events, wanted))
        self._waiting_since = lasting(self._waiting_since, all_found, now)
        for found in all_found:
            waited_s = now - self._waiting_since[found.key]
            if found.is_hopeless or waited_s > self._timeouts.unschedulable_s:
                last = self._logs.last_line(found.pod) if found.pod else ""
                raise CanaryNotReady(f"{found.sentence}{last}{found.warning}")

    def _late(self, lacking: str, within_s: float) -> CanaryError:
        ours = self._driven()[0]
        pods = [p for p in self._mirror.pods if p.hash == ours.canary and not p.is_leaving]
        unready = next((pod for pod in pods if not pod.is_ready), None)
        if unready is None:
            why = unmade(self._mirror.rollout, ours.canary, self._mirror.events)
            return PlatformError(
                f"not in force within {within_s:g} s: {lacking}{self._busy_with()}"
                f"{f'; {why}' if why else ''}"
            )
        said = unready.trouble or self._logs.last_line(unready).removeprefix("; ")
        said += last_warning(self._mirror.events, unready.name, said)
        last = said.removeprefix("; ") or "it says nothing"
        return CanaryNotReady(f"{unready.name} was not ready within {within_s:g} s: {last}")

    def _busy_with(self) -> str:
        """Return the words for what the controller does at a step that takes its own time."""
        view, kinds = self._mirror.rollout, self._driven()[1].kinds
        kind = kinds[view.index] if view.index < len(kinds) else ""
        if kind not in _OWN_TIME:
            return ""
        said = view.plugins.get(view.index) or view.experiment or view.message
        return f"; step {view.index} ({kind}) is not over: {said or view.phase}"

    def _seen(self) -> tuple[RolloutView, tuple[PodView, ...]]:
        return self._mirror.rollout, self._mirror.pods

    def _driven(self) -> tuple[Ours, Plan]:
        if self.ours is None or self.plan is None:
            raise PlatformError("the rollout was not begun")
        return self.ours, self.plan

    def tidy(self) -> None:
        """End our hold beside: while it lasts, Argo scales nothing down, whoever's it is now."""
        if self._has_held and self._tidying is None:
            self._tidying = threading.Thread(target=self._let_go, name="canarytest-let-go")
            self._tidying.daemon = True
            self._tidying.start()

    def _let_go(self) -> None:
        run = self._run_id  # the second order is for a hold that somebody else ended
        for order in (orders.let_go(run), orders.forget_hold(run)):
            with contextlib.suppress(PlatformError):
                self._api.patch(self._path, order, patience_s=_LATER_S)
                return


class _Patience:
    """How long to wait: steps that take the controller's own time have a limit of their own."""

    def __init__(self, within_s: float, busy_s: float) -> None:
        self._within_s, self._busy_s = within_s, busy_s
        self._give_up = time.monotonic() + within_s
        self._until: dict[int, float] = {}  # step -> when its own time is over

    def is_over(self, busy_at: int | None) -> bool:
        """Whether not to wait on, as the controller is *busy_at* a step, or None."""
        now = time.monotonic()
        if busy_at is not None:  # the time for all others begins anew after it
            until = self._until.setdefault(busy_at, now + self._busy_s)
            self._give_up = min(until, now + self._within_s)
        return now >= self._give_up


def _is_on_its_way(view: RolloutView, ours: Ours) -> bool:
    return view.canary == ours.canary != view.stable


def _unpromoted(view: RolloutView, ours: Ours) -> str:
    if view.stable != ours.canary:
        return f"the controller is at step {view.index}: {view.message or view.phase}"
    return f"the router still has the weight {view.weight}" if view.weight else ""
