"""
A model of pytest-xdist around our scheduler: workers, the controller's queue of events, crashes.

It takes from xdist 3.8 what a scheduler can notice (`remote.py`, `dsession.py`): a worker starts an
item only when it was sent the item after it, or a shutdown; its events reach the controller later
and in order; a crash is known to the node before the controller has heard of it; who dies is
replaced as long as that is allowed; and the controller may shut everybody down by itself.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from canarytest.plugin.scheduling import StepScheduling

SHUTDOWN = -1
MOST_TURNS = 20_000  # of a simulation; one that takes more is stuck


@dataclass(frozen=True)
class Suite:
    """What is to be run, and what goes wrong meanwhile."""

    sizes: tuple[int, ...]  # of the steps
    workers: int
    units: int = 0  # groups in each step; 0: each item for itself
    crashes: float = 0.0  # how likely a worker dies at a turn of its own
    restarts: int = 1000
    reruns: float = 0.0  # how likely a crashed item is run again
    abort_at: int | None = None  # the turn
    stop_at: int | None = None  # the turn at which xdist shuts down by itself, as -x does

    @classmethod
    def random(cls, r: random.Random) -> Suite:
        """Return any suite."""
        return cls(
            sizes=tuple(
                r.choice((0, r.randint(1, 7), r.randint(1, 40))) for _ in range(r.randint(1, 4))
            ),
            workers=r.randint(1, 5),
            units=r.choice((0, 0, r.randint(1, 9))),
            crashes=r.choice((0.0, 0.0, 0.01, 0.1)),
            restarts=r.choice((0, 3, 1000, 1000)),
            reruns=r.choice((0.0, 0.5)),
            abort_at=r.choice((None, None, r.randint(0, 300))),
            stop_at=r.choice((None, None, None, r.randint(0, 300))),
        )


@dataclass(eq=False)
class Worker:
    """`remote.py`: it has a queue, holds one item, and may run it."""

    world: World
    number: int
    queue: deque[int] = field(default_factory=deque)
    held: int | None = None
    running: int | None = None
    is_down: bool = False
    is_shut: bool = False
    has_ended: bool = False

    @property
    def shutting_down(self) -> bool:
        return self.is_down or self.is_shut

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        assert not self.shutting_down, "nothing may be sent to a worker that was shut down"
        assert indices
        self.queue.extend(indices)

    def shutdown(self) -> None:
        if not self.is_down:
            self.is_shut = True
            self.queue.append(SHUTDOWN)

    @property
    def can_act(self) -> bool:
        return not (self.is_down or self.has_ended) and (
            self.running is not None or bool(self.queue)
        )

    def act(self) -> None:
        """Do the next thing: end the test that runs, or take an item and start the held one."""
        if self.running is not None:
            index, self.running = self.running, None
            self.world.end(self, index)
            self.world.events.append(("complete", self, index))
            self._end_after_last()
            return
        successor = self.queue.popleft()
        before, self.held = self.held, successor
        if before is not None:
            self.running = before
            self.world.events.append(("start", self, before))
            self.world.start(self, before)
        else:
            self._end_after_last()

    def crash(self) -> None:
        """Die: the node knows at once, the controller when it comes to it."""
        self.is_down = True
        if self.running is not None:
            self.world.killed[self.running] += 1
        self.world.events.append(("down", self, 0))

    def _end_after_last(self) -> None:
        if self.held == SHUTDOWN and self.running is None:
            self.has_ended = True
            self.world.events.append(("finished", self, 0))


class World:
    """`dsession.py`, the gate, and all that must hold."""

    def __init__(self, suite: Suite, seed: int) -> None:
        self.suite = suite
        self.random = r = random.Random(seed)
        self.collection = [
            f"{step}/{r.randrange(suite.units) if suite.units else index}/{index}"
            for step, size in enumerate(suite.sizes)
            for index in range(size)
        ]
        r.shuffle(self.collection)
        self.events: deque[tuple[str, Worker, int]] = deque()
        self.workers: list[Worker] = []
        self.opened: int | None = None  # the gate
        self.is_aborted = self.is_over = self.is_stopped = False
        self.betweens: list[tuple[int | None, int | None]] = []
        self.ran: Counter[int] = Counter()
        self.skipped: Counter[int] = Counter()
        self.killed: Counter[int] = Counter()  # while it ran
        self.blamed: Counter[int] = Counter()
        self.rerun: Counter[int] = Counter()
        self.crashes = 0
        self.ran_on: dict[Hashable, set[int]] = {}  # unit -> workers
        self.sched = StepScheduling(
            None,
            suite.workers,
            step_of=lambda nodeid: int(nodeid.split("/")[0]),
            between=self.between,
            unit_of=(lambda nodeid: nodeid.split("/")[1]) if suite.units else None,
            is_draining=lambda: self.is_aborted,
        )

    @property
    def is_complete(self) -> bool:
        """Whether every step was gone through."""
        return self.sched.tests_finished

    def go(self) -> World:
        """Run until nothing moves any more, and check that all is as it must be."""
        for _ in range(self.suite.workers):
            self._add()
        for turn in range(MOST_TURNS):
            self.is_aborted |= turn == self.suite.abort_at
            if turn == self.suite.stop_at:
                self.is_stopped = True
                self._shut_down()
            active = [worker for worker in self.workers if worker.can_act]
            if not active and not self.events:
                self._check_end()
                return self
            if self.events and (not active or self.random.random() < 0.5):
                self._control(*self.events.popleft())
            else:
                worker = self.random.choice(active)
                if self.random.random() < self.suite.crashes:
                    worker.crash()
                else:
                    worker.act()
        raise AssertionError("it never ends")

    def between(self, over: int | None, upcoming: int | None) -> None:
        assert not self.is_running_any(), "a test runs between two steps"
        if over is not None:
            for index in self._of(over):
                done = self.ran[index] + self.skipped[index] + self.blamed[index]
                assert done, f"{self.collection[index]} was not reported before its step was judged"
        self.betweens.append((over, upcoming))
        for worker in self.workers:  # while a step is judged, any worker may die: it runs nothing
            if not worker.shutting_down and self.random.random() < self.suite.crashes:
                worker.crash()
        if upcoming is not None and not self.is_aborted:
            self.opened = upcoming

    def is_running_any(self) -> bool:
        return any(w.running is not None and not w.is_down for w in self.workers)

    def start(self, worker: Worker, index: int) -> None:
        step = self._step(index)
        if self._may_run(step):
            assert step == self.opened, f"{self.collection[index]} runs while {self.opened} is open"
        unit = self.collection[index].rsplit("/", 1)[0]
        others = {
            self.collection[w.running].rsplit("/", 1)[0]
            for w in self.workers
            if w is not worker and w.running is not None and not w.is_down
        }
        if self.suite.units and not self.rerun:
            assert unit not in others, f"{unit} runs on two workers at once"
        self.ran_on.setdefault(unit, set()).add(worker.number)

    def end(self, worker: Worker, index: int) -> None:
        (self.ran if self._may_run(self._step(index)) else self.skipped)[index] += 1

    def _may_run(self, step: int) -> bool:
        return self.opened is not None and step <= self.opened and not self.is_aborted

    def _control(self, event: str, worker: Worker, index: int) -> None:
        """`DSession.loop_once`."""
        if event == "start":
            self.sched.mark_test_started(self.collection[index])
        elif event == "complete":
            self.sched.mark_test_complete(worker, index)
        elif event == "finished":
            if worker in self.sched.nodes:
                assert self.sched.remove_node(worker) is None, "blamed without a crash"
        elif event == "ready":
            self._ready(worker)
        else:
            self._down(worker)
        if self.sched.tests_finished:
            self._shut_down()

    def _ready(self, worker: Worker) -> None:
        if self.is_over:
            worker.shutdown()
            return
        self.sched.add_node(worker)
        self.sched.add_node_collection(worker, self.collection)
        if self.sched.collection_is_completed:
            self.sched.schedule()

    def _down(self, worker: Worker) -> None:
        self.crashes += 1
        crashed = self.sched.remove_node(worker) if worker in self.sched.nodes else None
        if crashed is not None:
            index = self.collection.index(crashed)
            assert worker.running == index, f"{crashed} is blamed, but it did not run"
            self.blamed[index] += 1
            if self.random.random() < self.suite.reruns:
                self.rerun[index] += 1
                self.sched.mark_test_pending(crashed)
        else:
            assert worker.running is None, "nobody is blamed"
        if self.crashes > self.suite.restarts:
            self.is_stopped = True
            self._shut_down()
        else:
            self.is_over = self.is_stopped
            self._add()

    def _add(self) -> None:
        worker = Worker(self, len(self.workers))
        self.workers.append(worker)
        self.events.append(("ready", worker, 0))

    def _shut_down(self) -> None:
        if not self.is_over:
            self.is_over = True
            for node in self.sched.nodes:
                node.shutdown()

    def _check_end(self) -> None:
        for index, nodeid in enumerate(self.collection):
            times = self.ran[index] + self.skipped[index] + self.blamed[index]
            assert times <= 1 + self.rerun[index], f"{nodeid} was run twice"
            assert self.killed[index] == self.blamed[index], f"{nodeid}: killed, not blamed"
            if not self.is_stopped:
                assert times == 1 + self.rerun[index], f"{nodeid} was not reported"
        for unit, workers in self.ran_on.items():
            is_kept = len(workers) <= 1 + self.crashes + self.rerun.total()
            assert is_kept or not self.suite.units, f"{unit} was spread over {workers}"
        present = [step for step, size in enumerate(self.suite.sizes) if size]
        expected = list(zip([None, *present], [*present, None], strict=True)) if present else []
        if self.is_stopped:
            assert self.betweens == expected[: len(self.betweens)]
        else:
            assert self.is_complete, "stuck"
            assert self.betweens == expected
            assert all(worker.has_ended or worker.is_down for worker in self.workers), "not ended"

    def _of(self, step: int) -> list[int]:
        return [index for index in range(len(self.collection)) if self._step(index) == step]

    def _step(self, index: int) -> int:
        return int(self.collection[index].split("/")[0])
