"""The promotion is watched on a real cluster, and taken back while the previous pods are up."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from canarytest.platforms.argo.view import RolloutView, rollout_view
from tests.cluster.stage import (
    EDGE,
    IMAGE,
    SUITE,
    TRAEFIK,
    WINDOW_S,
    Beside,
    Ran,
    Stage,
    good_image,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]

WATCHED = f'{TRAEFIK}\nafter_promotion = "3s"\n'
DELAY = "/spec/strategy/canary/scaleDownDelaySeconds"
ALL = ["dark", "10%", "30%", "50%", "promoted"]
FAILS_AT_100 = """
def test_the_pool_is_large_enough(edge, step):
    assert edge.get("/petclinic/actuator/info").json()["version"]
    assert not step.is_promoted, "the pool is too small for all"
"""


@pytest.fixture(scope="module")
def watched(behind_traefik: Stage) -> Iterator[Stage]:
    """PetClinic whose previous pods stay up for a while."""
    behind_traefik.rest()
    behind_traefik.patch([{"op": "replace", "path": DELAY, "value": 20}])
    behind_traefik.write_project(WATCHED, SUITE)
    yield behind_traefik
    behind_traefik.patch([{"op": "replace", "path": DELAY, "value": 2}])
    behind_traefik.write_project(TRAEFIK, SUITE)


@pytest.fixture
def fails_at_100(watched: Stage, tmp_path: Path) -> Iterator[Stage]:
    """The same, with a suite that fails once all users are on the new version."""
    suite = tmp_path / "suite.py"
    suite.write_text(FAILS_AT_100)
    watched.write_project(WATCHED, suite)
    yield watched
    watched.write_project(WATCHED, SUITE)


def assert_undone(ran: Ran, stage: Stage, before: str) -> None:
    """Assert that the revision *before* is in force again, and that it is proven."""
    view = rollout_view(stage.read())
    assert ran.steps == ALL, ran.output
    assert ran.summary["rollback"]["proven"], ran.output
    assert ran.summary["rollback"]["window"] >= WINDOW_S
    assert (view.stable, view.canary) == (before, before)
    assert not view.is_held
    assert not view.weight
    for _ in range(20):
        assert (
            requests.get(f"{EDGE}/petclinic/actuator/info", timeout=5).json()["version"]
            == (stage.image.rpartition(":")[2])
        )


def new_image(option: str) -> str:
    """Return the image that *option* rolls out."""
    return option.rpartition("=")[2]


def test_a_promotion_that_stays_good_is_left_as_it_is(watched: Stage) -> None:
    ran = watched.run(good_image(watched))
    view = rollout_view(watched.read())

    assert ran.status == 0, ran.output
    assert ran.steps == ALL
    assert view.stable == view.canary
    assert not view.is_held


def test_a_watch_that_outlasts_the_previous_pods_is_refused(watched: Stage) -> None:
    watched.write_project(WATCHED.replace('"3s"', '"60s"'), SUITE)
    before = watched.read()["metadata"]["generation"]
    status, output = watched.end_early(good_image(watched))
    watched.write_project(WATCHED, SUITE)

    assert status == 4, output
    assert "[previous-revision-gone] after_promotion is 60 s, and the previous" in output
    assert "scaleDownDelaySeconds: 90" in output
    assert watched.read()["metadata"]["generation"] == before


def test_what_only_all_users_show_is_taken_back(fails_at_100: Stage) -> None:
    before = rollout_view(fails_at_100.read()).stable
    ran = fails_at_100.run(good_image(fails_at_100))

    assert ran.status == 1, ran.output
    assert "the pool is too small" in ran.summary["reason"]
    assert_undone(ran, fails_at_100, before)


@pytest.mark.nightly
def test_a_drill_takes_the_promotion_back(watched: Stage) -> None:
    before = rollout_view(watched.read()).stable
    ran = watched.run(good_image(watched), "--canary-drill", "100")

    assert ran.status == 0, ran.output
    assert_undone(ran, watched, before)


def test_another_revision_after_the_promotion_is_left_alone(watched: Stage) -> None:
    good = good_image(watched)
    new = new_image(good)

    def is_promoted(view: RolloutView) -> bool:
        return view.stable == view.canary and watched.image == new

    def give_another(stage: Stage) -> None:
        stage.patch([{"op": "replace", "path": IMAGE, "value": "local/petclinic:v103"}])

    with Beside(watched, is_promoted, give_another) as beside:
        ran = watched.run(good)
    images = [c["image"] for c in watched.read()["spec"]["template"]["spec"]["containers"]]

    assert beside.is_done
    assert ran.status == 12, ran.output
    assert "another revision after the promotion" in ran.summary["reason"]
    assert images == ["local/petclinic:v103"]


def while_it_is_taken_back(stage: Stage, given: str) -> tuple[Ran, bool]:
    """Run into the undo, and have somebody give the Rollout the image *given* while we hold it."""
    before = rollout_view(stage.read()).stable

    def is_held(view: RolloutView) -> bool:
        return bool(view.held_by) and view.stable not in ("", before)

    def give(to: Stage) -> None:
        to.patch([{"op": "replace", "path": IMAGE, "value": given}])

    with Beside(stage, is_held, give) as beside:
        ran = stage.run(good_image(stage))
    return ran, beside.is_done


@pytest.mark.nightly
def test_a_revision_that_comes_while_it_is_taken_back_is_promoted_by_nobody(
    fails_at_100: Stage,
) -> None:
    fails_at_100.rest()
    ran, is_done = while_it_is_taken_back(fails_at_100, "local/petclinic:v103")
    view = rollout_view(fails_at_100.read())

    assert is_done
    assert ran.status in {1, 11}, ran.output  # it may have been back already
    assert not view.is_held
    assert view.index < len(fails_at_100.read()["spec"]["strategy"]["canary"]["steps"])
    assert fails_at_100.image != "local/petclinic:v103"


@pytest.mark.nightly
def test_a_promoted_template_that_is_healed_back_is_told(fails_at_100: Stage) -> None:
    fails_at_100.rest()
    good = new_image(good_image(fails_at_100))
    ran, is_done = while_it_is_taken_back(fails_at_100, good)

    assert is_done
    assert ran.status in {1, 11}, ran.output
    assert not rollout_view(fails_at_100.read()).is_held
    assert ran.status == 1 or "Argo CD's self-heal" in " ".join(ran.output.split())


@pytest.mark.nightly
def test_pods_that_are_kept_apart_go_back_to_the_same_revision(watched: Stage) -> None:
    watched.rest()
    path = "/spec/strategy/canary/antiAffinity"
    rule = {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 50}}
    watched.patch([{"op": "add", "path": path, "value": rule}])
    apart = watched.run(good_image(watched), "-k", "login")  # only a canary is given the terms
    before = rollout_view(watched.read()).stable
    ran = watched.run(good_image(watched), "--canary-drill", "100", "-k", "login")
    template = watched.read()["spec"]["template"]["spec"]
    watched.patch([{"op": "remove", "path": path}])

    assert (apart.status, ran.status) == (0, 0), apart.output + ran.output
    assert_undone(ran, watched, before)
    assert "affinity" not in template
