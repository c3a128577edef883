"""A platform that is installed as anybody's would be, and projects that are rolled out on it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# Imported here, so that they stay: what a run of pytester imports is forgotten after it.
import canarytest.plugin.setup  # noqa: F401
from tests.plugin.project import Project

METADATA = "Metadata-Version: 2.1\nName: standin\nVersion: 0\n"
ENTRY_POINTS = "[canarytest.platforms]\nstandin = standin:create\nbroken = standin_broken:create\n"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has the distribution `standin` in it, its entry points included."""
    folder = tmp_path_factory.mktemp("site-packages")
    shutil.copy(Path(__file__).with_name("standin.py"), folder)
    info = folder / "standin-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


@pytest.fixture
def project(pytester: pytest.Pytester, installed: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose target is the stand-in platform, with no test in it yet."""
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.setenv("PYTHONPATH", str(installed), prepend=os.pathsep)
    return Project(pytester)
