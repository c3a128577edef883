"""Asks the person at the terminal, whose input pytest has taken away."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import pytest

from canarytest.core.plan import Step


def is_anybody_there(config: pytest.Config) -> bool:
    """Whether there is a terminal to ask at."""
    with _uncaptured(config):
        return sys.stdin is not None and sys.stdin.isatty()  # None: a daemon


def may_leave(config: pytest.Config, step: Step) -> bool:
    """Ask whether the rollout may go on from *step*."""
    with _uncaptured(config):
        sys.stdout.write(f"\nStep {step.label} was successful. Go on? [y/N] ")
        sys.stdout.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextlib.contextmanager
def _uncaptured(config: pytest.Config) -> Iterator[None]:
    """Have the terminal, between two tests: pytest captures no output then, but the input."""
    capture = config.pluginmanager.get_plugin("capturemanager")
    if capture is None:
        yield
        return
    capture.suspend_global_capture(in_=True)
    try:
        yield
    finally:
        capture.resume_global_capture()
        capture.suspend_global_capture()  # as it was: what pytest says next is for the terminal
