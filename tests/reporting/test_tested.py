"""Results of tests from their events."""

from __future__ import annotations

from typing import Any

import pytest

from canarytest.core import events as e
from canarytest.reporting import issues, tested
from canarytest.reporting.story import story_of
from tests.reporting import stories

ISSUE = "https://jira/browse/{}"


def finished(
    nodeid: str = "suites/test_it.py::test_it[10%-a::b]", **changes: Any
) -> e.TestFinished:
    values: dict[str, Any] = {
        "step": 1, "label": "10%", "nodeid": nodeid, "outcome": "passed", "seconds": 0.5,
        "message": "", "worker": "", **changes,
    }  # fmt: skip
    return e.TestFinished(stories.T0 + 2, **values)


def result_of(test: e.TestFinished, **surroundings: Any) -> dict[str, Any]:
    told = story_of([stories.started(surroundings=surroundings), stories.opened(1, 1), test])
    ((result, _),) = tested.results_of(told)
    return result


@pytest.mark.parametrize(
    ("nodeid", "name", "full_name", "path"),
    [
        ("a/test_x.py::test_it[10%]", "test_it[10%]", "a.test_x#test_it", ["a", "test_x.py"]),
        ("test_x.py::test_it[10%-b::c]", "test_it[10%-b::c]", "test_x#test_it", ["test_x.py"]),
        (
            "test_x.py::TestA::test_it[10%]",
            "test_it[10%]",
            "test_x.TestA#test_it",
            ["test_x.py", "TestA"],
        ),
    ],
    ids=["plain", "a parameter with ::", "in a class"],
)
def test_a_result_is_named_for_its_test(
    nodeid: str, name: str, full_name: str, path: list[str]
) -> None:
    result = result_of(finished(nodeid))

    assert (result["name"], result["fullName"]) == (name, full_name)
    assert result["titlePath"] == path


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("passed", "passed"),
        ("failed", "failed"),
        ("error", "broken"),
        ("skipped", "skipped"),
        ("xfailed", "skipped"),
        ("xpassed", "passed"),
        ("inconclusive", "unknown"),
    ],
)
def test_a_result_has_the_status_of_the_outcome(outcome: str, status: str) -> None:
    assert result_of(finished(outcome=outcome))["status"] == status


def test_a_result_is_found_by_its_rollout() -> None:
    labels = {label["name"]: label["value"] for label in result_of(finished())["labels"]}

    assert labels == {
        "parentSuite": "petclinic on local",
        "suite": "10%",
        "subSuite": "suites/test_it.py",
        "rollout": "petclinic",
        "target": "local",
        "platform": "local",
        "revision": "v101",
        "framework": "pytest",
        "language": "python",
    }


def test_labels_that_a_test_gave_itself_stay() -> None:
    about = {"labels": [{"name": "suite", "value": "mine"}], "status": "passed"}
    labels = [
        x["value"] for x in result_of(finished(about=about))["labels"] if x["name"] == "suite"
    ]

    assert labels == ["mine"]


def test_a_failure_that_is_known_is_linked() -> None:
    known = {"issue": ISSUE, "known_issues": {"PET-7": "pool .*exhausted", "PET-8": "other"}}
    bad = result_of(finished(outcome="failed", message="E   the pool is exhausted"), **known)
    good = result_of(finished(message="the pool is exhausted"), **known)

    assert [link["url"] for link in bad["links"]] == ["https://jira/browse/PET-7"]
    assert bad["statusDetails"]["known"]
    assert good["links"] == []


@pytest.mark.parametrize(
    ("link", "surroundings", "url"),
    [
        ({"type": "issue", "url": "PET-7"}, {"issue": ISSUE}, "https://jira/browse/PET-7"),
        ({"type": "issue", "url": "https://x/PET-7"}, {"issue": ISSUE}, "https://x/PET-7"),
        ({"type": "issue", "url": "PET-7"}, {}, "PET-7"),
        ({"type": "link", "url": "PET-7"}, {"issue": ISSUE}, "PET-7"),
    ],
    ids=["by its id", "as allure resolved it", "nobody said where", "no issue"],
)
def test_an_issue_that_is_given_by_its_id_leads_somewhere(
    link: dict[str, str], surroundings: dict[str, str], url: str
) -> None:
    assert issues.resolved(link, surroundings)["url"] == url


def test_two_cases_of_one_test_have_two_histories() -> None:
    one, other = result_of(finished("t.py::t[10%-a]")), result_of(finished("t.py::t[10%-b]"))

    assert one["historyId"] != other["historyId"]
    assert one["parameters"] != other["parameters"]  # of which Allure makes an id of its own


def test_the_traceback_that_is_the_message_is_told_once_and_shown() -> None:
    about = {"status": "failed", "statusDetails": {"message": "assert 1 == 2"}}
    result = result_of(finished(outcome="failed", message="the traceback", about=about))

    assert result["statusDetails"] == {"trace": "the traceback", "message": "assert 1 == 2"}
