"""The order to go back, as the Rollout stands when it comes."""

from typing import Any

import pytest

from canarytest.core.errors import NotOurs
from canarytest.platforms.argo import orders
from canarytest.platforms.argo.api import INVALID, NOT_FOUND, ApiError
from canarytest.platforms.argo.settings import Timeouts
from canarytest.platforms.argo.undo import Undo
from canarytest.platforms.argo.view import HELD_BY, RolloutView, rollout_view
from canarytest.platforms.argo.walk import Walk
from tests.platforms.argo.objects import CANARY, OURS, STABLE, plan, rollout

TEMPLATE: dict[str, Any] = {"spec": {"containers": []}}
ABORT = ("was/status", orders.abort(CANARY, STABLE))
PUT_BACK = ("was", orders.put_back(CANARY, TEMPLATE, "run", 7))
PROMOTED = {"stableRS": CANARY}


class Cluster:
    """The API of one Rollout: takes the orders whose tests hold, and no others."""

    def __init__(self, found: dict[str, Any] | None, seen: dict[str, Any] | None) -> None:
        self.found, self.seen = found, seen  # as it is, and as the watch had it last
        self.taken: list[tuple[str, Any]] = []

    @property
    def rollout(self) -> RolloutView:
        if self.seen is None:
            raise NotOurs("the Rollout is gone")
        return rollout_view(self.seen)

    def patch(self, path: str, patch: list[dict[str, Any]], **_: Any) -> Any:
        if self.found is None:
            raise ApiError("not found", NOT_FOUND)
        known = {**self.found["status"], **self.found["metadata"]}
        tests = {o["path"].rpartition("/")[2]: o["value"] for o in patch if o["op"] == "test"}
        if any(known.get(key) != value for key, value in tests.items()):
            raise ApiError("the test failed", INVALID)
        self.taken.append((path, patch))
        return self.found

    def get(self, path: str, **_: Any) -> Any:
        del path
        return self.found

    def see(self, found: dict[str, Any]) -> None:
        self.seen = found

    def interrupt(self) -> None:
        """Nobody waits."""

    def wait(self, *_: Any, **__: Any) -> None:
        """Nothing changes any more."""


def abort(
    found: dict[str, Any] | None, seen: dict[str, Any] | None, *, may_undo: bool
) -> list[tuple[str, Any]]:
    """Return the orders that are taken when an abort comes."""
    cluster = Cluster(found, seen)
    walk = walk_over(cluster, may_undo=may_undo)
    walk.abort()
    return cluster.taken


def walk_over(made: Cluster, *, may_undo: bool) -> Walk:
    """Return the walk of a rollout that is ours."""
    cluster: Any = made
    logs: Any = None
    timeouts = Timeouts(1, 1, 1, 1, 1)
    walk = Walk(cluster, cluster, cluster, path="was", run_id="run", logs=logs, timeouts=timeouts)
    walk.take(OURS, plan())
    if may_undo:
        walk.undo = Undo(cluster, cluster, OURS, TEMPLATE, path="was", run_id="run")
    return walk


@pytest.mark.parametrize(
    ("status", "seen", "may_undo", "taken"),
    [
        ({}, {}, False, [ABORT]),
        ({}, {}, True, [ABORT]),
        (PROMOTED, PROMOTED, True, [PUT_BACK]),
        (PROMOTED, {}, True, [PUT_BACK]),
        (PROMOTED, PROMOTED, False, []),
        (PROMOTED, {}, False, []),
        ({"currentPodHash": "third"}, {}, True, []),
        ({"currentPodHash": "third", **PROMOTED}, {}, True, []),
    ],
    ids=[
        "on its way", "on its way, watched", "promoted", "promoted in the same moment",
        "final", "final in the same moment", "somebody else's", "somebody else's after it",
    ],
)  # fmt: skip
def test_the_order_is_for_what_there_is(
    status: dict[str, Any], seen: dict[str, Any], *, may_undo: bool, taken: list[Any]
) -> None:
    assert abort(rollout(status), rollout(seen), may_undo=may_undo) == taken


@pytest.mark.parametrize("may_undo", [False, True])
def test_of_a_rollout_that_is_gone_nothing_is_sent_back(*, may_undo: bool) -> None:
    assert abort(None, None, may_undo=may_undo) == []


def test_an_order_that_is_refused_while_it_is_on_its_way_is_told() -> None:
    class Stubborn(Cluster):
        def patch(self, path: str, patch: Any, **_: Any) -> Any:
            raise ApiError("a webhook says no", INVALID)

    walk = walk_over(Stubborn(rollout(), rollout()), may_undo=False)

    with pytest.raises(ApiError, match="a webhook says no"):
        walk.abort()


@pytest.mark.parametrize(
    ("status", "may_undo", "is_owed"),
    [
        ({}, False, True),
        ({"abort": True}, False, False),
        ({"currentPodHash": STABLE, **PROMOTED}, True, True),
        (PROMOTED, True, False),  # nobody could tell that it is to be taken back
        (PROMOTED, False, False),
        ({"currentPodHash": "third"}, False, False),
        ({"currentPodHash": "third", **PROMOTED}, True, False),
    ],
    ids=["not taken", "taken", "half back", "promoted", "final", "another's", "another's after it"],
)
def test_what_is_owed_is_an_order_that_is_not_in_force(
    status: dict[str, Any], *, may_undo: bool, is_owed: bool
) -> None:
    found = rollout(status)
    if status.get("currentPodHash") == STABLE:
        found["spec"]["paused"] = True
        found["metadata"]["annotations"][HELD_BY] = "run"
    walk = walk_over(Cluster(found, found), may_undo=may_undo)
    assert not walk.is_owed  # nobody ordered anything
    walk.is_aborted = True

    assert walk.is_owed == is_owed
