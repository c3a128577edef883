"""The pictures, read as the XML that they are, and the data beside them."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable
from xml.etree import ElementTree as ET

import pytest

from canarytest.core import events as e
from canarytest.core.errors import CanaryError
from canarytest.reporting import canvas, pictures
from canarytest.reporting.story import story_of
from canarytest.reporting.timeline import timeline_of
from tests.reporting import stories
from tests.reporting.stories import tally

SVG = "{http://www.w3.org/2000/svg}"
KILOBYTES = 1000
every_story = pytest.mark.parametrize("story", stories.STORIES.values(), ids=stories.STORIES)


def of(told: Iterable[e.Event]) -> dict[str, str]:
    return {p.name: p.text for p in pictures.pictures_of(story_of(told))}


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314  our own


def texts(svg: str) -> list[str]:
    """What can be read in the picture."""
    return ["".join(t.itertext()) for t in parsed(svg).iter(f"{SVG}text")]


def drawn(svg: str) -> set[str]:
    """The names of what is drawn."""
    return {g.get("id", "") for g in parsed(svg).iter(f"{SVG}g")}


@every_story
def test_pictures_are_small_and_ask_nobody(story: Callable[[], list[e.Event]]) -> None:
    found = of(story())
    svgs = {name: text for name, text in found.items() if name.endswith(".svg")}

    assert list(svgs) == ["timeline.svg", "latency by step.svg", "split by step.svg"]
    for text in svgs.values():
        assert len(text.encode()) < 200 * KILOBYTES
        assert set(re.findall(r'(?:href|src)="([^#"])', text)) == set()
        assert "<!DOCTYPE" not in text
        assert "url(http" not in text


@every_story
def test_the_same_run_is_drawn_the_same(story: Callable[[], list[e.Event]]) -> None:
    assert of(story()) == of(story())


@every_story
def test_the_timeline_names_steps_and_marks(story: Callable[[], list[e.Event]]) -> None:
    told = story_of(story())
    timeline = timeline_of(told)
    said = " ".join(texts(of(story())["timeline.svg"]))

    for band in timeline.bands:
        assert band.label in said
    for mark in timeline.marks:
        assert mark.label in said
    assert told.name in said
    assert told.reason[:60] in said


def test_all_series_are_drawn() -> None:
    found = drawn(of(stories.promoted())["timeline.svg"])
    versions = ("canary", "stable")

    assert {f"requests-{v}" for v in versions} <= found
    assert {f"errors-{v}" for v in versions} <= found
    assert {f"latency-{v}-p{p}" for v in versions for p in (50, 95, 99)} <= found
    assert {"weight", "share-10%", "interval-10%", "tests-passed"} <= found


def test_what_was_not_measured_is_said_not_drawn() -> None:
    found = of(stories.aborted_dark())
    timeline = found["timeline.svg"]

    assert texts(timeline).count("neither load nor probe was measured") == 2
    assert "no request was answered" in texts(timeline)
    assert not {name for name in drawn(timeline) if name.startswith(("requests", "latency"))}
    assert "no request was answered" in texts(found["latency by step.svg"])
    assert any("nobody answered the probe" in text for text in texts(found["split by step.svg"]))


def test_a_run_that_never_began_has_its_pictures() -> None:
    found = of([stories.ended(1, "error", 12, "petclinic is locked", (0, 0))])

    assert "no step was opened" in texts(found["timeline.svg"])
    assert "no step was opened" in texts(found["split by step.svg"])


def hour() -> Iterable[e.Event]:
    """An hour of four steps with load and probe, and ten thousand tests."""
    yield stories.started()
    for step in range(4):
        yield stories.opened(900 * step, step)
        for second in range(1, 900):
            at, spread = 900 * step + second, 1 + second % 37
            yield stories.load(at, step, tally(60, second % 3, 11.0 * spread), tally(140, 0, 9.0))
            yield stories.probe(at, step, 6 + second % 3, 14)
        for test in range(2500):
            yield stories.finished(900 * step + test / 3, step, f"test_{test}")
        label = stories.plan()[step]["label"]
        yield e.StepJudged(
            stories.T0 + 900 * (step + 1), step, label, "successful", "", 900, {}, ()
        )


def test_pictures_of_an_hour_are_small_too() -> None:
    found = of(hour())

    for name, text in found.items():
        if name.endswith(".svg"):
            assert len(text.encode()) < 200 * KILOBYTES, name
    assert any("each point 15 s" in text for text in texts(found["timeline.svg"]))


def test_dark_ground_has_colours_of_its_own() -> None:
    style = next(parsed(of(stories.promoted())["timeline.svg"]).iter(f"{SVG}style"))
    rules = "".join(style.itertext())

    assert rules.startswith("@media (prefers-color-scheme: dark){")
    for colour in (canvas.INK, canvas.GROUND, canvas.CANARY, canvas.STABLE):
        assert f'[style*="fill: {colour}"]' in rules
        assert f'[style*="stroke: {colour}"]' in rules


def luminance(colour: str) -> float:
    """Of WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("name", "least"),
    [("INK", 7), ("CANARY", 3), ("STABLE", 3), ("NOBODY", 3), ("GOOD", 3), ("BAD", 3)],
)
def test_colours_stand_out_on_light_and_on_dark_ground(name: str, least: float) -> None:
    """Text by WCAG's AAA, what is drawn by its 3:1 for graphics."""
    light = getattr(canvas, name)
    dark = canvas._DARK.get(light, light)

    assert contrast(light, canvas.GROUND) >= least
    assert contrast(dark, canvas._DARK[canvas.GROUND]) >= least


def test_a_dollar_in_a_name_is_a_dollar() -> None:
    told = [stories.started(canary="v$1$x^$"), stories.ended(1, "error", 12, "a $x^$", (0, 0))]

    assert "a $x^$" in texts(of(told)["timeline.svg"])


@pytest.mark.parametrize(
    ("spans", "rows"),
    [
        ([(0, 2), (2, 4), (4, 6)], [0, 0, 0]),
        ([(0, 3), (2, 4), (3, 6)], [0, 1, 0]),
        ([(0, 3), (1, 4), (2, 5)], [0, 1, None]),
        ([], []),
    ],
    ids=["side by side", "overlapping", "too many", "none"],
)
def test_labels_never_overlap(spans: list[tuple[float, float]], rows: list[int | None]) -> None:
    assert canvas.rows_of(spans, 2) == rows


def test_the_data_of_the_pictures_is_beside_them() -> None:
    found = of(stories.aborted_at_30())
    rows = list(csv.DictReader(io.StringIO(found["timeline.csv"])))
    document = json.loads(found["pictures.json"])
    (slow,) = [r for r in rows if (r["seconds"], r["version"]) == ("11.5", "canary")]

    assert (slow["requests"], slow["failures"]) == ("42", "0")
    assert float(slow["p95_ms"]) == pytest.approx(1860, rel=0.01)
    assert [s["step"] for s in document["steps"]] == ["dark", "10%", "30%"]
    assert document["marks"][0]["what"] == "abort sent"
    assert len(document["timeline"]) == len(rows)
    assert document["split by step"][2]["expected"] == 0.3


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(CanaryError, match=r"pip install 'canarytest\[report\]'"):
        pictures.pictures_of(story_of(stories.promoted()))
