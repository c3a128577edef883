"""The way back from a promotion: which order comes next, and from what the template is taken."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from canarytest.core.errors import NotBegun, PlatformError
from canarytest.platforms.argo import orders
from canarytest.platforms.argo.api import INVALID, ApiError
from canarytest.platforms.argo.undo import Undo, next_order, template_of
from canarytest.platforms.argo.view import HASH_LABEL, HELD_BY, RolloutView, rollout_view
from tests.platforms.argo import objects
from tests.platforms.argo.objects import CANARY, OURS, STABLE

TEMPLATE = {"metadata": {"labels": {"app": "was"}}, "spec": {"containers": []}}
PROMOTED = replace(OURS, is_promoting=True)
PUT_BACK = ("", orders.put_back(CANARY, TEMPLATE, "run-1", 7))
SOON_S = 60  # never reached, unless something is wrong


def rollout(canary: str, stable: str, *, held_by: str = "", **status: Any) -> dict[str, Any]:
    """Return the Rollout with these revisions."""
    found = objects.rollout({"currentPodHash": canary, "stableRS": stable, **status})
    if held_by:
        found["spec"]["paused"] = True
        found["metadata"]["annotations"][HELD_BY] = held_by
    return found


def view(*args: Any, **kwargs: Any) -> RolloutView:
    return rollout_view(rollout(*args, **kwargs))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (view(CANARY, CANARY), PUT_BACK),
        (view(CANARY, CANARY, observedGeneration="6"), None),
        (view(CANARY, CANARY, held_by="run-1", observedGeneration="6"), None),
        (view(CANARY, CANARY, held_by="run-1"), PUT_BACK),
        (view(STABLE, CANARY, held_by="run-1", observedGeneration="6"), None),
        (view(STABLE, CANARY, held_by="run-1"), ("/status", orders.promote_in_full(STABLE))),
        (view(STABLE, CANARY, held_by="run-1", promoteFull=True), ("", orders.let_go("run-1"))),
        (view(STABLE, STABLE, held_by="run-1"), ("", orders.let_go("run-1"))),
        (view("third", CANARY, held_by="run-1"), ("", orders.let_go("run-1"))),
        (view(STABLE, STABLE), None),
        (view("third", CANARY), None),
        (view("third", CANARY, held_by="run-2"), None),
        (view(CANARY, STABLE), None),
    ],
    ids=[
        "promoted", "promoted, and somebody's change is not seen yet", "not seen yet",
        "put back by somebody else", "not fresh", "put back", "promoting", "promoted again",
        "another revision while it is held by us", "done", "another revision",
        "somebody else's hold", "not promoted",
    ],
)  # fmt: skip
def test_each_order_comes_of_what_the_rollout_is(found: RolloutView, expected: Any) -> None:
    assert next_order(found, PROMOTED, TEMPLATE, "run-1") == expected


def test_the_template_is_put_back_only_on_what_was_promoted_and_held_at_once() -> None:
    order = orders.put_back(CANARY, TEMPLATE, "run-1", 7)

    assert [o["path"] for o in order if o["op"] == "test"] == [
        "/status/currentPodHash",
        "/status/stableRS",
        "/metadata/generation",
    ]
    assert [o["value"] for o in order if o["op"] == "test"] == [CANARY, CANARY, 7]
    assert {"op": "add", "path": "/spec/paused", "value": True} in order
    assert orders.hold(CANARY, 1, "run-1")[-1] in order


def replica_set(hash_: str, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    labels = {"app": "was", "tier": "new", HASH_LABEL: hash_}
    given = {"by": "argo", "own": "x"}
    metadata = {"labels": labels, "annotations": given, "creationTimestamp": None}
    return {
        "metadata": {"labels": {HASH_LABEL: hash_}, "annotations": annotations},
        "spec": {"template": {"metadata": metadata, "spec": {"containers": [hash_]}}},
    }


def apart_from(label: str) -> dict[str, Any]:
    return {"labelSelector": {"matchExpressions": [{"key": label, "operator": "Exists"}]}}


OWN, ARGOS = apart_from("app"), apart_from(HASH_LABEL)
HARD, SOFT = (f"{how}DuringSchedulingIgnoredDuringExecution" for how in ("required", "preferred"))


@pytest.mark.parametrize(
    ("affinity", "expected"),
    [
        ({"podAntiAffinity": {HARD: [ARGOS]}}, None),
        ({"podAntiAffinity": {SOFT: [{"weight": 1, "podAffinityTerm": ARGOS}]}}, None),
        ({"podAntiAffinity": {HARD: [OWN, ARGOS]}}, {"podAntiAffinity": {HARD: [OWN]}}),
        (
            {"podAffinity": {HARD: [OWN]}, "podAntiAffinity": {HARD: [ARGOS]}},
            {"podAffinity": {HARD: [OWN]}},
        ),
        ({"podAntiAffinity": {HARD: [OWN]}}, {"podAntiAffinity": {HARD: [OWN]}}),
        ({"podAntiAffinity": {}}, {"podAntiAffinity": {}}),
    ],
    ids=["required", "preferred", "beside the user's", "beside others", "the user's", "empty"],
)
def test_the_terms_that_keep_two_revisions_apart_are_argo_s(affinity: Any, expected: Any) -> None:
    found = replica_set(STABLE)
    found["spec"]["template"]["spec"]["affinity"] = affinity

    assert template_of([found], STABLE)["spec"].get("affinity") == expected


def test_the_template_is_without_what_the_controller_added() -> None:
    added = '{"labels": {"tier": "new"}, "annotations": {"by": "argo"}}'
    found = [
        replica_set(CANARY),
        replica_set(STABLE, {"rollout.argoproj.io/ephemeral-metadata": added}),
    ]

    assert template_of(found, STABLE) == {
        "metadata": {"labels": {"app": "was"}, "annotations": {"own": "x"}},
        "spec": {"containers": [STABLE]},
    }
    assert template_of(found, CANARY)["metadata"]["labels"] == {"app": "was", "tier": "new"}


def test_without_the_previous_revision_s_replica_set_nothing_is_touched() -> None:
    with pytest.raises(NotBegun, match="there is no ReplicaSet of the stable revision"):
        template_of([replica_set(CANARY)], STABLE)


class Controller:
    """A Rollout, its API and its mirror at once: obeys each order, as Argo does, or not at once."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = self.seen = found
        self.patches: list[tuple[str, list[dict[str, Any]]]] = []
        self.fails: list[Exception] = []
        self.notes: list[str] = []
        self.is_done = threading.Event()

    @property
    def rollout(self) -> RolloutView:
        return rollout_view(self.seen)

    def patch(self, path: str, patch: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        if self.fails:
            raise self.fails.pop(0)
        self.patches.append((path, patch))
        after = {
            "/spec/template": rollout(STABLE, CANARY, held_by="run-1"),
            "/status/promoteFull": rollout(STABLE, STABLE, held_by="run-1"),
            "/spec/paused": rollout(STABLE, STABLE),
        }
        changed = [o["path"] for o in patch if o["op"] != "test"]
        self.found = next(after[path] for path in changed if path in after)
        return self.found

    def get(self, path: str, **_: Any) -> dict[str, Any]:
        return self.found

    def see(self, found: dict[str, Any]) -> None:
        self.seen = found

    def wait(self, find: Callable[[], Any], within_s: float, *, on_the_way_back: bool) -> Any:
        assert on_the_way_back
        found = find()
        if not self.rollout.is_held:
            self.is_done.set()
        return found


def undo_of(controller: Controller) -> Undo:
    either: Any = controller
    return Undo(
        either, either, PROMOTED, TEMPLATE, path="was", run_id="run-1", note=controller.notes.append
    )


def test_it_is_put_back_promoted_and_let_go() -> None:
    controller = Controller(rollout(CANARY, CANARY))
    undo = undo_of(controller)
    assert undo.is_due(controller.rollout)
    undo.begin(1.0)
    assert controller.is_done.wait(SOON_S)
    undo.close()

    assert [path for path, _ in controller.patches] == ["was", "was/status", "was"]
    assert not undo.is_due(controller.rollout)


def test_it_goes_on_where_it_was_left() -> None:
    """An abort is sent again while the previous revision is not in force."""
    controller = Controller(rollout(STABLE, CANARY, held_by="run-1"))
    undo_of(controller).begin(1.0)
    assert controller.is_done.wait(SOON_S)

    assert [path for path, _ in controller.patches] == ["was/status", "was"]


def test_an_order_that_is_not_taken_is_told_to_who_sent_it() -> None:
    controller = Controller(rollout(CANARY, CANARY))
    controller.fails = [ApiError("no answer", 0)]

    with pytest.raises(ApiError, match="no answer"):
        undo_of(controller).begin(1.0)
    assert controller.patches == []


def test_an_order_that_does_not_fit_any_more_is_none() -> None:
    """Somebody was faster: the next one is for the Rollout as it is then."""
    controller = Controller(rollout(CANARY, CANARY))
    controller.found = rollout("third", "third")
    controller.fails = [ApiError("test failed", INVALID)]
    undo_of(controller).begin(1.0)

    assert controller.patches == []
    assert controller.rollout.canary == "third"


def test_an_order_that_is_refused_although_it_fits_is_told() -> None:
    controller = Controller(rollout(CANARY, CANARY))
    controller.fails = [ApiError("a webhook says no", INVALID)]

    with pytest.raises(ApiError, match="a webhook says no"):
        undo_of(controller).begin(1.0)


def test_a_third_revision_is_left_alone() -> None:
    controller = Controller(rollout("third", "third"))
    undo = undo_of(controller)

    assert not undo.is_due(controller.rollout)


def test_what_the_controller_has_not_seen_is_not_replaced() -> None:
    """It may be somebody else's newer template."""
    controller = Controller(rollout(CANARY, CANARY, observedGeneration="6"))

    with pytest.raises(PlatformError, match="observed generation 6 of 7"):
        undo_of(controller).begin(0.1)
    assert controller.patches == []


def test_an_order_that_the_controller_has_yet_to_see_is_not_sent_twice_nor_complained_of() -> None:
    controller = Controller(rollout(CANARY, CANARY, held_by="run-1", observedGeneration="6"))
    undo_of(controller).begin(0.1)

    assert controller.patches == []


def test_a_revision_that_comes_while_it_is_held_is_let_go_and_never_promoted() -> None:
    controller = Controller(rollout("third", CANARY, held_by="run-1"))
    undo_of(controller).begin(1.0)
    assert controller.is_done.wait(SOON_S)

    assert controller.patches == [("was", orders.let_go("run-1"))]
    (note,) = controller.notes
    assert "another revision while the promotion was taken back: pod hash third" in note


def test_the_promoted_template_that_somebody_puts_back_is_replaced_again_and_told_once() -> None:
    controller = Controller(rollout(CANARY, CANARY, held_by="run-1"))
    undo = undo_of(controller)
    undo.begin(1.0)
    undo.close()

    assert [path for path, _ in controller.patches] == ["was", "was/status", "was"]
    (note,) = controller.notes
    assert "Argo CD's self-heal" in note


def test_what_somebody_put_back_for_good_is_held_no_longer_at_the_end() -> None:
    class Healed(Controller):
        def patch(self, path: str, patch: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
            self.patches.append((path, patch))
            self.found = rollout(CANARY, CANARY, held_by="run-1", observedGeneration="6")
            return self.found

        def wait(self, *_: Any, **__: Any) -> Any:
            return None

    controller = Healed(rollout(CANARY, CANARY))
    undo = undo_of(controller)
    undo.begin(1.0)
    undo.close()

    assert controller.patches[-1] == ("was", orders.let_go("run-1"))
