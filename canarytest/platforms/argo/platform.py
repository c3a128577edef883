"""A rollout on a cluster: the Rollout is driven through its controller, the edge is the user's."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from canarytest.config import Table
from canarytest.core.errors import ConfigError, Inconclusive, NotBegun, PlatformError
from canarytest.core.plan import STEP_KINDS, Left, Plan, Step
from canarytest.core.ports import Analysis, Exposure, Facts, Incident, IncidentKind, State
from canarytest.core.reach import Version
from canarytest.platforms.argo import orders, rights, settings, takeover, watch
from canarytest.platforms.argo.analyses import Analyses
from canarytest.platforms.argo.api import FORBIDDEN, NOT_FOUND, Api, ApiError, connect
from canarytest.platforms.argo.flapping import Flapping
from canarytest.platforms.argo.lease import Lease
from canarytest.platforms.argo.logs import Logs
from canarytest.platforms.argo.mirror import Mirror
from canarytest.platforms.argo.newimage import NewImage
from canarytest.platforms.argo.routed import Routed
from canarytest.platforms.argo.settings import Settings
from canarytest.platforms.argo.stage import Ours, lingers
from canarytest.platforms.argo.takeover import Image
from canarytest.platforms.argo.undo import Undo, template_of
from canarytest.platforms.argo.view import RolloutView, ready
from canarytest.platforms.argo.walk import ABORT_WITHIN_S, Walk
from canarytest.platforms.argo.watchman import Watchman
from canarytest.platforms.argo.ways import Ways
from canarytest.platforms.argo.witness import Witness


def create(table: Table, *, root: Path, run_dir: Path) -> ArgoPlatform:
    """Read the rest of a target's *table*; raises ConfigError for what cannot work."""
    del root
    found = settings.read(table)
    apis = [connect(found.context, found.where, found.namespace) for _ in range(2)]
    return ArgoPlatform(found, *apis, run_id=run_dir.name)


def live_rollout(table: Table, *, root: Path) -> list[Mapping[str, Any]]:
    """Return the Rollout as it is on the cluster: its steps are the plan."""
    del root
    found = settings.read(table)
    api = connect(found.context, found.where, found.namespace)
    try:
        rollout = api.get(f"{watch.rollouts(found.namespace)}/{found.rollout}", patience_s=0)
    except ApiError as error:
        if error.status == FORBIDDEN:
            missing = [rights.to_read(found.rollout)]
            raise NotBegun(rights.refusal(found.namespace, missing)) from None
        if error.status != NOT_FOUND:
            raise
        raise ConfigError(
            f"{found.where}: there is no Rollout {found.rollout!r} in the namespace "
            f"{found.namespace!r} of the context {found.context!r}; expected one whose steps are "
            "the plan; apply it, or correct the target"
        ) from None
    return [{**rollout, "kind": "Rollout"}]


