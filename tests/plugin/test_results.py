"""What Allure is told of a test is in the test's event: the report is made of events alone."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from canarytest.reporting import build, summary, tested
from canarytest.reporting.log import read
from canarytest.reporting.story import story_of
from tests.plugin.project import PYTEST, Project

TOLD = """
    import allure
    import pytest

    @pytest.fixture
    def screen():
        yield
        allure.attach(b"\\x89PNG", "screen", allure.attachment_type.PNG)

    @allure.title("A user logs in")
    @allure.description("With a password.")
    @allure.severity(allure.severity_level.CRITICAL)
    @allure.label("owner", "jane")
    @allure.issue("PET-7")
    @allure.link("https://wiki.example.com/login", name="wiki")
    @pytest.mark.smoke
    @pytest.mark.parametrize("user", ["jane", "a]b::c"])
    def test_login(user, screen, step):
        allure.dynamic.label("team", "blue")
        allure.attach("hello", "greeting", allure.attachment_type.TEXT)
        with allure.step("open the page"):
            allure.attach("<b>page</b>", "page", allure.attachment_type.HTML)
        print("said")
        assert step.label != "50%", "too much"
"""
MARKED = {**PYTEST, "markers": ["smoke: quick"]}


def about(project: Project, name: str) -> dict[str, Any]:
    (event,) = [e for e in project.events_of("TestFinished") if e["nodeid"].endswith(name)]
    told: dict[str, Any] = event["about"]
    return told


def labels(result: dict[str, Any]) -> set[tuple[str, str]]:
    return {(label["name"], label["value"]) for label in result["labels"]}


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["in process", "xdist"])
def test_all_that_a_test_tells_allure_is_in_its_event(
    project: Project, workers: tuple[str, ...]
) -> None:
    project.configure(pytest_ini=MARKED)
    project.suite(TOLD)
    (project.run_apart if workers else project.run)("-q", *workers)
    told = about(project, "test_login[dark-jane]")

    assert (told["name"], told["description"]) == ("A user logs in", "With a password.")
    assert labels(told) >= {
        ("severity", "critical"),
        ("owner", "jane"),
        ("team", "blue"),
        ("tag", "smoke"),
        ("suite", "dark"),
        ("rollout", "app"),
        ("target", "t"),
        ("platform", "standin"),
    }
    assert [link["url"] for link in told["links"]] == ["https://wiki.example.com/login", "PET-7"]
    assert told["parameters"] == [
        {"name": "step", "value": "'dark'"},
        {"name": "user", "value": "'jane'"},
    ]
    assert [a["name"] for a in told["attachments"]] == ["screen", "greeting", "stdout"]
    assert [a["name"] for a in told["steps"][0]["attachments"]] == ["page"]
    bodies = [told["bodies"][a["source"]] for a in told["attachments"]]
    assert bodies == [{"base64": "iVBORw=="}, {"text": "hello"}, {"text": "said\n"}]


def shown(results: list[dict[str, Any]]) -> dict[str, Any]:
    """What a report shows of *results*: all but where and in which process they were made."""
    dropped = {"uuid", "bodies", "attachments", "labels", "links"}
    machine = {"host", "thread"}
    return {
        str((result["name"], result.get("parameters"))): {
            **{key: value for key, value in result.items() if key not in dropped},
            "labels": {pair for pair in labels(result) if pair[0] not in machine},
            "links": {link["url"] for link in result.get("links", ())},
        }
        for result in results
    }


def test_results_made_of_events_are_those_that_allure_wrote(project: Project) -> None:
    project.configure(pytest_ini=MARKED)
    project.suite(TOLD)
    project.run("-q")
    told = story_of(read(project.latest / summary.EVENTS))
    made = [result for result, _ in tested.results_of(told)]
    extra = {("revision", "v2")}  # is known once the canary runs, to the process that drives
    wrote = shown(project.allure_results)

    assert len(made) == 6
    for key, result in shown(made).items():
        assert {**wrote[key], "labels": wrote[key]["labels"] | extra} == result


def test_results_come_back_when_all_but_the_events_is_deleted(project: Project) -> None:
    project.suite("def test_it(step): assert step.label != '10%', 'too much'")
    project.run("-q")
    before = sorted(map(str, shown(project.allure_results)))
    run = project.latest.resolve()
    for path in run.iterdir():
        if path.name != summary.EVENTS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(project.path / "reports" / "allure-results")
    told = build.rebuild(run)

    assert sorted(map(str, shown(project.allure_results))) == before
    assert told["outcome"] == "aborted"


def test_the_attempts_before_the_last_one_are_told_too(project: Project) -> None:
    project.suite("""
        import pathlib, pytest

        @pytest.mark.canary(steps=["dark"])
        def test_flaky(tmp_path_factory):
            mark = pathlib.Path("tried")
            if not mark.exists():
                mark.touch()
                raise AssertionError("once")

        def test_it(): pass
    """)
    project.run("-q", "--reruns", "1")
    (retry,) = about(project, "test_flaky[dark]")["retries"]
    told = story_of(read(project.latest / summary.EVENTS))
    attempts = [r for r, _ in tested.results_of(told) if r["name"] == "test_flaky[dark]"]

    assert retry["statusDetails"]["message"].startswith("AssertionError: once")
    assert [attempt["status"] for attempt in attempts] == ["failed", "passed"]
    assert len({attempt["uuid"] for attempt in attempts}) == 2
    assert len({attempt["historyId"] for attempt in attempts}) == 1


def test_what_is_too_much_for_an_event_leaves_its_size(project: Project) -> None:
    project.suite("""
        import allure

        def test_it():
            allure.attach("x" * 1_000_000, "some", allure.attachment_type.TEXT)
            allure.attach("x" * 1_000_000, "more", allure.attachment_type.TEXT)
    """)
    project.run("-q")
    bodies = about(project, "test_it[dark]")["bodies"].values()

    assert sorted(body.get("size", 0) for body in bodies) == [0, 1_000_000]


def test_without_allure_the_event_tells_what_it_can(project: Project) -> None:
    project.suite("def test_it(): print('said'); assert False, 'wrong'")
    project.run("-q", "-p", "no:allure_pytest")
    told = story_of(read(project.latest / summary.EVENTS))
    ((first, bodies), *_) = tested.results_of(told)

    assert about(project, "test_it[dark]") == {}
    assert (first["name"], first["status"]) == ("test_it[dark]", "failed")
    assert first["statusDetails"]["message"] == "AssertionError: wrong"
    assert [a["name"] for a in first["attachments"]] == ["Captured stdout call"]
    assert list(bodies.values()) == [b"said\n"]
