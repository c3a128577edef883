"""What a test may do at a step, and what becomes of the rollout then."""

import pytest

from tests.plugin.project import LABELS, Project


def at_each(name: str, outcome: str = "passed") -> dict[str, str]:
    return {f"{name}[{label}]": outcome for label in LABELS}


def test_a_failing_fixture_is_an_error_of_its_test(project: Project) -> None:
    project.suite("""
        import pytest

        @pytest.fixture
        def owner(canary):
            raise ValueError("no owner")

        def test_owner(owner):
            pass
    """)
    result = project.run()

    assert result.ret == 1
    assert project.tests["test_owner[dark]"] == "error"
    assert project.summary["reason"] == "test_owner could not be set up: ValueError: no owner"


def test_a_failing_teardown_is_one_too(project: Project) -> None:
    project.suite("""
        import pytest

        @pytest.fixture
        def owner(canary):
            yield
            raise ValueError("still there")

        def test_owner(owner):
            pass
    """)
    result = project.run()

    assert result.ret == 1
    assert project.tests["test_owner[dark]"] == "error"
    assert project.summary["reason"] == "test_owner failed in teardown: ValueError: still there"
    result.assert_outcomes(passed=1, errors=1, skipped=2)


def test_the_last_teardown_of_all_keeps_the_canary_from_being_promoted(project: Project) -> None:
    project.suite("""
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def storage():
            yield
            raise ValueError("the storage is broken")

        def test_owner():
            pass
    """)
    result = project.run()

    assert result.ret == 1
    assert "promote" not in project.calls


def test_a_test_that_failed_and_fails_again_in_teardown_counts_once(project: Project) -> None:
    project.suite("""
        import pytest

        @pytest.fixture
        def owner():
            yield
            raise ValueError

        def test_owner(owner):
            assert False, "wrong"
    """)
    project.run()

    assert project.tests["test_owner[dark]"] == "failed"
    assert project.summary["reason"] == "test_owner failed: AssertionError: wrong"


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        pytest.param("pytest.skip('no data')", "skipped", id="skip"),
        pytest.param("pytest.xfail('known')", "xfailed", id="xfail"),
        pytest.param("pytest.importorskip('nothing_of_this_name')", "skipped", id="importorskip"),
    ],
)
def test_a_step_at_which_no_test_passed_is_inconclusive(
    project: Project, body: str, outcome: str
) -> None:
    project.suite(f"""
        import pytest

        def test_owner():
            {body}
    """)
    result = project.run()

    assert result.ret == 10
    assert project.calls == ["begin", "open dark", "abort", "close"]
    assert project.summary["outcome"] == "inconclusive"
    assert project.summary["reason"] == (
        f"no test passed at this step (1 {outcome}): nothing was verified"
    )


@pytest.mark.parametrize(
    ("mark", "outcome"),
    [
        pytest.param("skip(reason='why')", "skipped", id="skip"),
        pytest.param("skipif(True, reason='why')", "skipped", id="skipif"),
        pytest.param("skipif(False, reason='why')", "passed", id="not skipif"),
        pytest.param("xfail(strict=False)", "xpassed", id="xpass"),
        pytest.param("xfail(run=False)", "xfailed", id="xfail not run"),
        pytest.param("usefixtures('canary')", "passed", id="usefixtures"),
    ],
)
def test_marks_mean_at_each_step_what_they_always_mean(
    project: Project, mark: str, outcome: str
) -> None:
    project.suite(f"""
        import pytest

        @pytest.mark.{mark}
        def test_owner():
            pass

        def test_login():
            pass
    """)
    result = project.run()

    assert result.ret == 0
    assert project.tests == {**at_each("test_owner", outcome), **at_each("test_login")}


def test_an_expected_failure_ends_nothing(project: Project) -> None:
    project.configure(t={"broken": ["/owners"]})
    project.suite("""
        import pytest

        @pytest.mark.xfail(strict=True)
        def test_owners(canary):
            canary.get("/owners").raise_for_status()

        def test_login(canary):
            canary.get("/login").raise_for_status()
    """)
    result = project.run()

    assert result.ret == 0
    assert project.tests == {**at_each("test_owners", "xfailed"), **at_each("test_login")}


def test_an_unexpected_success_does_if_strict(project: Project) -> None:
    project.suite("""
        import pytest

        @pytest.mark.xfail(strict=True, reason="bug 7")
        def test_owners():
            pass
    """)
    result = project.run()

    assert result.ret == 1
    assert project.summary["reason"] == "test_owners failed: [XPASS(strict)] bug 7"


