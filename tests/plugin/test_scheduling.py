from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canarytest.plugin.scheduling import StepScheduling
from tests.plugin.simulation import Suite, World

DOWN = "shutdown"


@dataclass(eq=False)
class MockNode:
    """What xdist's own tests take for a worker: it notes what it is sent."""

    name: str
    sent: list[int | str] = field(default_factory=list)
    shutting_down: bool = False
    is_gone: bool = False  # killed, and xdist has not told of it yet

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        if self.is_gone:
            raise OSError("cannot send (already closed?)")
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True
        self.sent.append(DOWN)

    def take(self) -> list[int | str]:
        """Return what it was sent since the last look."""
        sent, self.sent = self.sent, []
        return sent


class Table:
    """A scheduler with so many nodes; a suite is written "aab": two items at step a, one at b."""

    def __init__(self, suite: str, nodes: int, units: str | None = None) -> None:
        self.ids = [f"{step}{index}" for index, step in enumerate(suite)]
        self.betweens: list[str] = []
        self.is_draining = False
        self.on_between: Callable[[], None] = lambda: None
        self.sched = StepScheduling(
            "the config",
            nodes,
            step_of=lambda nodeid: "abcdef".index(nodeid[0]),
            between=self.between,
            unit_of=None if units is None else (lambda nodeid: units[int(nodeid[1:])]),
            is_draining=lambda: self.is_draining,
        )
        self.nodes = [MockNode(f"gw{number}") for number in range(nodes)]
        for node in self.nodes:
            self.sched.add_node(node)
        for node in self.nodes:
            self.sched.add_node_collection(node, self.ids)
        self.sched.schedule()

    def between(self, over: int | None, upcoming: int | None) -> None:
        names = ["-" if step is None else "abcdef"[step] for step in (over, upcoming)]
        self.betweens.append("".join(names))
        self.on_between()

    def done(self, node: MockNode, *indices: int) -> None:
        for index in indices:
            self.sched.mark_test_started(self.ids[index])
            self.sched.mark_test_complete(node, index)

    def add(self) -> MockNode:
        node = MockNode(f"gw{len(self.nodes)}")
        self.nodes.append(node)
        self.sched.add_node(node)
        self.sched.add_node_collection(node, self.ids)
        self.sched.schedule()
        return node


# 1. Feed


def test_two_items_are_dealt_to_each_worker_in_turn() -> None:
    table = Table("aaaaaa", 2)

    assert [node.take() for node in table.nodes] == [[0, 2], [1, 3]]


def test_a_completed_item_is_replaced_by_one() -> None:
    table = Table("aaaaaa", 2)
    first, second = table.nodes

    table.done(first, 0)

    assert first.sent == [0, 2, 4]
    assert second.sent == [1, 3]


def test_many_items_are_sent_at_once_so_that_a_message_is_not_needed_for_each() -> None:
    table = Table("a" * 800, 2)

    assert [len(node.sent) for node in table.nodes] == [99, 87]


def test_few_are_sent_towards_the_end_so_that_no_worker_is_left_with_many() -> None:
    table = Table("a" * 800, 2)
    first, second = table.nodes
    most = []
    while table.sched.has_pending:
        for node in (first, second):
            pending = table.sched.assigned[node]
            if len(pending) > 1 or node.shutting_down:
                table.done(node, pending[0])
        most.append(max(map(len, table.sched.assigned.values())))

    assert most[0] > 80
    assert all(pending <= 2 for pending in most[-5:])
    assert table.betweens == ["-a", "a-"]


# 2. Close a worker's step


def test_at_the_end_of_a_step_a_worker_is_sent_one_item_of_the_next_to_hold() -> None:
    table = Table("abbb", 1)

    assert table.nodes[0].sent == [0, 1]


def test_a_worker_that_holds_is_sent_nothing_more() -> None:
    table = Table("aabbbb", 2)
    first, second = table.nodes
    first.take(), second.take()

    table.done(first, 0)

    assert not first.sent
    assert not second.sent


def test_a_step_without_items_left_is_passed_over_when_something_is_to_be_held() -> None:
    table = Table("aabc", 2)

    assert sorted(node.sent for node in table.nodes) == [[0, 3], [1, 2]]


def test_a_worker_for_which_nothing_is_left_is_shut_down() -> None:
    table = Table("aab", 2)

    assert [node.sent for node in table.nodes] == [[0, DOWN], [1, 2]]


def test_a_worker_that_got_nothing_in_a_step_waits_for_the_next() -> None:
    table = Table("abbbb", 2)
    first, second = table.nodes
    assert not second.take()

    table.done(first, 0)

    assert first.sent == [0, 1, 2, DOWN]
    assert second.sent == [3, 4, DOWN]


