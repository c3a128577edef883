"""Lets the fixtures of a worker ask the process that drives: a socket on this machine."""

from __future__ import annotations

import contextlib
import pickle
import secrets
import socket
import tempfile
import threading
from collections.abc import Mapping
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from canarytest.core.errors import CanaryError
from canarytest.core.finding import Finding
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
        self._is_closed = False
        threading.Thread(target=self._accept, name="canarytest-service", daemon=True).start()

    @property
    def address(self) -> list[str]:
        """What a worker needs to ask, as plain strings."""
        return [str(self._listener.address), self._key.hex()]

    def close(self) -> None:
        """Answer nobody any more."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as knock:
            knock.connect(str(self._listener.address))  # closing alone wakes no one who accepts
        self._listener.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        while not self._is_closed:
            # A worker may die while it says who it is: that must not end the answers to others.
            with contextlib.suppress(OSError, EOFError, AuthenticationError):
                connection = self._listener.accept()
                threading.Thread(
                    target=self._answer, args=[connection], name="canarytest-answer", daemon=True
                ).start()

    def _answer(self, connection: Connection[Any, Any]) -> None:
        with contextlib.suppress(EOFError, OSError), connection:  # the worker is gone
            while True:
                question, arguments = connection.recv()
                connection.send(_portable(*self._ask(question, arguments)))

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
            try:
                if self._connection is None:
                    self._connection = Client(self._address, authkey=self._key)
                self._connection.send((question, arguments))
                is_answer, answer = self._connection.recv()
            except (EOFError, OSError) as error:
                self._hang_up()
                raise CanaryError(
                    f"the process that drives the rollout does not answer ({question}): "
                    f"{type(error).__name__}"
                ) from error
            except BaseException:  # a timeout, an interrupt: the answer may yet come, to nobody
                self._hang_up()
                raise
        if not is_answer:
            raise answer
        return answer

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _portable(is_answer: bool, answer: Any) -> tuple[bool, Any]:  # noqa: FBT001  of `_ask`
    """Return what can be sent: an exception that cannot be pickled is told in words."""
    try:
        pickle.loads(pickle.dumps(answer))  # noqa: S301  our own
    except Exception:  # noqa: BLE001  whatever it is, the worker waits for an answer
        return False, CanaryError(f"{type(answer).__name__}: {answer}")
    return is_answer, answer
