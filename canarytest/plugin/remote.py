"""Lets the fixtures of a worker ask the process that drives: a socket on this machine."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import threading
from collections.abc import Mapping
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from canarytest.core.judge import Finding
from canarytest.core.ports import Facts
from canarytest.core.split import SplitVerdict
from canarytest.plugin.service import LoadView, Service

_QUESTIONS = frozenset({"facts", "check_load", "load", "split"})


class ServiceServer:
    """Answers workers with what *service* says; each worker has a thread here."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._key = secrets.token_bytes(16)
        self._folder = tempfile.TemporaryDirectory(prefix="canarytest-")  # short: socket names are
        self._listener = Listener(str(Path(self._folder.name) / "s"), authkey=self._key)
        threading.Thread(target=self._accept, name="canarytest-service", daemon=True).start()

    @property
    def address(self) -> list[str]:
        """What a worker needs to ask, as plain strings."""
        return [str(self._listener.address), self._key.hex()]

    def close(self) -> None:
        """Answer nobody any more."""
        self._listener.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection = self._listener.accept()
                threading.Thread(
                    target=self._answer, args=[connection], name="canarytest-answer", daemon=True
                ).start()

    def _answer(self, connection: Connection[Any, Any]) -> None:
        with contextlib.suppress(EOFError, OSError), connection:  # the worker is gone
            while True:
                question, arguments = connection.recv()
                connection.send(self._ask(question, arguments))

    def _ask(self, question: str, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        if question not in _QUESTIONS:
            return False, ValueError(question)
        try:
            return True, getattr(self._service, question)(*arguments)
        except Exception as error:  # noqa: BLE001  it is the asking test's to raise
            return False, error


class RemoteService:
    """`Service`, for a worker. One question at a time: a worker runs one test at a time."""

    def __init__(self, address: list[str]) -> None:
        path, key = address
        self._address = path
        self._key = bytes.fromhex(key)
        self._lock = threading.Lock()
        self._connection: Connection[Any, Any] | None = None

    def facts(self) -> Facts:
        """Return what the rollout is, and how its versions are reached."""
        facts: Facts = self._ask("facts")
        return facts

    def check_load(self, key: str, bounds: Mapping[str, float]) -> tuple[Finding, ...]:
        """Wait until the load *key* is decided against *bounds*."""
        findings: tuple[Finding, ...] = self._ask("check_load", key, dict(bounds))
        return findings

    def load(self, key: str) -> LoadView:
        """Wait for the first requests of the load *key*, and return it so far."""
        view: LoadView = self._ask("load", key)
        return view

    def split(self) -> SplitVerdict:
        """Observe the edge of the open step, once for all workers."""
        verdict: SplitVerdict = self._ask("split")
        return verdict

    def _ask(self, question: str, *arguments: Any) -> Any:
        with self._lock:
            if self._connection is None:
                self._connection = Client(self._address, authkey=self._key)
            self._connection.send((question, arguments))
            is_answer, answer = self._connection.recv()
        if not is_answer:
            raise answer
        return answer