# 3. A step is over


def test_a_step_is_over_when_the_last_of_all_workers_completed_its_last_item() -> None:
    table = Table("aabb", 2)
    first, second = table.nodes

    table.done(first, 0)
    assert table.betweens == ["-a"]
    table.done(second, 1)
    assert table.betweens == ["-a", "ab"]


def test_between_is_called_once_for_each_step_and_at_both_ends() -> None:
    table = Table("abc", 1)
    (node,) = table.nodes

    table.done(node, 0, 1, 2)

    assert table.betweens == ["-a", "ab", "bc", "c-"]
    assert table.sched.tests_finished


def test_steps_are_run_in_their_order_whatever_the_order_of_the_items() -> None:
    table = Table("baab", 1)
    (node,) = table.nodes

    assert node.sent[:2] == [1, 2]


def test_the_last_step_has_to_be_over_before_xdist_may_shut_down() -> None:
    table = Table("ab", 1)
    (node,) = table.nodes

    table.done(node, 0)

    assert table.sched.has_pending
    assert not table.sched.tests_finished


def test_nothing_collected_is_finished_at_once_and_begins_nothing() -> None:
    table = Table("", 2)

    assert table.sched.tests_finished
    assert not table.betweens


# 4. and 5. Crashes


def test_the_item_that_had_started_is_to_blame() -> None:
    table = Table("aaaa", 2)
    first = table.nodes[0]
    table.sched.mark_test_started("a0")

    assert table.sched.remove_node(first) == "a0"


def test_an_item_that_was_only_held_is_not_to_blame_and_is_run_by_another() -> None:
    table = Table("aaa", 2)
    first, second = table.nodes

    assert table.sched.remove_node(first) is None
    table.done(second, *[index for index in second.sent if isinstance(index, int)])
    late = table.add()

    ran = [index for node in (second, late) for index in node.sent if isinstance(index, int)]
    assert sorted(ran) == [0, 1, 2]


def test_a_worker_that_died_while_the_step_was_judged_is_not_to_blame() -> None:
    table = Table("ab", 1)
    (node,) = table.nodes
    table.on_between = node.shutdown  # known at once; the crash is an event behind this one
    node.take()

    table.done(node, 0)

    assert table.betweens == ["-a", "ab"]
    assert table.sched.remove_node(node) is None
    assert table.add().sent == [1, DOWN]


def test_a_worker_that_was_just_killed_is_sent_nothing_and_costs_nothing() -> None:
    table = Table("aabb", nodes=1)
    (node,) = table.nodes
    table.done(node, 0)
    node.is_gone = True
    table.done(node, 1)  # the step is over, and the next one is to begin on it

    assert table.sched.remove_node(node) is None
    other = table.add()
    table.sched.schedule()
    assert sorted(item for item in other.take() if isinstance(item, int)) == [2, 3]


def test_the_last_item_of_a_worker_that_was_shut_down_can_be_to_blame() -> None:
    table = Table("a", 1)
    (node,) = table.nodes
    assert node.sent == [0, DOWN]
    table.sched.mark_test_started("a0")

    assert table.sched.remove_node(node) == "a0"


def test_no_step_is_opened_before_the_crash_in_the_last_one_is_reported() -> None:
    table = Table("ab", 1)
    (node,) = table.nodes
    table.sched.mark_test_started("a0")

    assert table.sched.remove_node(node) == "a0"
    assert table.betweens == ["-a"]
    assert table.add().sent == [1, DOWN]
    assert table.betweens == ["-a", "ab"]


def test_what_a_dead_worker_had_goes_to_the_front_of_its_own_step() -> None:
    table = Table("aaaaaabb", 2)
    first, second = table.nodes
    second.take()
    table.sched.mark_test_started("a0")

    table.sched.remove_node(first)
    table.done(second, 1)

    assert second.sent == [2]


def test_who_holds_a_later_item_takes_none_that_a_crash_put_back() -> None:
    table = Table("aabb", 2)
    first, second = table.nodes
    first.take(), second.take()
    table.done(first, 0)

    table.sched.remove_node(second)

    assert not first.sent
    assert table.add().sent == [1, 2]


def test_an_item_that_is_to_be_run_again_keeps_its_step_open() -> None:
    table = Table("ab", 1)
    (node,) = table.nodes
    table.sched.mark_test_started("a0")
    assert table.sched.remove_node(node) == "a0"

    table.sched.mark_test_pending("a0")

    late = table.add()
    assert late.sent == [0, 1]
    table.done(late, 0)
    assert table.betweens == ["-a", "ab"]


