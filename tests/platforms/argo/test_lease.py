"""The Lease: whoever else writes or deletes it, it is ours until it is another's."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from canarytest.core.errors import RolloutLocked
from canarytest.platforms.argo.api import ApiError
from canarytest.platforms.argo.lease import DRIVES, REPLACES, Lease, holder_of, written

PATH = "/apis/coordination.k8s.io/v1/namespaces/petclinic/leases"


class FakeApi:
    """An API server that keeps one Lease, by its resourceVersion."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] | None = None
        self.version = 0

    def get(self, path: str) -> Mapping[str, Any]:
        """Return it."""
        assert path == f"{PATH}/canarytest-was"
        if self.kept is None:
            raise ApiError("not found", 404)
        return self.kept

    def create(self, path: str, body: dict[str, Any]) -> Mapping[str, Any]:
        """Make it."""
        assert path == PATH
        return self._keep(body)

    def replace(self, path: str, body: dict[str, Any]) -> Mapping[str, Any]:
        """Replace it, if it is still the one that was read."""
        if self.kept is None:
            raise ApiError("not found", 404)
        if body["metadata"]["resourceVersion"] != self.kept["metadata"]["resourceVersion"]:
            raise ApiError("conflict", 409)
        return self._keep(body)

    def _keep(self, body: dict[str, Any]) -> Mapping[str, Any]:
        self.version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self.version)}
        self.kept = {**body, "metadata": metadata}
        return self.kept

    @property
    def holder(self) -> str:
        """Who holds it now."""
        return holder_of(self.get(f"{PATH}/canarytest-was"), datetime.now(UTC))


class Held:
    """A Lease, and how it was lost."""

    def __init__(self, api: FakeApi, holder: str = "run@host") -> None:
        self.losses: list[str] = []
        self.lease = Lease(api, "petclinic", "was", holder, self.losses.append)  # type: ignore[arg-type]


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


def take(api: FakeApi, holder: str) -> None:
    """Have *holder* write it, whoever had it."""
    api.replace(f"{PATH}/canarytest-was", written(api.kept or {}, datetime.now(UTC), holder))


def test_it_is_taken_marked_and_given_back(api: FakeApi) -> None:
    held = Held(api)
    held.lease.take()
    held.lease.mark(drives="8dd88c859")

    assert api.holder == "run@host"
    assert (api.kept or {})["metadata"]["annotations"] == {DRIVES: "8dd88c859"}
    held.lease.release()
    assert api.holder == ""


def test_what_another_run_holds_is_not_taken(api: FakeApi) -> None:
    Held(api, "other@host").lease.take()

    with pytest.raises(RolloutLocked, match="other@host"):
        Held(api).lease.take()


def test_a_lease_that_another_run_took_is_lost(api: FakeApi) -> None:
    held = Held(api)
    held.lease.take()
    take(api, "other@host")
    held.lease._renew_once(held.lease._held or {})

    assert held.losses == ["the lease of petclinic/was was taken by 'other@host'"]
    held.lease.release()
    assert api.holder == "other@host"


@pytest.mark.parametrize("how", ["written to", "deleted"])
def test_a_lease_that_nobody_took_stays_ours(api: FakeApi, how: str) -> None:
    held = Held(api)
    held.lease.take()
    held.lease.mark(drives="8dd88c859")
    if how == "deleted":
        api.kept = None
    else:
        take(api, "run@host")
    held.lease._renew_once(held.lease._held or {})

    assert held.losses == []
    assert api.holder == "run@host"
    assert (api.kept or {})["metadata"]["annotations"] == {DRIVES: "8dd88c859"}


class DeafApi(FakeApi):
    """One whose first answer to a write is lost, so that it is written again."""

    def create(self, path: str, body: dict[str, Any]) -> Mapping[str, Any]:
        """Make it, and then find it there."""
        super().create(path, body)
        raise ApiError("already exists", 409, may_be_done=True)


def test_a_lease_whose_answer_was_lost_is_ours() -> None:
    api = DeafApi()
    held = Held(api)
    held.lease.take()
    held.lease.mark(drives="8dd88c859")

    assert api.holder == "run@host"


def test_a_mark_is_not_lost_to_a_conflict(api: FakeApi) -> None:
    held = Held(api)
    held.lease.take()
    take(api, "run@host")
    held.lease.mark(drives="8dd88c859")

    assert held.losses == []
    assert (api.kept or {})["metadata"]["annotations"] == {DRIVES: "8dd88c859"}


def test_a_lease_that_another_run_took_just_now_is_theirs() -> None:
    class RacedApi(FakeApi):
        def create(self, path: str, body: dict[str, Any]) -> Mapping[str, Any]:
            self._keep(written(body, datetime.now(UTC), "other@host"))
            raise ApiError("already exists", 409)

    with pytest.raises(RolloutLocked, match="is driven by 'other@host'"):
        Held(RacedApi()).lease.take()


def test_one_whose_rollout_is_not_back_yet_runs_out_so_that_reap_goes_on() -> None:
    api = FakeApi()
    held = Held(api)
    held.lease.take()
    held.lease.mark(drives="a", replaces="b")
    held.lease.release(is_owed=True)

    assert api.holder == "run@host"
    assert api.kept is not None
    assert api.kept["metadata"]["annotations"] == {DRIVES: "a", REPLACES: "b"}


class RefusingApi(FakeApi):
    """One that refuses the first *times* writes of a Lease that is there, as a race would."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self._keep(written({"metadata": {"name": "canarytest-was"}}, datetime.now(UTC), ""))

    def replace(self, path: str, body: dict[str, Any]) -> Mapping[str, Any]:
        """Refuse it, or replace it."""
        self.times -= 1
        if self.times >= 0:
            raise ApiError("conflict", 409)
        return super().replace(path, body)


def test_a_conflict_over_a_lease_that_nobody_holds_is_passed_over() -> None:
    api = RefusingApi(2)
    Held(api).lease.take()

    assert api.holder == "run@host"


def test_conflicts_without_end_are_told() -> None:
    with pytest.raises(RolloutLocked, match="written by somebody else all the time; nothing was"):
        Held(RefusingApi(1000)).lease.take()
