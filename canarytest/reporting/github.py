"""
What a run says where it runs as a job of GitHub Actions: a job summary, and annotations.

Both are GitHub's own formats: https://docs.github.com/actions/reference/workflow-commands, and the
limits stated there: 1 MiB of summary a step, ten errors and ten warnings a step.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from canarytest.core import events as e
from canarytest.reporting import terminal
from canarytest.reporting.story import Story, of_type

MOST_BYTES = 1024 * 1024
MOST_ANNOTATIONS = 10  # of one kind; GitHub drops what comes after
MOST_CHARACTERS = 1000  # of a message
LISTED = 20  # failed tests in the job summary
_CUT = "\n\n(cut: GitHub takes no more than 1 MiB a step)\n"
_BAD = ("failed", "error", "inconclusive")


def workflow_commands(story: Story, prefix: PurePosixPath) -> Iterator[str]:
    """
    Yield workflow commands that put what went wrong beside the code.

    *prefix* leads from the repository's root to the folder that node ids begin in.
    """
    bad = [test for test in of_type(story.events, e.TestFinished) if test.outcome in _BAD]
    if title := _title(story, has_failed_tests=bool(bad)):
        yield _command("error", story.reason, title=title)
    room = MOST_ANNOTATIONS - 2  # one for the run, one for what finds no room
    for test in bad[:room]:
        level = "warning" if test.outcome == "inconclusive" else "error"
        file, line = _place(test, prefix)
        yield _command(level, _essence(test.message), file=file, line=line, title=_name(test))
    if len(bad) > room:
        yield _command("error", f"{len(bad) - room} more tests failed", title="canarytest")


def job_summary(summary: Mapping[str, Any], story: Story) -> str:
    """Return *summary*, as `summary.json` has it, as Markdown."""
    facts = terminal.facts(summary)
    lines = [f"## Canary: {_safe(facts.pop('outcome'))}", ""]
    lines += [f"- **{name}**: {_safe(text)}" for name, text in facts.items() if text]
    lines += ["", *_table([terminal.HEAD, *map(terminal.row, summary["steps"])]), ""]
    return "\n".join([*lines, *_failed(story)]) + "\n"


def append(path: Path, text: str) -> None:
    """Append *text* to the job summary at *path*, cut to what GitHub takes; raises OSError."""
    room = MOST_BYTES - (path.stat().st_size if path.exists() else 0)
    data = text.encode("utf-8", "backslashreplace")
    if len(data) > room:
        cut = data[: max(0, room - len(_CUT))].rpartition(b"\n")[0]
        data = cut + _CUT.encode() if cut else b""
    with path.open("ab") as file:
        file.write(data)


def _title(story: Story, *, has_failed_tests: bool) -> str:
    """Return the title of what is to be said of the run as a whole; empty if its tests say it."""
    if story.not_proven:
        return "THE ROLLBACK IS NOT PROVEN: somebody must look now"
    if story.exit_status == 0 or has_failed_tests:
        return ""
    return f"{story.name}: {story.outcome}"


def _command(level: str, message: str, **properties: str) -> str:
    told = ",".join(f"{name}={_property(text)}" for name, text in properties.items() if text)
    return f"::{level} {told}::{_data(message[:MOST_CHARACTERS])}"


def _data(text: str) -> str:
    """Escape as `escapeData` of GitHub's actions/toolkit does."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape as `escapeProperty` of GitHub's actions/toolkit does."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _name(test: e.TestFinished) -> str:
    return f"{test.nodeid.partition('::')[2] or test.nodeid} {test.outcome}"


def _place(test: e.TestFinished, prefix: PurePosixPath) -> tuple[str, str]:
    """Return the file of *test*, and the line of it that the message names last."""
    file = PurePosixPath(test.nodeid.partition("::")[0])
    named = re.findall(rf"^(?:\S*/)?{re.escape(file.name)}:(\d+): ", test.message, re.MULTILINE)
    return str(prefix / file), named[-1] if named else ""


def _essence(message: str) -> str:
    """Return the lines that pytest marks with an E; without any, the last one."""
    lines = message.strip().splitlines()
    marked = [line.removeprefix("E").strip() for line in lines if line.startswith("E  ")]
    return "\n".join(marked or lines[-1:]) or "failed without a message"


def _failed(story: Story) -> Iterator[str]:
    bad = [test for test in of_type(story.events, e.TestFinished) if test.outcome in _BAD]
    for test in bad[:LISTED]:
        essence = _safe(_essence(test.message)[:MOST_CHARACTERS])
        yield f"- <code>{_safe(test.nodeid)}</code> {test.outcome}: {essence}"
    if len(bad) > LISTED:
        yield f"- {len(bad) - LISTED} more"


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"| {' | '.join(_safe(cell) for cell in row)} |"
        if number == 0:
            yield "|--" * len(row) + "|"


def _safe(text: str) -> str:
    """Return *text* on one line, such that neither Markdown nor HTML takes it for its own."""
    escaped = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~#@])", r"\\\1", escaped)
