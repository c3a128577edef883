"""The loopback interface of this machine: its ports, and one request over it."""

from __future__ import annotations

import http.client
import random
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

HOST = "127.0.0.1"
_LONGEST_BODY = 1 << 20
# Below what systems give to outgoing connections (Linux from 32768, macOS from 49152): a load
# generator opens thousands of those, and one could take the port of a process being restarted.
_PORTS = range(20000, 32768)


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, or why there was none."""

    status: int | None  # None: nobody answered
    problem: str  # why nobody did; empty if somebody did
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def summary(self) -> str:
        """Return what happened in a few words."""
        return self.problem if self.status is None else f"HTTP {self.status}"


def get(
    port: int, path: str, *, timeout_s: float, headers: Mapping[str, str] | None = None
) -> Reply:
    """Return the reply to one GET; it never raises, and no proxy is asked."""
    give_up = time.monotonic() + timeout_s
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        body = b""
        # Each read has its own timeout, so a body that comes in drips needs one for the whole.
        while len(body) < _LONGEST_BODY and time.monotonic() < give_up:
            if not (chunk := response.read1()):
                break
            body += chunk
    except (OSError, http.client.HTTPException) as error:
        return Reply(None, str(error) or type(error).__name__, {}, b"")
    finally:
        connection.close()
    named = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, "", named, body)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    while not is_free(port := random.choice(_PORTS)):
        pass
    return port


def is_free(port: int) -> bool:
    """Return whether *port* can be listened on."""
    with socket.socket() as candidate:
        # As servers do: connections that linger after their server ended are in nobody's way.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Return who listens on *port*, as far as the system tells us."""
    try:
        for entry in psutil.net_connections("inet"):
            is_listening = entry.status == psutil.CONN_LISTEN and entry.laddr[1:2] == (port,)
            if is_listening and entry.pid:
                return f"{psutil.Process(entry.pid).name()} (pid {entry.pid})"
    except psutil.Error:
        pass
    return "another process"
