"""The keeper, with real processes. Nothing here waits for a time, only for events."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from canarytest.processes import Kept
from tests.waiting import has_ended

SLEEP = [sys.executable, "-S", "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""
WITH_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-S", "-c", sys.argv[1]], start_new_session={apart})
print("up", child.pid, flush=True)
{then}
"""
PARENT = """
import signal, sys, threading
from pathlib import Path
from canarytest.processes import Kept
from tests.waiting import has_ended
signal.signal(signal.SIGTERM, signal.SIG_DFL)
kept = [Kept.start({argv!r}, log=Path(sys.argv[1]) / f"{{n}}.log", grace_s=0) for n in range(2)]
print(*(one.pid for one in kept), flush=True)
threading.Event().wait()
"""
SOON_S = 30  # never reached, unless something is wrong


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    _, alive = psutil.wait_procs(psutil.Process().children(recursive=True), timeout=SOON_S)

    assert not alive


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A log that can be read line by line as it is written."""
    path = tmp_path / "log"
    os.mkfifo(path)
    return path


def first_line(argv: list[str], fifo: Path, *, grace_s: float = 0) -> tuple[Kept, list[str]]:
    # Open for both, so that neither end waits for the other.
    descriptor = os.open(fifo, os.O_RDWR)
    kept = Kept.start(argv, log=fifo, grace_s=grace_s)
    with os.fdopen(descriptor) as log:
        return kept, log.readline().split()


def gone(*pids: int) -> bool:
    """Wait until all have ended; collected or not, which is up to whoever inherited them."""
    return all(has_ended(pid) for pid in pids)


def test_the_exit_status_is_passed_on(tmp_path: Path) -> None:
    statuses: queue.Queue[int] = queue.Queue()

    kept = Kept.start(
        [sys.executable, "-S", "-c", "raise SystemExit(3)"],
        log=tmp_path / "log",
        on_exit=statuses.put,
    )

    assert statuses.get(timeout=SOON_S) == 3
    assert kept.exit_status == 3
    assert not kept.running


def test_a_signal_is_passed_on_as_a_negative_status(tmp_path: Path) -> None:
    statuses: queue.Queue[int] = queue.Queue()
    kept = Kept.start(SLEEP, log=tmp_path / "log", on_exit=statuses.put)

    os.kill(kept.pid, signal.SIGKILL)

    assert statuses.get(timeout=SOON_S) == -signal.SIGKILL


def test_output_and_errors_are_appended_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "new" / "log"
    code = "import os, sys; print(os.environ['WHO'], os.getcwd()); print('oh', file=sys.stderr)"
    for who in ("one", "two"):
        Kept.start(
            [sys.executable, "-S", "-u", "-c", code], log=log, env={"WHO": who}, cwd=tmp_path
        ).wait(SOON_S)

    assert log.read_text() == f"one {tmp_path}\noh\ntwo {tmp_path}\noh\n"


def test_a_missing_program_is_an_oserror_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        Kept.start(["no-such-program"], log=tmp_path / "log")


def test_stop_is_not_an_exit_by_itself(fifo: Path) -> None:
    statuses: queue.Queue[int] = queue.Queue()
    kept = Kept.start(SLEEP, log=fifo.with_name("plain"), on_exit=statuses.put)

    kept.stop()

    assert kept.exit_status == -signal.SIGTERM
    assert statuses.empty()


def test_stop_can_be_called_twice_and_by_many(tmp_path: Path) -> None:
    kept = Kept.start(SLEEP, log=tmp_path / "log")
    threads = [threading.Thread(target=kept.stop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.stop()

    assert not kept.running


def test_stop_may_be_called_by_on_exit(tmp_path: Path) -> None:
    stopped = threading.Event()
    box: queue.Queue[Kept] = queue.Queue()

    def on_exit(_status: int) -> None:
        box.get(timeout=SOON_S).stop()
        stopped.set()

    box.put(Kept.start([sys.executable, "-S", "-c", ""], log=tmp_path / "log", on_exit=on_exit))

    assert stopped.wait(SOON_S)


def test_a_child_that_ignores_sigterm_is_killed(fifo: Path) -> None:
    kept, line = first_line([sys.executable, "-S", "-c", STUBBORN], fifo, grace_s=0.1)

    kept.stop()

    assert line == ["up"]
    assert kept.exit_status == -signal.SIGKILL


@pytest.mark.parametrize("apart", [False, True], ids=["in the group", "in a session of its own"])
@pytest.mark.parametrize("then", ["time.sleep(600)", ""], ids=["parent lives", "parent ended"])
def test_descendants_are_ended_too(fifo: Path, apart: bool, then: str) -> None:
    code = WITH_A_CHILD.format(apart=apart, then=then)
    kept, line = first_line([sys.executable, "-S", "-c", code, STUBBORN], fifo)

    kept.stop()

    assert gone(int(line[1]))


def test_the_child_is_in_a_session_of_its_own(tmp_path: Path) -> None:
    kept = Kept.start(SLEEP, log=tmp_path / "log")
    keeper = psutil.Process(kept.pid).ppid()
    sessions = {os.getsid(0), os.getsid(keeper), os.getsid(kept.pid)}
    kept.stop()

    assert len(sessions) == 3


def test_the_keeper_ignores_ctrl_c(fifo: Path) -> None:
    statuses: queue.Queue[int] = queue.Queue()
    code = "import sys; sys.exit(7 if open(sys.argv[1]).read() else 8)"
    go = fifo
    kept = Kept.start(
        [sys.executable, "-S", "-c", code, str(go)],
        log=fifo.with_name("plain"),
        on_exit=statuses.put,
    )
    os.kill(psutil.Process(kept.pid).ppid(), signal.SIGINT)
    go.write_text("go")

    assert statuses.get(timeout=SOON_S) == 7


def test_one_lifeline_is_not_held_open_by_another_child(tmp_path: Path) -> None:
    first = Kept.start(SLEEP, log=tmp_path / "first")
    second = Kept.start(SLEEP, log=tmp_path / "second")
    first.stop()

    assert not first.running
    assert second.running
    second.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_children_end_with_their_parent_whatever_its_end(
    tmp_path: Path, number: signal.Signals
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(argv=SLEEP), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        keepers = [psutil.Process(pid).ppid() for pid in pids]
        parent.send_signal(number)

    assert len(pids) == 2
    assert gone(*pids, *keepers)


def test_a_killed_keeper_takes_the_group_with_it(fifo: Path) -> None:
    code = WITH_A_CHILD.format(apart=False, then="time.sleep(600)")
    kept, line = first_line([sys.executable, "-S", "-c", code, STUBBORN], fifo)

    os.kill(psutil.Process(kept.pid).ppid(), signal.SIGKILL)

    assert kept.wait(SOON_S)
    assert kept.exit_status == -signal.SIGKILL
    assert gone(kept.pid, int(line[1]))
