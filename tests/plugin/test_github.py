"""A run as a job of GitHub Actions, and one that is none."""

from __future__ import annotations

import pytest

from tests.plugin.project import Project


@pytest.fixture
def failing(project: Project) -> Project:
    project.suite("def test_it(canary):\n    assert 0", name="smoke/test_it.py")
    return project


def test_a_job_is_told(failing: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(failing.path.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(failing.path / "summary.md"))

    result = failing.run_apart("-q", "--no-summary")

    assert result.ret == 1
    file = f"{failing.path.name}/suites/smoke/test_it.py"
    expected = f"::error file={file},line=2,title=test_it[[]dark] failed::assert 0"
    result.stdout.fnmatch_lines([expected])
    assert "| dark | failed |" in (failing.path / "summary.md").read_text()


@pytest.mark.parametrize("elsewhere", ["nowhere/summary.md"])
def test_a_summary_that_cannot_be_written_hurts_nothing(
    failing: Project, monkeypatch: pytest.MonkeyPatch, elsewhere: str
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(failing.path / elsewhere))

    result = failing.run_apart()

    assert result.ret == 1
    result.stdout.fnmatch_lines(["warning: GitHub was not told of this run: *No such file*"])


def test_elsewhere_nothing_is_said(failing: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)

    result = failing.run_apart()

    assert not [line for line in result.outlines if line.startswith("::")]
