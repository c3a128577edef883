"""Where the rollout is told, also while pytest captures what a test writes."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

import pytest


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

    def __call__(self, line: str, /, **markup: bool) -> None:
        """Write *line*, on a line of its own."""
        self._pytests.flush()
        if self._pytests.currentfspath:  # the dots of a file stand there
            self._own.write_line("")
            self._pytests.currentfspath = None
        self._own.write_line(line, **markup)
        self._own.flush()

    def close(self) -> None:
        """Let the descriptor go. Safe to call twice; nothing may be written afterwards."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # nobody reads any more: `pytest | head`
                self._file.close()


def _duplicate(stream: TextIO) -> TextIO | None:
    try:
        descriptor = os.dup(stream.fileno())
    except (AttributeError, OSError, ValueError):  # no file: an IDE's, or a test's
        return None
    return os.fdopen(descriptor, "w", encoding=stream.encoding, errors="backslashreplace")
