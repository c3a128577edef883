"""
The orders that a Rollout is given, as JSON patches. Pure.

Each tests what it relies on in the same transaction: the server refuses it (422) when somebody
else was faster. So none is ever given to a revision, or at a step, that is not the one meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from canarytest.core.stretch import LEFT
from canarytest.platforms.argo.view import HELD_BY

Operation = dict[str, Any]
_LEFT_PATH = f"/metadata/annotations/{LEFT.replace('/', '~1')}"
_HELD_BY_PATH = f"/metadata/annotations/{HELD_BY.replace('/', '~1')}"  # RFC 6901


def abort(canary: str, stable: str) -> list[Operation]:
    """Abort the rollout of the revision *canary* while *stable* is not replaced; for /status."""
    return [
        _is_canary(canary),
        _is_stable(stable),
        {"op": "add", "path": "/status/abort", "value": True},
    ]


def retry(canary: str) -> list[Operation]:
    """Begin the aborted rollout of *canary* again, at its first step; for /status."""
    return [
        _is_canary(canary),
        {"op": "test", "path": "/status/abort", "value": True},
        {"op": "replace", "path": "/status/abort", "value": False},
    ]


def release(canary: str, index: int) -> list[Operation]:
    """Leave the pause at step *index*, in which the controller sits; for /status."""
    return [_is_canary(canary), _is_at(index), {"op": "remove", "path": "/status/pauseConditions"}]


def hold(canary: str, index: int, run: str) -> list[Operation]:
    """Let *run* stay at step *index* whatever its duration; for the Rollout itself."""
    return [
        _is_canary(canary),
        _is_at(index),
        {"op": "add", "path": "/spec/paused", "value": True},
        {"op": "add", "path": _HELD_BY_PATH, "value": run},
    ]


def let_go(run: str) -> list[Operation]:
    """End the hold of *run*, and of no other; for the Rollout itself."""
    return [
        {"op": "test", "path": "/spec/paused", "value": True},
        {"op": "test", "path": _HELD_BY_PATH, "value": run},
        {"op": "remove", "path": "/spec/paused"},
        {"op": "remove", "path": _HELD_BY_PATH},
    ]


def forget_hold(run: str) -> list[Operation]:
    """Remove the mark of a hold of *run* that somebody else ended; for the Rollout itself."""
    return [
        {"op": "test", "path": _HELD_BY_PATH, "value": run},
        {"op": "remove", "path": _HELD_BY_PATH},
    ]


def leave(canary: str, index: int, text: str, *, is_held: bool) -> list[Operation]:
    """Mark the rollout as left at step *index*, where it is paused; for the Rollout itself."""
    held = [{"op": "test", "path": "/spec/paused", "value": True}] if is_held else []
    return [
        _is_canary(canary),
        _is_at(index),
        *held,
        {"op": "add", "path": _LEFT_PATH, "value": text},
    ]


def take_up(text: str) -> list[Operation]:
    """Remove the mark *text* of a rollout that was left; for the Rollout itself."""
    return [
        {"op": "test", "path": _LEFT_PATH, "value": text},
        {"op": "remove", "path": _LEFT_PATH},
    ]


def set_image(generation: int, container: int, name: str, image: str) -> list[Operation]:
    """Set the image of the *container*-th container, if the spec is still the one that was read."""
    path = f"/spec/template/spec/containers/{container}"
    return [
        {"op": "test", "path": "/metadata/generation", "value": generation},
        {"op": "test", "path": f"{path}/name", "value": name},
        {"op": "replace", "path": f"{path}/image", "value": image},
    ]


def put_back(
    promoted: str, template: Mapping[str, Any], run: str, generation: int
) -> list[Operation]:
    """
    Put the *template* back that *promoted* replaced, for *run*; for the Rollout itself.

    It is held at once: else its pods would be cut down to what the first step asks for. The
    *generation* is the one of which the status speaks: a newer template is not ours to replace.
    """
    return [
        _is_canary(promoted),
        _is_stable(promoted),
        {"op": "test", "path": "/metadata/generation", "value": generation},
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "add", "path": "/spec/paused", "value": True},
        {"op": "add", "path": _HELD_BY_PATH, "value": run},
    ]


def promote_in_full(canary: str) -> list[Operation]:
    """Promote the revision *canary* past all steps, once it has all its pods; for /status."""
    return [_is_canary(canary), {"op": "add", "path": "/status/promoteFull", "value": True}]


def are_obeyed(patch: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> bool:
    """Whether the changes of *patch* are in the object *found*, whoever made them."""
    changes = (operation for operation in patch if operation["op"] != "test")
    # What is false may be left out of a status.
    return all((_at(found, o["path"]) or None) == (o.get("value") or None) for o in changes)


def _at(found: Any, path: str) -> Any:
    """Return what is at the JSON pointer *path* (RFC 6901) of *found*; None if nothing is."""
    for key in path.split("/")[1:]:
        name = key.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(name)] if isinstance(found, list) else found[name]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return found


def _is_canary(canary: str) -> Operation:
    return {"op": "test", "path": "/status/currentPodHash", "value": canary}


def _is_stable(stable: str) -> Operation:
    return {"op": "test", "path": "/status/stableRS", "value": stable}


def _is_at(index: int) -> Operation:
    return {"op": "test", "path": "/status/currentStepIndex", "value": index}
