"""The project that the command is used in: the folder with a pyproject.toml of canarytest."""

from __future__ import annotations

from pathlib import Path

from canarytest.config import Table
from canarytest.plugin import settings
from canarytest.plugin.archive import Archive, read_archive


def archive_here() -> Archive:
    """Return what the project of the working directory keeps of runs; raises ConfigError."""
    root = _root(Path.cwd())
    return read_archive(Table(settings.section(root / "pyproject.toml"), settings.SECTION), root)


def _root(folder: Path) -> Path:
    """Return the nearest folder, from *folder* upwards, that has a pyproject.toml."""
    above = (folder, *folder.parents)
    return next((here for here in above if (here / "pyproject.toml").exists()), folder)
