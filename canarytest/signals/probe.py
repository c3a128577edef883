"""Asks the edge as a user would: at a low rate, each time on a connection of its own."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from canarytest.core.proof import ProbeSample
from canarytest.core.reach import Endpoint, Identity, Version

BAD_STATUS = 500
TIMEOUT_S = 2.0
_CHUNK, _MOST_BYTES = 1 << 16, 1 << 22
_SPREAD = 0.5  # of a pause, to either side
LANES = 4  # requests that may be under way at once, so that one that hangs does not blind us


def ask(
    endpoint: Endpoint, identity: Identity, path: str, *, timeout_s: float = TIMEOUT_S
) -> ProbeSample:
    """Ask for *path* once, on a new connection, and say who answered and how."""
    began = time.monotonic()
    version: Version | None = None
    try:
        status, value = _request(endpoint, identity, path, timeout_s)
    except (OSError, http.client.HTTPException, ValueError) as error:
        trouble = f"{type(error).__name__}: {error}".rstrip(": ")
    else:
        version = identity.version_of(value)
        trouble = ""
        if status >= BAD_STATUS:
            trouble = f"status {status}"
        elif version is None:
            trouble = f"answered by neither version: {value!r}, status {status}"
    ended = time.monotonic()
    return ProbeSample(ended, version, not trouble, (ended - began) * 1000, trouble)


class Probe:
    """
    Asks the edge *rate* times a second until it is stopped, and hands on what it saw.

    *identity* is asked before each request: what the canary calls itself may be known only once it
    runs. *deliver* is called from the probe's threads, one call at a time.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        identity: Callable[[], Identity],
        *,
        path: str,
        rate: float,
        deliver: Callable[[Sequence[ProbeSample]], None],
    ) -> None:
        self._endpoint = endpoint
        self._identity = identity
        self._path = path
        self._rate = rate
        self._deliver = deliver
        self._delivering = threading.Lock()
        self._due = time.monotonic()
        self._changed = threading.Condition()
        self._is_stopped = False
        self._lanes = [
            threading.Thread(target=self._run, name=f"canarytest-probe-{i}", daemon=True)
            for i in range(LANES)
        ]

    def start(self) -> None:
        """Begin to ask."""
        for lane in self._lanes:
            lane.start()

    def hurry(self, rate: float) -> None:
        """Ask *rate* times a second from now on."""
        with self._changed:
            self._rate = rate
            self._due = time.monotonic()
            self._changed.notify_all()

    def stop(self) -> None:
        """Ask no more; returns when the last answer is handed on. Safe to call twice."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        for lane in self._lanes:
            if lane.is_alive():
                lane.join(TIMEOUT_S + 1)

    def _run(self) -> None:
        while self._wait_for_turn():
            sample = ask(self._endpoint, self._identity(), self._path)
            with self._delivering:
                self._deliver([sample])

    def _wait_for_turn(self) -> bool:
        with self._changed:
            while not self._is_stopped:
                now = time.monotonic()
                if now >= self._due:
                    # After a time in which every lane hung, the missed turns are not made up for.
                    self._due = max(self._due + pause(self._rate), now - 1 / self._rate)
                    return True
                self._changed.wait(self._due - now)
            return False


def pause(rate: float) -> float:
    """
    Return the seconds to the next turn, 1 / *rate* on average.

    Never the same twice: a router that takes turns (Traefik's) between versions, under a load as
    steady as a clock, would meet a steady probe at the same turn again and again, and the share
    observed would be neither the one that was set nor anybody else's.
    """
    return random.uniform(1 - _SPREAD, 1 + _SPREAD) / rate


def _request(
    endpoint: Endpoint, identity: Identity, path: str, timeout_s: float
) -> tuple[int, str | None]:
    url = urlsplit(endpoint.url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=timeout_s)
    try:
        headers = {"Connection": "close", **endpoint.headers}
        connection.request("GET", url.path.rstrip("/") + path, headers=headers)
        response = connection.getresponse()
        body = _read(response, time.monotonic() + timeout_s)
        return response.status, _value(response, body, identity)
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """Read the body; a socket's timeout is of each part, and some bodies never end."""
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if time.monotonic() > deadline or len(body) > _MOST_BYTES:
            raise TimeoutError(f"the answer does not end: {len(body)} bytes so far")
    if response.length:
        raise http.client.IncompleteRead(bytes(body), response.length)
    return bytes(body)


def _value(response: http.client.HTTPResponse, body: bytes, identity: Identity) -> str | None:
    if identity.header is not None:
        return response.getheader(identity.header)
    if response.status >= BAD_STATUS:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):  # a page of an error, or of somebody else
        return None
    for key in (identity.json or "").split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return None if found is None else str(found)
