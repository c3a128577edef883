"""Where the rollout is told, also while pytest captures what a test writes."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TextIO

import pytest

from canarytest.core import events
from canarytest.plugin.bottom import BottomLine, is_wanted
from canarytest.plugin.sampling import Ticker
from canarytest.reporting.live import Live
from canarytest.reporting.log import EventLog
from canarytest.reporting.terminal import WIDTH, Terminal

_MINOR = (events.TestFinished,)  # pytest tells of them


class Screen:
    """
    Writes lines to pytest's terminal at any time, from any thread.

    While a test runs, what goes to the terminal's descriptor is captured as that test's output, the
    line that an abort was sent among it. So this one has a descriptor of its own, which is taken
    while no test runs.
    """

    def __init__(self, config: pytest.Config, reporter: pytest.TerminalReporter) -> None:
        self._pytests = reporter
        self._file = _duplicate(sys.stdout)
        self._own = pytest.TerminalReporter(config, self._file) if self._file else reporter
        self._bottom: BottomLine | None = None
        self._ticker: Ticker | None = None
        if self._file is not None and is_wanted(config, reporter, os.environ):
            self._bottom = BottomLine(self._file)
            for each in (reporter, self._own):
                writer = each._tw  # noqa: SLF001  pytest has no other way to see what it writes
                writer._file = self._bottom.guarded(writer._file)  # noqa: SLF001  as above

    def __call__(self, line: str, /, **markup: bool) -> None:
        """Write *line*, on a line of its own."""
        self._pytests.flush()
        theirs = self._pytests._tw  # noqa: SLF001  only it knows whether dots stand there
        if self._pytests.currentfspath or theirs.width_of_current_line:
            self._own.write_line("")
            self._pytests.currentfspath = None
            theirs._current_line = ""  # noqa: SLF001  else it takes them for still there
        self._own.write_line(line, **markup)
        self._own.flush()

    def tell(self, log: EventLog) -> None:
        """Tell what *log* is told from now on: what matters by lines, the rest by the one below."""
        log.subscribe(Terminal(self, width=width_of(self._pytests)), but=_MINOR)
        if self._bottom is not None:
            live = Live(self._bottom.show, time.time)
            log.subscribe(live)
            self._ticker = Ticker(live.refresh)
            self._ticker.start()

    def hold(self, *, is_held: bool) -> None:
        """Leave the terminal, while *is_held*, to a person and who asks them; lines still come."""
        if self._bottom is not None:
            self._bottom.hold(is_held=is_held)

    def close(self) -> None:
        """Let the descriptor go. Safe to call twice; nothing may be written afterwards."""
        if self._ticker is not None:
            self._ticker.stop()
        if self._bottom is not None:
            self._bottom.show("")
        if self._file is not None:
            with contextlib.suppress(OSError):  # nobody reads any more: `pytest | head`
                self._file.close()


def width_of(reporter: pytest.TerminalReporter) -> int:
    """Return how wide lines may be: as in a log, or less where the terminal is narrower."""
    columns: int = reporter._tw.fullwidth  # noqa: SLF001  as pytest reckons, COLUMNS and all
    return min(WIDTH, columns) if reporter.isatty() else WIDTH


def _duplicate(stream: TextIO) -> TextIO | None:
    try:
        descriptor = os.dup(stream.fileno())
    except (AttributeError, OSError, ValueError):  # no file: an IDE's, or a test's
        return None
    return os.fdopen(descriptor, "w", encoding=stream.encoding, errors="backslashreplace")
