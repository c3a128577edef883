"""What a user may get wrong: said before anything is touched, with what to do."""

import json
from typing import Any

import pytest

from tests.plugin.project import LABELS, PYTEST, STEPS, Project, manifest, toml

LOGIN = "def test_login(canary): pass"


def refused(project: Project, *args: str) -> str:
    """Return what pytest says of a run that it refuses."""
    project.suite(LOGIN)
    result = project.run("--co", *args)
    said = result.stderr.str()

    assert result.ret == 4, result.stdout.str()
    assert project.is_untouched
    assert "Traceback" not in said
    return said.removeprefix("ERROR: ").strip()


def test_no_configuration_offers_a_minimal_one(project: Project) -> None:
    project.write("pyproject.toml", toml({"tool": {"pytest": {"ini_options": PYTEST}}}))
    said = refused(project)

    assert said.startswith("canarytest needs a configuration, but ")
    assert "pyproject.toml has no [tool.canarytest]. A minimal one:\n\n[tool.canarytest]\n" in said
    assert 'identity = { path = "/info", json = "version" }' in said


def test_no_pyproject_at_all(project: Project) -> None:
    (project.path / "pyproject.toml").unlink()
    project.write("pytest.ini", "[pytest]\nasyncio_default_fixture_loop_scope = function")

    assert "pyproject.toml does not exist. A minimal one:" in refused(project)


def test_what_is_offered_can_be_read(project: Project) -> None:
    from canarytest.plugin.settings import MINIMAL, read

    project.write("pyproject.toml", MINIMAL)
    chosen = read(project.path, None)

    assert (chosen.target, chosen.platform, chosen.suites) == ("local", "local", ("suites",))


