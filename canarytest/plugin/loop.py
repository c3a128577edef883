"""The loop of a run without xdist: step after step, in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from canarytest.plugin.steps import label_of

Between = Callable[[str | None, str | None], None]


class InProcessLoop:
    """Runs the items in order, and says when one step is over and another begins."""

    def __init__(self, between: Between) -> None:
        self._between = between

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Do as pytest's own loop does, with a stop between two steps."""
        has_errors = session.testsfailed and not session.config.option.continue_on_collection_errors
        if has_errors or session.config.option.collectonly or not session.items:
            return None  # pytest's own loop knows what to say
        self._between(None, label_of(session.items[0]))
        for item, upcoming in zip(session.items, [*session.items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=upcoming)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
            label, next_label = label_of(item), label_of(upcoming) if upcoming else None
            if label != next_label:
                self._between(label, next_label)
        return True
