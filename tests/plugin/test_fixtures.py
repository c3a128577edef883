"""What the fixtures give, and what they refuse."""

import re
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from canarytest.core.errors import Inconclusive, LoadBreach, SplitMismatch
from canarytest.core.finding import Finding, Zone
from canarytest.core.measure import Tally
from canarytest.core.ports import Facts
from canarytest.core.reach import Endpoint
from canarytest.core.split import Split, SplitVerdict
from canarytest.plugin.fixtures import SplitObserver, StepLoad, VersionSession
from canarytest.plugin.service import LoadView
from canarytest.testing import FACTS
from tests.plugin.project import Project
from tests.waiting import readable


def test_each_session_reaches_who_it_is_named_for(project: Project) -> None:
    project.suite("""
        import requests

        def test_versions(canary, stable, edge):
            assert isinstance(canary, requests.Session)
            assert canary.get("/info").json() == {"version": "v2", "path": "/info"}
            assert stable.get("/info").json() == {"version": "v1", "path": "/info"}
            assert edge.get("/info").json()["version"] in ("v1", "v2")
    """)

    assert project.run().ret == 0


def test_a_session_that_is_over_holds_no_connection_although_its_answers_are_kept() -> None:
    kept = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with (
            VersionSession(
                Endpoint(f"http://127.0.0.1:{listener.getsockname()[1]}"),
                check=lambda _: None,
                keep=lambda *exchange: kept.append(exchange),
            ) as session,
            ThreadPoolExecutor(1) as beside,
        ):
            answer = beside.submit(session.get, "/")
            served, _ = listener.accept()
            served.recv(1 << 16)
            served.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            assert answer.result().text == "ok"

        with served:
            assert readable(served.fileno())
            assert served.recv(1) == b""
    assert len(kept) == 1


def test_a_url_may_be_a_path_of_any_kind(project: Project) -> None:
    project.suite("""
        import pytest, requests

        @pytest.mark.parametrize("url, path", [
            ("/a/b", "/a/b"),
            ("a/b", "/a/b"),
            ("", "/"),
            ("/", "/"),
            ("//a", "/a"),
            ("/owners:search", "/owners:search"),
            ("/go?to=http://elsewhere.invalid/x", "/go?to=http://elsewhere.invalid/x"),
            ("?page=2", "/?page=2"),
        ])
        def test_path(canary, url, path):
            assert canary.get(url).json()["path"] == path

        def test_absolute(canary):
            assert canary.get(canary.base_url + "/a").json()["path"] == "/a"
            assert canary.post(url="/a", json={"b": 1}).json()["path"] == "/a"

        def test_prepared(canary):
            request = canary.prepare_request(requests.Request("GET", canary.base_url + "/a"))
            assert canary.send(request).json()["path"] == "/a"
    """)

    assert project.run("--canary-drill", "0").ret == 0
    assert set(project.tests.values()) <= {"passed", "skipped"}


@pytest.mark.parametrize(
    "ask",
    [
        "canary.get('/impostor')",
        "canary.delete('impostor')",
        "canary.get('/moved')",
        "canary.get('/impostor', allow_redirects=False, stream=True, timeout=5)",
        "canary.send(canary.prepare_request(requests.Request('GET', base + '/impostor')))",
        "canary.get(base, headers={'x-canary': 'never'})",
        "stable.get(base, headers={'x-canary': 'always'})",
    ],
)
def test_an_answer_of_another_version_fails_the_test(project: Project, ask: str) -> None:
    project.suite(f"""
        import canarytest, pytest, requests

        def test_owner(canary, stable):
            base = canary.base_url
            with pytest.raises(canarytest.WrongVersion, match="was not answered by the") as caught:
                {ask}
            assert isinstance(caught.value, AssertionError)
    """)

    assert project.run("--canary-drill", "0").ret == 0
    assert project.tests["test_owner[dark]"] == "passed"


def test_what_is_wrong_with_the_answer_is_said(project: Project) -> None:
    project.suite("def test_owner(canary): canary.get('/impostor')")
    project.run()
    reason = re.sub(r":\d+/", ":1/", project.summary["reason"])

    assert reason == (
        "test_owner failed: canarytest.core.errors.WrongVersion: GET http://127.0.0.1:1/impostor "
        "was not answered by the canary (x-version: 'v1')"
    )


