"""
A client that knows nothing of canarytest: a steady stream of requests, each noted when answered.

`python -m benchmarks.client PORT RATE FILE [WHAT]` asks PetClinic for its version, or for the key
WHAT of ASKED, RATE times a second, on some connections that are kept and on some that are new each
time, until it is ended. A line of FILE: when the answer was there (seconds since the epoch), the
version, the status.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
LOGIN = '{"user": "jane", "password": "secret"}'
_JSON = f"content-type: application/json\r\ncontent-length: {len(LOGIN)}"
ASKED = {
    "version": f"GET /petclinic/actuator/info HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode(),
    "login": f"POST /petclinic/login HTTP/1.1\r\nhost: {HOST}\r\n{_JSON}\r\n\r\n{LOGIN}".encode(),
}
LANES = 8
RETRY_S = 0.01
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, or that there was none."""

    at: float  # seconds since the epoch
    version: str  # "-": none
    status: int  # 0: nobody answered


@contextlib.contextmanager
def stream(port: int, rate: float, notes: Path, what: str = "version") -> Iterator[None]:
    """Ask for *what* at *port* from a process of its own."""
    argv = [sys.executable, "-m", "benchmarks.client", str(port), str(rate), str(notes), what]
    with subprocess.Popen(argv, cwd=Path(__file__).parent.parent) as process:
        try:
            yield
        finally:
            process.terminate()


def read(notes: Path) -> list[Answer]:
    """Return what a client noted; a line that was cut off by its end is none."""
    lines = notes.read_text().split("\n")[:-1]
    return [answer_of(line) for line in lines]


def answer_of(line: str) -> Answer:
    """Return the answer that a line tells of."""
    at, version, status = line.split()
    return Answer(float(at), version, int(status))


def last_of(version: str, answers: Iterable[Answer]) -> float:
    """Return when *version* answered last."""
    return max(answer.at for answer in answers if answer.version == version)


def errors(answers: Iterable[Answer], since: float, until: float) -> int:
    """Return how many requests failed between two moments."""
    return sum(a.status != 200 for a in answers if since <= a.at <= until)


async def ask(port: int, rate: float, note: Callable[[Answer], object], what: str) -> None:
    """Ask for *what* for ever."""
    lanes = (
        _lane(i, port, rate / LANES, note, ASKED[what], keeps=i % 2 == 0) for i in range(LANES)
    )
    await asyncio.gather(*lanes)


async def _lane(
    number: int,
    port: int,
    rate: float,
    note: Callable[[Answer], object],
    request: bytes,
    *,
    keeps: bool,
) -> None:
    connection = await _first_connection(port)
    due = time.monotonic() + number / LANES / rate
    while True:
        await asyncio.sleep(due - time.monotonic())
        due = max(due + 1 / rate, time.monotonic())
        try:
            connection = connection or await asyncio.open_connection(HOST, port)
            answer = await _answer(connection, request)
        except (OSError, EOFError, ValueError):
            answer, keeps_it = Answer(time.time(), "-", 0), False
        else:
            keeps_it = keeps
        note(answer)
        if connection and not keeps_it:
            connection[1].close()
            connection = None


async def _first_connection(port: int) -> Connection | None:
    while True:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(HOST, port)
        await asyncio.sleep(RETRY_S)


async def _answer(connection: Connection, request: bytes) -> Answer:
    reader, writer = connection
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status_line, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(time.time(), headers.get("x-version", "-"), int(status_line.split()[1]))


def main() -> None:
    """Ask until ended."""
    port, rate, notes, what = [*sys.argv[1:], "version"][:4]
    with Path(notes).open("w", buffering=1) as file:
        asyncio.run(
            ask(
                int(port),
                float(rate),
                lambda a: file.write(f"{a.at} {a.version} {a.status}\n"),
                what,
            )
        )


if __name__ == "__main__":
    main()
