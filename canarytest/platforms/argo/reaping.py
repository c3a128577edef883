"""
Rollouts whose run died without a word: kill -9, a lost runner. They are sent back.

A promotion that such a run was taking back is taken back to the end.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from canarytest.platforms.argo import orders, watch
from canarytest.platforms.argo.api import CONFLICT, INVALID, NOT_FOUND, Api, ApiError
from canarytest.platforms.argo.lease import DRIVES, PREFIX, REPLACES, SETS, holder_of, written
from canarytest.platforms.argo.view import RolloutView, rollout_view

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reaped:
    """What became of one Lease."""

    rollout: str
    is_aborted: bool  # or its promotion undone; or would be, in a dry run
    sentence: str


def reap(api: Api, namespace: str, *, is_dry: bool) -> Iterator[Reaped]:
    """Abort the rollouts of *namespace* whose Lease ran out while they were under way."""
    for lease in api.get(watch.leases(namespace))["items"]:
        name = lease["metadata"]["name"]
        if name.startswith(PREFIX) and died(lease, datetime.now(UTC)):
            yield _reap(api, namespace, lease, name.removeprefix(PREFIX), is_dry=is_dry)


def died(lease: Object, now: datetime) -> bool:
    """Whether the holder of *lease* neither renewed it nor gave it back. Pure."""
    return bool((lease.get("spec") or {}).get("holderIdentity")) and not holder_of(lease, now)


def is_being_undone(lease: Object, rollout: Object) -> bool:
    """Whether the holder of *lease* had begun to take its promotion of *rollout* back. Pure."""
    view, marks = rollout_view(rollout), _marks(lease)
    is_so = (marks.get(DRIVES), marks.get(REPLACES)) == (view.stable, view.canary)
    return view.is_rolling and is_so and bool(view.held_by)


def is_held_by(lease: Object, view: RolloutView) -> bool:
    """Whether the run that had *lease* paused what *view* is of. Pure."""
    run = str((lease.get("spec") or {}).get("holderIdentity")).partition("@")[0]
    return view.held_by == run


def spared(lease: Object, rollout: Object) -> str:
    """Return why *rollout* is not to be aborted for the holder of *lease*; else empty. Pure."""
    view = rollout_view(rollout)
    if view.is_aborted:
        return "it is aborted already"
    if not view.is_rolling:
        return "it is not under way"
    if view.left:
        return "it was left paused, as asked"
    marks = _marks(lease)
    if DRIVES in marks:
        is_same = marks[DRIVES] == view.canary
    else:
        is_same = bool(marks.get(SETS)) and marks[SETS] in _images(rollout)
    return "" if is_same else "what is under way was not begun by that run"


def _reap(api: Api, namespace: str, lease: Object, name: str, *, is_dry: bool) -> Reaped:
    spec = lease["spec"]
    whose = f"{spec['holderIdentity']!r}, not heard of since {spec.get('renewTime')}"
    path = f"{watch.rollouts(namespace)}/{name}"
    try:
        rollout = api.get(path)
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise
        return Reaped(name, is_aborted=False, sentence=f"left alone: it is gone; {whose}")
    undone = is_being_undone(lease, rollout)
    if not undone and (why := spared(lease, rollout)):
        let_go = "" if is_dry else _let_go(api, path, lease, rollout_view(rollout))
        return Reaped(name, is_aborted=False, sentence=f"left alone: {why}{let_go}; {whose}")
    if is_dry:
        would = "the promotion would be taken back" if undone else "would be aborted"
        return Reaped(name, is_aborted=True, sentence=f"{would}: driven by {whose}")
    try:
        held = _take(api, namespace, lease)
        (_undo if undone else _abort)(api, path, rollout_view(rollout))
        _give_back(api, namespace, held)
    except ApiError as error:
        if error.status not in (CONFLICT, INVALID):
            raise
        return Reaped(name, is_aborted=False, sentence=f"left alone: it changed just now; {whose}")
    was = "the promotion was taken back" if undone else "aborted"
    return Reaped(name, is_aborted=True, sentence=f"{was}: driven by {whose}")


def _take(api: Api, namespace: str, lease: Object) -> Object:
    """Take *lease*, so that neither its holder, should it live, nor a new run comes between."""
    holder = f"reap@{socket.gethostname()}"
    path = f"{watch.leases(namespace)}/{lease['metadata']['name']}"
    taken: Object = api.replace(path, written(lease, datetime.now(UTC), holder, _marks(lease)))
    return taken


def _give_back(api: Api, namespace: str, lease: Object) -> None:
    path = f"{watch.leases(namespace)}/{lease['metadata']['name']}"
    api.replace(path, written(lease, datetime.now(UTC), ""))


def _abort(api: Api, path: str, view: RolloutView) -> None:
    api.patch(f"{path}/status", orders.abort(view.canary, view.stable))
    if view.held_by:  # else its pods stay as they are
        api.patch(path, orders.let_go(view.held_by))


def _undo(api: Api, path: str, view: RolloutView) -> None:
    api.patch(f"{path}/status", orders.promote_in_full(view.canary))
    api.patch(path, orders.let_go(view.held_by))


def _let_go(api: Api, path: str, lease: Object, view: RolloutView) -> str:
    """End the hold of the run that died, if there is one; return what is to be said of it."""
    if view.left or not is_held_by(lease, view):
        return ""
    try:
        api.patch(path, orders.let_go(view.held_by))
    except ApiError as error:
        if error.status != INVALID:
            raise
        return ""
    return ", and no longer paused for that run"


def _marks(lease: Object) -> dict[str, str]:
    """Return what the holder of *lease* said that it drives."""
    found = lease["metadata"].get("annotations") or {}
    return {key: found[key] for key in (DRIVES, SETS, REPLACES) if key in found}


def _images(rollout: Object) -> set[str]:
    template = rollout["spec"].get("template") or {"spec": {"containers": []}}
    containers = template["spec"]["containers"]
    return {f"{container['name']}={container.get('image', '')}" for container in containers}


def told(found: Reaped, namespace: str) -> str:
    """Return *found* as a line."""
    return f"{namespace}/{found.rollout}: {found.sentence}"
