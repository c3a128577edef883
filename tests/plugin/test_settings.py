"""What the configuration comes to when nothing is wrong with it; `test_bad_input` has the rest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.bands import DEFAULT_BANDS, Band
from canarytest.core.driver import Limits
from canarytest.core.errors import ConfigError
from canarytest.plugin import preflight, settings
from canarytest.plugin.archive import Archive
from canarytest.reporting.retention import Keep
from tests.plugin.project import STEPS, Project, toml

TARGET = {"platform": "standin", "rollout": "deploy/rollout.yaml"}


def read(project: Project, chosen: str | None = None, /, **section: object) -> settings.Settings:
    project.write("pyproject.toml", toml({"tool": {"canarytest": section}}))
    return settings.read(project.path, chosen)


def test_little_is_enough(project: Project) -> None:
    found = read(project, targets={"local": TARGET})

    assert found == settings.Settings(
        root=project.path,
        target="local",
        platform="standin",
        manifest=project.path / "deploy" / "rollout.yaml",
        suites=("suites",),
        archive=Archive(
            project.path / "reports", project.path / "reports" / "ledger.sqlite", Keep()
        ),
        policy=found.policy,
        limits=Limits(),
        probe_rate=20.0,
        probe_path=None,
        load=None,
        pause_at_most=None,
        allow=(),
        options={},
        where="tool.canarytest.targets.local",
    )
    assert found.policy.bands == DEFAULT_BANDS
    assert not found.policy.promote_on_warning


def test_all_is_taken(project: Project) -> None:
    project.write("load/visits.py", "")
    found = read(
        project,
        target="a",
        suites=["smoke", "split"],
        reports="out",
        bands={"error_rate": [0.02, 0.1], "latency_p99_ms": [700, 1500]},
        judge={"look_longer": "2m", "on_warning": "promote", "false_alarm": 0.02, "miss": 0.1},
        proof={"window": "1m", "responses": 30, "within": 90},
        probe={"rate": 5, "path": "/health"},
        load={"file": "load/visits.py", "users": 3},
        targets={"a": {**TARGET, "pause_at_most": "5s", "allow": ["no-dark-step"], "share": 0.5}},
    )

    assert (found.suites, found.reports) == (("smoke", "split"), project.path / "out")
    assert found.policy.bands == {
        **DEFAULT_BANDS,
        "error_rate": Band(0.02, 0.1),
        "latency_p99_ms": Band(700, 1500),
    }
    assert (found.policy.false_alarm, found.policy.miss) == (0.02, 0.1)
    assert found.policy.promote_on_warning
    assert found.limits.look_longer_s == 120
    assert found.limits.proof.window_s == 60
    assert (found.limits.proof.responses, found.limits.proof.within_s) == (30, 90)
    assert (found.probe_rate, found.probe_path) == (5.0, "/health")
    assert found.load is not None
    assert (found.load.file, found.load.users) == (project.path / "load" / "visits.py", 3)
    assert (found.pause_at_most, found.allow) == (5.0, ("no-dark-step",))
    assert found.options == {"share": 0.5}


def test_a_pause_may_be_cut_to_nothing(project: Project) -> None:
    assert read(project, targets={"local": {**TARGET, "pause_at_most": 0}}).pause_at_most == 0


@pytest.mark.parametrize(("given", "seconds"), [("2m", 120), (0, 0), (1.5, 1.5)])
def test_the_promotion_may_be_watched_and_no_pause_is_cut_by_that(
    project: Project, given: object, seconds: float
) -> None:
    target = {**TARGET, "rollout": "rollout.yaml", "pause_at_most": 1, "after_promotion": given}
    found = read(project, targets={"local": target})
    steps = preflight.check(found).plan.steps

    assert found.after_promotion_s == seconds
    assert [step.bake_s for step in steps if step.is_promoted] == [seconds] * bool(seconds)


def test_the_target_of_the_command_line_comes_first(project: Project) -> None:
    targets = {"a": TARGET, "b": TARGET, "c": {}}

    assert read(project, "b", target="a", targets=targets).target == "b"


def test_a_platform_reads_its_own_keys_and_no_other(project: Project) -> None:
    table = read(project, targets={"local": {**TARGET, "share": 0.5}}).platform_table()

    assert table.take("share", float) == 0.5
    table.finish()


def test_platforms_are_those_installed(project: Project) -> None:
    assert {"local", "standin"} <= set(settings.platforms())
    assert settings.load_platform("standin", "top").__name__ == "create"


def test_no_folder_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        settings.read(tmp_path, None)


def test_a_plan_is_read_with_what_is_dangerous_in_it(project: Project) -> None:
    project.rollout([{"setWeight": 10}, {"pause": {"duration": "1h"}}, {"setWeight": 100}])
    target = {**TARGET, "rollout": "rollout.yaml"}
    found = preflight.check(read(project, targets={"local": target}))

    assert [step.label for step in found.plan.steps] == ["10%"]
    assert found.plan.steps[0].bake_s == 3600
    assert (found.errors, found.rules) == ((), ())
    assert any("[no-dark-step]" in warning for warning in found.warnings)


def test_a_pause_is_cut_and_an_error_allowed(project: Project) -> None:
    project.rollout([*STEPS, {"pause": {"duration": "1h"}}], trafficRouting=None)
    target = {**TARGET, "rollout": "rollout.yaml", "pause_at_most": 2}
    found = preflight.check(read(project, targets={"local": target}))

    assert {step.bake_s for step in found.plan.steps} == {0.0, 2.0}
    assert found.errors
    allowed = {**target, "allow": list(found.rules)}
    assert preflight.check(read(project, targets={"local": allowed})).errors == ()


def test_what_is_a_secret_besides(project: Project) -> None:
    found = read(project, targets={"local": TARGET}, redact=["emp-[0-9]+"])

    assert [pattern.pattern for pattern in found.redact] == ["emp-[0-9]+"]
    with pytest.raises(
        ConfigError, match=r"tool\.canarytest\.redact\[0\]: '\(' is no regular expr"
    ):
        read(project, targets={"local": TARGET}, redact=["("])


class Live(settings.Settings):
    """Settings whose platform reads the Rollout itself."""

    def documents(self) -> Sequence[Mapping[str, Any]]:
        """Return the one of the project."""
        return [json.loads((self.root / "rollout.yaml").read_text())]


def test_what_ends_the_previous_revision_hinders_none_that_does_not_promote(
    project: Project,
) -> None:
    found = read(project, targets={"local": {**TARGET, "after_promotion": "60s"}})
    kept = {field.name: getattr(found, field.name) for field in fields(found)}
    live = Live(**{**kept, "manifest": None})

    assert preflight.check(live).rules == ("previous-revision-gone",)
    assert preflight.check(live, is_promoting=False).rules == ()
