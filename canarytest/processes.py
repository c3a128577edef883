"""Child processes that end when we do, whatever our end is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Self

_KEEPER = Path(__file__).with_name("keeper.py")
_KILL_WITHIN_S = 6.0  # the keeper gives up after 5


class Kept:
    """
    A child process under a keeper (see `canarytest.keeper`), in a session of its own.

    It ends with `stop`, or when this process ends: however that comes about.
    """

    def __init__(
        self,
        keeper: subprocess.Popen[bytes],
        pid: int,
        grace_s: float,
        on_exit: Callable[[int], None] | None,
    ) -> None:
        self.pid = pid
        self.exit_status: int | None = None  # negative for a signal; None: it has not ended
        self._keeper = keeper
        self._grace_s = grace_s
        self._on_exit = on_exit
        self._lock = threading.Lock()
        self._released = False
        self._ended = threading.Event()  # the child
        self._gone = threading.Event()  # and its keeper
        threading.Thread(target=self._read, name=f"kept-{pid}", daemon=True).start()

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        grace_s: float = 2.0,
        on_exit: Callable[[int], None] | None = None,
    ) -> Self:
        """
        Start *argv*, with its output appended to *log*.

        *env* None means ours. *on_exit* is called with the exit status, from a thread of this
        object, when the child ends by itself; not when `stop` or `release` ended it. Raises
        OSError if it cannot be started.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_KEEPER), str(grace_s), *argv],
                stdin=subprocess.PIPE,  # close-on-exec: no other child holds this lifeline
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        word, _, number = _pipe(keeper.stdout).readline().decode().partition(" ")
        if word == "started":
            return cls(keeper, int(number), grace_s, on_exit)
        _discard(keeper)
        error = int(number or 0)
        raise OSError(error, os.strerror(error) if error else "its keeper ended", argv[0])

    @property
    def running(self) -> bool:
        """Whether the child has not ended yet."""
        return not self._ended.is_set()

    def release(self) -> None:
        """Ask for the end of the child without waiting for it."""
        with self._lock:
            self._released = True
            _pipe(self._keeper.stdin).close()

    def stop(self) -> None:
        """End the child and its descendants; return when they are gone. From any thread."""
        self.release()
        if not self._gone.wait(self._grace_s + _KILL_WITHIN_S):
            self._keeper.kill()
            self._gone.wait(_KILL_WITHIN_S)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the child and its keeper are gone, at most *seconds*; return whether so."""
        return self._gone.wait(seconds)

    def _read(self) -> None:
        word, _, number = _pipe(self._keeper.stdout).readline().decode().partition(" ")
        status = int(number) if word == "exited" else self._end_the_orphans()
        with self._lock:
            by_itself = not self._released
            self._released = True
            _pipe(self._keeper.stdin).close()
            self.exit_status = status
        self._ended.set()
        if by_itself and self._on_exit:  # the keeper takes some 10 ms to end as well
            name = f"kept-{self.pid}-exit"
            threading.Thread(target=self._on_exit, args=(status,), name=name, daemon=True).start()
        _discard(self._keeper)
        self._gone.set()

    def _end_the_orphans(self) -> int:
        """End what a killed keeper left of the child's group; return the child's status."""
        # When the child was alone PDEATHSIG has ended its group already.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        return -signal.SIGKILL


def _discard(keeper: subprocess.Popen[bytes]) -> None:
    _pipe(keeper.stdin).close()
    _pipe(keeper.stdout).close()
    keeper.wait()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
