"""Which tests there are at which step, and in which order."""

import pytest

from tests.plugin.project import LABELS, PYTEST, Project

TWO = """
    import pytest

    @pytest.mark.smoke
    def test_login(canary):
        pass

    def test_owners(canary):
        pass
"""


def collected(project: Project, *args: str) -> list[str]:
    """Return the tests that are collected, by what stands behind their file."""
    result = project.run("--co", "-q", *args)
    assert project.is_untouched
    return [line.partition("::")[2] for line in result.outlines if "::" in line]


def at_each(*names: str) -> list[str]:
    return [f"{name}[{label}]" for label in LABELS for name in names]


def test_each_test_is_there_once_for_each_step_in_the_order_of_the_plan(project: Project) -> None:
    project.suite("def test_login(): pass\ndef test_owners(): pass")

    assert collected(project) == at_each("test_login", "test_owners")


def test_the_step_comes_first_in_an_id(project: Project) -> None:
    project.suite("""
        import pytest

        @pytest.fixture(params=["a", "b"])
        def database(request):
            return request.param

        class TestOwners:
            @pytest.mark.parametrize("page", [1, 2])
            def test_pages(self, database, page):
                pass
    """)

    assert sorted(collected(project)[:4]) == sorted(
        f"TestOwners::test_pages[dark-{database}-{page}]" for database in "ab" for page in (1, 2)
    )


def test_it_comes_first_also_where_a_conftest_wants_to(project: Project) -> None:
    project.suite(
        """
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_generate_tests(metafunc):
            if "tenant" in metafunc.fixturenames:
                metafunc.parametrize("tenant", ["x", "y"])
        """,
        name="conftest.py",
    )
    project.suite("def test_login(tenant): pass")

    assert collected(project)[:3] == [
        "test_login[dark-x]",
        "test_login[dark-y]",
        "test_login[10%-x]",
    ]


def test_fixtures_are_built_as_their_scope_says_and_anew_for_each_step(project: Project) -> None:
    project.suite("""
        import pytest

        built = []

        @pytest.fixture(scope="session")
        def of_step(step):
            built.append(f"{step.label} of session")

        @pytest.fixture(scope="module")
        def of_module_and_step(step):
            built.append(f"{step.label} of module")

        @pytest.fixture(scope="class")
        def of_class_and_step(step):
            built.append(f"{step.label} of class")

        @pytest.fixture(scope="session")
        def once():
            built.append("once")

        @pytest.fixture(autouse=True)
        def always():
            built.append("always")

        class TestOwners:
            def test_one(self, once, of_step, of_module_and_step, of_class_and_step):
                pass

            def test_two(self, once, of_step, of_module_and_step, of_class_and_step):
                pass

        def test_all(step):
            if step.label == "50%":
                print(sorted(built))
                assert sorted(built) == sorted([
                    "once",
                    *["always"] * 9,
                    *[f"{l} of {s}" for s in ("session", "module", "class")
                      for l in ("dark", "10%", "50%")],
                ])
    """)

    assert project.run().ret == 0


@pytest.mark.parametrize(
    ("mark", "labels"),
    [
        ("", LABELS),
        ("min_weight=10", ("10%", "50%")),
        ("max_weight=10", ("dark", "10%")),
        ("min_weight=10, max_weight=10", ("10%",)),
        ("max_weight=0", ("dark",)),
        ("steps=['dark', '50%']", ("dark", "50%")),
        ("steps=('10%', '20%')", ("10%",)),
        ("steps=['dark', '50%'], min_weight=1", ("50%",)),
    ],
)
def test_a_marker_chooses_the_steps(project: Project, mark: str, labels: tuple[str, ...]) -> None:
    project.suite(f"""
        import pytest

        @pytest.mark.canary({mark})
        def test_login():
            pass
    """)

    assert collected(project) == [f"test_login[{label}]" for label in labels]


