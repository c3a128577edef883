"""Real Locust, against a real server that counts what it answers."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from canarytest.config import Table
from canarytest.core.errors import ConfigError
from canarytest.core.measure import LoadSecond, Tally, total
from canarytest.core.reach import Endpoint, Identity, Version
from canarytest.signals.load import Ending, Load, LoadEnd, LoadSpec, check
from canarytest.signals.locust_listener import Orders
from tests.waiting import has_ended, readable

IDENTITY = Identity(canary="v101", stable="v100", header="x-canarytest-version")
PATIENCE_S = 60  # for what happens at once, but on a machine that may be busy
VISITS = """
    from locust import FastHttpUser, task

    class Visitor(FastHttpUser):
        @task
        def visit(self):
            self.client.get("/ok")
"""
EVERY_KIND = """
    from locust import FastHttpUser, HttpUser, User, constant, task

    class Slow(HttpUser):
        wait_time = constant(0.01)

        def on_start(self):
            self.client.headers = {"a": "b"}  # what users do

        @task
        def visit(self):
            self.client.get("/http/ok")
            self.client.get("/http/fail", headers={"x-canary": "never"})

    class Fast(FastHttpUser):
        wait_time = constant(0.01)

        @task
        def visit(self):
            self.client.get("/fast/ok")
            with self.client.post("/fast/fail", json={}, catch_response=True) as response:
                response.failure("as I say")

    class NotHttp(User):
        wait_time = constant(0.01)

        @task
        def call(self):
            for took_ms in 1.5, 40.0, 1234.5:
                self.environment.events.request.fire(
                    request_type="RPC", name="call", response_time=took_ms, response_length=0
                )
"""


class Answers(BaseHTTPRequestHandler):
    """`/…/fail` fails; the canary answers `x-canary: always`, and every other request else."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    server: "Site"

    def do_GET(self) -> None:
        canary = self.headers["x-canary"] == "always" or next(self.server.turns) % 2
        version = "v101" if canary else "v100"
        status = 500 if self.path.endswith("/fail") else 200
        self.send_response(status)
        self.send_header("x-canarytest-version", version)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
        self.server.count(version, f"{self.command} {self.path}")
        self.wfile.flush()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"] or 0))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
        pass


class Site(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.turns = count()
        self.counted: Counter[tuple[str, str]] = Counter()
        self.news = threading.Condition()

    def count(self, version: str, endpoint: str) -> None:
        with self.news:
            self.counted[version, endpoint] += 1
            self.news.notify_all()

    def wait_for(self, requests: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: self.counted.total() >= requests, PATIENCE_S)


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[], Site]]:
    """Start servers that end with the module."""
    sites: list[Site] = []

    def start() -> Site:
        site = Site()
        sites.append(site)
        threading.Thread(target=site.serve_forever, args=(0.02,), daemon=True).start()
        return site

    yield start
    for site in sites:
        site.shutdown()
        site.server_close()


@pytest.fixture
def site(serve: Callable[[], Site]) -> Site:
    return serve()


@dataclass
class Heard:
    """What a load told, as its two callbacks."""

    seconds: list[LoadSecond] = field(default_factory=list)
    ends: list[LoadEnd] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def on_second(self, second: LoadSecond) -> None:
        with self.news:
            self.seconds.append(second)
            self.news.notify_all()

    def on_end(self, end: LoadEnd) -> None:
        with self.news:
            self.ends.append(end)
            self.news.notify_all()

    def until(self, is_so: Callable[["Heard"], bool]) -> None:
        with self.news:
            assert self.news.wait_for(lambda: is_so(self), PATIENCE_S), (self.seconds, self.ends)

    def wait_for_end(self) -> LoadEnd:
        self.until(lambda heard: bool(heard.ends))
        return self.ends[0]

    def counted(self) -> Counter[tuple[str | None, str]]:
        counted: Counter[tuple[str | None, str]] = Counter()
        for version, endpoint, tally in self.entries():
            counted[version and IDENTITY_OF[version], endpoint] += tally.requests
        return counted

    def entries(self) -> list[tuple[Version | None, str, Tally]]:
        return [(e.version, e.endpoint, e.tally) for s in self.seconds for e in s.tallies]

    def of(self, endpoint: str) -> Tally:
        return total(tally for _, named, tally in self.entries() if named == endpoint)


IDENTITY_OF = {Version.CANARY: "v101", Version.STABLE: "v100"}


def spec_of(directory: Path, text: str = VISITS, *, users: int = 2) -> LoadSpec:
    file = directory / "visits.py"
    file.write_text(dedent(text))
    return LoadSpec(file, users=users, spawn_rate=float(users))


