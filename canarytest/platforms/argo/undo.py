"""The way back from a promotion: the previous revision's template is put back, and promoted."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from canarytest.core.errors import NotBegun, PlatformError
from canarytest.platforms.argo import orders, takeover
from canarytest.platforms.argo.api import CALL_S, INVALID, Api, ApiError
from canarytest.platforms.argo.mirror import Mirror
from canarytest.platforms.argo.orders import Operation
from canarytest.platforms.argo.stage import Ours
from canarytest.platforms.argo.view import HASH_LABEL, RolloutView, rollout_view

LOG = logging.getLogger(__name__)
Object = Mapping[str, Any]
_EPHEMERAL = "rollout.argoproj.io/ephemeral-metadata"  # an annotation: what Argo adds to the pods
_LATER_S = 3600.0
_CLOSE_WITHIN_S = 5.0
_LOOKS = 3  # at a Rollout that somebody else changes at the same time
Order = tuple[str, list[Operation]]  # the subresource, and the patch


class Undo:
    """
    Takes the promotion of one revision back: `kubectl argo rollouts undo`, past all steps.

    Argo has no order for it. The first of three is sent at once: the template, held where it is,
    so that the pods that are still up are not cut down to what the first step asks for. Once the
    controller follows it, it is promoted in full and let go, from a thread of its own.
    """

    def __init__(
        self,
        api: Api,
        mirror: Mirror,
        ours: Ours,
        template: Object,
        *,
        path: str,
        run_id: str,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._api, self._mirror, self._path = api, mirror, path
        self._ours, self._template, self._run_id = ours, template, run_id
        self._note = note
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._noted: set[str] = set()

    def is_due(self, view: RolloutView) -> bool:
        """Whether there is something of the promotion to be taken back."""
        return view.stable == self._ours.canary or self.is_under_way(view)

    def begin(self, within_s: float) -> None:
        """Send the first order, or what is next; returns when it is taken. Else it raises."""
        self._mirror.wait(self._is_known, within_s, on_the_way_back=True)
        for _ in range(_LOOKS):
            if self._is_sent(patience_s=0, timeout_s=within_s):
                break
        else:
            if (view := self._mirror.rollout).canary == self._ours.canary:
                raise PlatformError(
                    f"the controller observed generation {view.observed_generation} of "
                    f"{view.generation}: what is not seen yet may be somebody else's"
                )
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._go_on, name="canarytest-undo")
                self._thread.daemon = True
                self._thread.start()

    def close(self) -> None:
        """Wait a little for the end; what somebody else put in our place is held no longer."""
        with self._lock:
            thread = self._thread
        if thread is None:
            return
        thread.join(_CLOSE_WITHIN_S)
        with contextlib.suppress(PlatformError):
            view = self._mirror.rollout
            if self._is_held(view) and view.canary == self._ours.canary:
                self._api.patch(self._path, orders.let_go(self._run_id), patience_s=0)

    def _is_known(self) -> bool | None:
        view = self._mirror.rollout
        return view.is_fresh or self._is_held(view) or None

    def _is_held(self, view: RolloutView) -> bool:
        return view.held_by == self._run_id

    def is_under_way(self, view: RolloutView) -> bool:
        """Whether the Rollout is held with what was put back, so that somebody has to go on."""
        return self._is_held(view) and view.canary != self._ours.canary

    def _go_on(self) -> None:
        try:
            while True:
                view = self._mirror.wait(self._next, _LATER_S, on_the_way_back=True)
                if view is None or not self.is_due(view):
                    return
                self._is_sent(patience_s=_LATER_S, timeout_s=CALL_S)
        except PlatformError as error:
            LOG.warning("the promotion is not taken back: %s", error)

    def _next(self) -> RolloutView | None:
        """Return the Rollout if it can be ordered something, or nothing is left to be."""
        view = self._mirror.rollout
        is_over = not self.is_due(view)
        return view if is_over or self._order(view) is not None else None

    def _order(self, view: RolloutView) -> Order | None:
        return next_order(view, self._ours, self._template, self._run_id)

    def _is_sent(self, *, patience_s: float, timeout_s: float) -> bool:
        """Whether the order that is next was taken, or none is needed as it is under way."""
        view = self._mirror.rollout
        order = self._order(view)
        if order is None:
            return self._is_held(view)
        self._tell_of_others(view)
        try:
            found = self._api.patch(
                f"{self._path}{order[0]}", order[1], patience_s=patience_s, timeout_s=timeout_s
            )
        except ApiError as error:
            if error.status != INVALID:
                raise
            self._mirror.see(found := self._api.get(self._path, patience_s=0))
            if order == self._order(rollout_view(found)):
                raise
            return False  # it is not as it was: look again
        self._mirror.see(found)
        return True

    def _tell_of_others(self, view: RolloutView) -> None:
        """Tell, once each, of what somebody else did to what is being taken back."""
        if not self._is_held(view) or view.canary == self._ours.stable:
            return
        said = (
            "somebody else put the promoted template back while it was taken back; if it is Argo "
            "CD's self-heal, it has to be off for this Rollout, or the change reverted in Git"
            if view.canary == self._ours.canary
            else "somebody else gave the Rollout another revision while the promotion was taken "
            f"back: pod hash {view.canary}; it is left to them"
        )
        if said not in self._noted:
            self._noted.add(said)
            self._note(said)


def next_order(view: RolloutView, ours: Ours, template: Object, run: str) -> Order | None:
    """Return what brings *view* nearer to the *template*; None: wait, or all is done."""
    if not view.is_fresh:
        return None  # what the controller has not seen yet is ours, or not ours to replace
    if view.canary == ours.canary == view.stable:
        return ("", orders.put_back(ours.canary, template, run, view.generation))
    if view.held_by != run:
        return None
    if view.canary == ours.stable and view.stable == ours.canary and not view.is_promoted_in_full:
        return ("/status", orders.promote_in_full(view.canary))
    return ("", orders.let_go(run))  # it is done, or somebody else's


def template_of(found: Sequence[Object], hash_: str) -> Object:
    """
    Return the pod template of the revision *hash_* among the ReplicaSets *found*, as it was given.

    Raises NotBegun if there is none.
    """
    item = takeover.revision(found, hash_)
    if item is None:
        raise NotBegun(
            f"after_promotion: there is no ReplicaSet of the stable revision {hash_} from which "
            "its template could be put back; nothing was touched"
        )
    added = (item["metadata"].get("annotations") or {}).get(_EPHEMERAL) or "{}"
    template: Object = item["spec"]["template"]
    given = _given(template.get("metadata") or {}, json.loads(added))
    return {**template, "metadata": given, "spec": _unspread(template["spec"])}


def _given(metadata: Object, ephemeral: Object) -> Object:
    """Return *metadata* without what the controller added."""
    added = {"labels": {HASH_LABEL, *(ephemeral.get("labels") or ())}}
    added["annotations"] = set(ephemeral.get("annotations") or ())
    kept = {
        kind: {k: v for k, v in (metadata.get(kind) or {}).items() if k not in names}
        for kind, names in added.items()
    }
    return {kind: values for kind, values in kept.items() if values}


def _unspread(spec: Object) -> Object:
    """Return the pod's *spec* without the terms by which Argo keeps two revisions apart."""
    affinity = spec.get("affinity") or {}
    apart = affinity.get("podAntiAffinity") or {}
    if not any(_is_argos(term) for terms in apart.values() for term in terms or ()):
        return spec
    kept = {kind: [t for t in terms or () if not _is_argos(t)] for kind, terms in apart.items()}
    rules = {**affinity, "podAntiAffinity": _filled(kept)}
    others = {key: value for key, value in spec.items() if key != "affinity"}
    cleaned = _filled(rules)
    return {**others, "affinity": cleaned} if cleaned else others


def _filled(mapping: Object) -> Object:
    return {key: value for key, value in mapping.items() if value not in ({}, [], None)}


def _is_argos(term: Object) -> bool:
    selector = (term.get("podAffinityTerm") or term).get("labelSelector") or {}
    return any(e.get("key") == HASH_LABEL for e in selector.get("matchExpressions") or ())
