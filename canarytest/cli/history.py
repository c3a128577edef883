"""`canarytest history`: the last runs, and the team's own figures."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from canarytest.cli.project import archive_here
from canarytest.config import nearest
from canarytest.core.errors import ConfigError
from canarytest.core.events import timestamp
from canarytest.reporting import ledger
from canarytest.reporting.ledger_figures import figures_of
from canarytest.reporting.ledger_rows import RunRow, TestRow
from canarytest.reporting.ledger_words import sentences, table

_AGO = re.compile(r"(\d+)([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "history",
        help="the last runs, and the team's own figures",
        description="Show the runs that the ledger keeps, and what they come to together.",
    )
    parser.add_argument("--json", action="store_true", help="all of it as JSON")
    parser.add_argument("--target", metavar="T", help="only runs on this target")
    parser.add_argument("--rollout", metavar="R", help="only runs of this rollout")
    parser.add_argument(
        "--since", metavar="WHEN", help="only runs since then: 30d, 12w, or 2026-01-12"
    )
    parser.add_argument(
        "--limit",
        metavar="N",
        type=_number,
        default=20,
        help="list so many of the last runs (20); the figures are of all",
    )
    parser.add_argument(
        "--ledger", metavar="PATH", type=Path, help="another one than the project's"
    )
    parser.set_defaults(command=_history)


def _history(chosen: argparse.Namespace) -> int:
    path: Path = chosen.ledger or _ledger_here()
    if not path.exists():
        raise ConfigError(
            f"there is no ledger {str(path)!r}; the first run of `pytest --canary` makes the "
            "project's, --ledger names another one"
        )
    since = _since(chosen.since, datetime.now(UTC)) if chosen.since else ""
    with ledger.opened(path) as connection:
        runs = [run for run in _chosen(ledger.runs_in(connection), chosen) if run.started >= since]
        tests = ledger.tests_in(connection, runs)
    figures, listed = figures_of(runs, tests), runs[: chosen.limit]
    lines = [_as_json(path, listed, tests, figures)] if chosen.json else _as_text(listed, figures)
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return 0


def _ledger_here() -> Path:
    path = archive_here().ledger
    if path is None:
        raise ConfigError(
            "tool.canarytest.ledger is false: this project keeps none; name one by --ledger"
        )
    return path


def _chosen(runs: Iterable[RunRow], chosen: argparse.Namespace) -> list[RunRow]:
    found = list(runs)
    for name in ("target", "rollout"):
        wanted = getattr(chosen, name)
        if wanted is not None:
            found = _of(found, name, wanted)
    return found


def _of(runs: Sequence[RunRow], name: str, wanted: str) -> list[RunRow]:
    known = sorted({getattr(run, name) for run in runs} - {""})
    if wanted not in known:
        hint = nearest(wanted, known) or "."
        raise ConfigError(
            f"--{name}: the ledger has no run of {wanted!r}{hint} "
            f"It has: {', '.join(known) or 'none at all'}."
        )
    return [run for run in runs if getattr(run, name) == wanted]


def _since(text: str, now: datetime) -> str:
    """Return the moment that *text* means, as the ledger writes it; raises ConfigError."""
    if match := _AGO.fullmatch(text):
        return timestamp((now - timedelta(**{_UNITS[match[2]]: int(match[1])})).timestamp())
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--since: {text!r} is no date; expected e.g. 30d, 12w, 6h or 2026-01-12"
        ) from None
    return timestamp(moment.astimezone().timestamp())


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number; expected e.g. 20, 0 for none")
    return int(text)


def _as_json(
    path: Path, runs: Iterable[RunRow], tests: Iterable[TestRow], figures: dict[str, Any]
) -> str:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for test in tests:
        counts[test.run_id][test.outcome] += 1
    listed = [_plain(run, counts[run.run_id]) for run in runs]
    told = {"ledger": str(path), "figures": figures, "runs": listed}
    return json.dumps(told, indent=2, ensure_ascii=False)


def _plain(run: RunRow, tests: Mapping[str, int]) -> dict[str, Any]:
    return {**asdict(run), "images": json.loads(run.images), "tests": tests}


def _as_text(runs: Sequence[RunRow], figures: dict[str, Any]) -> Iterator[str]:
    yield from table(runs, shutil.get_terminal_size().columns if sys.stdout.isatty() else None)
    yield ""
    yield from sentences(figures)
