"""The record of a run: one event a line, written as it happens, and told on to the reporters."""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from canarytest.core.errors import CanaryError
from canarytest.core.events import Event, as_json, from_json
from canarytest.core.redaction import Redactor

encoded = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "), default=str).encode

Reporter = Callable[[Event], None]

PATIENCE_S = 0.5  # how long who emits waits for the reporters: a terminal may be stopped by Ctrl-S


class EventLog:
    """
    Writes each event that it is called with to *path*, then tells the subscribers.

    Here events leave the run, so here secrets are taken out of them: neither the file nor a
    reporter is given one.

    Callable from any thread. Once it is constructed nothing is raised into the caller: neither a
    full disk nor a reporter may keep an abort from going out.
    """

    def __init__(self, path: Path, redactor: Redactor = Redactor()) -> None:  # noqa: B008  frozen
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._redactor = redactor
        self.trouble: str | None = None  # the first reason why an event could not be written
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._file).st_size
        self._lock = threading.RLock()  # a signal's handler may emit while its own thread does
        self._tellers: list[_Teller] = []
        self._is_closed = False

    def __call__(self, event: Event) -> None:
        """Write *event*, and tell the subscribers; those that are slow are not waited for."""
        event, line = self._clean(event)  # before the lock: an abort has to be told meanwhile
        with self._lock:
            self._write(event, line)
            tellers = [teller for teller in self._tellers if teller.wants(event)]
            for teller in tellers:
                teller.put(event)
        for teller in tellers:
            teller.wait(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    @property
    def reporter_troubles(self) -> tuple[str, ...]:
        """What the reporters raised, the first of each."""
        return tuple(teller.trouble for teller in self._tellers if teller.trouble)

    def subscribe(self, reporter: Reporter, *, but: tuple[type[Event], ...] = ()) -> None:
        """
        Tell *reporter* of every event from now on, in order, after it was written.

        Nothing of the kinds in *but*: telling costs a change of threads, tests are many.
        """
        with self._lock:
            self._tellers.append(_Teller(reporter, but))

    def close(self, *, within_s: float = 5.0) -> None:
        """Wait until the reporters were told, at most *within_s*, and close the file."""
        for teller in self._tellers:
            teller.stop(within_s)
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._file)

    def _clean(self, event: Event) -> tuple[Event, str]:
        """Return *event* without secrets, and its line; no line where it cannot be told in JSON."""
        try:
            line = encoded(as_json(event))
            if not self._redactor.suspects(line):  # as with most: to go through all takes longer
                return event, line
            event = self._redactor.data(event)
            return event, encoded(as_json(event))
        except Exception as error:  # noqa: BLE001  whatever it is, the caller has a rollout to end
            self._remember(error)
            return self._redactor.data(event), ""

    def _write(self, event: Event, line: str) -> None:
        try:
            if self._is_closed:
                raise ValueError(f"{type(event).__name__} came after the log was closed")  # noqa: TRY301  one place where trouble is kept
            if line:
                # What is no Unicode (captured output may be anything) becomes JSON's escape of it.
                self._append(f"{line}\n".encode("utf-8", "backslashreplace"))
        except Exception as error:  # noqa: BLE001  as above
            self._remember(error)

    def _remember(self, error: Exception) -> None:
        said = self._redactor.text(f"{self.path.name}: {type(error).__name__}: {error}")
        self.trouble = self.trouble or said

    def _append(self, line: bytes) -> None:
        written = os.write(self._file, line)
        if written < len(line):  # the disk is full: half a line would spoil the next one as well
            os.ftruncate(self._file, self._size)
            raise OSError(f"only {written} of {len(line)} bytes could be written")
        self._size += written


class _Teller:
    """Tells one reporter, in a thread of its own."""

    def __init__(self, reporter: Reporter, but: tuple[type[Event], ...]) -> None:
        self.trouble = ""
        self._reporter = reporter
        self._but = but
        self._waiting: deque[Event] = deque()
        self._is_busy = self._is_late = self._is_stopped = False
        self._changed = threading.Condition(threading.RLock())
        self._thread = threading.Thread(target=self._run, name="canarytest-reporter", daemon=True)
        self._thread.start()

    def wants(self, event: Event) -> bool:
        return not isinstance(event, self._but)

    def put(self, event: Event) -> None:
        with self._changed:
            if not self._is_stopped:
                self._waiting.append(event)
                self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait until everything was told; not at all while the reporter is known to hang."""
        if threading.current_thread() is self._thread:
            return
        with self._changed:
            if not self._is_late:
                self._is_late = not self._changed.wait_for(self._is_idle, seconds)

    def stop(self, seconds: float) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(seconds)

    def _is_idle(self) -> bool:
        return not self._waiting and not self._is_busy

    def _run(self) -> None:
        while (event := self._next()) is not None:
            try:
                self._reporter(event)
            except Exception as error:  # noqa: BLE001  a report is never worth a rollout
                told = f"{type(event).__name__}: {type(error).__name__}: {error}"
                self.trouble = self.trouble or f"{_name(self._reporter)} at {told}"
            with self._changed:
                self._is_busy = False
                self._is_late = self._is_late and bool(self._waiting)
                self._changed.notify_all()

    def _next(self) -> Event | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_stopped)
            if not self._waiting:
                return None
            self._is_busy = True
            return self._waiting.popleft()


def read(path: Path) -> Iterator[Event]:
    """
    Yield the events of the log at *path*.

    A last line that was cut off, as kill -9 leaves it, is skipped. Raises CanaryError, naming the
    line, when any other is no event.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise CanaryError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    with file:
        for number, line in enumerate(file, 1):
            try:
                event = from_json(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                if not line.endswith(b"\n"):
                    return
                raise CanaryError(
                    f"{path}:{number} is no event ({error}); expected one JSON object a line, "
                    f'e.g. {{"time": "2026-01-12T09:12:03.412Z", "event": "StepOpened", …}}'
                ) from error
            yield event


def _name(reporter: Reporter) -> str:
    return getattr(reporter, "__qualname__", type(reporter).__qualname__)
