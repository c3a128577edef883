"""The orders, as the API server is sent them."""

from typing import Any

import pytest

from canarytest.platforms.argo import orders
from canarytest.platforms.argo.view import pod_view, rollout_view
from tests.platforms.argo.objects import CANARY, rollout

OF_THE_CANARY = {"op": "test", "path": "/status/currentPodHash", "value": CANARY}


@pytest.mark.parametrize(
    "order",
    [orders.abort(CANARY), orders.retry(CANARY), orders.release(CANARY, 1)],
    ids=["abort", "retry", "release"],
)
def test_no_order_is_for_another_revision(order: list[dict[str, Any]]) -> None:
    assert order[0] == OF_THE_CANARY


def test_a_hold_is_marked_as_ours() -> None:
    held = rollout(paused=True)
    mark = orders.hold(CANARY, 4, "run-1")[-1]
    name = mark["path"].removeprefix("/metadata/annotations/").replace("~1", "/")

    assert rollout_view(held).held_by == ""
    held["metadata"]["annotations"][name] = "run-1"
    assert rollout_view(held).held_by == "run-1"
    assert rollout_view({**held, "spec": rollout()["spec"]}).held_by == ""


def test_a_hold_is_taken_back_with_its_mark() -> None:
    taken = {operation["path"] for operation in orders.hold(CANARY, 4, "run-1")[2:]}

    assert {operation["path"] for operation in orders.let_go("run-1")} == taken


def test_a_hold_of_another_run_is_not_ended() -> None:
    held_by = orders.hold(CANARY, 4, "run-1")[-1]["path"]
    mine = {"op": "test", "path": held_by, "value": "run-1"}

    assert mine in orders.let_go("run-1")
    assert mine in orders.forget_hold("run-1")


def test_a_rollout_is_left_only_where_it_is_paused() -> None:
    timed = orders.leave(CANARY, 4, "{}", is_held=True)
    waiting = orders.leave(CANARY, 1, "{}", is_held=False)
    paused = {"op": "test", "path": "/spec/paused", "value": True}

    assert timed[0] == waiting[0] == OF_THE_CANARY
    assert (paused in timed, paused in waiting) == (True, False)
    assert orders.take_up("{}")[0] == {**timed[-1], "op": "test"}


def test_an_image_is_set_only_where_the_spec_is_the_one_that_was_read() -> None:
    order = orders.set_image(7, 1, "petclinic", "petclinic:v101")

    assert [operation["op"] for operation in order] == ["test", "test", "replace"]
    assert order[0]["path"] == "/metadata/generation"
    assert order[2] == {
        "op": "replace",
        "path": "/spec/template/spec/containers/1/image",
        "value": "petclinic:v101",
    }


def test_the_port_of_a_pod_is_the_first_of_its_first_container() -> None:
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"ports": [{"containerPort": 81}]}]}}

    assert pod_view(pod).port == 81
    assert pod_view({"metadata": {"name": "a"}}).port == 0
