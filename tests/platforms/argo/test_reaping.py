"""Which rollouts are sent back for a run that died."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canarytest.core.stretch import LEFT
from canarytest.platforms.argo import orders
from canarytest.platforms.argo.lease import DRIVES, REPLACES, SETS, written
from canarytest.platforms.argo.reaping import died, is_being_undone, reap, spared
from canarytest.platforms.argo.view import HELD_BY
from tests.platforms.argo import objects
from tests.platforms.argo.objects import CANARY, STABLE

NOW = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)
BLANK: dict[str, Any] = {"metadata": {"name": "canarytest-was", "resourceVersion": "7"}}


def lease(holder: str = "run@host", **marks: str) -> dict[str, Any]:
    return written(BLANK, NOW, holder, marks)


@pytest.mark.parametrize(
    ("holder", "seconds", "expected"),
    [("run@host", 149, False), ("run@host", 151, True), ("", 151, False)],
)
def test_a_holder_that_neither_renewed_nor_gave_back_is_dead(
    holder: str, seconds: int, *, expected: bool
) -> None:
    assert died(lease(holder), NOW + timedelta(seconds=seconds)) is expected


def rollout(annotations: dict[str, str] | None = None, **status: Any) -> dict[str, Any]:
    container = {"name": "petclinic", "image": "petclinic:v101"}
    made = objects.rollout(status, template={"spec": {"containers": [container]}})
    made["metadata"]["annotations"] |= annotations or {}
    return made


@pytest.mark.parametrize(
    ("marks", "annotations", "status", "expected"),
    [
        ({DRIVES: CANARY}, {}, {}, ""),
        ({SETS: "petclinic=petclinic:v101"}, {}, {}, ""),
        ({SETS: "petclinic=petclinic:v102"}, {}, {}, "was not begun by that run"),
        ({DRIVES: "other"}, {}, {}, "was not begun by that run"),
        ({}, {}, {}, "was not begun by that run"),
        ({DRIVES: CANARY}, {}, {"abort": True}, "it is aborted already"),
        ({DRIVES: CANARY}, {}, {"stableRS": CANARY}, "it is not under way"),
        ({DRIVES: CANARY}, {LEFT: "{}"}, {}, "it was left paused, as asked"),
    ],
)
def test_only_what_the_dead_run_began_is_sent_back(
    marks: dict[str, str], annotations: dict[str, str], status: dict[str, Any], expected: str
) -> None:
    why = spared(lease(**marks), rollout(annotations, **status))

    assert expected in why if expected else not why


@pytest.mark.parametrize(
    ("drives", "held_by", "status", "expected"),
    [
        (STABLE, "run", {}, True),
        (STABLE, "", {}, False),
        (CANARY, "run", {}, False),  # held at a step
        (STABLE, "run", {"currentPodHash": STABLE}, False),  # it is done
        (STABLE, "run", {"currentPodHash": "third"}, False),  # somebody else's
    ],
)
def test_a_promotion_that_was_being_taken_back_is_known(
    drives: str, held_by: str, status: dict[str, Any], *, expected: bool
) -> None:
    """What was put back is the canary by then, and what that run had promoted is stable."""
    found = held(held_by, **status)

    assert is_being_undone(lease(**{DRIVES: drives, REPLACES: CANARY}), found) is expected


def held(by: str, **status: Any) -> dict[str, Any]:
    """Return a Rollout that is paused for a run."""
    found = rollout({HELD_BY: by} if by else {}, **status)
    found["spec"]["paused"] = bool(by)
    return found


class Dead:
    """The API of a namespace with one lease whose holder died, and its Rollout."""

    def __init__(self, found: dict[str, Any], **marks: str) -> None:
        self.found, self.lease = found, lease(**marks)
        self.patches: list[tuple[str, Any]] = []
        self.leases: list[Any] = []  # as they were written

    def get(self, path: str) -> Any:
        return {"items": [self.lease]} if "leases" in path else self.found

    def patch(self, path: str, patch: Any) -> Any:
        self.patches.append((path.partition("/was")[2], patch))
        return self.found

    def replace(self, path: str, body: Any) -> Any:
        self.leases.append(body)
        return body


@pytest.mark.parametrize(
    ("drives", "orders_of", "dry"),
    [
        (CANARY, [("/status", orders.abort(CANARY, STABLE)), ("", orders.let_go("run"))], False),
        (STABLE, [("/status", orders.promote_in_full(CANARY)), ("", orders.let_go("run"))], False),
        (STABLE, [], True),
    ],
)
def test_the_traffic_goes_back_either_way(drives: str, orders_of: Any, *, dry: bool) -> None:
    api = Dead(held("run"), **{DRIVES: drives, REPLACES: CANARY})
    (reaped,) = reap(api, "petclinic", is_dry=dry)  # type: ignore[arg-type]

    assert reaped.is_aborted
    assert api.patches == orders_of


@pytest.mark.parametrize(
    "status", [{"currentPodHash": STABLE}, {"stableRS": "a", "currentPodHash": "third"}]
)
def test_what_is_not_sent_back_is_paused_no_longer_for_who_is_dead(status: dict[str, Any]) -> None:
    api = Dead(held("run", **status), **{DRIVES: STABLE, REPLACES: CANARY})
    (reaped,) = reap(api, "petclinic", is_dry=False)  # type: ignore[arg-type]

    assert not reaped.is_aborted
    assert api.patches == [("", orders.let_go("run"))]
    assert "no longer paused for that run" in reaped.sentence


def test_what_failed_once_can_be_done_by_the_next_one() -> None:
    """The lease that reap takes says on what its rollout is: it may die as well."""
    api = Dead(held("run"), **{DRIVES: CANARY, REPLACES: STABLE})
    list(reap(api, "petclinic", is_dry=False))  # type: ignore[arg-type]

    assert api.leases[0]["metadata"]["annotations"] == {DRIVES: CANARY, REPLACES: STABLE}


def test_what_others_wrote_on_a_lease_stays() -> None:
    theirs = {"metadata": {"name": "canarytest-was", "annotations": {"team": "a", DRIVES: "old"}}}

    assert written(theirs, NOW, "run", {})["metadata"]["annotations"] == {"team": "a"}
