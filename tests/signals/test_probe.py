"""One request, told as it went; and many of them, at a rate."""

import socket
import threading
from collections.abc import Sequence

import pytest

from canarytest.core.proof import ProbeSample
from canarytest.core.reach import Endpoint, Identity, Version
from canarytest.signals.probe import Probe, ask, pause
from tests.signals.site import SOON_S, Answer, drips, raw, says, site

HEADER = Identity(canary="v101", stable="v100", header="x-version")
JSON = Identity(canary="v101", stable="v100", path="/info", json="build.version")
DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("identity", "answer", "version"),
    [
        pytest.param(HEADER, says(version="v101"), Version.CANARY, id="canary"),
        pytest.param(HEADER, says(version="v100"), Version.STABLE, id="stable"),
        pytest.param(HEADER, says("", version="v100"), Version.STABLE, id="no body"),
        pytest.param(HEADER, says("no", status=404, version="v100"), Version.STABLE, id="404"),
        pytest.param(JSON, says('{"build": {"version": "v101"}}'), Version.CANARY, id="json"),
        pytest.param(JSON, says('{"build": {"version": "v100"}}'), Version.STABLE, id="json 2"),
        pytest.param(
            HEADER,
            raw(b"HTTP/1.0 200 OK\r\nx-version: v100\r\n\r\nuntil the end"),
            Version.STABLE,
            id="no length",
        ),
        pytest.param(
            HEADER,
            raw(
                b"HTTP/1.1 200 OK\r\nx-version: v100\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"3\r\nabc\r\n0\r\n\r\n"
            ),
            Version.STABLE,
            id="chunks",
        ),
    ],
)
def test_an_answer_is_its_versions(identity: Identity, answer: Answer, version: Version) -> None:
    with site(answer) as there:
        sample = ask(there.endpoint, identity, "/info")

    assert (sample.version, sample.is_ok, sample.error) == (version, True, "")
    assert sample.latency_ms > 0


