"""What is kept of runs: as configured, and after real runs on the stand-in platform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from canarytest.config import Table
from canarytest.core.errors import ConfigError
from canarytest.plugin.archive import Archive, read_archive
from canarytest.reporting import ledger
from canarytest.reporting.retention import Keep
from tests.plugin.project import Project

ROOT = Path("/project")
SUITE = "def test_it(canary): pass"


def read(**keys: Any) -> Archive:
    return read_archive(Table(keys, "tool.canarytest"), ROOT)


@pytest.mark.parametrize(
    ("keys", "path", "keep"),
    [
        ({}, ROOT / "reports/ledger.sqlite", Keep()),
        ({"reports": "out"}, ROOT / "out/ledger.sqlite", Keep()),
        ({"ledger": "/shared/l.sqlite"}, Path("/shared/l.sqlite"), Keep()),
        ({"ledger": False}, None, Keep()),
        ({"keep": {"runs": 50}}, ROOT / "reports/ledger.sqlite", Keep(runs=50)),
        ({"keep": {"runs": 50, "days": 0.5}}, ROOT / "reports/ledger.sqlite", Keep(50, 0.5)),
    ],
)
def test_what_is_configured(keys: dict[str, Any], path: Path | None, keep: Keep) -> None:
    found = read(**keys)

    assert (found.ledger, found.keep) == (path, keep)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"ledger": True}, r"tool\.canarytest\.ledger: True is not a string"),
        ({"ledger": ""}, r"tool\.canarytest\.ledger: it is empty; expected a string, or false"),
        ({"keep": 50}, r"tool\.canarytest\.keep: 50 is not a table"),
        ({"keep": {"runs": 0}}, r"tool\.canarytest\.keep\.runs: 0 is not above 0"),
        ({"keep": {"days": -1}}, r"keep\.days: -1 is not above 0"),
        ({"keep": {"day": 90}}, r"unknown key 'day'; did you mean 'days'\? Allowed: days, runs"),
    ],
)
def test_what_is_wrong_is_named(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(**keys)


def test_every_run_is_in_the_ledger_and_old_folders_go(project: Project) -> None:
    project.configure(keep={"runs": 1})
    project.suite(SUITE)
    assert project.run().ret == 0
    project.suite("def test_it(canary): assert 0")

    assert project.run().ret == 1

    assert [run.name for run in project.runs] == [project.latest.resolve().name]
    with ledger.opened(project.path / "reports" / "ledger.sqlite") as connection:
        runs = ledger.runs_in(connection)
    assert [(run.outcome, run.step, run.exit_status) for run in runs] == [
        ("aborted", "dark", 1),
        ("promoted", None, 0),
    ]


def test_a_ledger_that_cannot_be_written_is_a_warning(project: Project) -> None:
    project.configure(ledger="l.sqlite")
    project.write("l.sqlite", "no database at all " * 100)
    project.suite(SUITE)

    result = project.run()

    assert result.ret == 0
    result.stdout.fnmatch_lines(["warning: the ledger was not kept: *l.sqlite cannot be used*"])


def test_without_a_ledger_none_is_made(project: Project) -> None:
    project.configure(ledger=False)
    project.suite(SUITE)

    assert project.run().ret == 0

    assert not (project.path / "reports" / "ledger.sqlite").exists()


FLAKY = """
    import itertools
    import pytest

    attempts = itertools.count()

    @pytest.mark.canary(steps=["10%"])
    def test_sometimes(canary):
        assert next(attempts) == 2

    def test_it(canary): pass
"""


def test_a_test_that_passed_when_rerun_is_known(project: Project) -> None:
    project.suite(FLAKY)

    assert project.run_apart("--reruns", "3").ret == 0

    with ledger.opened(project.path / "reports" / "ledger.sqlite") as connection:
        tests = ledger.tests_in(connection, ledger.runs_in(connection))
    assert [(t.test.partition("::")[2], t.label, t.reruns) for t in tests if t.reruns] == [
        ("test_sometimes", "10%", 2)
    ]
