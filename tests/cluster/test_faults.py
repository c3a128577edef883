"""The world fails while a rollout is driven: in no case does a canary stay with users."""

import signal
import threading

import pytest

from canarytest.platforms.argo.view import RolloutView, rollout_view
from tests.cluster.stage import Beside, Stage, assert_proven_back, good_image, image, order

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(240)]
FROZEN_S = 8.0


def at_ten_percent(view: RolloutView) -> bool:
    return view.is_held and view.weight == 10


def freeze_the_api(stage: Stage) -> None:
    order("freeze", "apiserver")
    threading.Timer(FROZEN_S, order, ("thaw", "apiserver")).start()


def test_an_api_that_hangs_while_a_step_is_open_ends_nothing(behind_traefik: Stage) -> None:
    with Beside(behind_traefik, at_ten_percent, freeze_the_api) as beside:
        ran = behind_traefik.run(good_image(behind_traefik))

    assert beside.is_done
    assert ran.status == 0, ran.output
    assert ran.steps == ["dark", "10%", "30%", "50%"]


def test_an_abort_is_ordered_until_an_api_that_hangs_takes_it(behind_traefik: Stage) -> None:
    with Beside(behind_traefik, at_ten_percent, freeze_the_api) as beside:
        ran = behind_traefik.run(image("v103-slow"))

    assert beside.is_done
    assert ran.status == 1, ran.output
    assert_proven_back(ran, behind_traefik)


def kill_the_controller(_: Stage) -> None:
    order("kill", "rollouts")
    threading.Timer(FROZEN_S, order, ("start", "rollouts")).start()


def test_a_controller_that_is_killed_at_the_abort_is_waited_for(behind_traefik: Stage) -> None:
    with Beside(behind_traefik, at_ten_percent, kill_the_controller) as beside:
        ran = behind_traefik.run(image("v103-slow"))

    assert beside.is_done
    assert ran.status == 1, ran.output
    assert_proven_back(ran, behind_traefik)


def test_sigterm_sends_the_traffic_back(behind_traefik: Stage) -> None:
    running = behind_traefik.start(good_image(behind_traefik))
    with Beside(behind_traefik, at_ten_percent, lambda _: running.send_signal(signal.SIGTERM)):
        ran = behind_traefik.end(running)
    view = rollout_view(behind_traefik.read())

    assert ran.status == 2, ran.output
    assert not view.is_held
    assert_proven_back(ran, behind_traefik)
