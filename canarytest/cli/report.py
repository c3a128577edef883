"""`canarytest report RUN`: the summary and the HTML of a run, built again from its events."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any

from canarytest.cli.project import archive_here
from canarytest.config import nearest
from canarytest.core.errors import ConfigError

LISTED = 5  # runs that an error names
_EXPECTED = "expected a folder such as reports/runs/20260112T091200Z-3f2a"


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "report",
        help="build the reports of a run again, from its events",
        description="Write summary.json and the Allure HTML of a stored run from its events.jsonl "
        "alone, and print where they are.",
    )
    parser.add_argument(
        "run", metavar="RUN", help="id, the unique beginning of one, path, or `latest`"
    )
    parser.add_argument(
        "--open",
        choices=("yes", "no"),
        default="yes" if _is_desktop() else "no",
        help="whether a browser shows it; yes on a desktop's terminal",
    )
    parser.set_defaults(command=_report)


def find(runs: Path, name: str) -> Path:
    """
    Return the folder of the run *name*: a path, `latest`, an id in *runs*, or how one begins.

    Raises ConfigError, which names the runs there are.
    """
    if _is_path(name):
        return _checked(Path(name))
    ids = sorted(path.parent.name for path in runs.glob("*/events.jsonl"))
    if name == "latest" and ids:
        return runs / ids[-1]  # they begin with the time
    found = [known for known in ids if known == name] or [k for k in ids if k.startswith(name)]
    if len(found) == 1:
        return runs / found[0]
    what = (
        f"{name!r} is the beginning of {len(found)} runs" if found else f"there is no run {name!r}"
    )
    raise ConfigError(f"{what} in {runs}{_hint(name, found, ids)}")


def named(name: str) -> Path:
    """Return the folder of the run *name* of the project of the working directory."""
    return find(Path() if _is_path(name) else archive_here().runs, name)


def _report(chosen: argparse.Namespace) -> int:
    run = named(chosen.run)
    from canarytest.reporting import build  # noqa: PLC0415  heavy: with what pytest's plugin needs

    build.rebuild(run)
    sys.stdout.write(f"summary  {run / 'summary.json'}\n")
    page = build.page(run, remember=False)
    sys.stdout.write(f"report   {page}\n")
    if chosen.open == "yes":
        webbrowser.open(page.resolve().as_uri())
    return 0


def _is_path(name: str) -> bool:
    return "/" in name or os.sep in name


def _checked(path: Path) -> Path:
    run = path.resolve()
    if not (run / "events.jsonl").exists():
        raise ConfigError(f"{str(path)!r} is no run: it has no events.jsonl; {_EXPECTED}")
    if run.parent.name != "runs":  # else the report would be written two folders above
        raise ConfigError(f"{str(path)!r} does not lie in a folder `runs`; {_EXPECTED}")
    return run


def _hint(name: str, found: list[str], ids: list[str]) -> str:
    if not ids:
        return ": there is none at all; `pytest --canary` leaves one"
    listed = (found or ids)[-LISTED:][::-1]
    close = "" if found else nearest(name, ids)
    return f"{close or '.'} {'Those' if found else 'The last ones'}: {', '.join(listed)}."


def _is_desktop() -> bool:
    """Whether there is somebody with a browser: not in CI, nor behind ssh without a display."""
    has_display = sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    return sys.stdout.isatty() and has_display and "CI" not in os.environ
