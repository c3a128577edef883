"""Queries: what is filled in, how far they look back, and what their answers are worth."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.bands import Band
from canarytest.core.finding import Zone
from canarytest.core.query import (
    PLAIN_S,
    Kind,
    Look,
    NoData,
    Query,
    awaited,
    filled,
    judge_looks,
    look_of,
    looks_back_s,
    of_any_version,
    unknown_tags,
)

BAND = Band(0.01, 0.05)
QUERY = Query("errors", 'x{v="{{canary}}"}', BAND, unit="share")
NONE = Look(Kind.NO_DATA, why="it returned nothing")
DOWN = Look(Kind.UNANSWERED, why="http://p did not answer: refused")
TWO = Look(Kind.SEVERAL, why="it returned 2 series")


def number(value: float) -> Look:
    return Look(Kind.NUMBER, value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("up", PLAIN_S),
        ('up{v="{{canary}}"}', PLAIN_S),
        ("rate(x[1m])", 60),
        ("rate(x[1h30m])", 5400),
        ("rate(x[ 500ms ])", 0.5),
        ("rate(x[1m]) / rate(y[5m])", 300),
        ("rate(x[1m] offset 30s)", 90),
        ("rate(x[1m] offset -30s)", 60),
        ('rate(x{v="{{canary}}"}[1m]) / rate(x{v="{{stable}}"}[1m] offset 1d)', 60),
        ('rate(x{v="{{ canary }}"}[1m]) > bool rate(x{v="{{stable}}"}[1h])', 60),
        ('max_over_time(rate(x{v="{{canary}}"}[1m])[5m:30s])', 360),
        ("max_over_time(up[5m])", 300),
        ("max_over_time(up[10m:])", 600 + PLAIN_S),
        ('x{path="a[1h]b"}', PLAIN_S),
        ('rate(x{path="/a{b}",v="{{canary}}"}[2m])', 120),
    ],
)
def test_how_far_a_query_looks_back(text: str, seconds: float) -> None:
    assert looks_back_s(text) == seconds


def test_the_versions_are_filled_in_safely() -> None:
    text = 'x{v="{{canary}}",n=~"{{ rollout }}-.*"} / y{v="{{stable}}"}'

    assert filled(text, {"canary": 'v"1\\', "stable": "v1", "rollout": "was"}) == (
        r'x{v="v\"1\\",n=~"was-.*"} / y{v="v1"}'
    )


def test_other_words_in_braces_are_unknown() -> None:
    assert unknown_tags('x{v="{{canary}}",h="{{args.hash}}"} + {{y}}') == ("args.hash", "y")


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        ('x{v="{{canary}}"}', 'x{v=~".*"}'),
        ('x{v=~"was-{{canary}}-.+",ns="{{namespace}}"}', 'x{v=~"was-.*-.+",ns="{{namespace}}"}'),
        ("x{v='{{ stable }}'}", "x{v=~'.*'}"),
        ('x{status="500"} == 3', 'x{status="500"} == 3'),
        ('x{v!="{{canary}}"}', 'x{v!="{{canary}}"}'),  # which no version is called, so that all are
    ],
)
def test_before_there_is_a_canary_any_version_is_asked_for(text: str, loose: str) -> None:
    assert of_any_version(text) == loose


@pytest.mark.parametrize(
    ("series", "kind", "why"),
    [
        ([], Kind.NO_DATA, "there is no such series"),
        ([({}, math.nan)], Kind.NO_DATA, "NaN, as 0/0 is without a request"),
        ([({}, math.inf)], Kind.NO_DATA, "infinite"),
        ([({"pod": "a", "j": "x"}, 1), ({"pod": "b", "j": "x"}, 1)], Kind.SEVERAL, "pod=a; pod=b"),
        (
            [({"pod": str(i)}, 1) for i in range(9)],
            Kind.SEVERAL,
            "9 series (pod=0; pod=1; pod=2; …",
        ),
        ([({"pod": "a"}, 0.0)], Kind.NUMBER, ""),
    ],
)
def test_an_answer_is_a_number_or_says_why_not(
    series: list[tuple[dict[str, str], float]], kind: Kind, why: str
) -> None:
    look = look_of(series)

    assert look.kind is kind
    assert why in look.why
    assert (look.value is None) is (kind is not Kind.NUMBER)


GOOD, HIGH, BAD = number(0.001), number(0.03), number(0.2)


@pytest.mark.parametrize(
    ("looks", "zone"),
    [
        ([], Zone.UNDER_WAY),
        ([BAD, BAD], Zone.UNDER_WAY),  # three are the least, whatever they are
        ([GOOD] * 3, Zone.NORMAL),
        ([GOOD, BAD, GOOD], Zone.NORMAL),  # one peak
        ([BAD, GOOD, BAD], Zone.ROLL_BACK),
        ([HIGH] * 3, Zone.WARNING),
        ([BAD] * 9 + [GOOD] * 5, Zone.NORMAL),  # the last five count
        ([GOOD, GOOD, NONE], Zone.TOO_LITTLE),
        ([GOOD, GOOD, NONE, GOOD], Zone.NORMAL),
        ([NONE] * 3, Zone.TOO_LITTLE),
        ([DOWN] * 9, Zone.TOO_LITTLE),
        ([GOOD] * 5 + [DOWN] * 3, Zone.TOO_LITTLE),  # what was good is too old by then
        ([TWO, GOOD, TWO], Zone.TOO_LITTLE),  # while one pod takes another's place
        ([TWO] * 3, Zone.UNTRUSTED),
    ],
)
@pytest.mark.parametrize("is_dark", [False])
def test_the_last_looks_decide(looks: list[Look], zone: Zone, *, is_dark: bool) -> None:
    assert judge_looks(QUERY, looks, is_dark=is_dark).zone is zone


@pytest.mark.parametrize(
    ("no_data", "zone"),
    [
        (NoData.INCONCLUSIVE, Zone.TOO_LITTLE),
        (NoData.IGNORE, Zone.SHOWN),
        (NoData.ROLL_BACK, Zone.ROLL_BACK),
    ],
)
def test_what_no_data_means_is_the_users_to_say(no_data: NoData, zone: Zone) -> None:
    query = Query("errors", "x", BAND, no_data=no_data)

    assert judge_looks(query, [NONE] * 3, is_dark=False).zone is zone
    assert judge_looks(query, [NONE] * 3, is_dark=True).zone is Zone.SHOWN
    assert judge_looks(query, [DOWN] * 3, is_dark=False).zone is Zone.TOO_LITTLE  # whoever is down
    assert judge_looks(query, [GOOD] * 3, is_dark=True).zone is Zone.NORMAL


LOOKS = st.lists(st.sampled_from([GOOD, HIGH, BAD, NONE, DOWN, TWO]))


@given(LOOKS, st.sampled_from(NoData))
def test_a_server_that_does_not_answer_blames_nobody(looks: list[Look], no_data: NoData) -> None:
    query = Query("errors", "x", BAND, no_data=no_data)

    finding = judge_looks(query, [*looks, DOWN, DOWN, DOWN], is_dark=False)

    assert finding.zone is Zone.TOO_LITTLE
    assert "did not answer" in finding.sentence


@pytest.mark.parametrize(
    ("looks", "sentence"),
    [
        ([BAD] * 3, "errors 20%: roll back (warning from 1%, roll back from 5%)"),
        ([NONE] * 3, "errors: it returned nothing: too little to decide"),
    ],
)
def test_the_sentence_is_for_a_person(looks: list[Look], sentence: str) -> None:
    assert judge_looks(QUERY, looks, is_dark=False).sentence == sentence


def test_what_is_awaited_says_how_long_it_looks_back() -> None:
    query = Query("rps", 'rate(x{v="{{canary}}"}[1m])', Band(100, 200), unit="1/s")

    assert awaited(query, 1).sentence == (
        "rps: 1 of 3 looks taken, each of the 60 s before it, in this step alone"
    )
    assert query.shown(12.345678) == "12.35 1/s"
    assert Query("x", "rate(x[1m])", BAND, window_s=2).looks_back_s == 2
