from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core import events as e
from canarytest.core.errors import CanaryError
from canarytest.core.finding import Finding, Zone
from canarytest.core.redaction import REDACTED, Redactor, known
from canarytest.reporting.log import EventLog, read
from tests.reporting import stories

times = st.integers(0, 4_000_000_000_000).map(lambda ms: ms / 1000)
texts = st.text(st.characters(codec=None), max_size=40)  # surrogates too: captured output has them
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.dictionaries(texts, texts | numbers | st.none() | st.lists(st.integers(), max_size=3))
findings = st.builds(
    Finding, texts, st.sampled_from(Zone), texts, st.integers(), estimate=numbers | st.none()
)
events = st.one_of(
    st.builds(e.MeasurementTaken, times, st.integers(0, 9), texts, values),
    st.builds(
        e.TestFinished, times, st.integers(0, 9), texts, texts, texts, numbers, texts, texts,
        st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    ),
    st.builds(
        e.StepJudged, times, st.integers(0, 9), texts, texts, texts, numbers,
        st.dictionaries(texts, st.integers()), st.lists(findings, max_size=2).map(tuple),
    ),
    st.builds(
        e.RolloutAborted, times, texts, texts, texts | st.none(),
        st.lists(findings, max_size=2).map(tuple),
    ),
    st.builds(e.RolloutPromoted, times, texts, numbers),
)  # fmt: skip


def tick(number: int) -> e.Event:
    return e.MeasurementTaken(stories.T0, number, "probe", {"thread": threading.get_ident()})


def as_line(event: e.Event) -> str:
    return json.dumps(e.as_json(event))


@given(st.lists(events, max_size=5))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, told: list[e.Event]
) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    with EventLog(path) as log:
        for event in told:
            log(event)

    assert log.trouble is None
    clean = [e.as_json(Redactor().data(event)) for event in told]
    assert [e.as_json(event) for event in read(path)] == clean
    assert path.read_bytes().count(b"\n") == len(told)


@pytest.mark.parametrize("story", stories.STORIES.values(), ids=stories.STORIES)
def test_a_story_is_read_back_as_it_was(tmp_path: Path, story: Callable[[], list[e.Event]]) -> None:
    with EventLog(tmp_path / "runs" / "one" / "events.jsonl") as log:
        for event in story():
            log(event)

    assert [as_line(event) for event in read(log.path)] == [as_line(event) for event in story()]


def test_neither_the_file_nor_a_reporter_is_given_a_secret(tmp_path: Path) -> None:
    told: list[e.Event] = []
    secret = 'a "known" one'
    with EventLog(tmp_path / "events.jsonl", Redactor(values=known([secret]))) as log:
        log.subscribe(told.append)
        log(e.RolloutAborted(stories.T0, "test", f"it said {secret}, token=abcdef", None))
        log(tick(object()))  # type: ignore[arg-type]  # no JSON has it but by its name

    (aborted, _) = told
    assert isinstance(aborted, e.RolloutAborted)
    assert aborted.reason == f"it said {REDACTED}, token={REDACTED}"
    assert next(read(log.path)) == aborted


