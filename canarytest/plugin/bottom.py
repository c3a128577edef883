"""A line below all that pytest writes, on a terminal that can be written to at any place."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import pytest

# The cursor is never left anywhere else than where pytest has it, so that whoever writes without
# our knowledge writes where it would have been without us.
_ERASE = "\x1b[J"  # from the cursor on; there is nothing of pytest's below it
_ROOM = "\x1bD\x1b[A"  # a line below: on the last one, the screen is moved up
_SAVE, _BELOW, _RESTORE = "\x1b7", "\r\x1b[B", "\x1b8"


def is_wanted(
    config: pytest.Config, reporter: pytest.TerminalReporter, environ: Mapping[str, str]
) -> bool:
    """
    Whether somebody looks at a terminal on which a line can be rewritten.

    With `-s` tests write to it themselves, at any time: no line then.
    """
    option = config.option
    is_terminal = bool(reporter.isatty()) and reporter.hasmarkup  # no markup: dumb, --color=no
    has_debugger = bool(option.usepdb or option.trace)
    is_loud = reporter.verbosity >= 0 and option.capture == "fd"
    return is_terminal and is_loud and not has_debugger and not environ.get("CI")


class BottomLine:
    """Shows a line; whoever writes anything else does so through `guarded`. Of any thread."""

    def __init__(self, file: TextIO) -> None:
        self._file = file  # the terminal's own, whatever is captured
        self._text = ""
        self._is_drawn = False
        self._is_held = False
        self._lock = threading.RLock()  # a signal's handler may write while its own thread does

    def show(self, text: str) -> None:
        """Have *text* there from now on; nothing if it is empty."""
        with self._lock:
            self._text = text
            self.draw()

    def draw(self) -> None:
        """Draw the line, if there is one, below the cursor."""
        with self._lock:
            self.erase()
            if self._text and not self._is_held:
                text = self._text[: max(0, self._columns() - 1)]
                self._write(f"{_ROOM}{_SAVE}{_BELOW}{text}{_RESTORE}")
                self._is_drawn = True

    def erase(self) -> None:
        """Erase the line, if it is there."""
        with self._lock:
            if self._is_drawn:
                self._write(_ERASE)
                self._is_drawn = False

    def hold(self, *, is_held: bool) -> None:
        """Show nothing while *is_held*: the terminal is a person's."""
        with self._lock:
            self._is_held = is_held
            self.draw()

    def guarded(self, file: TextIO) -> TextIO:
        """Return *file*, of the same terminal, such that the line is away when it is written to."""
        guarded: Any = _Guarded(self, file)
        return guarded  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Have the line erased, and nobody draw it."""
        with self._lock:
            self.erase()
            yield

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody looks any more
            self._file.write(text)
            self._file.flush()

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._file.fileno()).columns
        except (OSError, ValueError):
            return 0


class _Guarded:
    """A file of the terminal: what is written goes there at once, `flush` draws the line again."""

    def __init__(self, bottom: BottomLine, file: TextIO) -> None:
        self._bottom = bottom
        self._file = file

    def write(self, text: str) -> int:
        with self._bottom.away():
            written = self._file.write(text)
            self._file.flush()
        return written

    def flush(self) -> None:
        self._file.flush()
        self._bottom.draw()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
