"""An image that is set to begin a rollout, and taken back while nobody knows its revision."""

from __future__ import annotations

from canarytest.core.errors import NotBegun
from canarytest.platforms.argo import orders, takeover
from canarytest.platforms.argo.api import INVALID, NOT_FOUND, Api, ApiError
from canarytest.platforms.argo.takeover import Image
from canarytest.platforms.argo.view import RolloutView, rollout_view


class NewImage:
    """
    Given to the Rollout at *path* by `set`; *before* is how it was until then.

    An answer that is lost leaves open whether it was: then a rollout may begin that nobody drives,
    now or when an API server that hung goes on.
    """

    def __init__(self, api: Api, urgent: Api, path: str, image: Image, before: RolloutView) -> None:
        self._api, self._urgent, self._path, self._image = api, urgent, path, image
        self._theirs = before.canary if is_under_way(before) else ""
        self._undo: list[orders.Operation] = []

    def set(self) -> None:
        """Set it; raises NotBegun if it was refused, PlatformError if nobody knows."""
        order, self._undo = takeover.image_orders(self._api.get(self._path), self._image)
        try:
            self._api.patch(self._path, order)
        except ApiError as error:
            if error.may_be_done:
                raise
            self._undo = []
            if error.status == INVALID:
                raise NotBegun(f"somebody else changed the Rollout just now: {error}") from error
            raise NotBegun(f"{error}; nothing was touched") from error

    def take_back(self, within_s: float) -> None:
        """Order that there is the image of before, and that what began by ours is aborted."""
        if not self._undo:
            return
        try:
            found = self._urgent.patch(self._path, self._undo, patience_s=0, timeout_s=within_s)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return  # there is no Rollout any more
            if error.status != INVALID:
                raise
            found = self._urgent.get(self._path, patience_s=0)  # ours is not there
        view = rollout_view(found)
        if self.is_astray(view):
            order = orders.abort(view.canary, view.stable)
            path = f"{self._path}/status"
            self._urgent.patch(path, order, patience_s=0, timeout_s=within_s)

    def is_astray(self, view: RolloutView) -> bool:
        """Whether a rollout is under way that began by ours."""
        return bool(self._undo) and is_under_way(view) and view.canary != self._theirs


def is_under_way(view: RolloutView) -> bool:
    """Whether the controller gives a revision more and more traffic, now or after a pause."""
    return view.is_rolling and not view.is_aborted
