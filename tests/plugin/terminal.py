"""A terminal in memory, with somebody who looks at it."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

import pyte

COLUMNS, ROWS = 100, 24
_NOT_INHERITED = ("CI", "NO_COLOR", "FORCE_COLOR", "PY_COLORS", "COLUMNS", "PYTEST_ADDOPTS")


class Terminal:
    """A pseudo-terminal, whose bytes make the screen that a person would see."""

    def __init__(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        self._ours, self._theirs = os.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen = pyte.HistoryScreen(columns, rows, history=5000)
        self._stream = pyte.ByteStream(self._screen)
        self.seen: list[str] = []  # each line that ever stood lowest

    def open(self) -> TextIO:
        """Return the terminal as a file, to be closed by the caller."""
        return os.fdopen(os.dup(self._theirs), "w", encoding="utf-8")

    def run(self, command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> int:
        """Run *command* in the terminal, and return its exit status."""
        inherited = {name: os.environ[name] for name in os.environ if name not in _NOT_INHERITED}
        started = subprocess.Popen(
            command,
            cwd=cwd,
            env={**inherited, "TERM": "xterm", **environ},
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
        )
        os.close(self._theirs)
        self._look()
        return started.wait()

    def close(self) -> None:
        """Let nobody write any more, and see what they wrote."""
        os.close(self._theirs)
        self._look()

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, below what was moved off it; no empty lines at the end."""
        columns = range(self._screen.columns)
        above = ["".join(line[c].data for c in columns) for line in self._screen.history.top]
        text = "\n".join(line.rstrip() for line in (*above, *self._screen.display))
        return text.rstrip("\n").split("\n")

    def _look(self) -> None:
        while data := self._read():
            self._stream.feed(data)
            self.seen.append(self.lines[-1])
        os.close(self._ours)

    def _read(self) -> bytes:
        try:
            return os.read(self._ours, 65536)
        except OSError:  # nobody has the other end any more
            return b""