def test_markers_of_module_class_and_test_hold_all_at_once(project: Project) -> None:
    project.suite("""
        import pytest

        pytestmark = pytest.mark.canary(min_weight=10)

        @pytest.mark.canary(max_weight=10)
        class TestOwners:
            def test_all(self):
                pass

            @pytest.mark.canary(steps=["dark"])
            def test_none(self):
                pass
    """)

    assert collected(project) == ["TestOwners::test_all[10%]"]


@pytest.mark.parametrize(
    ("mark", "lines"),
    [
        ("min_wieght=1", ["*no argument 'min_wieght'; did you mean 'min_weight'?*min_weight, *"]),
        ("30", ["*test_login*canary(30,)*positional*canary(min_weight=30)*"]),
        ("min_weight='30'", ["*test_login*min_weight='30'*expected a number from 0 to 100*"]),
        ("max_weight=True", ["*max_weight=True*expected a number from 0 to 100*"]),
        ("min_weight=101", ["*min_weight=101*expected a number from 0 to 100*"]),
        ("min_weight=50, max_weight=10", ["*min_weight=50*max_weight=10*no weight is in*"]),
        ("steps='10%'", ["*steps='10%'*expected a list*'dark', '10%', '50%'*"]),
        ("steps=[10]", ["*steps=?10?*expected a list*'dark', '10%', '50%'*"]),
        ("steps=['Dark']", ["*'Dark' is no step; did you mean 'dark'?*"]),
        ("steps=[]", ["*steps=??*expected a list*"]),
    ],
)
def test_wrong_arguments_of_the_marker(project: Project, mark: str, lines: list[str]) -> None:
    project.suite(f"""
        import pytest

        @pytest.mark.canary({mark})
        def test_login():
            pass
    """)
    result = project.run()

    assert result.ret == 4
    assert not project.calls
    result.stderr.fnmatch_lines(lines)


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (["-k", "login"], ["test_login"]),
        (["-k", "not login"], ["test_owners"]),
        (["-m", "smoke"], ["test_login"]),
        (["--deselect", "suites/test_it.py::test_owners"], ["test_login"]),
        (["suites/test_it.py::test_owners"], ["test_owners"]),
    ],
)
def test_a_selection_selects_at_each_step(
    project: Project, args: list[str], names: list[str]
) -> None:
    project.configure(pytest_ini={**PYTEST, "markers": ["smoke"]})
    project.suite(TWO)

    assert collected(project, *args) == at_each(*names)


def test_a_selection_of_one_step_is_not_enough_to_promote(project: Project) -> None:
    project.suite("def test_login(): pass")
    result = project.run("-k", "not 10")

    assert result.ret == 10
    assert project.calls == ["begin", "open dark", "abort", "close"]
    assert project.summary["reason"] == (
        "step 10% has no tests: nothing would be verified there "
        "(all deselected, or excluded by their markers)"
    )


def test_what_failed_last_runs_at_each_step(project: Project) -> None:
    """Also where pytest keeps what failed under another name than `lastfailed`: this fails then."""
    project.suite("""
        def test_login(step):
            assert step.weight < 10

        def test_owners():
            pass
    """)
    project.run()
    project.suite("""
        def test_login():
            pass

        def test_owners():
            pass
    """)
    project.pytester.path.joinpath("standin.log").unlink()
    result = project.run("--lf")

    assert result.ret == 0
    assert list(project.tests) == at_each("test_login")


def test_what_failed_last_runs_first_at_each_step(project: Project) -> None:
    project.suite("""
        def test_first():
            pass

        def test_last(step):
            assert step.weight < 10
    """)
    project.run()
    project.suite("def test_first(): pass\ndef test_last(): pass")
    result = project.run("--ff")

    assert result.ret == 0
    assert list(project.tests) == at_each("test_last", "test_first")


def test_nothing_failed_last(project: Project) -> None:
    project.suite(TWO.replace("@pytest.mark.smoke", ""))
    project.run()

    assert project.run("--lf").ret == 0