def test_an_event_is_on_disk_when_the_call_returns(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log(tick(1))

    assert [json.loads(line)["step"] for line in log.path.read_text().splitlines()] == [1]
    log.close()


def test_lines_of_many_threads_stay_whole(tmp_path: Path) -> None:
    told: list[e.Event] = []
    start = threading.Barrier(8)

    def emit() -> None:
        start.wait()
        for number in range(200):
            log(tick(number))

    with EventLog(tmp_path / "events.jsonl") as log:
        log.subscribe(told.append)
        threads = [threading.Thread(target=emit) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = list(read(log.path))

    assert len(found) == 1600
    assert told == found  # in the order in which they were written


def test_a_full_disk_is_remembered_and_the_reporters_are_told_all_the_same() -> None:
    told: list[e.Event] = []
    with EventLog(Path("/dev/full")) as log:
        log.subscribe(told.append)
        log(tick(1))
        log(tick(2))

    assert log.trouble == "full: OSError: [Errno 28] No space left on device"
    assert len(told) == 2


def test_an_event_that_is_no_json_is_remembered(tmp_path: Path) -> None:
    with EventLog(tmp_path / "events.jsonl") as log:
        log(e.MeasurementTaken(stories.T0, 1, "probe", {("a", "b"): 1}))  # type: ignore[dict-item]
        log(tick(2))

    assert log.trouble is not None
    assert log.trouble.startswith("events.jsonl: TypeError: ")
    assert len(list(read(log.path))) == 1


def test_an_event_after_the_end_is_remembered(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.close()
    log.close()
    log(tick(1))

    assert log.trouble == (
        "events.jsonl: ValueError: MeasurementTaken came after the log was closed"
    )


def test_a_reporter_that_raises_hurts_nobody_and_is_remembered_once(tmp_path: Path) -> None:
    told: list[e.Event] = []

    def broken(event: e.Event) -> None:
        raise RuntimeError("no paper")

    with EventLog(tmp_path / "events.jsonl") as log:
        log.subscribe(broken)
        log.subscribe(told.append)
        log(tick(1))
        log(tick(2))

    (trouble,) = log.reporter_troubles
    assert trouble.endswith("broken at MeasurementTaken: RuntimeError: no paper")
    assert len(told) == 2
    assert log.trouble is None


def test_a_reporter_that_hangs_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("canarytest.reporting.log.PATIENCE_S", 0.01)
    go_on = threading.Event()
    told: list[e.Event] = []

    def stopped(event: e.Event) -> None:
        go_on.wait(30)
        told.append(event)

    with EventLog(tmp_path / "events.jsonl") as log:
        log.subscribe(stopped)
        for number in range(100):
            log(tick(number))
        written = len(list(read(log.path)))
        go_on.set()

    assert written == 100
    assert len(told) == 100


def test_a_reporter_may_emit(tmp_path: Path) -> None:
    def echo(event: e.Event) -> None:
        if isinstance(event, e.MeasurementTaken):
            log(e.RolloutPromoted(event.time, "v101", 0.1))

    with EventLog(tmp_path / "events.jsonl") as log:
        log.subscribe(echo)
        log(tick(1))

    assert [type(event).__name__ for event in read(log.path)] == [
        "MeasurementTaken",
        "RolloutPromoted",
    ]


@pytest.mark.parametrize("kept", [1, 30, 90])
def test_a_last_line_that_was_cut_off_is_skipped(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "events.jsonl"
    line = json.dumps(e.as_json(tick(1))).encode()
    path.write_bytes(line + b"\n" + line[:kept])

    assert len(list(read(path))) == 1


@pytest.mark.parametrize(
    "bad", ["{", "[]", "7", '{"event": "StepOpened"}', '{"time": "noon", "event": "x"}',
            '{"time": "2026-01-12T09:12:03.412Z", "event": "StepOpened"}', ""],
)  # fmt: skip
def test_a_line_that_is_no_event_is_named(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "events.jsonl"
    line = json.dumps(e.as_json(tick(1)))
    path.write_text(f"{line}\n{bad}\n{line}\n")

    with pytest.raises(CanaryError, match=r"events\.jsonl:2 is no event .*expected one JSON"):
        list(read(path))


def test_a_log_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CanaryError, match=r"nowhere.jsonl' cannot be read: No such file"):
        list(read(tmp_path / "nowhere.jsonl"))


def test_an_event_of_another_version_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"time": "2026-01-12T09:12:03.412Z", "event": "MoonRose", "phase": 3}\n')
    (event,) = read(path)

    assert dataclasses.asdict(event)["values"] == {"phase": 3}
    data: dict[str, Any] = e.as_json(event)
    assert data == json.loads(path.read_text())
