"""
Runs one step at a time on the workers of pytest-xdist.

A worker starts an item only when it has been sent the item after it (pytest wants to know
`nextitem`). So a worker that is sent the first item of the next step finishes this one and then
waits, that item in hand, until it is sent another: the look-ahead is the barrier.
"""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Protocol

Unit = list[int]  # items that stay together on one worker
FEWEST = 2  # items on a worker: the one that it runs, and the one after it


class Node(Protocol):
    """What we use of xdist's `WorkerController`."""

    @property
    def shutting_down(self) -> bool:
        """Whether nothing more may be sent."""

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Send items, by their position in the collection."""

    def shutdown(self) -> None:
        """Let it run what it holds, and end."""


class StepScheduling:
    """
    The scheduler: xdist's `Scheduling` protocol, with a barrier between steps.

    It knows nothing but `step_of` an item, and that `between(over, upcoming)` is to be called in
    the controller's main thread when every item of a step is complete, before one of the next is
    started. *unit_of* names what must stay on one worker within a step; *is_draining* says that
    nothing will run any more, so that the rest need not be spread.
    """

    def __init__(
        self,
        config: object,
        expected: int,
        *,
        step_of: Callable[[str], int],
        between: Callable[[int | None, int | None], None],
        unit_of: Callable[[str], Hashable] | None = None,
        is_draining: Callable[[], bool] = lambda: False,
    ) -> None:
        self.config = config  # pytest-rerunfailures reads it off the scheduler
        self.step: int | None = None  # the open one
        self.assigned: dict[Node, deque[int]] = {}  # sent and not complete, oldest first
        self._expected = expected
        self._step_of = step_of
        self._between = between
        self._unit_of = unit_of
        self._is_draining = is_draining
        self._collection: list[str] | None = None
        self._steps: list[int] = []  # by item
        self._units: list[Hashable] = []  # by item
        self._queues: dict[int, deque[Unit]] = {}  # of each step not over: what was not yet sent
        self._left: dict[int, int] = {}  # of each step not over: its items not complete
        self._queued = 0  # items in the open step's queue
        self._promised: dict[Node, Unit] = {}  # the rest of a unit whose first item a node holds
        self._collected: dict[Node, list[str]] = {}
        self._is_complete = False
        self._started: set[str] = set()  # node ids that began and are not complete

    @property
    def nodes(self) -> list[Node]:
        """The workers that xdist will shut down at the end."""
        return list(self.assigned)

    @property
    def collection_is_completed(self) -> bool:
        """Whether every expected worker has collected once."""
        return self._is_complete

    @property
    def has_pending(self) -> bool:
        """Whether an item is not complete."""
        return any(self._left.values())

    @property
    def tests_finished(self) -> bool:
        """Whether xdist may shut the workers down: not before the last step is over."""
        return self._is_complete and self.step is None and not self.has_pending

    def add_node(self, node: Node) -> None:
        """Take a worker, also a late one that replaces another."""
        self.assigned[node] = deque()

    def add_node_collection(self, node: Node, collection: Sequence[str]) -> None:
        """Take what *node* collected. Raises RuntimeError if it is not what the others did."""
        if self._collection is not None and list(collection) != self._collection:
            raise RuntimeError(f"{node} collected other tests than the first worker")
        self._collected[node] = list(collection)
        self._is_complete = self._is_complete or len(self._collected) >= self._expected

    def schedule(self) -> None:
        """Hand the first items out; later, feed a worker that came late."""
        if self._collection is None:
            self._begin()
        self._feed_all()
        self._advance()

    def mark_test_started(self, nodeid: str) -> None:
        """Note that a worker began to run an item; xdist does not tell its schedulers by itself."""
        self._started.add(nodeid)

    def mark_test_complete(self, node: Node, item_index: int, duration: float = 0) -> None:
        """Note that *node* is done with an item."""
        del duration
        pending = self.assigned[node]
        if pending[0] == item_index:
            pending.popleft()
        else:
            pending.remove(item_index)
        self._started.discard(self._nodeid(item_index))
        self._left[self._steps[item_index]] -= 1
        self._feed(node)
        self._advance()

    def mark_test_pending(self, item: str) -> None:
        """Run *item*, whose worker crashed, once more."""
        if self._collection is None:
            raise RuntimeError("nothing is collected yet")
        index = self._collection.index(item)
        self._left[self._steps[index]] += 1
        self._put_back([index])
        self._feed_all()

    def remove_pending_tests_from_node(self, node: Node, indices: Sequence[int]) -> None:
        """Do nothing xdist may ask for: this scheduler never steals."""
        raise NotImplementedError

    def remove_node(self, node: Node) -> str | None:
        """
        Let a worker go that ended; return the node id that it crashed in, if it did.

        An item that it only held has not started, and is not to blame. The next step is never
        opened from here: xdist reports the crash only after this returns.
        """
        lost = [*self.assigned.pop(node), *self._promised.pop(node, [])]
        self._collected.pop(node, None)
        crashed = next((index for index in lost if self._nodeid(index) in self._started), None)
        if crashed is not None:
            lost.remove(crashed)
            self._started.discard(self._nodeid(crashed))
            self._left[self._steps[crashed]] -= 1
        self._put_back(lost)
        self._feed_all()
        return None if crashed is None else self._nodeid(crashed)

    def _begin(self) -> None:
        first, *others = self._collected.values()
        if any(other != first for other in others):
            raise RuntimeError("the workers collected different tests")
        self._collection = first
        self._steps = [self._step_of(nodeid) for nodeid in first]
        self._units = [
            index if self._unit_of is None else self._unit_of(nodeid)
            for index, nodeid in enumerate(first)
        ]
        self._left = dict(sorted(Counter(self._steps).items()))
        self._queues = {step: deque() for step in self._left}
        self._put_back(range(len(first)))
        upcoming = next(iter(self._queues), None)
        if upcoming is not None:
            self._between(None, upcoming)
        self._open(upcoming)

    def _open(self, step: int | None) -> None:
        self.step = step
        self._queued = sum(map(len, self._queues[step])) if step is not None else 0

    def _advance(self) -> None:
        while self.step is not None and self._left[self.step] == 0:
            over, *later = self._queues
            if later and all(node.shutting_down for node in self.nodes):
                return  # nobody is left to verify another step
            del self._queues[over], self._left[over]
            upcoming = later[0] if later else None
            self._between(over, upcoming)
            self._open(upcoming)
            self._feed_all()

    def _feed_all(self) -> None:
        for _ in range(FEWEST):  # one unit to each, then the one after it
            for node in self.nodes:
                self._feed(node, one_unit=True)
        for node in self.nodes:
            self._feed(node)

    def _feed(self, node: Node, *, one_unit: bool = False) -> None:
        """Send *node* what keeps it busy of the open step; at its end, what lets it finish."""
        pending = self.assigned[node]
        if self.step is None or node.shutting_down or node not in self._collected:
            return
        if pending and self._steps[pending[-1]] != self.step:
            return  # it holds an item of a later step
        if promised := self._promised.pop(node, None):
            self._send(node, promised)
        queue, room = self._queues[self.step], self._room(node)
        batch: Unit = []
        while queue and len(batch) < room and not (one_unit and batch):
            batch += queue.popleft()
        self._queued -= len(batch)
        self._send(node, batch)
        if not queue and pending:
            self._close(node)

    def _room(self, node: Node) -> int:
        """
        Return how many items may be sent to *node*.

        Each sending costs a message to and fro; what is sent cannot be taken back. So many at once
        while there are many, few towards the end of a step, as xdist's own `load` does.
        """
        pending, nodes = len(self.assigned[node]), len(self.assigned)
        if self._is_draining():
            return self._queued // nodes + 1
        wanted = max(FEWEST, self._queued // (4 * nodes))
        return wanted - pending if pending <= max(FEWEST - 1, wanted // 2) else 0

    def _close(self, node: Node) -> None:
        """Give *node* what lets it run its last item of the open step."""
        later = next((step for step, queue in self._queues.items() if queue), None)
        if later is None:
            node.shutdown()
            return
        held, *rest = self._queues[later].popleft()
        if rest:
            self._promised[node] = rest
        self._send(node, [held])

    def _put_back(self, indices: Iterable[int]) -> None:
        """Queue *indices* before all others of their steps, what belongs together in one unit."""
        units: dict[tuple[int, Hashable], Unit] = {}
        for index in indices:
            units.setdefault((self._steps[index], self._units[index]), []).append(index)
        for (step, _), unit in reversed(units.items()):
            self._queues[step].appendleft(unit)
            self._queued += len(unit) if step == self.step else 0

    def _nodeid(self, index: int) -> str:
        return self._collection[index] if self._collection else ""

    def _send(self, node: Node, indices: Unit) -> None:
        if indices:
            self.assigned[node].extend(indices)
            # A worker that was just killed: xdist tells of it next, and what it has is put back.
            with contextlib.suppress(OSError):
                node.send_runtest_some(indices)
