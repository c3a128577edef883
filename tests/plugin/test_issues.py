"""Known issues: what the configuration says of them, and what it must not say."""

from __future__ import annotations

from typing import Any

import pytest

from canarytest.config import Table
from canarytest.core.errors import ConfigError
from canarytest.plugin import issues
from tests.plugin.project import Project

KNOWN = {"known_issues": {"PET-7": "pool .*exhausted"}}
URL = "https://jira.example.com/browse/{}"


def read(**values: Any) -> Any:
    return issues.read(Table(values, "tool.canarytest.report"))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, {}),
        ({"issue": URL}, {"issue": URL}),
        (KNOWN, KNOWN),
    ],
    ids=["nothing", "where", "which"],
)
def test_what_is_given_is_taken(values: dict[str, Any], found: dict[str, Any]) -> None:
    assert read(**values) == found


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"issue": "https://jira"}, r"report\.issue: 'https://jira' has no '\{\}' where the id"),
        ({"known_issues": {"PET-7": "("}}, r"known_issues\.PET-7: '\(' is not a regular"),
        ({"known_issues": {"PET-7": 7}}, r"known_issues\.PET-7: 7 is not .*: it is no text"),
    ],
    ids=["no place for the id", "no pattern", "no text"],
)
def test_bad_input_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(**values)


def test_a_run_tells_where_it_was(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JENKINS_URL", "https://ci/")
    monkeypatch.setenv("BUILD_URL", "https://ci/job/canary/7/")
    project.configure(report={"issue": URL, "known_issues": {"PET-7": "wrong"}})
    project.suite("def test_it(): pass")
    project.run("-q")
    (started,) = project.events_of("RolloutStarted")

    assert started["surroundings"]["executor"]["buildUrl"] == "https://ci/job/canary/7/"
    assert started["surroundings"]["issue"] == URL
    assert started["surroundings"]["known_issues"] == {"PET-7": "wrong"}
