"""The world fails while a rollout is driven: in no case does a canary stay with users."""

import contextlib
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import requests

from canarytest.platforms.argo import watch
from canarytest.platforms.argo.view import HASH_LABEL, RolloutView, rollout_view
from tests.cluster.stage import (
    EDGE,
    READY_WITHIN_S,
    Beside,
    Ran,
    Stage,
    good_image,
    image,
    order,
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.timeout(300),
]
HANGS_S, DOWN_S, EDGE_DOWN_S = 20.0, 15.0, 8.0
UNDO = {"freeze": "thaw", "kill": "start"}
WORLD_OR_CANARY = frozenset({1, 10, 12})  # nobody can tell whose fault it was
LONGEST_S = 15.0  # a run with no load is over by then
ASKED = 60  # times at the edge, once all is over
GOOD, BAD = "", "v103-slow"  # bad by what only its load at 10 % can see


def at_ten_percent(view: RolloutView) -> bool:
    return view.is_held and view.weight == 10


def aborted(view: RolloutView) -> bool:
    return view.is_aborted and view.weight == 0


@dataclass(frozen=True)
class Trouble:
    """What happens to a component, when, and for how long."""

    verb: str
    component: str
    for_s: float | None  # None: until the run is over
    when: Callable[[RolloutView], bool] = at_ten_percent

    @contextlib.contextmanager
    def beside(self, stage: Stage) -> Iterator[Beside]:
        """Let it come, and be gone at the end."""
        timers: list[threading.Timer] = []

        def act(_: Stage) -> None:
            order(self.verb, self.component)
            timers.append(threading.Timer(self.for_s or 0, self._undo))
            if self.for_s is not None:
                timers[0].start()

        try:
            with Beside(stage, self.when, act) as beside:
                yield beside
        finally:
            for timer in timers:
                timer.join() if self.for_s is not None else self._undo()

    def _undo(self) -> None:
        order(UNDO[self.verb], self.component)


def assert_not_exposed(stage: Stage, output: str) -> None:
    """Assert that users are with the stable version, whichever that is now."""
    view = rollout_view(stage.read())

    assert view.stable == view.canary or view.is_aborted, output
    assert (view.weight, view.is_held) == (0, False), output
    assert answers() == {stable_name(stage)}, output


def stable_name(stage: Stage) -> str:
    """Return what the stable version calls itself."""
    return stage.image.rpartition(":")[2][:4]


def assert_told(ran: Ran, stage: Stage) -> None:
    """Assert that what the run says is what became of the Rollout."""
    if ran.status == 11:  # the order was taken: a controller that comes back obeys it
        stage.wait_for(aborted)
        wait_for_edge(stable_name(stage))  # the router hears of it when it is back, too
    view = rollout_view(stage.read())
    is_proven = (ran.summary["rollback"] or {}).get("proven", False)

    assert (view.stable == view.canary) is (ran.status == 0), ran.output
    assert is_proven is (ran.status not in {0, 11}), ran.output


def answers() -> set[str]:
    """Return which versions answer at the edge."""
    replies = [requests.get(f"{EDGE}/petclinic/actuator/info", timeout=5) for _ in range(ASKED)]
    return {reply.json()["version"] for reply in replies}


def wait_for_edge(version: str) -> None:
    """Return once none but *version* answers."""
    give_up = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up:
        with contextlib.suppress(requests.RequestException):  # nor a route, at first
            if answers() == {version}:
                return
    raise AssertionError(f"{version} does not answer alone within {READY_WITHIN_S:g} s")


TROUBLES = {
    "the API hangs while a step is open": (
        Trouble("freeze", "apiserver", HANGS_S), GOOD, {0},
    ),
    "the API hangs while an abort is due": (
        Trouble("freeze", "apiserver", HANGS_S), BAD, {1},
    ),
    "the API hangs while the way back is proven": (
        Trouble("freeze", "apiserver", HANGS_S, aborted), BAD, {1},
    ),
    # The controller asks an API server that was away again after up to a minute (client-go backs
    # off): 12 is a step that it did not take in time, 11 an abort that it did not.
    "the API is killed while a step is open": (
        Trouble("kill", "apiserver", DOWN_S), GOOD, {0, 12},
    ),
    "the API is killed while an abort is due": (
        Trouble("kill", "apiserver", DOWN_S), BAD, {1, 11},
    ),
    "the controller is killed while an abort is due": (
        Trouble("kill", "rollouts", DOWN_S), BAD, {1},
    ),
    "the kubelet hangs while a step is open": (
        Trouble("freeze", "kubelet", HANGS_S), GOOD, {0},
    ),
    "the kubelet hangs at an abort": (
        Trouble("freeze", "kubelet", None), BAD, {1},
    ),
    "the router is killed and comes back": (
        Trouble("kill", "traefik", EDGE_DOWN_S), GOOD, WORLD_OR_CANARY,
    ),
    "the router is killed and stays away": (
        Trouble("kill", "traefik", None), GOOD, {11},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TROUBLES)
def test_whatever_fails_no_canary_stays_with_users(behind_traefik: Stage, what: str) -> None:
    trouble, tag, statuses = TROUBLES[what]
    behind_traefik.rest()
    with trouble.beside(behind_traefik) as beside:
        ran = behind_traefik.run(image(tag) if tag else good_image(behind_traefik))

    assert beside.is_done
    assert ran.status in statuses, ran.output
    assert_told(ran, behind_traefik)
    assert_not_exposed(behind_traefik, ran.output)


def delete_the_canary(stage: Stage) -> None:
    view, path = rollout_view(stage.read()), watch.pods(stage.namespace)
    pods = stage.api.get(path, {"labelSelector": f"{HASH_LABEL}={view.canary}"})["items"]
    for pod in pods:
        stage.api.delete(f"{path}/{pod['metadata']['name']}")


def test_a_canary_whose_pod_is_deleted_goes_on_or_back(behind_traefik: Stage) -> None:
    with Beside(behind_traefik, at_ten_percent, delete_the_canary) as beside:
        ran = behind_traefik.run(good_image(behind_traefik))

    assert beside.is_done
    assert ran.status in {0, *WORLD_OR_CANARY}, ran.output
    assert_told(ran, behind_traefik)
    assert_not_exposed(behind_traefik, ran.output)


def test_sigterm_sends_the_traffic_back(behind_traefik: Stage) -> None:
    behind_traefik.rest()
    running = behind_traefik.start(good_image(behind_traefik))
    with Beside(behind_traefik, at_ten_percent, lambda _: running.send_signal(signal.SIGTERM)):
        ran = behind_traefik.end(running)

    assert ran.status == 2, ran.output
    assert_told(ran, behind_traefik)
    assert_not_exposed(behind_traefik, ran.output)


@pytest.mark.parametrize("seed", range(10))
def test_sigterm_at_any_moment_exposes_nobody(behind_traefik: Stage, seed: int) -> None:
    behind_traefik.rest()
    before = behind_traefik.image
    running = behind_traefik.start(good_image(behind_traefik), "-k", "login")
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(random.Random(seed).uniform(0.2, LONGEST_S))
    running.terminate()
    output, _ = running.communicate()

    # Before the run begins, and when it is over, the signal ends the process at once.
    is_promoted = behind_traefik.image != before
    assert running.returncode in ({0, -signal.SIGTERM} if is_promoted else {2, -signal.SIGTERM})
    assert_not_exposed(behind_traefik, output)
