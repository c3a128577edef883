"""Whatever ends a run before its time, the traffic goes back first."""

import os
import signal
import subprocess
import sys

import pytest

from tests.plugin.project import QUIET, Project

BACK = ["begin", "open dark", "abort", "close"]
SOON_S = 60  # never reached, unless something is wrong


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise KeyboardInterrupt", "interrupted: KeyboardInterrupt"),
        ("pytest.exit('enough')", "interrupted: enough"),
        ("pytest.exit('enough', returncode=0)", "interrupted: enough"),
    ],
)
def test_a_test_that_interrupts(project: Project, body: str, reason: str) -> None:
    project.suite(f"""
        import pytest

        def test_login():
            {body}
    """)
    result = project.run_apart()

    assert result.ret == 2
    assert project.calls == BACK
    assert project.summary["reason"] == reason
    assert project.summary["rollback"]["proven"]


def test_an_interrupt_of_the_abort_that_ends_the_run(project: Project) -> None:
    """It is not the first: the rollout is as open as one whose proof is interrupted."""
    project.configure(t={"abort_interrupts": True, "abort_fails": 2})
    project.suite("""
        def test_login(request):
            request.session.shouldstop = "enough"
    """)
    result = project.run_apart()

    assert result.ret == 11
    assert project.summary["exit_status"] == 11
    assert project.calls[-1] == "close"


def test_a_plugin_that_wants_to_stop(project: Project) -> None:
    project.suite("""
        def test_login(request):
            request.session.shouldstop = "enough"
    """)
    result = project.run()

    assert result.ret == 2
    assert project.calls == BACK
    assert project.summary["reason"] == "interrupted: enough"


@pytest.mark.parametrize(
    "hook",
    [
        "pytest_runtest_protocol(item)",
        "pytest_runtest_logreport(report)",
        "pytest_runtest_logstart(nodeid)",
    ],
)
def test_another_plugin_that_fails(project: Project, hook: str) -> None:
    project.suite(f"def {hook}: raise ValueError('of another plugin')", name="conftest.py")
    project.suite("def test_login(): pass")
    result = project.run()

    assert result.ret == 3
    assert project.calls == BACK
    assert project.summary["reason"] == "ValueError: of another plugin"
    assert project.summary["rollback"]["proven"]


def test_another_plugin_that_fails_before_any_test(project: Project) -> None:
    project.suite(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtestloop():
            raise ValueError("of another plugin")
            yield
        """,
        name="conftest.py",
    )
    project.suite("def test_login(): pass")
    result = project.run()

    assert result.ret == 3
    assert not project.calls


def test_another_plugin_that_fails_after_all_tests(project: Project) -> None:
    """The rollout has ended by then, and how it ended is what counts."""
    project.suite(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtestloop(session):
            yield
            raise ValueError((session.config.rootpath / "standin.log").read_text())
        """,
        name="conftest.py",
    )
    project.suite("def test_login(): pass")
    result = project.run()

    assert result.ret == 0
    assert project.calls[-2:] == ["promote", "close"]
    result.stdout.fnmatch_lines(["INTERNALERROR>*close"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_test_runs(project: Project, number: signal.Signals) -> None:
    project.suite(f"""
        import os, threading

        def test_login():
            os.kill(os.getpid(), {int(number)})
            threading.Event().wait({SOON_S})
    """)
    result = project.run_apart()

    assert result.ret == 2
    assert project.calls == BACK
    assert project.summary["reason"] == f"interrupted by {number.name}"
    assert project.summary["rollback"]["proven"]


def test_a_signal_that_is_ignored_stays_so(project: Project) -> None:
    """As under nohup, which has it ignored."""
    project.suite(f"""
        import os

        def test_login():
            os.kill(os.getpid(), {int(signal.SIGHUP)})
    """)
    command = [sys.executable, "-m", "pytest", "--canary", *QUIET]
    script = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
    ended = subprocess.run(
        [sys.executable, "-c", f"{script} os.execv(sys.executable, {command!r})"],
        cwd=project.path,
        env=dict(os.environ),
        timeout=SOON_S,
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout
    assert project.summary["outcome"] == "promoted"


def test_a_second_interrupt_gives_the_proof_up_not_the_way_back(project: Project) -> None:
    endless = {"window": 0.1, "responses": 10**6, "within": SOON_S}  # so many never come
    project.configure(t={"stays": True}, proof=endless)
    project.suite(f"""
        import os, sys, threading, time, traceback

        def interrupt_again(main):
            while "wait_settled" not in str(traceback.extract_stack(sys._current_frames()[main])):
                time.sleep(0.01)
            os.kill(os.getpid(), {int(signal.SIGINT)})

        def test_login():
            main = threading.get_ident()
            threading.Thread(target=interrupt_again, args=[main], daemon=True).start()
            os.kill(os.getpid(), {int(signal.SIGTERM)})
    """)
    result = project.run_apart()

    assert result.ret == 11
    assert project.calls == BACK
    assert project.summary["rollback"]["sentence"].startswith(
        "interrupted again while the rollback was being proven"
    )


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_is_proven_stays_so_however_often_its_hold_is_interrupted(
    project: Project, times: int
) -> None:
    project.configure(t={"hold_interrupts": times})
    project.suite("def test_login(): assert False")
    result = project.run_apart()

    assert result.ret == 1
    assert project.calls == BACK
    assert project.summary["rollback"]["proven"]


def test_a_run_in_another_thread_than_the_first_one(project: Project) -> None:
    """Signals are its caller's business then."""
    project.suite("def test_login(): pass")
    project.write(
        "main.py",
        """
        import sys, threading
        import pytest

        thread = threading.Thread(target=lambda: ended.append(pytest.main(["--canary"])))
        ended = []
        thread.start()
        thread.join()
        sys.exit(ended[0])
        """,
    )
    result = project.pytester.runpython(project.path / "main.py")

    assert result.ret == 0
    assert project.summary["outcome"] == "promoted"