def start(spec: LoadSpec, site: Site, heard: Heard, **options: Any) -> Load:
    endpoint = options.pop("endpoint", Endpoint(site.url))
    directory = spec.file.parent / "run"
    return Load.start(
        spec,
        endpoint,
        IDENTITY,
        directory=directory,
        on_second=heard.on_second,
        on_end=heard.on_end,
        **options,
    )


@dataclass
class Ran:
    """A load that was stopped."""

    site: Site
    heard: Heard
    load: Load
    directory: Path


def run(serve: Callable[[], Site], directory: Path, headers: dict[str, str]) -> Ran:
    site, heard = serve(), Heard()
    endpoint = Endpoint(site.url, headers)
    load = start(spec_of(directory, EVERY_KIND, users=6), site, heard, endpoint=endpoint)
    heard.until(lambda heard: heard.of("RPC call").requests > 0)
    site.wait_for(200)
    load.stop()
    return Ran(site, heard, load, directory / "run")


@pytest.fixture(scope="module")
def at_the_edge(serve: Callable[[], Site], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(serve, tmp_path_factory.mktemp("edge"), {})


@pytest.fixture(scope="module")
def in_the_dark(serve: Callable[[], Site], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(serve, tmp_path_factory.mktemp("dark"), {"x-canary": "always"})


def test_every_request_is_counted_to_the_version_that_answered_it(at_the_edge: Ran) -> None:
    counted = at_the_edge.heard.counted()
    counted.pop((None, "RPC call"))

    assert counted == at_the_edge.site.counted
    assert {version for version, _ in counted} == {"v100", "v101"}


def test_failures_are_those_of_the_answer_and_those_that_the_locustfile_names(
    at_the_edge: Ran,
) -> None:
    rates = {
        endpoint: at_the_edge.heard.of(endpoint).error_rate
        for endpoint in ("GET /http/ok", "GET /http/fail", "GET /fast/ok", "POST /fast/fail")
    }

    assert list(rates.values()) == [0, 1, 0, 1], rates


def test_latencies_are_kept_as_exactly_as_the_sketch_promises(at_the_edge: Ran) -> None:
    latency = at_the_edge.heard.of("RPC call").latency

    assert [latency.quantile(share) for share in (0, 0.5, 1)] == [
        pytest.approx(took_ms, rel=0.01) for took_ms in (1.5, 40.0, 1234.5)
    ]


def test_a_load_that_was_stopped_says_so_once(at_the_edge: Ran) -> None:
    at_the_edge.load.stop()

    assert at_the_edge.heard.ends == [
        LoadEnd(Ending.STOPPED, 0, "the load of visits.py was stopped")
    ]
    assert at_the_edge.load.end == at_the_edge.heard.ends[0]


def test_the_seconds_and_the_log_are_left_in_the_directory(at_the_edge: Ran) -> None:
    lines = (at_the_edge.directory / "load-visits.jsonl").read_text().splitlines()
    left = sorted(file.name for file in at_the_edge.directory.iterdir())

    assert len(lines) == len(at_the_edge.heard.seconds)
    assert left == ["load-visits.jsonl", "load-visits.log"]


def test_a_generator_tells_how_it_does(at_the_edge: Ran) -> None:
    seconds = at_the_edge.heard.seconds

    assert max(second.users for second in seconds) == 6
    assert seconds[-1].users == 0
    assert all(second.cpu > 0 and second.lag_s >= 0 for second in seconds)
    assert sorted(second.at for second in seconds) == [second.at for second in seconds]


def test_headers_reach_the_server_with_each_request_of_either_client(in_the_dark: Ran) -> None:
    asked = in_the_dark.site.counted

    assert {version for version, _ in asked} == {"v101"}
    assert {endpoint.split("/")[1] for _, endpoint in asked} == {"http", "fast"}
    assert in_the_dark.heard.counted().total() > asked.total()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_generator_that_crashes_is_told_with_its_signal(
    site: Site, tmp_path: Path, how: signal.Signals
) -> None:
    heard = Heard()
    load = start(spec_of(tmp_path), site, heard)
    heard.until(lambda heard: bool(heard.seconds))

    os.kill(load.pid, how)

    end = heard.wait_for_end()
    assert (end.how, end.status) == (Ending.CRASHED, -how)
    assert how.name in end.message


def test_a_generator_that_hangs_is_ended(site: Site, tmp_path: Path) -> None:
    heard = Heard()
    load = start(spec_of(tmp_path), site, heard, hung_after_s=2.5)
    heard.until(lambda heard: bool(heard.seconds))

    os.kill(load.pid, signal.SIGSTOP)

    end = heard.wait_for_end()
    assert (end.how, end.status) == (Ending.HUNG, -signal.SIGKILL)
    assert "2.5 s" in end.message


def test_a_generator_that_does_not_let_go_is_killed(site: Site, tmp_path: Path) -> None:
    heard = Heard()
    load = start(replace(spec_of(tmp_path), stop_timeout_s=0.5), site, heard)
    heard.until(lambda heard: bool(heard.seconds))

    os.kill(load.pid, signal.SIGSTOP)
    load.stop()

    assert heard.ends[0].how is Ending.STOPPED
    assert "killed" in heard.ends[0].message


def test_a_server_that_is_gone_makes_failures_of_no_version(site: Site, tmp_path: Path) -> None:
    heard = Heard()
    text = EVERY_KIND.replace("/fail", "/ok").replace('response.failure("as I say")', "pass")
    site.shutdown()
    site.server_close()
    load = start(spec_of(tmp_path, text, users=3), site, heard)
    endpoints = ("GET /http/ok", "GET /fast/ok", "POST /fast/ok")
    heard.until(lambda heard: all(heard.of(endpoint).requests for endpoint in endpoints))
    load.stop()

    assert {version for version, _, _ in heard.entries()} == {None}
    assert [heard.of(endpoint).error_rate for endpoint in endpoints] == [1, 1, 1]


def test_stopping_while_users_are_still_added_loses_nothing(site: Site, tmp_path: Path) -> None:
    heard = Heard()
    load = start(replace(spec_of(tmp_path, users=500), spawn_rate=2.0), site, heard)
    heard.until(lambda heard: bool(heard.seconds))
    stoppers = [threading.Thread(target=load.stop) for _ in range(3)]
    for stopper in stoppers:
        stopper.start()
    for stopper in stoppers:
        stopper.join()

    assert heard.counted() == site.counted
    assert [end.how for end in heard.ends] == [Ending.STOPPED]
    assert max(second.users for second in heard.seconds) < 500


def test_a_load_can_be_stopped_from_its_own_callback(site: Site, tmp_path: Path) -> None:
    heard = Heard()
    loads: list[Load] = []
    loaded = threading.Event()

    def on_second(second: LoadSecond) -> None:
        heard.on_second(second)
        assert loaded.wait(PATIENCE_S)
        loads[0].stop()

    spec = spec_of(tmp_path)
    loads.append(
        Load.start(
            spec,
            Endpoint(site.url),
            IDENTITY,
            directory=tmp_path,
            on_second=on_second,
            on_end=heard.on_end,
        )
    )
    loaded.set()

    assert heard.wait_for_end().how is Ending.STOPPED
    assert heard.counted() == site.counted


def test_a_load_can_be_stopped_before_it_has_begun(site: Site, tmp_path: Path) -> None:
    heard = Heard()
    start(spec_of(tmp_path), site, heard).stop()

    assert [end.how for end in heard.ends] == [Ending.STOPPED]
    assert not site.counted


def test_a_load_shape_is_stopped_in_order_as_well(site: Site, tmp_path: Path) -> None:
    heard = Heard()
    shape = """
        from locust import LoadTestShape

        class Flat(LoadTestShape):
            def tick(self):
                return 3, 3
    """
    load = start(spec_of(tmp_path, dedent(VISITS) + dedent(shape)), site, heard)
    heard.until(lambda heard: bool(heard.seconds))
    load.stop()

    assert heard.counted() == site.counted
    assert heard.seconds[-1].users == 0


def test_a_generator_that_ends_by_itself_is_told_with_its_last_lines(
    site: Site, tmp_path: Path
) -> None:
    heard = Heard()
    text = """
        import sys
        from locust import User, events, task

        class Nobody(User):
            @task
            def leave(self):
                self.environment.process_exit_code = 3
                self.environment.runner.quit()
    """
    start(spec_of(tmp_path, text), site, heard)

    end = heard.wait_for_end()
    assert (end.how, end.status) == (Ending.ENDED, 3)
    assert "exit status 3" in end.message


BROKEN = [
    pytest.param("import nope", "ModuleNotFoundError: No module named 'nope'", id="import"),
    pytest.param("def (", "SyntaxError: invalid syntax", id="syntax"),
    pytest.param("from locust import HttpUser", "User class", id="no-user-class"),
]


@pytest.mark.parametrize(("text", "reason"), BROKEN)
def test_a_locustfile_that_cannot_run_is_known_before_anything_is_touched(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason) as raised:
        check(spec_of(tmp_path, text))

    assert "visits.py" in str(raised.value)


def test_a_locustfile_that_can_run_passes_the_check(tmp_path: Path) -> None:
    check(spec_of(tmp_path))


@pytest.mark.parametrize(("text", "reason"), BROKEN[::2])
def test_a_generator_that_does_not_start_says_why(
    site: Site, tmp_path: Path, text: str, reason: str
) -> None:
    heard = Heard()
    start(spec_of(tmp_path, text), site, heard)

    end = heard.wait_for_end()
    assert (end.how, heard.seconds) == (Ending.NOT_STARTED, [])
    assert reason in end.message


def test_settings_that_would_take_the_run_over_are_refused_or_left_out(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCUST_MODE_WORKER", "true")
    (tmp_path / "locust.conf").write_text("master = true\n")
    monkeypatch.chdir(tmp_path)
    heard = Heard()
    start(spec_of(tmp_path), site, heard)

    end = heard.wait_for_end()
    assert end.how is Ending.NOT_STARTED
    assert "remove master" in end.message


def test_a_run_time_of_the_users_own_does_not_end_the_load(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCUST_RUN_TIME", "1s")
    heard = Heard()
    load = start(spec_of(tmp_path), site, heard)
    heard.until(lambda heard: len(heard.seconds) > 2)
    load.stop()

    assert heard.ends[0].how is Ending.STOPPED


def test_no_reader_holds_the_load_up_and_what_it_missed_comes_later(
    site: Site, tmp_path: Path
) -> None:
    text = VISITS.replace('"/ok"', 'f"/{next(numbers)}"')
    text = "    from itertools import count\n    numbers = count()\n" + text
    spec = spec_of(tmp_path, text)
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    pipe = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)  # some 60 requests fill it
    header = IDENTITY.header
    orders = Orders(str(fifo), header, {"v100": "stable", "v101": "canary"}, None, {}, 5.0)
    listener = [sys.executable, "-P", "-m", "canarytest.signals.locust_listener", "--headless"]
    with (tmp_path / "log").open("wb") as log:
        argv = [*listener, "-f", str(spec.file), "-H", site.url]
        locust = subprocess.Popen(argv, env={**os.environ, **orders.as_env()}, stderr=log)
    readable(pipe)
    site.wait_for(4000)
    locust.terminate()
    os.set_blocking(pipe, True)
    with os.fdopen(pipe, "rb") as lines:
        written = lines.read()
    locust.wait(PATIENCE_S)

    heard = Heard(seconds=list(seconds_in(written)))
    assert heard.counted() == site.counted


def seconds_in(lines: bytes) -> Iterator[LoadSecond]:
    for line in lines.splitlines():
        data = json.loads(line)
        if "started" not in data:
            yield LoadSecond.from_json(data)


def test_a_generator_does_not_outlive_the_process_that_started_it(
    site: Site, tmp_path: Path
) -> None:
    spec = spec_of(tmp_path)
    text = f"""
        from pathlib import Path
        from canarytest.core.reach import Endpoint, Identity
        from canarytest.signals.load import Load, LoadSpec

        load = Load.start(
            LoadSpec(Path({str(spec.file)!r}), 2, 2.0),
            Endpoint({site.url!r}),
            Identity("v101", "v100", "x-canarytest-version"),
            directory=Path({str(tmp_path)!r}),
            on_second=lambda second: print(load.pid, flush=True),
            on_end=print,
        )
        load._reader.join()
    """
    with subprocess.Popen(
        [sys.executable, "-c", dedent(text)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        generator = int(parent.stdout.readline())

        parent.kill()

    assert has_ended(generator)


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        pytest.param((), {}, ["'file' is missing"], id="no-file"),
        pytest.param(("no.py",), {}, ["no.py", "does not exist"], id="file-does-not-exist"),
        pytest.param(("visits.py",), {"users": 0}, ["users=0", "1 or more"], id="no-users"),
        pytest.param(("visits.py",), {"users": "9"}, ["'9'", "whole number"], id="wrong-type"),
        pytest.param(("visits.py",), {"spawn_rate": 0}, ["spawn_rate=0.0", "above 0"], id="zero"),
        pytest.param(("visits.py",), {"rate": -1}, ["rate=-1.0", "above 0"], id="negative"),
        pytest.param(("visits.py",), {"user": 1}, ["'user'", "did you mean 'users'"], id="unknown"),
        pytest.param(("visits.py", 20), {}, ["2 positional", "users=20"], id="two-arguments"),
    ],
)
def test_a_marker_that_cannot_be_run_is_refused_with_what_would_do(
    tmp_path: Path, args: tuple[Any, ...], kwargs: dict[str, Any], words: list[str]
) -> None:
    spec_of(tmp_path)

    with pytest.raises(ConfigError) as raised:
        LoadSpec.from_marker(args, kwargs, root=tmp_path, where="suites/test_a.py::test_load")

    message = str(raised.value)
    assert [word for word in ["test_a.py", *words] if word not in message] == []


def test_a_marker_and_a_table_say_the_same_in_the_same_words(tmp_path: Path) -> None:
    file = spec_of(tmp_path).file
    table = Table({"file": "visits.py", "users": 20, "rate": 50}, "tool.canarytest.load")
    marked = LoadSpec.from_marker(
        ["visits.py"], {"users": 20, "rate": 50}, root=tmp_path, where="test"
    )

    assert LoadSpec.from_table(table, tmp_path) == marked == LoadSpec(file, 20, 20.0, 50.0)
