"""What the fixtures of a worker are answered, and what becomes of those who ask and are gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from canarytest.core.errors import CanaryError, Inconclusive
from canarytest.core.finding import Finding
from canarytest.core.ports import Facts
from canarytest.core.split import SplitVerdict
from canarytest.plugin.remote import RemoteService, ServiceServer
from canarytest.plugin.service import LoadView
from canarytest.testing import FACTS


class Scripted:
    """A `Service` that does what it is told when it is asked for facts."""

    def __init__(self) -> None:
        self.act: Callable[[], Facts] = lambda: FACTS
        self.asked = 0

    def facts(self) -> Facts:
        self.asked += 1
        return self.act()

    def check_load(self, key: str, bounds: Mapping[str, float]) -> tuple[Finding, ...]:
        raise Inconclusive(f"{key} {dict(bounds)}")

    def load(self, key: str) -> LoadView:
        raise KeyError(key)

    def split(self) -> SplitVerdict:
        raise NotImplementedError


class Unportable(Exception):
    """Pickled, it cannot be made again."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"{what} {number}")


@pytest.fixture
def service() -> Scripted:
    return Scripted()


@pytest.fixture
def server(service: Scripted) -> Iterator[ServiceServer]:
    server = ServiceServer(service)
    yield server
    server.close()


def test_an_answer_is_the_services(server: ServiceServer) -> None:
    assert RemoteService(server.address).facts() == FACTS


def test_an_error_is_raised_as_it_was(server: ServiceServer) -> None:
    with pytest.raises(Inconclusive, match=r"default \{'error_rate': 0.1\}"):
        RemoteService(server.address).check_load("default", {"error_rate": 0.1})


def test_an_error_that_cannot_be_sent_is_told_in_words(
    server: ServiceServer, service: Scripted
) -> None:
    def fail() -> Facts:
        raise Unportable(7, "lost")

    service.act = fail

    with pytest.raises(CanaryError, match="Unportable: lost 7"):
        RemoteService(server.address).facts()


def test_an_answer_that_cannot_be_sent_is_an_error(
    server: ServiceServer, service: Scripted
) -> None:
    service.act = threading.Lock  # type: ignore[assignment]  # that is the point

    with pytest.raises(CanaryError, match="lock"):
        RemoteService(server.address).facts()


def test_only_the_questions_of_the_protocol_are_answered(server: ServiceServer) -> None:
    remote = RemoteService(server.address)

    with pytest.raises(ValueError, match="act"):
        remote._ask("act")
    assert remote.facts() == FACTS


def test_each_worker_is_answered_while_another_waits(
    server: ServiceServer, service: Scripted
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def wait() -> Facts:
        asked.set()
        go_on.wait()
        return FACTS

    service.act = wait
    answers: list[Facts] = []
    waiting = threading.Thread(target=lambda: answers.append(RemoteService(server.address).facts()))
    waiting.start()
    asked.wait()
    service.act = lambda: FACTS

    assert RemoteService(server.address).facts() == FACTS
    assert not answers
    go_on.set()
    waiting.join()
    assert answers == [FACTS]


def test_a_question_that_was_interrupted_is_not_answered_to_the_next(
    server: ServiceServer, service: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = RemoteService(server.address)
    remote.facts()
    connection = remote._connection
    assert connection is not None

    kept = connection

    class Interrupted:
        send, close = kept.send, kept.close

        def recv(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(remote, "_connection", Interrupted())

    with pytest.raises(KeyboardInterrupt):
        remote.facts()
    with pytest.raises(KeyError):
        remote.load("default")


def test_a_worker_that_dies_while_it_asks_leaves_the_others_answered(
    server: ServiceServer, service: Scripted
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def wait() -> Facts:
        asked.set()
        go_on.wait()
        return FACTS

    service.act = wait
    path, key = server.address
    dying = Client(path, authkey=bytes.fromhex(key))
    dying.send(("facts", ()))
    asked.wait()
    dying.close()
    go_on.set()
    service.act = lambda: FACTS

    assert RemoteService(server.address).facts() == FACTS


@pytest.mark.parametrize("key", [None, b"another key"])
def test_who_does_not_say_who_it_is_keeps_nobody_else_from_asking(
    server: ServiceServer, key: bytes | None
) -> None:
    if key is None:
        Client(server.address[0]).close()
    else:
        with pytest.raises(AuthenticationError):
            Client(server.address[0], authkey=key)

    assert RemoteService(server.address).facts() == FACTS


def test_a_controller_that_is_gone_is_an_error(service: Scripted) -> None:
    server = ServiceServer(service)
    remote = RemoteService(server.address)
    server.close()

    with pytest.raises(CanaryError, match="does not answer"):
        remote.facts()


def test_nothing_is_left_of_a_server_that_was_closed(service: Scripted) -> None:
    before = {thread.ident for thread in threading.enumerate()}
    server = ServiceServer(service)
    (accepting,) = [thread for thread in threading.enumerate() if thread.ident not in before]

    socket = server.address[0]
    server.close()
    server.close()

    accepting.join()
    assert not Path(socket).parent.exists()
