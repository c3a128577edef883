"""`canarytest history`, called as the command is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from canarytest.cli import main
from canarytest.core import events as e
from canarytest.reporting import ledger
from canarytest.reporting.log import EventLog
from tests.reporting import stories


def kept(path: Path, name: str, events: Iterable[e.Event], *, days_ago: float = 0) -> None:
    """Put a run into the ledger at *path* as if it had been *days_ago*."""
    began = (datetime.now(UTC) - timedelta(days=days_ago)).timestamp()
    with EventLog(path.parent / name / "events.jsonl") as log:
        for event in events:
            log(moved(event, began - stories.T0))
    ledger.record(path.parent / name, path)


def moved(event: e.Event, by: float) -> e.Event:
    if isinstance(event, e.AbortSent):
        event = replace(event, decided=event.decided + by)
    return replace(event, time=event.time + by)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "l.sqlite"
    kept(path, "r1", stories.promoted(), days_ago=40)
    kept(path, "r2", stories.aborted_dark(), days_ago=3)
    kept(path, "r3", stories.aborted_at_30(), days_ago=2)
    other = [stories.started(target="staging", rollout="was"), *stories.promoted()[1:]]
    kept(path, "r4", other, days_ago=1)
    return path


@pytest.mark.parametrize(
    ("options", "runs", "canaries"),
    [
        ((), ["r4", "r3", "r2", "r1"], 4),
        (("--target", "staging"), ["r4"], 1),
        (("--rollout", "petclinic"), ["r3", "r2", "r1"], 3),
        (("--since", "30d"), ["r4", "r3", "r2"], 3),
        (("--since", "1w"), ["r4", "r3", "r2"], 3),
        (("--since", "36h"), ["r4"], 1),
        (("--since", "2099-01-01"), [], 0),
        (("--limit", "1"), ["r4"], 4),
        (("--limit", "1", "--rollout", "petclinic", "--since", "30d"), ["r3"], 2),
    ],
)
def test_which_runs(
    path: Path,
    options: tuple[str, ...],
    runs: list[str],
    canaries: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["history", "--json", "--ledger", str(path), *options]) == 0

    told = json.loads(capsys.readouterr().out)
    assert [run["run_id"] for run in told["runs"]] == runs
    assert told["figures"]["canaries"] == canaries


def test_json_has_all_of_a_run(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--json", "--ledger", str(path), "--target", "local"]) == 0

    aborted = json.loads(capsys.readouterr().out)["runs"][1]
    assert (aborted["run_id"], aborted["step"], aborted["sent"]) == ("r2", "dark", 0.031)
    assert aborted["tests"] == {"passed": 1, "failed": 1, "skipped": 14}
    assert aborted["images"] == {"stable": "petclinic:v100", "canary": "petclinic:v101"}


def test_a_person_reads_a_table_and_what_it_comes_to(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "--ledger", str(path)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1:5]] == ["r4", "r3", "r2", "r1"]
    assert "rolled back  30%   2.1 s     0.084 s  91, 1 failed" in lines[2]
    assert "canaries     4: 2 promoted (50.0 %), 2 rolled back: 1 at 30%, 1 at dark" in lines


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--target", "stagin"), "no run of 'stagin'; did you mean 'staging'? It has: local, st"),
        (("--since", "30days"), "--since: '30days' is no date; expected e.g. 30d, 12w, 6h or"),
        (("--ledger", "none.sqlite"), "there is no ledger 'none.sqlite'; the first run of"),
    ],
)
def test_what_is_wrong_is_named(
    path: Path, options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "--ledger", str(path), *options]) == 4

    assert said in capsys.readouterr().err


def test_the_project_of_the_folder_is_asked(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.canarytest]\nledger = "l.sqlite"\n')
    (tmp_path / "suites").mkdir()

    with contextlib.chdir(tmp_path / "suites"):
        assert main(["history", "--limit", "0"]) == 0

    assert "4: 2 promoted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "canarytest needs a configuration, but"),
        ("[tool.canarytest]\nledger = false\n", "this project keeps none; name one by --ledger"),
    ],
)
def test_a_project_without_a_ledger(
    tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text(text)

    with contextlib.chdir(tmp_path):
        assert main(["history"]) == 4

    assert said in capsys.readouterr().err


def test_a_limit_is_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["history", "--limit=-1x"])

    assert "'-1x' is no number; expected e.g. 20" in capsys.readouterr().err
