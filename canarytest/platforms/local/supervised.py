"""A process that is started again whenever it ends by itself, as Kubernetes would."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from canarytest.core.errors import PlatformError
from canarytest.processes import Kept

BACK_OFF_S = (0.0, 1.0, 2.0, 4.0, 8.0, 10.0)  # before each restart; the last for all others
_LOG_TAIL_BYTES = 1 << 16


class Supervised:
    """
    A kept process and its log.

    It is started again only after `keep_up`: one that never came up would not do so next time.
    """

    def __init__(
        self,
        *,
        log: Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        on_end: Callable[[int, str], None],  # the exit status and the last line of the log
        back_off_s: Sequence[float] = BACK_OFF_S,
    ) -> None:
        self._log, self._cwd, self._env = log, cwd, env
        self._on_end = on_end
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._delays = itertools.chain(back_off_s, itertools.repeat(back_off_s[-1]))
        self._kept_up = False
        self._argv: Sequence[str] = ()
        self._kept: Kept | None = None

    @property
    def pid(self) -> int | None:
        """The process, or the last one there was; None before the first."""
        return self._kept.pid if self._kept else None

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._kept is not None and self._kept.running

    @property
    def exit_status(self) -> int | None:
        """How it ended; None while it runs."""
        return self._kept.exit_status if self._kept else None

    def start(self, argv: Sequence[str]) -> None:
        """Start it; raises PlatformError if that cannot be done, or after `release`."""
        with self._lock:
            if self._over.is_set():
                raise PlatformError(f"{argv[0]} was not started: the rollout is being closed")
            self._argv = argv
            try:
                self._kept = self._start()
            except OSError as error:
                raise PlatformError(f"{argv[0]} cannot be started: {error}") from error

    def keep_up(self) -> bool:
        """From now on start it again when it ends; return False if it has ended already."""
        with self._lock:
            self._kept_up = self.running
            return self._kept_up

    def release(self) -> None:
        """Ask for its end without waiting for it; it will not be started again."""
        self._over.set()
        with self._lock:
            if self._kept:
                self._kept.release()

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most *seconds*; return whether it has ended."""
        return self._kept is None or self._kept.wait(seconds)

    def tail(self, lines: int) -> list[str]:
        """Return the last *lines* of its log."""
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, log.seek(0, 2) - _LOG_TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except OSError:
            return []
        return text.splitlines()[-lines:]

    @property
    def last_line(self) -> str:
        """The last line of its log that is not empty."""
        return next((line for line in reversed(self.tail(20)) if line.strip()), "(nothing)")

    def _start(self) -> Kept:
        return Kept.start(
            self._argv, log=self._log, env=self._env, cwd=self._cwd, on_exit=self._ended
        )

    def _ended(self, status: int) -> None:
        with self._lock:
            if not self._kept_up or self._over.is_set():
                return
        last_line = self.last_line  # before the next one writes to the same log
        # At once: else a test that fails for want of it is told first, and blamed. Beside: whoever
        # is told may wait for what the restart brings back.
        told = (status, last_line)
        threading.Thread(target=self._on_end, args=told, name="ended", daemon=True).start()
        self._start_again(next(self._delays))

    def _start_again(self, delay_s: float) -> None:
        while not self._over.wait(delay_s):
            with self._lock:
                if self._over.is_set():
                    return
                try:
                    self._kept = self._start()
                except OSError:  # e.g. the program is being replaced
                    delay_s = next(self._delays) or 1.0
                else:
                    return


def ending(status: int | None) -> str:
    """Return the words for an exit status."""
    if status is None:
        return "runs"
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