# 6. Nobody left


def test_no_step_is_opened_for_workers_that_are_all_shutting_down() -> None:
    table = Table("ab", 1)
    (node,) = table.nodes
    node.shutdown()

    table.done(node, 0, 1)

    assert table.betweens == ["-a"]
    assert not table.sched.tests_finished


def test_the_last_step_is_judged_though_all_workers_are_shutting_down() -> None:
    table = Table("a", 2)
    first, second = table.nodes
    assert (first.sent, second.sent) == ([0, DOWN], [])
    second.shutdown()

    table.done(first, 0)

    assert table.betweens == ["-a", "a-"]


# 8. After an abort


def test_after_an_abort_the_rest_of_a_step_is_sent_in_one_message() -> None:
    table = Table("a" * 50 + "b", 1)
    (node,) = table.nodes
    sent = [index for index in node.take() if isinstance(index, int)]
    table.is_draining = True

    table.done(node, *sent[:-1])

    assert node.sent == list(range(len(sent), 51))


# Units: what `--dist loadscope` and the like keep together


def test_a_unit_is_sent_to_one_worker_as_a_whole() -> None:
    table = Table("aaaaaa", 2, units="xxxyyz")

    assert [node.sent for node in table.nodes] == [[0, 1, 2], [3, 4]]


def test_of_a_unit_that_is_held_the_rest_follows_when_its_step_opens() -> None:
    table = Table("abbbb", 2, units="wxxxy")
    first, second = table.nodes
    assert first.take() == [0, 1]

    table.done(first, 0)

    assert first.take()[:2] == [2, 3]
    assert second.take() == [4, DOWN]


def test_the_rest_of_a_unit_whose_holder_died_stays_together() -> None:
    table = Table("abbbb", 2, units="wxxxy")
    first, second = table.nodes
    assert first.take() == [0, 1]
    table.sched.mark_test_started("a0")

    assert table.sched.remove_node(first) == "a0"
    late = table.add()

    assert sorted(len(set(node.sent) - {DOWN}) for node in (second, late)) == [1, 3]


def test_units_of_one_name_in_two_steps_are_two() -> None:
    table = Table("aabb", 1, units="xxxx")

    assert table.nodes[0].sent == [0, 1, 2]


# What xdist relies on


def test_the_config_can_be_read_off_the_scheduler() -> None:
    assert Table("a", 1).sched.config == "the config"


def test_collection_stays_complete_when_a_worker_dies() -> None:
    table = Table("aa", 2)

    table.sched.remove_node(table.nodes[0])

    assert table.sched.collection_is_completed


def test_a_late_worker_that_collected_other_tests_is_refused() -> None:
    table = Table("aa", 1)
    node = MockNode("gw7")
    table.sched.add_node(node)

    with pytest.raises(RuntimeError, match="collected other tests"):
        table.sched.add_node_collection(node, ["a0"])


def test_workers_that_collected_different_tests_begin_nothing() -> None:
    betweens: list[int | None] = []
    sched = StepScheduling(
        None, 2, step_of=lambda _: 0, between=lambda _, upcoming: betweens.append(upcoming)
    )
    for number in range(2):
        node = MockNode(f"gw{number}")
        sched.add_node(node)
        sched.add_node_collection(node, [f"a{number}"])

    with pytest.raises(RuntimeError, match="different"):
        sched.schedule()
    assert not betweens


# The simulation


@pytest.mark.parametrize("block", range(10))
def test_random_suites_with_crashes_and_aborts(block: int) -> None:
    for seed in range(block * 500, (block + 1) * 500):
        suite = Suite.random(random.Random(seed))
        try:
            World(suite, seed).go()
        except BaseException as error:
            error.add_note(f"World({suite}, {seed}).go()")
            raise


def _chances(*most: float) -> st.SearchStrategy[float]:
    return st.sampled_from((0.0, *most))


def _turns() -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(0, 200)


_build: Callable[..., st.SearchStrategy[Suite]] = st.builds


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    _build(
        Suite,
        sizes=st.lists(st.integers(0, 8), min_size=1, max_size=4).map(tuple),
        workers=st.integers(1, 5),
        units=st.integers(0, 4),
        crashes=_chances(0.05, 0.2),
        restarts=st.sampled_from((1000, 0, 2)),
        reruns=_chances(0.5, 1.0),
        abort_at=_turns(),
        stop_at=_turns(),
    ),
    st.integers(0, 1000),
)
def test_the_smallest_suite_that_goes_wrong(suite: Suite, seed: int) -> None:
    World(suite, seed).go()
