"""The line below pytest's: whatever is written, and whenever, the screen is as if it were not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.plugin.bottom import BottomLine, is_wanted
from tests.plugin.terminal import Terminal

LINE = "10%  3 s left  0/4 tests"
ROWS = 5

# As pytest writes: words, dots behind them, ends of lines; never as far as the last column.
WORDS = st.sampled_from(["suites/test_a.py ", ".", "\n", "\nFAILED\n", "one\ntwo\nthree\nfour\n"])
SHOWN = st.sampled_from([LINE, "a line that is much longer than the terminal is wide " * 3, ""])
DEEDS = st.lists(
    st.one_of(st.tuples(st.just("write"), WORDS), st.tuples(st.just("show"), SHOWN)), max_size=30
)


def screen_of(deeds: Sequence[tuple[str, str]]) -> list[str]:
    terminal = Terminal(60, ROWS)
    with terminal.open() as file, terminal.open() as theirs:
        bottom = BottomLine(file)
        guarded = bottom.guarded(theirs)
        for deed, text in deeds:
            if deed == "write":
                guarded.write(text)
                guarded.flush()
            else:
                bottom.show(text)
    terminal.close()
    return terminal.lines


def plain(deeds: Sequence[tuple[str, str]]) -> list[str]:
    return screen_of([deed for deed in deeds if deed[0] == "write"])


@given(DEEDS)
def test_it_leaves_nothing_behind(deeds: list[tuple[str, str]]) -> None:
    assert screen_of([*deeds, ("show", "")]) == plain(deeds)


@given(DEEDS)
def test_it_stands_below_all_else(deeds: list[tuple[str, str]]) -> None:
    *above, lowest = screen_of([*deeds, ("show", LINE)])

    assert lowest == LINE
    assert "\n".join(above).rstrip("\n").split("\n") == plain(deeds)


def test_a_writer_that_does_not_know_of_it_writes_where_it_would_have() -> None:
    terminal = Terminal(60, ROWS)
    with terminal.open() as file:
        bottom = BottomLine(file)
        file.write("Go on? ")
        bottom.show(LINE)
        file.write("y")
        bottom.show(LINE)
    terminal.close()

    assert terminal.lines == ["Go on? y", LINE]


@pytest.mark.parametrize(("is_over", "lines"), [(False, ["Go on?"]), (True, ["Go on?", LINE])])
def test_it_is_away_while_a_person_is_asked(lines: list[str], *, is_over: bool) -> None:
    terminal = Terminal(60, ROWS)
    with terminal.open() as file:
        bottom = BottomLine(file)
        bottom.show("10%  4 s left  0/4 tests")
        bottom.hold(is_held=True)
        file.write("Go on?")
        bottom.show(LINE)
        if is_over:
            bottom.hold(is_held=False)
    terminal.close()

    assert terminal.lines == lines


def test_a_terminal_that_is_gone_hurts_nobody() -> None:
    terminal = Terminal(60, ROWS)
    file = terminal.open()
    bottom = BottomLine(file)
    bottom.show(LINE)
    file.close()
    terminal.close()

    bottom.show("10%  2 s left  0/4 tests")
    bottom.show("")


@dataclass
class Reporter:
    """What is asked of pytest's."""

    verbosity: int = 0
    hasmarkup: bool = True
    is_terminal: bool = True

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize(
    ("reporter", "options", "environ", "wanted"),
    [
        ({}, {}, {}, True),
        ({"verbosity": 2}, {}, {}, True),
        ({"verbosity": -1}, {}, {}, False),
        ({"hasmarkup": False}, {}, {}, False),
        ({"is_terminal": False}, {}, {}, False),
        ({}, {"capture": "no"}, {}, False),
        ({}, {"capture": "tee-sys"}, {}, False),
        ({}, {"usepdb": True}, {}, False),
        ({}, {"trace": True}, {}, False),
        ({}, {}, {"CI": "true"}, False),
    ],
)
def test_who_wants_it(
    reporter: dict[str, Any], options: dict[str, Any], environ: dict[str, str], *, wanted: bool
) -> None:
    option = SimpleNamespace(**{"capture": "fd", "usepdb": False, "trace": False, **options})
    config: Any = SimpleNamespace(option=option)
    pytests: Any = Reporter(**reporter)

    assert is_wanted(config, pytests, environ) is wanted
