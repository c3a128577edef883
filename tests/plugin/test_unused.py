"""Without `--canary` the plugin changes nothing, and costs next to nothing."""

import pytest

from tests.plugin.project import QUIET, Project

LIGHT = {  # of canarytest: the errors, which suites import by name
    "canarytest",
    "canarytest.core",
    "canarytest.core.errors",
    "canarytest.plugin",
}
HEAVY = ("requests", "yaml", "locust", "gevent", "psutil", "kubernetes", "envoy", "urllib3")


def test_nothing_of_ours_is_imported(project: Project) -> None:
    project.write(
        "test_it.py",
        f"""
        import sys

        def test_modules():
            ours = {{name for name in sys.modules if name.partition(".")[0] == "canarytest"}}
            assert ours == {LIGHT!r}
            assert not [name for name in {HEAVY!r} if name in sys.modules]
        """,
    )
    # Allure's and locust's own plugins import what they need, and are not ours to judge.
    others = ("-p", "no:allure_pytest", "-p", "no:locust")
    result = project.pytester.runpytest_subprocess(*QUIET, *others, "test_it.py")

    result.assert_outcomes(passed=1)


def test_there_is_no_fixture_no_parameter_and_no_sorting_of_ours(project: Project) -> None:
    project.suite("""
        import pytest

        @pytest.mark.parametrize("step", [1])
        def test_own(step):
            assert step == 1

        def test_b(): pass
        def test_a(): pass
    """)
    project.suite("def test_it(canary): pass", name="test_canary.py")
    result = project.pytester.runpytest_inprocess(*QUIET, "suites", "-v")

    assert result.ret == 1
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*test_own?1? PASSED*",
            "*test_b PASSED*",
            "*test_a PASSED*",
            "*fixture 'canary' not found",
        ]
    )
    assert project.is_untouched


def test_the_markers_are_declared_all_the_same(project: Project) -> None:
    project.suite("""
        import pytest

        @pytest.mark.canary(min_weight=30)
        @pytest.mark.load("load/visits.py")
        def test_it():
            pass
    """)
    result = project.pytester.runpytest_inprocess(*QUIET, "suites")

    assert result.ret == 0
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("option", ["--canary-target=x", "--canary-drill=3", "--canary-resume"])
def test_our_other_options_mean_nothing_alone(project: Project, option: str) -> None:
    project.suite("def test_it(): pass")
    result = project.pytester.runpytest_inprocess(*QUIET, "suites", option)

    assert result.ret == 0
    assert project.is_untouched


def test_the_markers_say_what_they_take(project: Project) -> None:
    result = project.pytester.runpytest_inprocess(*QUIET, "--markers")

    result.stdout.fnmatch_lines(
        [
            "@pytest.mark.canary(min_weight=0, max_weight=100, steps=None): *",
            "@pytest.mark.load(file, users=1, spawn_rate=users, rate=None): *",
        ]
    )