def test_a_module_that_is_skipped_is_not_there(project: Project) -> None:
    project.suite("import pytest\npytest.skip('not here', allow_module_level=True)")
    project.suite("def test_login(): pass", name="test_login.py")
    result = project.run()

    assert result.ret == 0
    assert project.tests == at_each("test_login")


def test_what_says_that_it_saw_too_little_is_inconclusive(project: Project) -> None:
    project.suite("""
        import canarytest

        def test_owner():
            raise canarytest.Inconclusive("3 of 77 requests")
    """)
    result = project.run()

    assert result.ret == 10
    assert project.tests["test_owner[dark]"] == "inconclusive"
    assert project.summary["reason"] == (
        "test_owner failed: canarytest.core.errors.Inconclusive: 3 of 77 requests"
    )


def test_a_rerun_that_passes_goes_on(project: Project) -> None:
    project.configure(t={"fails_once": ["/login"]})
    project.suite("""
        def test_login(canary):
            canary.get("/login").raise_for_status()
    """)
    result = project.run("--reruns", "1")

    assert result.ret == 0
    assert project.tests == at_each("test_login")
    assert "1 rerun" in result.stdout.str()


def test_a_rerun_that_fails_does_not(project: Project) -> None:
    project.configure(t={"broken": ["/login"]})
    project.suite("""
        def test_login(canary):
            canary.get("/login").raise_for_status()
    """)
    result = project.run("--reruns", "2")

    assert result.ret == 1
    assert project.tests["test_login[dark]"] == "failed"


def test_a_test_that_hangs_is_ended_by_its_timeout(project: Project) -> None:
    project.configure(t={"hangs": ["/login"]})
    project.suite("""
        import pytest

        @pytest.mark.timeout(0.3)
        def test_login(canary):
            canary.get("/login")
    """)
    result = project.run()

    assert result.ret == 1
    assert "Timeout" in project.summary["reason"]


def test_a_failing_subtest_sends_the_traffic_back_before_the_next_one(project: Project) -> None:
    project.suite("""
        def test_pages(subtests, canary, pytestconfig):
            with subtests.test("first"):
                assert False, "wrong"
            calls = (pytestconfig.rootpath / "standin.log").read_text()
            with subtests.test("second"):
                assert "abort" in calls
    """)
    result = project.run()

    assert result.ret == 1
    assert project.summary["reason"] == "test_pages failed: AssertionError: wrong"
    result.stdout.no_fnmatch_line("*SUBFAILED*second*")


def test_what_exits_in_a_test_is_a_failure(project: Project) -> None:
    project.suite("""
        import sys

        def test_login():
            sys.exit(0)
    """)
    assert project.run().ret == 1


def test_the_name_in_a_reason_is_the_tests_whatever_its_parameters(project: Project) -> None:
    project.suite("""
        import pytest

        class TestPages:
            @pytest.mark.parametrize("page", ["a::b[c]"])
            def test_page(self, page):
                assert False, "wrong"
    """)
    project.run()

    assert project.summary["reason"] == "test_page failed: AssertionError: wrong"
    assert project.events_of("TestFinished")[0]["label"] == "dark"


def test_tests_that_are_async(project: Project) -> None:
    project.suite("""
        import anyio, asyncio, pytest

        @pytest.mark.asyncio
        async def test_asyncio(canary, step):
            await asyncio.sleep(0)
            assert canary.get("/").json()["version"] == "v2"

        @pytest.mark.anyio
        async def test_anyio(canary, step):
            await anyio.sleep(0)

        @pytest.fixture
        def anyio_backend():
            return "asyncio"
    """)
    result = project.run()

    assert result.ret == 0
    assert project.tests == {**at_each("test_asyncio"), **at_each("test_anyio")}


def test_an_async_fixture_of_each_step(project: Project) -> None:
    project.suite("""
        import pytest, pytest_asyncio

        @pytest_asyncio.fixture
        async def owner(canary):
            yield canary.get("/owner").json()["version"]

        @pytest.mark.asyncio
        async def test_owner(owner):
            assert owner == "v2"

        @pytest.mark.asyncio
        async def test_fails(owner, step):
            assert step.is_dark
    """)
    result = project.run()

    assert result.ret == 1
    assert project.tests["test_owner[10%]"] == "passed"
    assert project.tests["test_fails[10%]"] == "failed"


def test_both_of_anyios_backends_come_after_the_step(project: Project) -> None:
    project.suite("""
        import pytest

        @pytest.fixture(params=["asyncio"])
        def anyio_backend(request):
            return request.param

        @pytest.mark.anyio
        async def test_anyio(canary):
            canary.get("/")
    """)
    project.run()

    assert list(project.tests) == [f"test_anyio[{label}-asyncio]" for label in LABELS]
