"""`canarytest rejudge`: a stored run under other bands."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from canarytest.cli import main
from canarytest.core import events as e
from tests.core.steps import tally
from tests.core.told import CANARY, GOOD, STABLE, step


def store(folder: Path, told: Sequence[e.Event]) -> str:
    """Store *told* as a run below *folder*, and return what the command is given."""
    run = folder / "runs" / "20260112T091200Z-3f2a"
    run.mkdir(parents=True)
    lines = [json.dumps(e.as_json(event)) for event in told]
    (run / "events.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return str(run)


def test_a_good_run_is_told_step_by_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rejudge", store(tmp_path, step(GOOD))]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == "10%: was successful, is successful"
    assert lines[1] == "  normal: tests: 1 passed"
    assert lines[-1] == "every step is successful, as far as it was seen"


def test_other_bands_end_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = store(tmp_path, step({CANARY: tally(400, 2, fast=300.0)}))

    assert main(["rejudge", run]) == 0
    assert main(["rejudge", run, "--band", "latency_p95_ms=100,200"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("the rollout would have ended here: latency p95 30")
    assert main(["rejudge", run, "--band", "error_rate=0.001,0.2"]) == 10
    assert main(["rejudge", run, "--band", "error_rate=0.001,0.2", "--on-warning=promote"]) == 0


def test_as_json_it_has_every_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load = {CANARY: tally(400, 40), STABLE: tally(3600)}

    assert main(["rejudge", store(tmp_path, step(load)), "--json", "--miss", "0.1"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["bands"]["error_rate"] == [0.01, 0.05]
    (found,) = told["steps"]
    assert (found["label"], found["was"], found["verdict"]) == ("10%", "successful", "failed")
    assert 0 < found["decided_s"] <= 20
    assert found["findings"][1]["estimate"] == 0.1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--band", "eror_rate=1,2"], "there is no metric 'eror_rate'; did you mean 'error_rate'?"),
        (["--band", "error_rate"], "--band error_rate: expected two numbers, e.g. error_rate=0.01"),
        (["--band", "error_rate=0.5,0.1"], "the warning has to be above 0 and not above the roll"),
        (["--false-alarm", "0.7"], "--false-alarm 0.7: expected a probability above 0 and at most"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["rejudge", store(tmp_path, step(GOOD)), *options]) == 4
    assert said in capsys.readouterr().err


def test_a_run_that_never_began_cannot_be_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = [event for event in step(GOOD) if isinstance(event, e.RunEnded)]

    assert main(["rejudge", store(tmp_path, ended)]) == 4
    assert "never began: there is nothing to judge" in capsys.readouterr().err
