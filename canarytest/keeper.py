"""
Keeps one child process, and never lets it outlive whoever started it.

Run by file path: ``python -I -S keeper.py GRACE_S PROGRAM [ARGUMENT ...]``. It is a program of its
own, with nothing but the standard library, so that it starts in some 30 ms; `canarytest.processes`
is the other end.

* stdin is the lifeline: the read end of a pipe that nobody ever writes to. At its end, closed on
  purpose or by any death of the process that holds the other end, the child and all its
  descendants are ended: SIGTERM, GRACE_S seconds, SIGKILL. SIGTERM to the keeper does the same.
* stdout says ``started PID``, or ``failed ERRNO``, and at last ``exited STATUS``, negative for a
  signal. By then no descendant is left: those of a child that ended by itself are killed, as the
  kernel does when the first process of a container ends.
* stderr is the log: the child's stdout and stderr.

The child has a session of its own, so Ctrl-C in the terminal never reaches it. On Linux
descendants that left its group are found too (we are their subreaper), and the child dies with us
should we be killed with SIGKILL. What nobody can do then is end its descendants; `Kept` ends those
of them that stayed in the group, if its process still lives.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator

LIFELINE, REPORTS, LOG = 0, 1, 2
KILL_WITHIN_S = 5.0  # a process that survives SIGKILL for longer hangs in the kernel
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_POLL_S = 0.05  # only for processes whose end is not signalled to us
_ON_LINUX = sys.platform == "linux"


def main(grace_s: float, argv: list[str]) -> int:
    """Run *argv* until it ends or the lifeline does; return the exit status for a shell."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signals = _pipe_of(signal.SIGCHLD, signal.SIGTERM)
    prctl = _prctl()
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    child, error = _start(argv, prctl)
    if error:
        _report(f"failed {error}")
        return 127
    _report(f"started {child}")
    family = _Family(child, signals)
    if family.wait_for_end():
        family.end(grace_s)
    family.end(0)
    _report(f"exited {family.status}")
    return family.status if family.status >= 0 else 128 - family.status


class _Family:
    """The child and what descends from it."""

    def __init__(self, child: int, signals: int) -> None:
        self.status = -signal.SIGKILL  # until it is known
        self._child = child
        self._signals = signals
        self._child_ended = False

    def wait_for_end(self) -> bool:
        """Wait until the child or the lifeline ends; return whether it was the lifeline."""
        while True:
            ready, _, _ = select.select([LIFELINE, self._signals], [], [])
            if LIFELINE in ready and not os.read(LIFELINE, 1):
                return True
            if self._signals in ready and signal.SIGTERM in os.read(self._signals, 512):
                return True
            self._reap()
            if self._child_ended:
                return False

    def end(self, grace_s: float) -> None:
        """End all of them; SIGKILL comes *grace_s* after SIGTERM, at once if that is 0."""
        if grace_s > 0:
            self._signal(signal.SIGTERM)
            self._wait_for_all(grace_s)
        give_up = time.monotonic() + KILL_WITHIN_S
        while self._reap() and time.monotonic() < give_up:
            self._signal(signal.SIGKILL)  # again and again: they may fork meanwhile
            self._wait_for_all(_POLL_S)

    def _wait_for_all(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._reap() and (left := until - time.monotonic()) > 0:
            if select.select([self._signals], [], [], min(left, _POLL_S))[0]:
                os.read(self._signals, 512)

    def _reap(self) -> bool:
        """Collect those who ended; return whether anyone is left."""
        try:
            while ended := os.waitpid(-1, os.WNOHANG):
                if not ended[0]:
                    return True
                if ended[0] == self._child:
                    self._child_ended = True
                    self.status = os.waitstatus_to_exitcode(ended[1])
        except ChildProcessError:
            pass
        # A subreaper without children has no descendants at all; others have to ask for the group.
        return not _ON_LINUX and _kill_group(self._child, 0)

    def _signal(self, number: int) -> None:
        # The number of a group is free for others once its leader is collected and it is empty.
        if not self._child_ended or not _ON_LINUX:
            _kill_group(self._child, number)
        for pid in _descendants(os.getpid()):
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                continue


def _start(argv: list[str], prctl: Callable[[int, int], int]) -> tuple[int, int]:
    """Start *argv*; return its pid, and the number of the error that kept it from starting."""
    keeper = os.getpid()
    error_of, error_to = os.pipe()  # closed by a successful exec
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == keeper:  # else it was gone before the line above
                _become(argv)
        except OSError as error:
            os.write(error_to, str(error.errno).encode())
        finally:
            os._exit(127)
    os.close(error_to)
    number = os.read(error_of, 16)
    os.close(error_of)
    return child, int(number or 0)


def _become(argv: list[str]) -> None:
    signal.set_wakeup_fd(-1)
    # An ignored signal stays ignored over exec, and Python ignores SIGPIPE and SIGXFSZ.
    for name in ("SIGINT", "SIGHUP", "SIGTERM", "SIGCHLD", "SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), LIFELINE)
    os.dup2(LOG, REPORTS)
    os.execvp(argv[0], argv)  # noqa: S606  a shell is what we do not want


def _descendants(pid: int) -> Iterator[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208  pathlib triples our start
    except OSError:
        return  # it ended, or there is no /proc here
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children") as file:  # noqa: PTH123  likewise
                children = file.read().split()
        except OSError:
            continue
        for child in map(int, children):
            yield child
            yield from _descendants(child)


def _kill_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _pipe_of(*numbers: int) -> int:
    """Return the end of a pipe to which each of the signals is written as a byte."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return read


def _prctl() -> Callable[[int, int], int]:
    if not _ON_LINUX:
        return lambda _option, _value: 0
    import ctypes  # noqa: PLC0415  10 ms that other systems can save

    return ctypes.CDLL(None).prctl


def _report(line: str) -> None:
    try:
        os.write(REPORTS, f"{line}\n".encode())
    except OSError:
        return  # nobody listens any more


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
