"""Connections as clients see them: order, refusals, and an end that cuts nobody off."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from petclinic.http import MAX_BODY, MAX_HEAD, Request, Response
from petclinic.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.petclinic.conftest import Running

GET = b"GET /petclinic/actuator/info HTTP/1.1\r\nHost: x\r\n"


def exchange(port: int, data: bytes, *, end: bool = False) -> bytes:
    """Send *data* and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(data)
        if end:
            client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_pipelined_requests_are_answered_in_order(clinic: Running) -> None:
    last = b"GET /petclinic/owners/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    answer = exchange(clinic.port, (GET + b"\r\n") * 200 + last)

    assert answer.count(b"HTTP/1.1 200 OK") == 201
    assert answer.count(b"v100") == 401
    assert b"Betty" in answer.rpartition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"GARBAGE\r\n\r\n", 400, id="bad-request-line"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"x" * 2 * MAX_HEAD, 431, id="head-too-large"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n" + b"x" * 4 * MAX_BODY,
            413,
            id="body-too-large",
        ),
    ],
)
def test_what_is_malformed_gets_an_answer_and_the_door(
    clinic: Running, data: bytes, status: int
) -> None:
    head, _, body = exchange(clinic.port, data).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"x-version: v100" in head
    assert b"connection: close" in head
    assert b'"message"' in body


def test_good_requests_before_a_malformed_one_are_answered(clinic: Running) -> None:
    answer = exchange(clinic.port, GET + b"\r\nGARBAGE\r\n\r\n" + GET + b"\r\n")

    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert answer.count(b"HTTP/1.1 400 ") == 1


def test_a_body_shorter_than_its_length_is_a_bad_request(clinic: Running) -> None:
    answer = exchange(clinic.port, GET + b"Content-Length: 9\r\n\r\nshort", end=True)

    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_client_that_has_said_all_is_still_answered(clinic: Running) -> None:
    assert exchange(clinic.port, GET + b"\r\n", end=True).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_leaves_in_the_middle_harms_nobody(clinic: Running) -> None:
    with socket.create_connection(("127.0.0.1", clinic.port), timeout=20) as client:
        client.sendall(GET)

    assert clinic.get("/petclinic/actuator/info").status_code == 200


def test_a_request_that_never_ends_is_given_up() -> None:
    async def answer() -> bytes:
        server = Server(lambda _: Response(200), read_timeout_s=0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", await _start(server))
        writer.write(GET)
        data = await reader.read()
        writer.close()
        await server.stop()
        return data

    assert asyncio.run(answer()).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_does_not_read_is_not_answered_into_the_memory() -> None:
    """It asks for 64 MB and reads nothing: the server stops reading its questions."""
    answered = 0
    count = 1000

    def large(_: Request) -> Response:
        nonlocal answered
        answered += 1
        return Response(200, b"x" * 65536)

    async def ask() -> tuple[int, int]:
        server = Server(large)
        port = await _start(server)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write((GET + b"\r\n") * count)
        writer.write_eof()
        await reader.readline()
        before = answered
        size = len(await reader.read())
        writer.close()
        await server.stop()
        return before, size

    before, size = asyncio.run(ask())

    assert before < count
    assert size > count * 65536
    assert answered == count


async def _start(server: Server) -> int:
    return await server.start("127.0.0.1", 0)


def test_sigterm_finishes_what_is_in_flight(start: Callable[..., Running]) -> None:
    slow = start("--fault", "slow=1.5")
    with socket.create_connection(("127.0.0.1", slow.port), timeout=20) as client:
        client.sendall(GET + b"\r\nGET /petclinic/owners HTTP/1.1\r\nHost: x\r\n\r\n")
        # Both were read at once: the first answer says that the second is in flight.
        first = client.recv(65536)
        slow.process.send_signal(signal.SIGTERM)
        rest = b"".join(iter(lambda: client.recv(65536), b""))

    assert first.startswith(b"HTTP/1.1 200 ")
    assert rest.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in rest
    assert slow.process.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once(start: Callable[..., Running], number: int) -> None:
    idle = start()
    assert idle.get("/petclinic/actuator/health").status_code == 200  # its connection stays open

    idle.process.send_signal(number)

    assert idle.process.wait(20) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", idle.port), timeout=20)