def test_what_waits_comes_last_at_its_step(project: Project) -> None:
    project.suite("def test_split(split): pass\ndef test_login(canary): pass")

    assert collected(project) == at_each("test_login", "test_split")


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        (
            "test_it.py",
            "import unittest\nclass TestIt(unittest.TestCase):\n    def test_it(self): pass",
            "TestCaseFunction",
        ),
        ("test_it.py", 'def f():\n    """\n    >>> 1\n    1\n    """', "DoctestItem"),
    ],
)
def test_what_cannot_be_parametrised(project: Project, name: str, text: str, what: str) -> None:
    project.suite(text, name=name)
    result = project.run("--doctest-modules")

    assert result.ret == 4
    assert not project.calls
    result.stderr.fnmatch_lines(
        [f"ERROR:*cannot be run at each step of a rollout: it is a {what}*--deselect or -m"]
    )


def test_what_cannot_be_parametrised_may_be_deselected(project: Project) -> None:
    project.suite("""
        import unittest

        class TestIt(unittest.TestCase):
            def test_it(self):
                pass

        def test_login():
            pass
    """)

    assert collected(project, "-k", "login") == at_each("test_login")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            """
            import pytest

            @pytest.mark.parametrize("step", [1, 2])
            def test_login(step):
                pass
            """,
            id="mark",
        ),
        pytest.param(
            """
            import pytest

            @pytest.mark.parametrize("page, step", [(1, 2)])
            class TestPages:
                def test_login(self, page, step):
                    pass
            """,
            id="class",
        ),
        pytest.param(
            """
            def pytest_generate_tests(metafunc):
                metafunc.parametrize("step", [1, 2])

            def test_login(step):
                pass
            """,
            id="hook",
        ),
    ],
)
def test_a_parameter_of_the_same_name(project: Project, text: str) -> None:
    project.suite(text)
    result = project.run()

    assert result.ret == 2
    assert not project.calls
    result.stdout.fnmatch_lines(
        ["*test_login*'step' is canarytest's own parameter*give yours another name*"]
    )


def test_a_fixture_of_the_same_name_takes_its_place(project: Project) -> None:
    project.suite("""
        import pytest

        @pytest.fixture
        def canary(canary):
            canary.headers["x-tenant"] = "jane"
            return canary

        @pytest.fixture
        def edge():
            return "mine"

        def test_login(canary, edge):
            assert canary.get("/").json()["version"] == "v2"
            assert canary.headers["x-tenant"] == "jane"
            assert edge == "mine"
    """)

    assert project.run().ret == 0


def test_no_test_at_all(project: Project) -> None:
    project.write("suites/readme.txt", "")
    result = project.run()

    assert result.ret == 5
    assert not project.calls


def test_all_deselected(project: Project) -> None:
    project.suite("def test_login(): pass")

    assert project.run("-k", "nothing").ret == 5
    assert not project.calls


def test_a_suite_that_does_not_collect(project: Project) -> None:
    project.suite("import nothing_of_this_name")
    project.suite("def test_login(): pass", name="test_login.py")
    result = project.run()

    assert result.ret == 2
    assert not project.calls
    result.stdout.fnmatch_lines(["*ModuleNotFoundError*", "*Interrupted: 1 error during coll*"])


def test_a_suite_that_does_not_collect_cannot_be_overlooked(project: Project) -> None:
    project.suite("import nothing_of_this_name")
    project.suite("def test_login(): pass", name="test_login.py")
    result = project.run("--continue-on-collection-errors")

    assert result.ret == 4
    assert project.is_untouched
    result.stderr.fnmatch_lines(["*--continue-on-collection-errors*verifies nothing*leave it out"])


def test_the_suites_of_the_configuration_are_collected_wherever_pytest_is_called(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.suite("def test_login(): pass")
    project.write("test_other.py", "def test_other(): assert False")
    folder = project.path / "below"
    folder.mkdir()
    monkeypatch.chdir(folder)

    assert collected(project) == at_each("test_login")
