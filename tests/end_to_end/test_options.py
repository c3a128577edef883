"""Options, xdist, and the manifest as its team had it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.project import HEALTH, LIMITS, ROOT, Case, Ended, write

pytestmark = pytest.mark.envoy

MISTAKES = (  # the six of the reference scenario, by the rules that find them
    "auto-promotion-under-canary",
    "no-traffic-routing",
    "too-few-samples",
    "no-progress-deadline-abort",
    "query-mixes-versions",
    "failure-limit-acts-late",
)
ORIGINAL = "rollout-original.yaml"
ERRORS = ("no-traffic-routing", "auto-promotion-under-canary", "unowned-alb-weights")
# The share that was set, which is not the one that was asked for.
THIRD = """
def test_split(split, step):
    seen = split.observe()
    assert seen.matches, seen.sentence
    assert seen.low > 0.1, seen.sentence
"""


def run(case: Case, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run pytest where it touches nothing, so that nothing has to be followed."""
    write(case, folder)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", *args],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "ended", [Case("good -n 2", ("smoke",), args=("-n", "2"))], indirect=True, ids=repr
)
def test_two_workers_walk_as_one_does(ended: Ended) -> None:
    assert (ended.status, ended.summary["outcome"]) == (0, "promoted"), ended.output
    assert [line["label"] for line in ended.of("StepOpened")] == ["dark", "10%", "30%", "50%"]
    assert {line["worker"] for line in ended.of("TestFinished")} == {"gw0", "gw1"}
    assert ended.left == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "ended", [Case("login -n 2", ("smoke",), "login", args=("-n", "2"))], indirect=True, ids=repr
)
def test_two_workers_stop_as_one_does(ended: Ended) -> None:
    assert ended.seen == (1, "aborted", "dark"), ended.output
    assert ended.is_proven
    assert "test_login" in ended.summary["reason"]
    assert ended.summary["exposure"]["requests"] == 0
    assert ended.left == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "ended", [Case("a drill", args=("--canary-drill", "30"))], indirect=True, ids=repr
)
def test_a_drill_aborts_on_purpose_and_proves_it(ended: Ended) -> None:
    assert ended.seen == (0, "aborted", "30%"), ended.output
    assert [line["label"] for line in ended.of("StepOpened")] == ["dark", "10%", "30%"]
    assert ended.is_proven
    assert ended.summary["reason"] == "drill: aborted on purpose at 30%"
    assert ended.summary["rollback"]["cause"] == "a drill"
    assert ended.canary_answers_after("AbortSent") == []
    assert ended.left == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "ended", [Case("A/A", ("smoke",), "login", args=("--canary-aa",))], indirect=True, ids=repr
)
def test_an_identical_build_goes_every_step_and_is_said_to_be_one(ended: Ended) -> None:
    """The fault is the canary's, which is not what is started."""
    assert ended.seen[:2] == (0, "promoted"), ended.output
    (started,) = ended.of("RolloutStarted")
    assert started["aa"] is True
    assert (started["stable"], ended.of("StepOpened")[0]["canary"]) == ("v100", "v100")
    assert "an identical build (A/A): any alarm is a false one" in " ".join(ended.output.split())


@pytest.mark.parametrize(
    ("manifest", "status", "rules"), [("rollout.yaml", 0, ()), (ORIGINAL, 4, MISTAKES)]
)
def test_lint_names_each_mistake(
    tmp_path: Path, manifest: str, status: int, rules: tuple[str, ...]
) -> None:
    result = run(
        Case("lint", manifest=manifest, limits=LIMITS), tmp_path / "project", "--canary-lint"
    )

    assert result.returncode == status
    assert all(f"[{rule}]" in result.stdout for rule in rules)
    assert ("[" in result.stdout) == bool(rules)
    assert not (tmp_path / "project" / "reports").exists()


def test_the_original_manifest_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    result = run(Case("refused", manifest=ORIGINAL), tmp_path / "project", "--canary")

    assert result.returncode == 4
    assert all(f"[{rule}]" in result.stderr for rule in MISTAKES)
    assert not (tmp_path / "project" / "reports").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "ended",
    [Case("the original, allowed", (HEALTH, THIRD), manifest=ORIGINAL, allow=ERRORS)],
    indirect=True,
    ids=repr,
)
def test_the_original_manifest_does_what_the_cluster_would_do(ended: Ended) -> None:
    """Without a router the pods are the split, and there is no dark step."""
    opened = ended.of("StepOpened")
    seen = [line["outcome"] for line in ended.of("TestFinished") if "test_split" in line["nodeid"]]

    assert ended.status == 0, ended.output
    assert [(line["label"], round(line["share"], 3)) for line in opened] == [
        ("10%", 0.333),
        ("30%", 0.333),
        ("50%", 0.5),
    ]
    assert seen == ["passed"] * 3
    assert ended.summary["exposure"]["requests"] > 0
    assert "33 % by 1 of 3 pods" in "".join(ended.summary["warnings"])
    assert ended.left == ()
