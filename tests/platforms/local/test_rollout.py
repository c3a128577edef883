"""A rollout that goes well, and how it ends."""

import queue
import socket
from pathlib import Path

import pytest

from canarytest.core.errors import PlatformError
from canarytest.core.ports import Incident, State
from canarytest.core.reach import Version
from canarytest.core.stretch import watched
from canarytest.platforms.local import create, loopback
from tests.platforms.local import stage
from tests.platforms.local.conftest import Make
from tests.platforms.local.stage import get, plan, step, who_answers
from tests.waiting import has_ended

pytestmark = pytest.mark.envoy

CANARY, STABLE = ("canary", "v101"), ("stable", "v100")


def ignore(_: Incident) -> None: ...


def test_in_the_dark_the_canary_is_reached_by_the_header_only(make: Make) -> None:
    platform = make()
    platform.begin(plan(0, 10), ignore)
    facts = platform.open(step(0))

    assert (facts.stable, facts.canary) == ("v100", "v101")
    assert platform.state() == State(share=0.0, stable_complete=True)
    assert who_answers(facts.reach.edge, 200) == {STABLE: 200}
    assert who_answers(facts.reach.canary, 20) == {CANARY: 20}
    assert who_answers(facts.reach.stable, 20) == {STABLE: 20}


@pytest.mark.parametrize("weight", [10, 50])
def test_users_are_split_by_weight(make: Make, weight: int) -> None:
    platform = make()
    edge = platform.begin(plan(0, weight), ignore).reach.edge
    platform.open(step(weight))
    count, share = 1000, weight / 100
    answers = who_answers(edge, count)
    six_sigma = 6 * (count * share * (1 - share)) ** 0.5  # a false alarm in 10⁸ runs

    assert set(answers) == {CANARY, STABLE}
    assert abs(answers[CANARY] - count * share) < six_sigma
    assert platform.state().share == share


def test_the_canary_starts_as_its_first_step_opens(make: Make) -> None:
    platform = make()
    facts = platform.begin(plan(10, 100), ignore)
    before = get(facts.reach.canary)
    name = platform.open(step(10)).canary

    assert facts.canary == ""
    assert before.status_code == 503
    assert name == "v101"
    assert who_answers(facts.reach.canary, 5) == {CANARY: 5}


def test_each_weight_replaces_the_one_before(make: Make) -> None:
    platform = make()
    edge = platform.begin(plan(0, 100, 0), ignore).reach.edge
    seen = []
    for weight in (100, 0, 100):
        platform.open(step(weight))
        seen.append(who_answers(edge, 20))

    assert seen == [{CANARY: 20}, {STABLE: 20}, {CANARY: 20}]


def test_promoted_the_canary_serves_alone_and_counts_as_stable(make: Make) -> None:
    platform = make()
    edge = platform.begin(plan(0, 50), ignore).reach.edge
    old = stage.application("v100")
    platform.open(step(50))
    platform.promote()
    platform.abort()  # there is nothing to go back to

    assert has_ended(old.pid)
    assert who_answers(edge, 20) == {CANARY: 20}
    assert platform.state() == State(share=1.0, stable_complete=True)


def test_a_promotion_that_is_watched_keeps_the_previous_revision_until_it_may_go(
    make: Make,
) -> None:
    platform, walked = make(), watched(plan(0, 50), 30.0)
    edge = platform.begin(walked, ignore).reach.edge
    old = stage.application("v100")
    platform.open(step(50))
    platform.promote()
    facts = platform.open(walked.steps[-1])

    assert who_answers(edge, 20) == {CANARY: 20}
    assert who_answers(facts.reach.stable, 5) == {STABLE: 5}
    assert platform.state() == State(share=1.0, stable_complete=True)
    platform.retire()
    platform.abort()  # there is nothing to go back to
    assert has_ended(old.pid)
    assert who_answers(edge, 20) == {CANARY: 20}


def test_exposure_counts_users_requests_once_each(make: Make) -> None:
    platform = make()
    reach = platform.begin(plan(0, 100), ignore).reach
    get(reach.canary)
    get(reach.canary, "/bad")
    get(reach.edge)
    platform.open(step(100))
    statuses = [get(reach.edge, path).status_code for path in ("/", "/", "/bad", "/hang-up")]
    exposure = platform.exposure()

    assert statuses == [200, 200, 503, 503]
    assert exposure is not None
    assert (exposure.requests, exposure.failures) == (4, 2)


def test_gauges_are_shares_of_the_limits(make: Make) -> None:
    platform = make()
    nothing = platform.gauges()
    platform.begin(plan(0, 10), ignore)
    platform.open(step(0))
    gauges = platform.gauges()

    assert nothing == {}
    assert set(gauges) == {"cpu", "memory"}
    assert 0 < gauges["memory"] < 1


def test_logs_are_the_last_lines(make: Make) -> None:
    platform = make()
    before = platform.logs(Version.CANARY)
    platform.begin(plan(0, 10), ignore)
    platform.open(step(0))

    assert before == ""
    assert platform.logs(Version.CANARY) == "v101 is up"


def test_users_come_in_at_the_port_that_was_asked(make: Make) -> None:
    port = loopback.free_port()
    facts = make(edge_port=port).begin(plan(0, 10), ignore)

    assert facts.reach.edge.url == f"http://127.0.0.1:{port}"


def test_an_edge_port_that_was_taken_meanwhile_is_named(make: Make) -> None:
    with socket.create_server((loopback.HOST, 0)) as placeholder:
        port = placeholder.getsockname()[1]
    platform = make(edge_port=port)
    says = pytest.raises(PlatformError, match=f"Envoy .* before it listened on port {port}")
    with socket.create_server((loopback.HOST, port)), says:
        platform.begin(plan(0, 10), ignore)


def test_the_identity_may_be_a_header(make: Make) -> None:
    platform = make(identity={"header": "X-Version"})
    platform.begin(plan(0, 10), ignore)
    facts = platform.open(step(0))

    assert (facts.stable, facts.canary) == ("v100", "v101")


@pytest.mark.usefixtures("nothing_is_left")
def test_close_ends_all_of_it(tmp_path: Path) -> None:
    heard: queue.Queue[Incident] = queue.Queue()
    canary = stage.command("v101", "--helper")
    platform = create(stage.table(canary=canary), root=tmp_path, run_dir=tmp_path / "run")
    platform.begin(plan(0, 10), heard.put)
    platform.open(step(10))
    running = len(stage.started())
    platform.close()

    assert running == 7  # a keeper each, and the canary's helper
    assert stage.started() == []
    assert heard.empty()
    platform.close()


def test_close_and_abort_may_come_before_begin(make: Make) -> None:
    platform = make()
    platform.abort()
    platform.close()
    platform.abort()

    with pytest.raises(PlatformError, match="aborted"):
        platform.begin(plan(0, 10), ignore)
