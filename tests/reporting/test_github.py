"""What GitHub is told: its own escapes and limits, and nothing that a person would not want."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core import events as e
from canarytest.reporting import github
from canarytest.reporting.story import story_of
from canarytest.reporting.summary import summary_of
from tests.reporting import stories

Story = Callable[[], list[e.Event]]
FAILED = """\
    def test_login(canary):
        reply = canary.post("/login")
>       assert reply.status_code == 200
E       assert 401 == 200
E        +  where 401 = <Response [401]>.status_code

suites/smoke/helpers.py:7: in look
suites/smoke/test_petclinic.py:18: AssertionError
"""
COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::([^\r\n]*)")


def unescaped(text: str) -> str:
    """What GitHub's runner makes of it."""
    for escape, sign in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(escape, sign)
    return text


def told(line: str) -> tuple[str, Mapping[str, str], str]:
    """What GitHub's runner reads in *line*."""
    match = COMMAND.fullmatch(line)
    assert match, line
    pairs = (pair.split("=", 1) for pair in match[2].split(","))
    return match[1], {name: unescaped(text) for name, text in pairs}, unescaped(match[3])


def told_of(events: list[e.Event], prefix: str = "") -> list[tuple[str, Mapping[str, str], str]]:
    return [told(x) for x in github.workflow_commands(story_of(events), PurePosixPath(prefix))]


def test_a_failed_test_is_beside_its_line() -> None:
    events = [
        replace(event, message=FAILED)
        if isinstance(event, e.TestFinished) and event.outcome == "failed"
        else event
        for event in stories.aborted_dark()
    ]

    assert told_of(events, "services/petclinic") == [
        (
            "error",
            {
                "file": "services/petclinic/suites/smoke/test_petclinic.py",
                "line": "18",
                "title": "test_login[dark] failed",
            },
            "assert 401 == 200\n+  where 401 = <Response [401]>.status_code",
        )
    ]


@pytest.mark.parametrize(
    ("story", "titles"),
    [
        (stories.promoted, []),
        (stories.aborted_dark, ["test_login[dark] failed"]),
        (stories.aborted_at_30, ["petclinic v100 → v101 on local: aborted"]),
        (stories.inconclusive, ["petclinic v100 → v101 on local: inconclusive"]),
        (
            stories.not_proven,
            ["THE ROLLBACK IS NOT PROVEN: somebody must look now", "test_login[10%] failed"],
        ),
    ],
)
def test_what_is_annotated(story: Story, titles: list[str]) -> None:
    assert [properties["title"] for _, properties, _ in told_of(story())] == titles


def test_github_shows_ten_of_a_kind() -> None:
    bad = [stories.finished(1 + n, 0, f"test_{n}", "failed", "no") for n in range(30)]

    found = told_of([stories.started(), *bad, *stories.not_proven()[-2:]])

    assert len(found) == github.MOST_ANNOTATIONS
    assert found[0][1]["title"].startswith("THE ROLLBACK IS NOT PROVEN")
    assert found[-1][2] == "22 more tests failed"


@given(st.text(max_size=50), st.text(max_size=50))
def test_no_text_breaks_a_command(name: str, message: str) -> None:
    """Neither may it begin a second one, as a hostile test's output would like to."""
    failed = stories.finished(1, 0, name, "failed", f"E  {message}")
    story = story_of([stories.started(), failed])
    (line,) = github.workflow_commands(story, PurePosixPath())

    level, properties, _ = told(line)

    assert level == "error"
    assert properties["title"]


PROMOTED = """\
## Canary: petclinic v100 → v101 on local: aborted, exit status 1

- **reason**: test\\_login\\[dark\\] failed: assert 401 == 200
- **rollback**: abort sent after 0.031 s; proven: 0 of 612 responses from the canary in 10 s: \
below 0.49% with 95 % confidence; no response of the canary since the decision; 0 errors
- **exposure**: 0 requests of users were answered by the canary, 0 of them failed (counted by \
router)

| step | verdict | open for | tests | why |
|--|--|--|--|--|
| dark | failed | 0.4 s | 1 passed, 1 failed, 2 skipped | test\\_login\\[dark\\] failed: assert \
401 == 200 |
| 10% | never opened |  |  |  |
| 30% | never opened |  |  |  |
| 50% | never opened |  |  |  |

- <code>suites/smoke/test\\_petclinic.py::test\\_login\\[dark\\]</code> failed: assert 401 == 200
"""


def test_the_job_summary() -> None:
    events = stories.aborted_dark()

    assert github.job_summary(summary_of(events), story_of(events)) == PROMOTED


@pytest.mark.parametrize("story", stories.STORIES.values(), ids=stories.STORIES.keys())
def test_each_run_has_a_job_summary(story: Story) -> None:
    events = story()

    text = github.job_summary(summary_of(events), story_of(events))

    assert text.startswith("## Canary: petclinic v100 → v101 on local: ")


def test_markdown_of_others_stays_text() -> None:
    failed = stories.finished(1, 0, "test_x", "failed", "E  <img src=x> | a | b\nE  `c` @everyone")
    events = [stories.started(), failed]

    text = github.job_summary(summary_of(events), story_of(events))

    assert "&lt;img src=x&gt; \\| a \\| b \\`c\\` \\@everyone" in text


def test_it_is_appended_as_far_as_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    github.append(path, "first\n")
    github.append(path, "line\n" * github.MOST_BYTES)
    github.append(path, "no room\n")

    text = path.read_text()
    assert text.startswith("first\nline\n")
    assert text.endswith("line\n\n(cut: GitHub takes no more than 1 MiB a step)\n")
    assert len(text) <= github.MOST_BYTES
