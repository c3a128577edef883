"""pytest's own options, and ours, beside a rollout."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.project import LABELS, PYTEST, QUIET, Project, toml

LOGIN = """
    def test_login(canary):
        assert canary.get("/login").status_code == 200
"""
PROMOTED = ["begin", *(f"open {label}" for label in LABELS), "promote", "close"]
SOON_S = 60  # never reached, unless something is wrong


@pytest.mark.parametrize(
    "args",
    [
        ["-p", "no:cacheprovider"],
        ["-p", "no:allure_pytest"],
        ["-p", "no:junitxml"],
        ["-p", "no:terminal", "-o", "addopts="],
        ["-p", "no:capture"],
        ["-p", "no:xdist"],
        ["-p", "no:logging", "-p", "no:warnings"],
        ["-s"],
        ["-n", "0"],
        ["--capture=sys"],
        ["--no-summary"],
        ["--durations=3", "--durations-min=0"],
        ["-q"],
        ["-qq"],
        ["-vv"],
        ["--tb=no", "-x"],
        ["--maxfail=2"],
        ["--nf"],
        ["--import-mode=importlib"],
    ],
    ids=" ".join,
)
def test_a_rollout_is_promoted_all_the_same(project: Project, args: list[str]) -> None:
    project.suite(LOGIN)
    result = project.run(*args)

    assert result.ret == 0
    assert project.calls == PROMOTED
    assert project.summary["outcome"] == "promoted"


@pytest.mark.parametrize(
    "args",
    [["-x"], ["--maxfail=1"], ["--sw"], ["-p", "no:terminal", "-o", "addopts="]],
    ids=" ".join,
)
def test_a_rollout_is_aborted_all_the_same(project: Project, args: list[str]) -> None:
    project.configure(t={"broken": ["/login"]})
    project.suite(LOGIN)
    result = project.run(*args)

    assert result.ret == 1
    assert project.calls == ["begin", "open dark", "abort", "close"]
    assert project.summary["exit_status"] == 1


def test_durations_are_told_by_step(project: Project) -> None:
    project.suite(LOGIN)
    result = project.run("--durations=0", "-vv")

    result.stdout.fnmatch_lines(["*s call *test_login?10%?"])


def test_nothing_is_told_where_less_is_wanted_but_the_end(project: Project) -> None:
    project.suite(LOGIN)
    result = project.run("-q")

    result.stdout.no_fnmatch_line("*opened in*")
    result.stdout.fnmatch_lines(["outcome*promoted, exit status 0"])


@pytest.mark.parametrize(
    "args",
    [
        ["--co"],
        ["--co", "-q"],
        ["--setup-plan"],
        ["--fixtures"],
        ["--fixtures-per-test"],
        ["--markers"],
        ["--help"],
        ["--version", "--version"],
        ["--cache-show"],
    ],
    ids=" ".join,
)
def test_what_only_tells_begins_nothing(project: Project, args: list[str]) -> None:
    project.suite("def test_login(canary, split, step): assert canary")
    result = project.run(*args)

    assert result.ret == 0
    assert project.is_untouched
    assert not (project.path / "reports").exists()


def test_help_needs_no_configuration(project: Project) -> None:
    project.write("pyproject.toml", toml({"tool": {"pytest": {"ini_options": PYTEST}}}))
    result = project.run("--help")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["Canary rollouts:", "*--canary *", "*--canary-target=NAME*"])


def test_the_fixtures_are_told(project: Project) -> None:
    project.suite(LOGIN)
    result = project.run("--fixtures")

    result.stdout.fnmatch_lines(["*fixtures defined from canarytest.plugin.fixtures*"])
    for name in ("canary", "stable", "edge", "step", "rollout", "split", "load"):
        result.stdout.re_match_lines([rf"{name}( \[session scope\])? -- .*"])


def test_fixtures_alone_verify_nothing(project: Project) -> None:
    project.suite(LOGIN)
    result = project.run("--setup-only")

    assert result.ret == 4
    assert project.is_untouched
    result.stderr.fnmatch_lines(["*--setup-only runs no test*--setup-plan*"])


def test_junit_xml_is_written_where_the_user_wants_it_and_kept(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUT", "out")
    project.suite(LOGIN)
    project.run("--junitxml=$OUT/mine.xml")
    mine = (project.path / "out" / "mine.xml").read_text()

    assert 'name="test_login[10%]"' in mine
    assert (project.latest / "junit.xml").read_text() == mine


def test_allures_results_are_written_where_the_user_wants_them(project: Project) -> None:
    project.suite(LOGIN)
    project.run("--alluredir=mine")

    assert len(list((project.path / "mine").glob("*-result.json"))) >= 3
    assert not (project.path / "reports" / "allure-results").exists()


def test_a_plugin_that_has_another_word_on_the_exit_status(project: Project) -> None:
    project.suite(
        """
        def pytest_sessionfinish(session):
            session.exitstatus = 0
        """,
        name="conftest.py",
    )
    project.configure(t={"broken": ["/login"]})
    project.suite(LOGIN)

    assert project.run().ret == 1


def test_a_plugin_that_fails_at_the_end(project: Project) -> None:
    project.suite(
        """
        def pytest_sessionfinish(session):
            raise ValueError("of another plugin")
        """,
        name="conftest.py",
    )
    project.suite(LOGIN)
    result = project.run()

    assert result.ret == 0
    assert project.summary["outcome"] == "promoted"
    result.stdout.fnmatch_lines(["INTERNALERROR> ValueError: of another plugin"])


def test_a_run_directory_that_tests_remove_ends_no_rollout(project: Project) -> None:
    project.suite("""
        import shutil

        def test_login(step, pytestconfig):
            if step.label == "50%":
                shutil.rmtree(pytestconfig.rootpath / "reports" / "runs")
    """)
    result = project.run()

    assert result.ret == 0
    assert project.calls == PROMOTED
    result.stdout.fnmatch_lines(["the summary could not be written*"])


def test_an_approval_that_nobody_can_give(project: Project) -> None:
    project.suite(LOGIN)
    result = project.run("--canary-approve", "ask")

    assert result.ret == 4
    assert project.is_untouched
    result.stderr.fnmatch_lines(["*--canary-approve ask: there is no terminal*use auto*"])


@pytest.mark.parametrize(
    ("answer", "status", "calls"),
    [
        ("y\ny\n", 0, PROMOTED),
        ("y\nn\n", 10, [*PROMOTED[:-2], "abort", "close"]),
        ("n\n", 10, ["begin", "open dark", "abort", "close"]),
        ("\n", 10, ["begin", "open dark", "abort", "close"]),
    ],
)
def test_an_approval_at_a_terminal(
    project: Project, answer: str, status: int, calls: list[str]
) -> None:
    project.suite(LOGIN)
    ended, output = at_terminal(project, answer, "--canary-approve", "ask", "-p", "no:xdist")

    assert ended == status
    assert project.calls == calls
    assert "Step dark was successful. Go on? [y/N]" in output
    assert ("10%   opened in" in output) == ("open 10%" in calls), (
        "it is told to the terminal, not caught"
    )


@pytest.mark.parametrize("pause", [{}, {"duration": "0s"}], ids=["until somebody says", "timed"])
@pytest.mark.parametrize(("answer", "after"), [("y\n", "promote"), ("n\n", "abort")])
def test_an_approval_before_the_promotion_is_asked_once(
    project: Project, pause: dict[str, str], answer: str, after: str
) -> None:
    project.rollout([{"setWeight": 10}, {"pause": pause}])
    project.suite(LOGIN)
    ended, output = at_terminal(project, answer, "--canary-approve", "ask", "-p", "no:xdist")

    assert ended == (0 if after == "promote" else 10)
    assert project.calls == ["begin", "open 10%", after, "close"]
    assert output.count("Step 10% was successful. Go on? [y/N]") == 1


def at_terminal(project: Project, answer: str, *args: str) -> tuple[int, str]:
    """Run pytest at a terminal of its own, at which *answer* was typed."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    output = project.path / "output.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "--canary", *QUIET, *args],
            cwd=project.path,
            stdin=theirs,
            stdout=file,
            stderr=file,
        )
        os.close(theirs)
        status = process.wait(SOON_S)
    os.close(ours)
    return status, output.read_text()


def test_what_happens_while_a_test_runs_is_told_to_the_terminal_at_once(project: Project) -> None:
    """Not to the output that pytest captures of that test."""
    project.suite("""
        import requests, time

        def test_login(canary, pytestconfig):
            # Not by the fixture, which gives no answer any more once the rollout was aborted.
            requests.get(f"{canary.base_url}/restart", headers=dict(canary.headers))
            events = pytestconfig.rootpath / "reports" / "latest" / "events.jsonl"
            while "RollbackProven" not in events.read_text():
                time.sleep(0.01)
            print("what the test says")
            assert False
    """)
    result = project.run_apart()
    told, _, captured = result.stdout.str().partition("Captured stdout call")

    assert "abort sent" in told
    assert captured.splitlines()[1] == "what the test says"


def test_a_link_that_is_a_file_is_replaced(project: Project) -> None:
    project.write("reports/latest", "")
    project.suite(LOGIN)

    assert project.run().ret == 0
    assert project.latest.is_symlink()


def test_the_run_is_found_by_its_id(project: Project) -> None:
    project.suite(LOGIN)
    project.run()
    (run,) = project.runs

    assert project.summary["run_id"] == run.name
    assert project.latest.readlink() == Path("runs") / run.name
