"""An API server that refuses now and then, or whose answers are lost: nothing comes of it."""

import pytest

from canarytest.platforms.argo.view import rollout_view
from tests.cluster.faulty import LOST, Fault, FaultyApi
from tests.cluster.stage import Ran, Stage, assert_proven_back, good_image, image

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]
QUICK = ("-k", "login")
STATUS, ROLLOUT = r"^PATCH .*/rollouts/was/status$", r"^PATCH .*/rollouts/was$"
WATCH = r"^GET .*watch=true"
LEASE = r"^PUT .*/leases/"


def through(stage: Stage, option: str, *faults: Fault) -> Ran:
    stage.rest()
    with FaultyApi(stage.cluster, *faults) as api:
        ran = stage.run_through(api.url, option, *QUICK)
    assert api.unspent == [], ran.output
    return ran


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(STATUS, 409, 2), Fault(ROLLOUT, 409, 2), Fault(LEASE, 409)],
        [Fault(WATCH, 410, 4), Fault(".", 429, 12, skip=12)],
        [Fault(".", 500, 20, skip=12), Fault(STATUS, 500, 4), Fault(ROLLOUT, 500, 4)],
        [Fault(STATUS, LOST, 2), Fault(ROLLOUT, LOST, 2), Fault(LEASE, LOST)],
    ],
    ids=["409", "410 and 429", "500", "lost answers"],
)
def test_what_passes_keeps_no_version_from_promotion(
    behind_traefik: Stage, faults: list[Fault]
) -> None:
    ran = through(behind_traefik, good_image(behind_traefik), *faults)
    view = rollout_view(behind_traefik.read())

    assert ran.status == 0, ran.output
    assert ran.steps == ["dark", "10%", "30%", "50%"]
    assert view.stable == view.canary


@pytest.mark.parametrize("status", [409, 429, 500, LOST])
def test_an_abort_is_ordered_until_it_is_taken(behind_traefik: Stage, status: int) -> None:
    ran = through(behind_traefik, image("v103-login"), Fault(STATUS, status, 6))

    assert ran.status == 1, ran.output
    assert "test_login failed" in ran.summary["reason"]
    assert_proven_back(ran, behind_traefik)


def test_a_rollout_that_may_have_begun_is_taken_back(behind_traefik: Stage) -> None:
    stable = rollout_view(behind_traefik.read()).stable
    # The answer to the image is lost, and then the server is deaf for longer than it is asked.
    faults = Fault(ROLLOUT, LOST), Fault(ROLLOUT, 503, 110)
    behind_traefik.rest()
    with FaultyApi(behind_traefik.cluster, *faults) as api:
        ran = behind_traefik.run_through(api.url, good_image(behind_traefik), *QUICK)
    behind_traefik.wait_healthy(behind_traefik.read())
    view = rollout_view(behind_traefik.read())

    assert ran.status == 12, ran.output
    assert (view.canary, view.stable) == (stable, stable)
