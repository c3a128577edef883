"""The orders, as the API server is sent them."""

from typing import Any

import pytest

from canarytest.platforms.argo import orders
from canarytest.platforms.argo.view import pod_view, rollout_view
from tests.platforms.argo.objects import CANARY, STABLE, rollout

OF_THE_CANARY = {"op": "test", "path": "/status/currentPodHash", "value": CANARY}


@pytest.mark.parametrize(
    "order",
    [orders.abort(CANARY, STABLE), orders.retry(CANARY), orders.release(CANARY, 1)],
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


@pytest.mark.parametrize(
    ("order", "status", "expected"),
    [
        (orders.abort(CANARY, STABLE), {"abort": True}, True),
        (orders.abort(CANARY, STABLE), {}, False),
        (orders.retry(CANARY), {}, True),  # Argo leaves out what is false
        (orders.retry(CANARY), {"abort": True}, False),
        (orders.release(CANARY, 1), {"pauseConditions": None}, True),
        (orders.release(CANARY, 1), {}, False),
    ],
)
def test_whether_an_order_was_obeyed_is_told_by_the_object(
    order: list[dict[str, Any]], status: dict[str, Any], *, expected: bool
) -> None:
    assert orders.are_obeyed(order, rollout(status)) is expected


def test_a_mark_and_an_image_are_found_where_they_were_put() -> None:
    found = rollout(paused=True)
    found["spec"]["template"] = {"spec": {"containers": [{"name": "a"}, {"image": "new"}]}}
    found["metadata"]["annotations"]["canarytest/held-by"] = "run-1"

    assert orders.are_obeyed(orders.hold(CANARY, 4, "run-1"), found)
    assert not orders.are_obeyed(orders.hold(CANARY, 4, "run-2"), found)
    assert orders.are_obeyed(orders.set_image(7, 1, "b", "new"), found)
    assert not orders.are_obeyed(orders.set_image(7, 0, "a", "new"), found)
    assert not orders.are_obeyed(orders.set_image(7, 2, "c", "new"), found)