def test_broken_toml(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\nasyncio_default_fixture_loop_scope = function")
    project.write("pyproject.toml", "[tool.canarytest]\ntarget = ")

    assert refused(project).endswith("pyproject.toml: Invalid value (at line 2, column 10)")


def test_a_target_table_that_is_empty(project: Project) -> None:
    project.configure(targets={})

    assert refused(project).startswith(
        "tool.canarytest.targets: there is no target. A minimal one:\n\n[tool.canarytest]"
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"taget": "x"},
            "tool.canarytest: unknown key 'taget'; did you mean 'target'? Allowed: bands, judge, ",
        ),
        ({"targets": 3}, "tool.canarytest.targets: 3 is not a table"),
        ({"target": 3}, "tool.canarytest.target: 3 is not a string"),
        (
            {"target": "stagin"},
            "tool.canarytest.targets: there is no target 'stagin'. Targets: t.",
        ),
        ({"suites": "suites"}, "tool.canarytest.suites: 'suites' is not a list"),
        ({"suites": [1]}, "tool.canarytest.suites: [1] is not a list of strings"),
        ({"suites": []}, "tool.canarytest.suites: it is empty; expected files or folders of tests"),
        ({"suites": ["smoke"]}, "tool.canarytest.suites: 'smoke' does not exist in "),
        ({"reports": 1}, "tool.canarytest.reports: 1 is not a string"),
        (
            {"bands": {"eror_rate": [0.1, 0.2]}},
            "tool.canarytest.bands: unknown metric 'eror_rate'; did you mean 'error_rate'? Allowed",
        ),
        (
            {"bands": {"error_rate": 0.1}},
            "tool.canarytest.bands.error_rate: 0.1 is not [warning from, roll back from], two",
        ),
        ({"bands": {"cpu": [0.1]}}, "tool.canarytest.bands.cpu: [0.1] is not [warning from,"),
        ({"bands": {"cpu": ["a", "b"]}}, "tool.canarytest.bands.cpu: ['a', 'b'] is not [warning"),
        ({"bands": {"cpu": [True, 1]}}, "tool.canarytest.bands.cpu: [True, 1] is not [warning"),
        (
            {"bands": {"cpu": [0.9, 0.7]}},
            "tool.canarytest.bands.cpu: [0.9, 0.7]: the warning has to be above 0 and not above",
        ),
        (
            {"bands": {"error_rate": [1, 5]}},
            "tool.canarytest.bands.error_rate: [1, 5]: expected shares, 0.05 for 5 %",
        ),
        ({"bands": {"cpu": [70, 90]}}, "tool.canarytest.bands.cpu: [70, 90]: expected shares"),
        (
            {"judge": {"on_warning": "promte"}},
            "tool.canarytest.judge.on_warning: 'promte' is not one of 'abort', 'promote'; did you",
        ),
        ({"judge": {"miss": 0}}, "tool.canarytest.judge.miss: 0.0 is not a probability above 0"),
        ({"judge": {"false_alarm": 0.7}}, "tool.canarytest.judge.false_alarm: 0.7 is not a prob"),
        (
            {"judge": {"worse_latency": 5}},
            "tool.canarytest.judge.worse_latency: 5.0 is not a share from 0 to below 1",
        ),
        ({"judge": {"against_stable": "yes"}}, "tool.canarytest.judge.against_stable: 'yes'"),
        (
            {"judge": {"look_longr": 1}},
            (
                "tool.canarytest.judge: unknown key 'look_longr'; did you mean 'look_longer'? "
                "Allowed: against_stable, false_alarm, look_longer, miss, on_warning, "
                "worse_error_rate, worse_latency."
            ),
        ),
        (
            {"judge": {"look_longer": "soon"}},
            "tool.canarytest.judge.look_longer: 'soon' is not a duration; expected e.g. 30, '90s'",
        ),
        ({"judge": {"look_longer": -1}}, "tool.canarytest.judge.look_longer: -1 is not a duration"),
        ({"proof": {"window": [1]}}, "tool.canarytest.proof.window: [1] is not a duration, e.g. 1"),
        ({"proof": {"responses": 0}}, "tool.canarytest.proof: 0 responses in a window of 10 s"),
        ({"proof": {"responses": 1.5}}, "tool.canarytest.proof.responses: 1.5 is not a whole numb"),
        (
            {"proof": {"within": 5}},
            "tool.canarytest.proof: 600 responses in a window of 10 s, with",
        ),
        ({"probe": {"rate": 0}}, "tool.canarytest.probe.rate: 0.0 is not above 0"),
        ({"probe": {"rate": "20"}}, "tool.canarytest.probe.rate: '20' is not a number"),
        (
            {"probe": {"path": "info"}},
            "tool.canarytest.probe.path: 'info' is not a path; it has to",
        ),
        ({"load": {}}, "tool.canarytest.load: 'file' is missing; expected a string"),
        ({"load": {"file": "load/x.py"}}, "tool.canarytest.load: load: '"),
        (
            {"load": {"file": "rollout.yaml", "user": 3}},
            "tool.canarytest.load: unknown key 'user'; did you mean 'users'? Allowed: file, rate",
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_the_configuration(project: Project, keys: dict[str, Any], said: str) -> None:
    project.configure(**keys)

    assert refused(project).startswith(said)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("key", ["proof.within", "probe.rate", "judge.miss"])
def test_a_number_that_is_none(project: Project, key: str, number: str) -> None:
    table, _, name = key.partition(".")
    project.configure(**{table: {name: "NUMBER"}})
    path = project.path / "pyproject.toml"
    path.write_text(path.read_text().replace('"NUMBER"', number))

    assert refused(project) == f"tool.canarytest.{key}: {number} is not a finite number"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"platform": None}, "tool.canarytest.targets.t: 'platform' is missing; expected a string"),
        (
            {"platform": "stand-in"},
            (
                "tool.canarytest.targets.t.platform: there is no platform 'stand-in'; did you mean "
                "'standin'? Installed: "
            ),
        ),
        ({"platform": 1}, "tool.canarytest.targets.t.platform: 1 is not a string"),
        (
            {"platform": "broken"},
            (
                "tool.canarytest.targets.t.platform: 'broken' of standin cannot be loaded from "
                "'standin_broken:create': No module named 'standin_broken'; install what it needs"
            ),
        ),
        ({"rollout": None}, "tool.canarytest.targets.t: 'rollout' is missing; expected a string"),
        (
            {"rollout": None, "rolout": "rollout.yaml"},
            (
                "tool.canarytest.targets.t: 'rollout' is missing; expected a string; did you mean "
                "it by 'rolout'?"
            ),
        ),
        (
            {"pause_at_mots": 1},
            "tool.canarytest.targets.t: unknown key 'pause_at_mots'; did you mean 'pause_at_most'?",
        ),
        ({"pause_at_most": -1}, "tool.canarytest.targets.t.pause_at_most: -1 is not a duration"),
        ({"pause_at_most": "x"}, "tool.canarytest.targets.t.pause_at_most: 'x' is not a duration"),
        (
            {"allow": "no-dark-step"},
            "tool.canarytest.targets.t.allow: 'no-dark-step' is not a list",
        ),
        (
            {"allow": ["no-dark-stepp"]},
            (
                "tool.canarytest.targets.t.allow: there is no rule 'no-dark-stepp'; did you mean "
                "'no-dark-step'? Rules: "
            ),
        ),
        ({"share": 2}, "tool.canarytest.targets.t.share: 2.0 is no share"),
        ({"borken": []}, "tool.canarytest.targets.t: unknown key 'borken'; did you mean 'broken'?"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_the_target(project: Project, target: dict[str, Any], said: str) -> None:
    project.configure(t=target)

    assert refused(project).startswith(said)


def test_a_target_that_is_chosen_on_the_command_line(project: Project) -> None:
    project.configure(targets={"staging": {"platform": "standin"}, "production": {}})
    said = refused(project, "--canary-target", "producton")

    assert said == (
        "tool.canarytest.targets: there is no target 'producton'; did you mean 'production'? "
        "Targets: production, staging."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "rollout.yaml does not exist; expected the manifest of the target"),
        ("", "rollout.yaml is empty; expected an Argo Rollout"),
        ("kind: [", "rollout.yaml:2:1: "),
        ("kind: Deployment", "rollout.yaml has no Rollout; found Deployment"),
        ("- 1", "rollout.yaml:1:1: this document is a sequence, not a mapping"),
    ],
)
def test_the_manifest(project: Project, text: str | None, said: str) -> None:
    path = project.path / "rollout.yaml"
    path.unlink()
    if text is not None:
        project.write("rollout.yaml", text)

    assert said in refused(project)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([], "spec.strategy.canary.steps is empty: Argo would give the canary all traffic at once"),
        ([{"setWeight": 10}], "spec.strategy.canary.steps has no pause: there is no stop"),
        ([{"setWeight": 200}, {"pause": {}}], "setWeight 200 is not a whole number from 0 to 100"),
        (
            [{"setWeight": 10}, {"pause": {}}, {"experiment": {"templates": []}}],
            (
                "steps[2] is 'experiment', which the platform 'standin' cannot walk; expected "
                "analysis, pause, setCanaryScale, setWeight. Use a target on a platform that can"
            ),
        ),
    ],
)
def test_the_steps(project: Project, steps: list[Any], said: str) -> None:
    project.rollout(steps)

    assert said in refused(project)


