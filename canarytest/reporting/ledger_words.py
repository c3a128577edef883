"""The ledger in words: a table of runs, and the team's figures as sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from canarytest.reporting.ledger_figures import ending_of
from canarytest.reporting.ledger_rows import RunRow
from canarytest.reporting.words import seconds, share

HEAD = ("started (UTC)", "run", "rollout", "target", "outcome", "at", "detected", "back", "users")
FLAKY = 10  # tests that are listed; the JSON has them all
_TIMES = {
    "detected": ("to_detect", "from the opening of the step to the decision"),
    "": ("from_first_failure", "from the canary's first failed request"),
    "abort sent": ("to_abort_sent", "after the decision"),
    "last canary": ("to_last_canary", "from the decision to its last response"),
    "proven": ("to_proof", "from the decision to the rollback proven"),
}


def table(runs: Sequence[RunRow], width: int | None) -> Iterator[str]:
    """Yield a line for each of *runs* below a head, with the reason as far as *width* goes."""
    if not runs:
        yield "no run"
        return
    yield from columns([(*HEAD, "reason"), *map(_row, runs)], width)


def sentences(figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield what *figures* say: facts with their names, then a table of the weeks."""
    facts = list(_facts(figures))
    column = max(len(name) for name, _ in facts)
    before = ""
    for name, text in facts:
        yield f"{'' if name == before else name:<{column}}  {text}"
        before = name
    yield from _weeks(figures["weeks"])


def columns(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """Yield *rows* as lines with aligned cells, cut at *width* where there is one."""
    sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip()
        yield line if width is None or len(line) <= width else f"{line[: width - 1]}…"


def _row(run: RunRow) -> tuple[str, ...]:
    versions = f"{run.stable} → {run.canary or '?'}" if run.rollout else "never began"
    users = "?" if run.requests is None else f"{run.requests}, {run.failures} failed"
    return (
        run.started[:16].replace("T", " "),
        run.run_id,
        f"{run.rollout} {versions}".strip(),
        run.target,
        ending_of(run) + (", A/A" if run.aa else ""),
        run.step or "",
        _or_nothing(run.detect),
        _or_nothing(run.last_canary),
        users,
        "" if run.outcome == "promoted" else " ".join(run.reason.split()),
    )


def _facts(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "canaries", _outcomes(figures)
    if figures["not_proven"]:
        yield "NOT PROVEN", f"{_n(figures['not_proven'], 'rollback')}: somebody had to look"
    for name, (key, told) in _TIMES.items():
        if spread := _spread(figures["seconds"][key]):
            yield name, f"{spread} {told}"
    for text in _met(figures["exposed"], figures["exposed_to_rolled_back"]):
        yield "exposure", text
    if figures["drills"]:
        yield "drills", f"{figures['drills']}, not counted as canaries"
    if figures["aa_runs"]:
        alarms = _n(figures["false_alarms"], "false alarm")
        yield "A/A runs", f"{figures['aa_runs']}, {alarms}; not counted as canaries"
    for text in _flaky(figures["flaky"]):
        yield "flaky", text


def _outcomes(figures: Mapping[str, Any]) -> str:
    at = ", ".join(f"{count} {_at(step)}" for step, count in figures["rolled_back_at"].items())
    parts = [
        f"{figures['promoted']} promoted{_percent(figures['promoted_share'])}",
        *(f"{figures[name]} {name}" for name in ("inconclusive", "error") if figures[name]),
        f"{figures['rolled_back']} rolled back{f': {at}' if at else ''}",
    ]
    return f"{figures['canaries']}: {', '.join(parts)}"


def _spread(times: Mapping[str, Any]) -> str:
    if not times["n"]:
        return ""
    p95 = f"95 % within {seconds(times['p95'])}"
    return f"{seconds(times['median'])} (median of {times['n']}, {p95})"


def _met(exposed: Mapping[str, int], to_rolled_back: Mapping[str, int]) -> Iterator[str]:
    met, failed = exposed["requests"], exposed["failures"]
    yield f"{_n(met, 'request')} of users were answered by a canary, {failed} of them failed"
    if to_rolled_back["runs"]:
        met, failed = to_rolled_back["requests"], to_rolled_back["failures"]
        yield f"{met} of them by a canary that was rolled back, {failed} of those failed"


def _flaky(tests: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for test in tests[:FLAKY]:
        told = []
        if test["passed_when_rerun"]:
            told.append(f"passed when rerun {_n(test['passed_when_rerun'], 'time')}")
        if test["changed_on_a_revision"]:
            told.append(
                "both passed and failed on the same revision "
                f"{_n(test['changed_on_a_revision'], 'time')}"
            )
        yield f"{test['test']}: {', '.join(told)}"
    if len(tests) > FLAKY:
        yield f"{len(tests) - FLAKY} more"


def _weeks(weeks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rows = [("week", "canaries", "promoted", "rolled back", "users", "failed", "detected in")]
    for week in weeks:
        names = ("canaries", "promoted", "rolled_back", "requests", "failures")
        detected = _or_nothing(week["seconds_to_detect"])
        rows.append((week["week"], *(str(week[name]) for name in names), detected))
    if len(rows) > 1:
        yield ""
        yield from columns(rows, None)


def _at(step: str) -> str:
    return step if step.startswith("before") else f"at {step}"


def _percent(value: float | None) -> str:
    return "" if value is None else f" ({share(value)})"


def _or_nothing(value: float | None) -> str:
    return "" if value is None else seconds(value)


def _n(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
