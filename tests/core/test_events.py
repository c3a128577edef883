"""Events: to JSON and back."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canarytest.core import events
from canarytest.core.finding import Finding, Verdict, Zone

times = st.floats(0, 4e9)
numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
findings = st.builds(
    Finding,
    metric=words,
    zone=st.sampled_from(Zone),
    sentence=words,
    n=st.integers(0),
    needed=st.integers(0),
    estimate=st.none() | numbers,
    low=st.none() | numbers,
    high=st.none() | numbers,
    warning=st.none() | numbers,
    roll_back=st.none() | numbers,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "str": words,
    "bool": st.booleans(),
    "int": st.integers(),
    "float": numbers,
    "str | None": st.none() | words,
    "float | None": st.none() | numbers,
    "Mapping[str, str]": st.dictionaries(words, words, max_size=3),
    "Mapping[str, int]": st.dictionaries(words, st.integers(), max_size=3),
    "Mapping[str, Any]": st.dictionaries(words, plain, max_size=3),
    "Mapping[str, tuple[float, float]]": st.dictionaries(
        words, st.tuples(numbers, numbers), max_size=3
    ),
    "tuple[str, ...]": st.lists(words, max_size=3).map(tuple),
    "tuple[tuple[str, str], ...]": st.lists(st.tuples(words, words), max_size=3).map(tuple),
    "tuple[Mapping[str, Any], ...]": st.lists(
        st.dictionaries(words, plain, max_size=3), max_size=2
    ).map(tuple),
    "tuple[Finding, ...]": st.lists(findings, max_size=2).map(tuple),
}
KINDS = list(events._TYPES.values())


def some(kind: type[events.Event]) -> st.SearchStrategy[events.Event]:
    given = {f.name: FIELDS[str(f.type)] for f in dataclasses.fields(kind) if f.name != "time"}
    return st.builds(kind, times, **given)


def same_but_for_the_time(one: events.Event, other: events.Event) -> bool:
    return dataclasses.replace(one, time=0.0) == dataclasses.replace(other, time=0.0)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=30)
@given(data=st.data())
def test_an_event_comes_back_from_its_json(kind: type[events.Event], data: st.DataObject) -> None:
    event = data.draw(some(kind))
    text = json.dumps(events.as_json(event), allow_nan=False)
    for back in (events.from_json(events.as_json(event)), events.from_json(json.loads(text))):
        assert same_but_for_the_time(back, event)
        assert abs(back.time - event.time) <= 0.001
        assert events.from_json(events.as_json(back)) == back


def test_every_name_of_the_contract_is_there() -> None:
    assert [kind.__name__ for kind in KINDS] == [
        "RolloutStarted",
        "StepOpened",
        "TestFinished",
        "MeasurementTaken",
        "StepJudged",
        "AbortSent",
        "RolloutAborted",
        "EvidenceCollected",
        "RollbackProven",
        "RollbackNotProven",
        "RolloutPromoted",
        "RolloutLeft",
        "RunEnded",
    ]


def test_an_event_begins_with_its_time_and_its_name() -> None:
    event = events.StepOpened(1768209123.412, 1, "10%", 10, 0.1, 2.5, "v101")

    assert list(events.as_json(event).items())[:3] == [
        ("time", "2026-01-12T09:12:03.412Z"),
        ("event", "StepOpened"),
        ("step", 1),
    ]


def test_a_verdict_is_written_as_its_word() -> None:
    found = Finding("cpu", Zone.ROLL_BACK, "cpu 95%")
    judged = events.StepJudged(0.0, 0, "10%", Verdict.FAILED, "cpu", 1.0, {"passed": 1}, (found,))

    assert '"verdict": "failed"' in json.dumps(events.as_json(judged))
    assert '"zone": "roll back"' in json.dumps(events.as_json(judged))


@given(words.filter(lambda name: name not in {kind.__name__ for kind in KINDS}), times)
def test_an_event_of_another_version_is_kept_as_it_is(name: str, time: float) -> None:
    data = {"time": events.timestamp(time), "event": name, "new": [1, {"two": 2}]}

    assert events.as_json(events.from_json(data)) == data