def without_probe() -> str:
    rollout = manifest(STEPS)
    del rollout["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    return json.dumps(rollout, indent=1)


def test_what_preflight_finds_stops_the_run(project: Project) -> None:
    project.write("rollout.yaml", without_probe())
    said = refused(project)

    assert said.startswith("the rollout was not begun, the preflight found 1 error:")
    assert "rollout.yaml:" in said
    assert "error: [no-readiness-probe]" in said
    assert "why: " in said
    assert "fix: " in said
    assert said.endswith('name its rule in the target: allow = ["no-readiness-probe"]')


def test_what_is_allowed_is_a_warning_of_the_run(project: Project) -> None:
    project.write("rollout.yaml", without_probe())
    project.configure(t={"allow": ["no-readiness-probe"]})
    project.suite(LOGIN)

    assert project.run().ret == 0
    assert any("[no-readiness-probe]" in warning for warning in project.summary["warnings"])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--canary-image", "app=app:v3"], "--canary-image: the platform 'standin' runs commands"),
        (
            ["--canary-until", "10"],
            "--canary-until and --canary-resume: the platform 'standin' cannot leave",
        ),
        (
            ["--canary-until", "0"],
            "--canary-until and --canary-resume: the platform 'standin' cannot leave",
        ),
        (
            ["--canary-resume"],
            "--canary-until and --canary-resume: the platform 'standin' cannot leave",
        ),
        (
            ["--canary-drill", "20"],
            "--canary-drill 20: there is no step of this weight; expected one of 0, 10, 50",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_options(project: Project, args: list[str], said: str) -> None:
    assert refused(project, *args).startswith(said)


@pytest.mark.parametrize("args", [["--canary-drill", "ten"], ["--canary-approve", "maybe"]])
def test_the_options_that_argparse_knows(project: Project, args: list[str]) -> None:
    assert "usage: " in refused(project, *args)


def test_reports_that_cannot_be_written(project: Project) -> None:
    project.write("reports", "a file")
    project.suite(LOGIN)
    result = project.run()

    assert result.ret == 4
    assert not project.calls
    result.stderr.fnmatch_lines(["ERROR: tool.canarytest.reports: *cannot be made: *written to"])


LOAD = """
    import pytest

    @pytest.mark.load({})
    def test_load(load):
        pass
"""


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("'load/x.py'", "*test_load?dark?: load: load: '*load/x.py' does not exist; expected a l*"),
        ("", "*test_load?dark?: load: 'file' is missing; expected a string"),
        ("'a', 'b'", "*load('a', 'b') has 2 positional arguments; expected the locustfile alone*"),
        ("'rollout.yaml', user=3", "*unknown key 'user'; did you mean 'users'?*"),
        ("'rollout.yaml', users=0", "*users=0; expected 1 or more"),
        ("'rollout.yaml', users='3'", "*users: '3' is not a whole number"),
        ("'load/broken.py'", "*load/broken.py*nothing_of_this_name*"),
        ("'load/nobody.py'", "*load/nobody.py*"),
    ],
)
def test_a_load_of_a_test(project: Project, mark: str, said: str) -> None:
    project.write("load/broken.py", "import nothing_of_this_name")
    project.write("load/nobody.py", "")
    project.suite(LOAD.format(mark))
    result = project.run()

    assert result.ret == 4
    assert not project.calls
    result.stderr.fnmatch_lines([f"ERROR: {said}"])


