"""pytest on a real terminal: the line is there while the rollout goes, and nowhere afterwards."""

from __future__ import annotations

import re
import sys

import pytest

from tests.plugin.project import QUIET, STEPS, Project
from tests.plugin.terminal import Terminal

LIVE = re.compile(r"req/s|proving the rollback|opening |taking all down|until the canary is gone")
JUDGED = re.compile(r"^\d\d:\d\d:\d\d  dark  successful after")  # not behind the dots of tests
SUITE = """
    import os, time

    def test_it(canary):
        print("what a test says")
        os.system("echo what a child says")

    def test_its_step(canary, step):
        assert "FAIL" not in os.environ or step.is_dark
"""


@pytest.fixture
def slow(project: Project) -> Project:
    """A project whose steps take long enough to be looked at."""
    steps = [*STEPS[:4], {"pause": {"duration": "2s"}}, {"setWeight": 100}]
    project.rollout(steps)
    project.suite(SUITE)
    return project


@pytest.mark.parametrize(
    ("options", "environ", "status"),
    [
        pytest.param((), {}, 0, id="promoted"),
        pytest.param(("-v",), {"FAIL": "1"}, 1, id="verbose, aborted"),
        pytest.param(("-n", "2"), {}, 0, id="xdist"),
    ],
)
def test_a_terminal_is_left_as_if_the_line_had_never_been(
    slow: Project, options: tuple[str, ...], environ: dict[str, str], status: int
) -> None:
    terminal = Terminal()

    command = [sys.executable, "-m", "pytest", "--canary", *QUIET, *options]
    assert terminal.run(command, slow.path, environ) == status

    assert any(LIVE.search(line) for line in terminal.seen)
    assert not [line for line in terminal.lines if LIVE.search(line)]
    assert not [line for line in terminal.lines if "says" in line]
    assert len([line for line in terminal.lines if JUDGED.search(line)]) == 1


@pytest.mark.parametrize("options", [("-q",), ("-s",), ("--color=no",)], ids=lambda o: o[0])
def test_who_wants_it_plain_gets_it_plain(project: Project, options: tuple[str, ...]) -> None:
    project.suite(SUITE)
    terminal = Terminal()

    command = [sys.executable, "-m", "pytest", "--canary", *QUIET, *options]
    assert terminal.run(command, project.path, {}) == 0

    assert not [line for line in (*terminal.seen, *terminal.lines) if LIVE.search(line)]
