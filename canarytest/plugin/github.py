"""Where the run is a job of GitHub Actions: what it leaves there."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from canarytest.reporting import github, log
from canarytest.reporting.story import story_of
from canarytest.reporting.summary import EVENTS


def tell(
    environ: Mapping[str, str], directory: Path, summary: Mapping[str, Any], root: Path
) -> None:
    """
    Append to the job's summary, and print annotations, of the run in *directory*.

    Does nothing where GitHub does not ask for it; what goes wrong is told, and hurts nothing.
    """
    try:
        for line in _told(environ, directory, summary, root):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001  the exit status is the rollout's
        sys.stdout.write(f"warning: GitHub was not told of this run: {error}\n")


def _told(
    environ: Mapping[str, str], directory: Path, summary: Mapping[str, Any], root: Path
) -> Iterator[str]:
    path, is_job = environ.get("GITHUB_STEP_SUMMARY"), environ.get("GITHUB_ACTIONS") == "true"
    if not path and not is_job:
        return
    story = story_of(log.read(directory / EVENTS))
    if is_job:
        prefix = _prefix(environ.get("GITHUB_WORKSPACE", ""), root)
        yield from github.workflow_commands(story, prefix)
    if path:
        github.append(Path(path), github.job_summary(summary, story))


def _prefix(workspace: str, root: Path) -> PurePosixPath:
    """Return the way from the repository's root to *root*; none if that is elsewhere."""
    repository = Path(workspace).resolve()
    if not workspace or not root.resolve().is_relative_to(repository):
        return PurePosixPath()
    return PurePosixPath(root.resolve().relative_to(repository).as_posix())