def test_a_load_that_there_is_none_of(project: Project) -> None:
    project.suite("def test_load(load): pass")
    result = project.run()

    assert result.ret == 4
    assert not project.calls
    result.stderr.fnmatch_lines(
        ["ERROR: *test_load?dark? uses the fixture 'load', but there is none: expected @pytest.m*"]
    )


def test_envoy_that_is_not_installed_names_the_extra(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("hidden/envoy.py", "raise ImportError('hidden')")
    monkeypatch.syspath_prepend(str(project.path / "hidden"))
    monkeypatch.delitem(__import__("sys").modules, "envoy", raising=False)
    project.configure(
        t={
            "platform": "local",
            "run": {"stable": "python -m app {port}", "canary": "python -m app {port}"},
            "identity": {"header": "x-version"},
        }
    )

    assert refused(project).endswith("pip install 'canarytest[local]'")


def test_lint_says_that_all_is_well(project: Project) -> None:
    result = project.pytester.runpytest_inprocess("--canary-lint")

    assert result.ret == 0
    assert project.is_untouched
    assert result.outlines[-1] == f"app: {' -> '.join(LABELS)}: 0 errors, 0 warnings"


def test_lint_says_what_is_dangerous(project: Project) -> None:
    project.write("rollout.yaml", without_probe())
    result = project.pytester.runpytest_inprocess("--canary-lint")

    assert result.ret == 4
    assert project.is_untouched
    result.stdout.fnmatch_lines(
        [
            "rollout.yaml:*: error: [[]no-readiness-probe] *",
            f"app: {' -> '.join(LABELS)}: 1 error, 0 warnings",
        ]
    )


def test_lint_says_that_there_is_nothing_to_read(project: Project) -> None:
    (project.path / "rollout.yaml").unlink()
    result = project.pytester.runpytest_inprocess("--canary-lint")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *rollout.yaml does not exist*"])