@pytest.mark.parametrize(
    ("identity", "answer", "version", "error"),
    [
        pytest.param(
            HEADER, says(status=500, version="v101"), Version.CANARY, "status 500", id="5"
        ),
        pytest.param(HEADER, says(status=503), None, "status 503", id="503 of nobody"),
        pytest.param(JSON, says("<html>", status=502), None, "status 502", id="502, no json"),
        pytest.param(
            HEADER, says(), None, "answered by neither version: None, status 200", id="no header"
        ),
        pytest.param(
            HEADER,
            says(version="v102"),
            None,
            "answered by neither version: 'v102', status 200",
            id="another",
        ),
        pytest.param(
            JSON, says("<html>"), None, "answered by neither version: None, status 200", id="html"
        ),
        pytest.param(
            JSON, says(DEEP), None, "answered by neither version: None, status 200", id="deep"
        ),
        pytest.param(
            JSON,
            says('{"build": ["v101"]}'),
            None,
            "answered by neither version: None, status 200",
            id="another shape",
        ),
        pytest.param(
            JSON,
            says('{"build": {"version": 101}}'),
            None,
            "answered by neither version: '101', status 200",
            id="a number",
        ),
        pytest.param(JSON, says("", status=302), None, "neither version: None, status 302", id="3"),
        pytest.param(HEADER, raw(b"SSH-2.0-OpenSSH\r\n"), None, "BadStatusLine", id="garbage"),
        pytest.param(HEADER, raw(b"\xff\xfe\x00\x00"), None, "BadStatusLine", id="bytes"),
        pytest.param(HEADER, raw(b""), None, "RemoteDisconnected", id="hung up"),
        pytest.param(
            HEADER,
            raw(b"HTTP/1.1 200 OK\r\nx-version: v101\r\nContent-Length: 9\r\n\r\nhalf"),
            None,
            "IncompleteRead",
            id="half",
        ),
        pytest.param(
            HEADER,
            raw(b"HTTP/1.1 200 OK\r\nx-version: v101\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            None,
            "IncompleteRead",
            id="no chunk",
        ),
    ],
)
def test_what_is_no_answer_of_a_version_is_an_error(
    identity: Identity, answer: Answer, version: Version | None, error: str
) -> None:
    with site(answer) as there:
        sample = ask(there.endpoint, identity, "/info")

    assert (sample.version, sample.is_ok) == (version, False)
    assert error in sample.error


def test_nobody_who_listens_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sample = ask(Endpoint(f"http://127.0.0.1:{port}"), HEADER, "/")

    assert (sample.version, sample.is_ok) == (None, False)
    assert sample.error.startswith("ConnectionRefusedError")


@pytest.mark.parametrize("url", ["http://nowhere.invalid", "http://127.0.0.1:port", "http://"])
def test_an_address_that_is_none_is_an_error(url: str) -> None:
    assert not ask(Endpoint(url), HEADER, "/", timeout_s=5).is_ok


def test_who_never_answers_is_given_up() -> None:
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        over.wait(SOON_S)

    with site(answer) as there:
        sample = ask(there.endpoint, HEADER, "/", timeout_s=0.05)
        over.set()

    assert (sample.version, sample.is_ok, sample.error) == (None, False, "TimeoutError: timed out")


def test_who_never_ends_is_given_up() -> None:
    over = threading.Event()
    head = b"HTTP/1.1 200 OK\r\nx-version: v101\r\nContent-Type: text/event-stream\r\n\r\n"
    with site(drips(head, over)) as there:
        sample = ask(there.endpoint, HEADER, "/", timeout_s=1)
        over.set()

    assert (sample.version, sample.is_ok) == (None, False)
    assert sample.error.startswith("TimeoutError: the answer does not end: ")


def test_it_is_asked_as_a_user_would() -> None:
    with site(says(version="v100")) as there:
        behind = Endpoint(f"{there.endpoint.url}/shop/", there.endpoint.headers)
        ask(behind, HEADER, "/info?a=b")
        (head,) = there.requests

    assert head.startswith("GET /shop/info?a=b HTTP/1.1\r\n")
    assert "x-user: jane\r\n" in head
    assert "Connection: close\r\n" in head


class Heard:
    """Takes what a probe delivers; *enough* is set once there are so many samples."""

    def __init__(self, wanted: int) -> None:
        self.samples: list[ProbeSample] = []
        self.enough = threading.Event()
        self.overlaps = 0
        self._wanted = wanted
        self._busy = threading.Lock()

    def __call__(self, samples: Sequence[ProbeSample]) -> None:
        self.overlaps += not self._busy.acquire(blocking=False)
        self.samples += samples
        if len(self.samples) >= self._wanted:
            self.enough.set()
        self._busy.release()


def probe(endpoint: Endpoint, heard: Heard, rate: float = 200) -> Probe:
    return Probe(endpoint, lambda: HEADER, path="/", rate=rate, deliver=heard)


def test_a_probe_asks_until_it_is_stopped() -> None:
    heard = Heard(20)
    with site(says(version="v100")) as there:
        running = probe(there.endpoint, heard)
        running.start()
        assert heard.enough.wait(SOON_S)
        running.stop()
        told = len(heard.samples)

        assert told == len(there.requests), "each on a connection of its own, and told"
        running.stop()
        assert len(heard.samples) == told

    assert {sample.version for sample in heard.samples} == {Version.STABLE}
    assert heard.overlaps == 0


def test_a_probe_that_was_never_started_can_be_stopped() -> None:
    probe(Endpoint("http://127.0.0.1:1"), Heard(1)).stop()


def test_a_probe_in_a_hurry_does_not_wait_for_its_old_turn() -> None:
    heard = Heard(20)
    with site(says(version="v100")) as there:
        running = probe(there.endpoint, heard, rate=1 / 3600)
        running.start()
        running.hurry(200)

        assert heard.enough.wait(SOON_S)
        running.stop()


def test_one_request_that_hangs_does_not_blind_the_probe() -> None:
    over, first = threading.Event(), threading.Lock()

    def answer(connection: socket.socket) -> None:
        if first.acquire(blocking=False):
            over.wait(SOON_S)
        says(version="v100")(connection)

    heard = Heard(20)
    with site(answer) as there:
        running = probe(there.endpoint, heard)
        running.start()
        assert heard.enough.wait(SOON_S)
        over.set()
        running.stop()

    assert all(sample.is_ok for sample in heard.samples[:2])


def test_the_identity_is_asked_for_anew() -> None:
    names = iter(["unknown yet", *["v101"] * 10_000])
    heard = Heard(10)
    with site(says(version="v101")) as there:
        running = Probe(
            there.endpoint,
            lambda: Identity(canary=next(names), stable="v100", header="x-version"),
            path="/",
            rate=200,
            deliver=heard,
        )
        running.start()
        assert heard.enough.wait(SOON_S)
        running.stop()

    assert [sample.is_ok for sample in heard.samples].count(False) == 1


def test_turns_are_not_in_step_with_a_load_as_steady_as_a_clock() -> None:
    """A router that takes turns, 180 requests a second, and a probe that asks 20 times a second."""
    for phase in range(20):
        due, hits, asked = phase / 3600, 0, 2000
        for before in range(asked):
            of_load = int(due * 180)
            hits += (of_load + before) % 2
            due += pause(20)

        assert 0.4 < hits / asked < 0.6, phase


def test_turns_come_at_the_rate_that_was_asked_for() -> None:
    assert sum(pause(20) for _ in range(5000)) == pytest.approx(250, rel=0.05)