def test_another_host_is_asked_as_it_is(project: Project) -> None:
    project.suite("""
        import http.server, threading

        def test_other(canary):
            server = http.server.ThreadingHTTPServer(
                ("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler
            )
            threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
            try:
                assert canary.get(f"http://127.0.0.1:{server.server_port}/").status_code == 200
            finally:
                server.shutdown()
                server.server_close()
    """)

    assert project.run("--canary-drill", "0").ret == 0


def test_no_request_waits_for_ever(project: Project) -> None:
    project.suite("""
        import pytest, requests

        class Waits(requests.adapters.HTTPAdapter):
            def send(self, request, timeout=None, **kwargs):
                self.timeout = timeout
                return super().send(request, timeout=timeout, **kwargs)

        @pytest.mark.parametrize("given, used", [
            ({}, 30.0), ({"timeout": None}, 30.0), ({"timeout": (1, 2)}, (1, 2)),
        ])
        def test_timeout(canary, given, used):
            adapter = Waits()
            canary.mount("http://", adapter)
            canary.get("/a", **given)
            assert adapter.timeout == used
    """)

    assert project.run("--canary-drill", "0").ret == 0
    assert set(project.tests.values()) <= {"passed", "skipped"}


def test_nothing_is_asked_of_the_canary_once_it_was_aborted(project: Project) -> None:
    project.suite("""
        import pathlib, requests

        class Noting(requests.adapters.HTTPAdapter):
            def send(self, request, **kwargs):
                with pathlib.Path("sent.txt").open("a") as file:
                    file.write(request.url.rpartition("/")[2] + " ")
                return super().send(request, **kwargs)

        def test_login(canary, edge):
            canary.mount("http://", Noting())
            canary.get("/before")
            edge.get("/restart", headers={"x-canary": "always"})
            canary.get("/after")
    """)
    result = project.run()

    assert result.ret == 1
    assert (project.path / "sent.txt").read_text() == "before "
    (ended, *_) = project.events_of("TestFinished")
    assert ended["outcome"] == "skipped"
    assert ended["message"] == "aborted at dark: the canary restarted: boom"


@pytest.mark.parametrize(
    "ask", ["canary.get('/restart').json()['version'] == 'v1'", "canary.get('/restart/cut')"]
)
def test_what_the_canary_answers_while_it_is_aborted_decides_nothing(
    project: Project, ask: str
) -> None:
    project.suite(f"def test_login(canary): assert {ask}")
    result = project.run()

    assert result.ret == 1
    assert project.tests["test_login[dark]"] == "skipped"


def test_to_clean_up_the_canary_may_still_be_asked_whoever_answers(project: Project) -> None:
    project.suite("""
        import pathlib, pytest

        @pytest.fixture
        def owner(canary):
            yield
            reply = canary.delete("/impostor")
            pathlib.Path("deleted.txt").write_text(reply.headers["x-version"])

        def test_owner(owner):
            assert False, "wrong"
    """)
    result = project.run()

    result.assert_outcomes(failed=1, skipped=2)
    assert (project.path / "deleted.txt").read_text() == "v1"


def test_the_step_is_the_open_one(project: Project) -> None:
    project.suite("""
        seen = []

        def test_step(step):
            seen.append((step.index, step.label, step.weight, step.is_dark))
            known = [(0, "dark", 0, True), (1, "10%", 10, False), (2, "50%", 50, False)]
            assert seen == known[:len(seen)]
    """)

    assert project.run().ret == 0


def test_the_rollout_says_what_it_is(project: Project) -> None:
    project.suite("""
        def test_rollout(rollout):
            assert rollout.name == "app"
            assert rollout.revisions == {"stable": "v1", "canary": "v2"}
            assert rollout.images == {"stable": "app:v1", "canary": "app:v2"}
            assert (rollout.platform, rollout.target) == ("standin", "t")
    """)

    assert project.run("--canary-drill", "0").ret == 0


def test_a_link_of_the_chain_can_be_replaced(project: Project) -> None:
    project.suite(
        """
        import dataclasses, pytest
        from canarytest.core.reach import Endpoint

        @pytest.fixture(scope="session")
        def canary_facts(canary_facts):
            canary = dataclasses.replace(
                canary_facts.reach.canary, url=canary_facts.reach.canary.url + "/api"
            )
            reach = dataclasses.replace(canary_facts.reach, canary=canary)
            return dataclasses.replace(canary_facts, reach=reach)
        """,
        name="conftest.py",
    )
    project.suite("""
        def test_api(canary):
            assert canary.get("/owners").json()["path"] == "/api/owners"
    """)

    assert project.run("--canary-drill", "0").ret == 0


