"""The rollout on a terminal: a dated line for what happens, and a table at the end."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from canarytest.core import events as e
from canarytest.core.finding import Finding, Verdict
from canarytest.reporting.words import brief, by_pods, counted, deciding, seconds, share

WIDTH = 100
HEAD = ("step", "verdict", "open for", "tests", "why")  # of the table of steps
DateTime = Callable[[float], time.struct_time]
Lines = Iterator[tuple[str, Mapping[str, bool]]]

GREEN, YELLOW, RED = {"green": True}, {"yellow": True}, {"red": True}
ALARM = {"red": True, "bold": True}
_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s|min)\b|%)")  # a figure and its unit stay on one line
_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0e-\x1f\x7f-\x9f]"
)  # of output quoted
_TIED = "\N{NO-BREAK SPACE}"
_OF_VERDICT = {Verdict.SUCCESSFUL: GREEN, Verdict.FAILED: RED}
_OF_OUTCOME = {"promoted": GREEN, "paused": GREEN, "aborted": RED, "inconclusive": YELLOW}


class Write(Protocol):
    """How a line is written; markup as pytest's `TerminalReporter.write_line` takes it."""

    def __call__(self, line: str, /, **markup: bool) -> None: ...


class Terminal:
    """A reporter that tells the rollout line by line; tests are told by pytest itself."""

    def __init__(
        self, write: Write, *, width: int = WIDTH, datetime: DateTime = time.localtime
    ) -> None:
        self._write = write
        self._width = width
        self._datetime = datetime
        self._label = ""  # of the step that was opened last
        self._column = 4  # width of the longest label
        self._said = ""  # the last reason
        self._by_pods: Mapping[int, str] = {}  # step -> what its pods give, where no router does

    def __call__(self, event: e.Event) -> None:
        """Write the lines of *event*, if it has any."""
        for text, markup in self._lines(event):
            label = f"  {self._label:<{self._column}}" if self._label else ""
            begin = f"{self._at('%H:%M:%S', event)}{label}  "
            if isinstance(event, e.RolloutStarted):
                begin = f"{self._at('%Y-%m-%d %H:%M:%S', event)}  "
            for line in _wrapped(text, begin, self._width):
                self._write(line, **markup)

    def _lines(self, event: e.Event) -> Lines:
        match event:
            case e.RolloutStarted():
                labels = [str(step["label"]) for step in event.steps]
                self._column = max((len(label) for label in labels), default=4)
                yield _begun(event, labels), {"bold": True}
                yield from _doubts(event)
                yield from _needs(event)
                self._by_pods = {step["index"]: by_pods(step) for step in event.steps}
            case e.StepOpened():
                self._label = event.label
                yield _opened(event, self._by_pods.get(event.step, "")), {}
            case e.StepJudged():
                self._said = event.reason
                yield _judged(event), _OF_VERDICT.get(Verdict(event.verdict), YELLOW)
            case e.RolloutPromoted():
                self._label = ""
                yield f"promoted the canary {event.canary} in {seconds(event.seconds)}", GREEN
            case e.RolloutLeft():
                yield f"left paused: --canary-resume goes on from {event.label}", GREEN
            case e.RunEnded():
                self._label = ""
                yield _ended(event), markup_of(event.outcome)
            case _:
                yield from self._beside(event)

    def _beside(self, event: e.Event) -> Lines:
        """Tell what is no part of the walk: the way back, and what somebody may want to know."""
        match event:
            case e.AbortSent():
                yield self._sent(event), ALARM
            case e.RollbackProven():
                yield f"rollback proven: {event.sentence}", GREEN
            case e.RollbackNotProven():
                told = f"THE ROLLBACK IS NOT PROVEN, somebody must look now: {event.reason}"
                yield told, ALARM
            case e.MeasurementTaken() if event.values.get("incident") == "noted":
                yield f"noted: {event.values.get('message', '')}", {}

    def _sent(self, event: e.AbortSent) -> str:
        attempts = f", at attempt {event.attempts}" if event.attempts > 1 else ""
        told = f"abort sent {seconds(event.seconds)} after the decision{attempts}"
        return told if event.reason == self._said else f"{told}: {event.reason}"

    def _at(self, form: str, event: e.Event) -> str:
        return time.strftime(form, self._datetime(event.time))


def markup_of(outcome: str) -> Mapping[str, bool]:
    """Return the colour of *outcome*."""
    return {**_OF_OUTCOME.get(outcome, RED), "bold": True}


def table(
    summary: Mapping[str, Any],
    *,
    paths: Mapping[str, Path | str] | None = None,
    width: int = WIDTH,
    is_brief: bool = False,
) -> list[str]:
    """
    Return the end of a run: its steps, why it ended so, who met the canary, where to read on.

    If it *is_brief*, without the steps.
    """
    steps = [] if is_brief else [*_steps(summary["steps"], width), ""]
    return [*steps, *_told({**facts(summary), **(paths or {})}, width)]