class ArgoPlatform:
    """Drives one Rollout; nothing on the cluster but it, and a Lease, is ever written."""

    supports = frozenset(STEP_KINDS)
    abilities = frozenset({"image", "resume", "analysis", "undo"})

    def __init__(self, found: Settings, api: Api, urgent: Api, *, run_id: str) -> None:
        self._settings, self._api, self._urgent = found, api, urgent
        self._run_id = run_id
        self._path = f"{watch.rollouts(found.namespace)}/{found.rollout}"
        self._image: Image | None = None
        self._images: dict[str, str] = {}
        self._new: NewImage | None = None  # while the revision is not known that it makes
        self._over = threading.Event()
        self._on_incident: Callable[[Incident], None] = lambda _: None
        self._logs = Logs(api, found.namespace)
        self._flapping = Flapping(api, found.namespace)
        self._witness = Witness(
            api, found.namespace, found.rollout, self._logs, lambda: self._mirror.events
        )
        self._mirror = Mirror(api, found.namespace, found.rollout, self._look)
        self._routed = Routed(api)
        self._analyses = Analyses(api, found.namespace)
        self._ways = Ways(found, api, self._mirror, self._hash_of)
        self._watchman = Watchman(self._logs, self._ways.names, self._report)
        self._walk = Walk(
            api,
            urgent,
            self._mirror,
            path=self._path,
            run_id=run_id,
            logs=self._logs,
            timeouts=found.timeouts,
        )
        holder = f"{run_id}@{socket.gethostname()}"
        self._lease = Lease(api, found.namespace, found.rollout, holder, self._lost)

    def use_image(self, container: str, image: str) -> None:
        """Let `begin` give *container* the *image*."""
        self._image = Image(container, image)

    def begin(self, plan: Plan, on_incident: Callable[[Incident], None]) -> Facts:
        """
        Take the Lease, then the rollout in progress, or begin one by an image.

        An image that is on its way is attached to; one that was aborted begins again.
        """
        self._on_incident = on_incident
        with _untouched():
            view = self._look_around(plan)
            is_new = self._is_new_image(view)
            if not is_new:
                takeover.attachable(view, plan, may_retry=self._image is not None)
            if not plan.is_first:
                self._ways.know_stable(self._over)
            previous = self._template(view.stable) if plan.may_undo else None
            self._know_new(view, is_new=is_new)
        if self._new is not None:
            self._new.set()
            view = self._followed(view)
        self._lease.mark(drives=view.canary, replaces=view.stable)
        self._walk.take(ours := _ours(view, plan), plan)
        if previous is not None:
            self._walk.undo = Undo(
                self._urgent,
                self._mirror,
                ours,
                previous,
                path=self._path,
                run_id=self._run_id,
                note=self._tell,
            )
        if view.left:
            self._mirror.see(self._api.patch(self._path, orders.take_up(view.left)))
        if view.is_aborted:
            self._mirror.see(self._api.patch(f"{self._path}/status", orders.retry(view.canary)))
        self._know_images(view)
        return self._facts()

    def open(self, step: Step) -> Facts:
        """Let the rollout go on to *step*, and make sure of who answers there."""
        if step.is_promoted:
            self._ways.keep_previous()
        else:
            self._reach(step)
        if step.share == 1:
            self._ways.settle(self._over)
        return self._facts()

    def _reach(self, step: Step) -> None:
        self._walk.reach(step)
        if said := self._routed.contradicts(step.weight):
            raise PlatformError(said)
        self._ways.know_canary(self._over)

    def abort(self) -> None:
        """Order all traffic back, in one patch, whatever else goes on."""
        self._over.set()
        if self._walk.ours is None and self._new is not None:
            self._mirror.interrupt()
            self._new.take_back(ABORT_WITHIN_S)
            return
        self._walk.abort()
        self._flapping.begin()

    def leave(self, step: Step) -> None:
        """Let the rollout stay paused at *step*, and say so in an annotation."""
        self._over.set()
        ours = self._walk.ours
        canary = ours.canary if ours is not None else ""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        left = Left(self._run_id, step.spec_index, step.label, canary, now)
        self._walk.leave(step, left.text)

    def promote(self) -> None:
        """Let the rollout go on to its end."""
        self._walk.finish()
        if self._walk.undo is None:
            self._over.set()

    def retire(self) -> None:
        """Do nothing: the controller ends the previous revision once its delay is over."""
        self._over.set()

    def state(self) -> State:
        """Return what the controller and the pods say."""
        view, pods, ours = self._mirror.rollout, self._mirror.pods, self._walk.ours
        if ours is None:
            is_astray = self._new is not None and self._new.is_astray(view)
            is_complete = ready(pods, view.stable) >= view.replicas
            return State(share=float(is_astray), stable_complete=is_complete)
        if view.canary == ours.canary != view.stable and not view.is_aborted:
            raise PlatformError("the Rollout is not aborted")
        previous = ours.stable if view.stable == ours.canary else view.stable
        canary, stable = ready(pods, ours.canary), ready(pods, previous)
        if view.stable == ours.canary:
            share = 1.0
        elif self._walk.plan is not None and self._walk.plan.has_router:
            share = self._weight(view, ours) / 100
        else:
            share = canary / max(1, sum(pod.is_ready and not pod.is_leaving for pod in pods))
        is_complete = stable >= view.replicas
        return State(share, is_complete, lingers=lingers(view, pods, ours))

    def _weight(self, view: RolloutView, ours: Ours) -> float:
        """Return the weight by the status, or by the router itself where that says none."""
        if view.weight is None:
            return self._routed.weight() or 0.0
        return view.weight if view.weight_hash in ("", ours.canary) else 0.0

    def exposure(self) -> Exposure | None:
        """Return None: which router counts, and where, is not known yet."""
        return None

    def gauges(self) -> Mapping[str, float]:
        """Return nothing: the cluster's metrics are not read yet."""
        return {}

    def analyses(self) -> Sequence[Analysis]:
        """Return how the analyses stand that the controller runs for this rollout."""
        return self._analyses.standing(self._mirror.rollout.step_run)

    def evidence(self) -> Mapping[str, str]:
        """Return the logs of the canary's pods, the events, and the objects."""
        ours = self._walk.ours
        canary = ours.canary if ours is not None else self._mirror.rollout.canary
        return self._witness.tell(canary, self._mirror.pods, is_analysed=self._analyses.is_started)

    def logs(self, version: Version) -> str:
        """Return the end of the log of a pod of *version*."""
        ours = self._walk.ours
        if ours is None:
            return ""
        hash_ = ours.canary if version is Version.CANARY else ours.stable
        return self._logs.of(pod for pod in self._mirror.pods if pod.hash == hash_)

    def close(self) -> None:
        """Watch no more, and give the Lease back."""
        self._over.set()
        self._note_flapping()
        self._walk.close()
        is_owed = self._walk.is_owed
        self._ways.stop()
        self._analyses.stop()
        self._flapping.stop()
        self._mirror.stop()
        self._lease.release(is_owed=is_owed)
        self._api.close()
        self._urgent.close()

    def _look_around(self, plan: Plan) -> RolloutView:
        found = self._settings
        rollout = self._api.get(self._path)
        takeover.refuse_unselected(rollout["spec"])
        if self._image is not None:
            takeover.placed(rollout, self._image)
        needed = rights.needed(found, rollout["spec"], may_undo=plan.may_undo)
        rights.refuse_missing(self._api, found.namespace, needed)
        if plan.may_undo and "template" not in rollout["spec"]:
            raise NotBegun(
                "after_promotion: the Rollout takes its template by workloadRef, which is not ours "
                "to put back; leave the key out of the target"
            )
        self._lease.take()
        self._routed.start(rollout)
        self._analyses.start(rollout["spec"])
        self._flapping.know(rollout["spec"])
        self._mirror.start(rollout["spec"])
        self._ways.start(rollout["spec"])
        view = takeover.settled(self._mirror, self._api, self._settings.namespace)
        if view.is_held and not view.held_by:
            raise NotBegun(
                f"somebody paused the Rollout {view.name} (spec.paused), so that it does not go "
                "on; set it to false first"
            )
        return view

    def _template(self, revision: str) -> Mapping[str, Any]:
        found = takeover.replica_sets(self._api, self._settings.namespace, self._settings.rollout)
        return template_of(found, revision)

    def _is_new_image(self, view: RolloutView) -> bool:
        if self._image is None:
            return False
        before = takeover.placed(self._api.get(self._path), self._image)[1]
        if before == self._image.image and not view.is_rolling:
            raise NotBegun(
                f"--canary-image: {before!r} is the stable version of {self._image.container!r} "
                "already; there is nothing to roll out; give another image"
            )
        return before != self._image.image

    def _know_new(self, before: RolloutView, *, is_new: bool) -> None:
        if self._image is not None and is_new:
            self._lease.mark(sets=f"{self._image.container}={self._image.image}")
            self._new = NewImage(self._api, self._urgent, self._path, self._image, before)

    def _followed(self, before: RolloutView) -> RolloutView:
        """Return the Rollout once the controller follows the image that it was given."""
        namespace = self._settings.namespace
        view = takeover.settled(self._mirror, self._api, namespace, other_than=before.canary)
        if view.stable != before.stable or not view.is_rolling:
            raise PlatformError(
                f"no rollout began by the image: the Rollout is {view.phase}, its stable revision "
                f"{view.stable}; is it the image of the stable version?"
            )
        return view

    def _know_images(self, view: RolloutView) -> None:
        found = takeover.replica_sets(self._api, self._settings.namespace, view.name)
        hashes = {Version.CANARY: view.canary, Version.STABLE: view.stable}
        self._images = {str(v): takeover.image_of(found, hash_) for v, hash_ in hashes.items()}

    def _facts(self) -> Facts:
        names = self._ways.names
        return Facts(
            platform="argo",
            stable=names.get(Version.STABLE, ""),
            canary=names.get(Version.CANARY, ""),
            images=self._images,
            reach=self._ways.reach(),
            selectors={version: self._hash_of(version) for version in Version},
        )

    def _hash_of(self, version: Version) -> str:
        ours = self._walk.ours
        if version is Version.STABLE:  # the one before, also once the other is promoted
            return ours.stable if ours is not None else self._mirror.rollout.stable
        return ours.canary if ours is not None else ""

    def _tell(self, sentence: str) -> None:
        """Tell what is worth knowing on the way back, when incidents are not reported any more."""
        self._on_incident(Incident(IncidentKind.NOTED, None, sentence))

    def _note_flapping(self) -> None:
        """Tell of it at the end, when it is known how often."""
        ours = self._walk.ours
        with contextlib.suppress(PlatformError):  # the Rollout is gone, and its Services' matter
            if ours and (said := self._flapping.note(ours.canary, self._mirror.rollout.weight)):
                self._tell(said)

    def _look(self) -> None:
        ours, plan = self._walk.ours, self._walk.plan
        if ours is not None:
            with contextlib.suppress(PlatformError):  # it is gone: the watchman tells
                if (view := self._mirror.rollout).canary == ours.canary:
                    self._analyses.follow(view)
        if ours is not None and plan is not None and not self._over.is_set():
            self._watchman.look(self._mirror, ours, plan)

    def _lost(self, sentence: str) -> None:
        self._report(Incident(IncidentKind.NOT_OURS, None, sentence))

    def _report(self, incident: Incident) -> None:
        if incident.kind is IncidentKind.NOT_OURS:
            self._walk.tidy()  # there will be no abort that does
        if not self._over.is_set():
            self._on_incident(incident)


def _ours(view: RolloutView, plan: Plan) -> Ours:
    if plan.is_first:  # Argo has promoted it already, before a pod was ready
        return Ours(view.canary, "", 0, len(plan.kinds), is_promoting=True)
    floor = plan.left.step if plan.left is not None else 0
    return Ours(view.canary, view.stable, floor, plan.steps[0].spec_index)


@contextlib.contextmanager
def _untouched() -> Iterator[None]:
    """Say of what goes wrong here that nothing was touched."""
    try:
        yield
    except NotBegun:
        raise
    except (PlatformError, Inconclusive) as error:
        raise NotBegun(f"{error}; nothing was touched") from error