def test_a_split_that_matches(project: Project) -> None:
    project.suite("""
        def test_split(split):
            split.assert_matches()

        def test_again(split, step):
            seen = split.observe()
            assert seen is split.observe()
            assert seen.matches
            assert seen.split.expected == step.weight / 100
    """)

    assert project.run().ret == 0


def test_a_split_that_does_not(project: Project) -> None:
    """33 % at a weight of 10, as pods would give."""
    project.configure(t={"share": 0.33}, judge={"look_longer": 1})
    project.rollout([{"setWeight": 10}, {"pause": {}}, {"setWeight": 100}])
    project.suite("""
        def test_split(split):
            split.assert_matches()
    """)
    result = project.run()

    assert result.ret == 1
    assert "is not the expected 10.0%" in project.summary["reason"]


class Told:
    """A service that says what it was told to."""

    def __init__(self, *, matches: bool | None = None, zones: Sequence[Zone] = ()) -> None:
        self.verdict = SplitVerdict(matches, Split(1, 20, 0.1), 0.0, 0.5, "1 of 20")
        self.findings = tuple(Finding("error_rate", zone, f"it is {zone}") for zone in zones)

    def facts(self) -> Facts:
        return FACTS

    def check_load(self, key: str, bounds: Mapping[str, float]) -> tuple[Finding, ...]:
        return self.findings

    def load(self, key: str) -> LoadView:
        return LoadView(Tally(3, 1), Tally(5, 0), Tally(), 1)

    def split(self) -> SplitVerdict:
        return self.verdict


@pytest.mark.parametrize(
    ("matches", "error"), [(True, None), (False, SplitMismatch), (None, Inconclusive)]
)
def test_a_split_is_asserted(matches: bool | None, error: type[Exception] | None) -> None:
    split = SplitObserver(Told(matches=matches))

    with pytest.raises(error, match="1 of 20") if error else nullcontext():
        split.assert_matches()


@pytest.mark.parametrize(
    ("zones", "error", "said"),
    [
        ([Zone.NORMAL], None, ""),
        ([Zone.NORMAL, Zone.ROLL_BACK], LoadBreach, "it is roll back"),
        ([Zone.TOO_LITTLE, Zone.ROLL_BACK], LoadBreach, "it is roll back"),
        ([Zone.NORMAL, Zone.TOO_LITTLE], Inconclusive, "it is too little"),
        ([Zone.WARNING], Inconclusive, "it is warning"),
        ([Zone.UNTRUSTED], Inconclusive, "it is untrusted"),
    ],
)
def test_a_load_is_asserted(zones: list[Zone], error: type[Exception] | None, said: str) -> None:
    load = StepLoad(Told(zones=zones), "default")

    with pytest.raises(error, match=f"^{said}$") if error else nullcontext():
        load.assert_within(error_rate=0.05)
    assert (load.requests, load.failures, load.p95) == (3, 1, None)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("", "asserts nothing without a bound"),
        ("eror_rate=0.1", "did you mean 'error_rate'?"),
        ("cpu=0.5", "knows no metric 'cpu'"),
        ("error_rate='5%'", "error_rate='5%'.: expected a number above 0"),
        ("error_rate=0", "error_rate=0.: expected a number above 0"),
        ("error_rate=True", "error_rate=True.: expected a number above 0"),
        ("latency_p95_ms=float('nan')", "latency_p95_ms=nan.: expected a number above 0"),
    ],
)
def test_bounds_that_cannot_be_meant(project: Project, call: str, message: str) -> None:
    project.suite(f"""
        import pytest

        def test_load(request, canary_service):
            from canarytest.plugin.fixtures import StepLoad

            with pytest.raises(TypeError, match={message!r}):
                StepLoad(canary_service, "default").assert_within({call})
    """)

    assert project.run("--canary-drill", "0").ret == 0
    assert project.tests["test_load[dark]"] == "passed"


def test_a_load_that_is_asked_for_in_passing(project: Project) -> None:
    project.suite("""
        def test_load(request):
            request.getfixturevalue("load").assert_within(error_rate=0.05)
    """)
    result = project.run()

    assert result.ret == 10
    assert "this step has no such load" in project.summary["reason"]