def facts(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return what is to be said of the whole run, by name; nothing where there is nothing."""
    return {
        "outcome": _outcome(summary),
        "reason": summary["reason"],
        "rollback": _rollback(summary["rollback"]),
        "exposure": _exposure(summary["exposure"]),
    }


def _begun(event: e.RolloutStarted, labels: Iterable[str]) -> str:
    versions = f"{event.stable} → {event.canary}" if event.canary else event.stable
    about = f"{event.rollout} {versions} on {event.target}"
    twin = "; an identical build (A/A): any alarm is a false one" if event.aa else ""
    return f"{about}: {', '.join(labels)}{twin}"


def _doubts(event: e.RolloutStarted) -> Lines:
    """Yield the first line of each warning; `--canary-lint` has why, and the correction."""
    for warning in event.warnings:
        yield warning.partition("\n")[0], YELLOW


def _needs(event: e.RolloutStarted) -> Lines:
    """Yield what the steps need to be decided, those that need the same in one."""
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for need in event.needs:
        alike.setdefault(need["sentence"].removeprefix(need["label"]), []).append(need)
    for sentence, needs in alike.items():
        late = any((need["seconds"] or 0) > need["within_s"] for need in needs)
        yield ", ".join(need["label"] for need in needs) + sentence, YELLOW if late else {}


def _opened(event: e.StepOpened, given: str) -> str:
    expected = "no user meets" if event.share == 0 else f"{share(event.share)} of users expected on"
    told = f"opened in {seconds(event.seconds)}: {expected} the canary {event.canary}".rstrip()
    return f"{told} ({given})" if given else told


def _judged(event: e.StepJudged) -> str:
    told = f"{event.verdict} after {seconds(event.seconds)}"
    if event.verdict == Verdict.SUCCESSFUL:
        return f"{told}: {'; '.join(brief(finding) for finding in deciding(event.findings))}"
    return f"{told}: {event.reason}"


def _ended(event: e.RunEnded) -> str:
    return f"{event.outcome} after {seconds(event.seconds)}, exit status {event.exit_status}"


def _steps(steps: Iterable[Mapping[str, Any]], width: int) -> Iterator[str]:
    rows = [HEAD, *map(row, steps)]
    if len(rows) == 1:
        yield "no step was planned"
        return
    sizes = [max(len(cells[i]) for cells in rows) for i in range(4)]
    for cells in rows:
        begin = "  ".join(cell.ljust(size) for cell, size in zip(cells, sizes, strict=False))
        yield from _wrapped(cells[4], f"{begin}  ", width)


def row(step: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """Return the cells of *step* below `HEAD`."""
    if step["opened"] is None:
        return step["label"], "never opened", "", "", ""
    return (
        step["label"],
        step["verdict"] or "not judged",
        "" if step["seconds"] is None else seconds(step["seconds"]),
        counted(step["tests"]),
        _why(step),
    )


def _why(step: Mapping[str, Any]) -> str:
    if step["verdict"] != Verdict.SUCCESSFUL:
        return str(step["reason"])
    found = (Finding(**measurement) for measurement in step["measurements"])
    return "; ".join(brief(finding) for finding in deciding(found) if finding.metric != "tests")


def _told(named: Mapping[str, Path | str], width: int) -> Iterator[str]:
    column = max(len(name) for name in named)
    for name, text in named.items():
        if text:
            yield from _wrapped(str(text), f"{name:<{column}}  ", width)


def _outcome(summary: Mapping[str, Any]) -> str:
    status = summary["exit_status"]
    about = f"{summary['rollout']} {summary['stable']} → {summary['canary'] or '?'}"
    told = f"{about} on {summary['target']}: " if summary["rollout"] else ""
    return f"{told}{summary['outcome']}, exit status {'unknown' if status is None else status}"


def _rollback(rollback: Mapping[str, Any] | None) -> str:
    if rollback is None:
        return ""
    sent = rollback["seconds_to_abort_sent"]
    told = "no abort was taken" if sent is None else f"abort sent after {seconds(sent)}"
    return f"{told}; {'proven' if rollback['proven'] else 'NOT PROVEN'}: {rollback['sentence']}"


def _exposure(exposure: Mapping[str, Any]) -> str:
    if exposure["requests"] is None:
        return "unknown: the run did not get to count it"
    return (
        f"{exposure['requests']} requests of users were answered by the canary, "
        f"{exposure['failures']} of them failed (counted by {exposure['counted_by']})"
    )


def _wrapped(text: str, begin: str, width: int) -> list[str]:
    """Return *text* behind *begin*, its further lines indented as far."""
    lines = textwrap.wrap(
        _UNIT.sub(_TIED, " ".join(_CONTROL.sub("", text).split())),
        width,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_on_hyphens=False,
        break_long_words=False,  # a path is of no use in two pieces
    )
    return [line.replace(_TIED, " ") for line in lines] or [begin.rstrip()]
