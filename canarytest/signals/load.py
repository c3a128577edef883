"""Load from a locustfile, in a child process beside the tests of a step."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from canarytest.config import Table
from canarytest.core.errors import ConfigError, PlatformError
from canarytest.core.measure import LoadSecond
from canarytest.core.reach import Endpoint, Identity, Version
from canarytest.processes import Kept
from canarytest.signals.locust_listener import Orders

CHECK_WITHIN_S = 30.0  # a locustfile may well import pandas
START_WITHIN_S = 30.0
HUNG_AFTER_S = 5.0  # without a line, of which there is one a second
_WAKE_S = 0.2
_LISTENER = "canarytest.signals.locust_listener"
_NOT_OURS = ("HEADFUL", "LOGFILE", "MODE_MASTER", "MODE_WORKER", "PROCESSES", "SKIP_LOG_SETUP")


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """A locustfile, and how hard it is to be run."""

    file: Path
    users: int
    spawn_rate: float  # users per second
    rate: float | None = None  # requests per second that the generator has to hold; None: any
    stop_timeout_s: float = 5.0  # for the requests in flight to end

    def __post_init__(self) -> None:
        """Raise ConfigError if this cannot be run."""
        if not self.file.is_file():
            raise ConfigError(f"load: {str(self.file)!r} does not exist; expected a locustfile")
        if self.users < 1:
            raise ConfigError(f"load: users={self.users!r}; expected 1 or more")
        for name in ("spawn_rate", "rate", "stop_timeout_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"load: {name}={value!r}; expected a number above 0")

    @classmethod
    def from_table(cls, table: Table, root: Path) -> LoadSpec:
        """Return the load that *table* configures; its file is relative to *root*."""
        file = root / table.take("file", str)
        users = table.take("users", int, 1)
        spawn_rate = table.take("spawn_rate", float, float(users))
        rate = table.take("rate", float, None)
        stop_timeout_s = table.take("stop_timeout_s", float, 5.0)
        table.finish()
        try:
            return cls(file, users, spawn_rate, rate, stop_timeout_s)
        except ConfigError as error:
            raise ConfigError(f"{table.where}: {error}") from None

    @classmethod
    def from_marker(
        cls, args: Sequence[Any], kwargs: Mapping[str, Any], *, root: Path, where: str
    ) -> LoadSpec:
        """Return the load of ``@pytest.mark.load(*args, **kwargs)`` on the test *where*."""
        if len(args) > 1:
            raise ConfigError(
                f"{where}: load{tuple(args)!r} has {len(args)} positional arguments; expected the "
                f'locustfile alone, e.g. load("load/visits.py", users=20, spawn_rate=20)'
            )
        return cls.from_table(
            Table({**dict(zip(("file",), args, strict=False)), **kwargs}, where), root
        )


class Ending(StrEnum):
    """How a generator ended. Only a load that was stopped was a whole one."""

    STOPPED = "stopped"  # by us
    ENDED = "ended"  # by itself
    CRASHED = "crashed"  # by a signal
    HUNG = "hung"  # it said nothing any more, and was killed
    NOT_STARTED = "not started"  # it ended before the first user


@dataclass(frozen=True, slots=True)
class LoadEnd:
    """The end of a generator."""

    how: Ending
    status: int  # as of subprocess: negative for a signal
    message: str  # one sentence, and the last lines of its log where they say more


class Load:
    """A generator that runs."""

    def __init__(
        self,
        spec: LoadSpec,
        kept: Kept,
        pipe: int,
        *,
        log: Callable[[], str],
        seconds: Path,
        on_second: Callable[[LoadSecond], None],
        on_end: Callable[[LoadEnd], None],
        hung_after_s: float,
    ) -> None:
        self.spec = spec
        self.pid = kept.pid
        self.end: LoadEnd | None = None  # None: it runs
        self._kept = kept
        self._pipe = pipe
        self._log = log
        self._seconds = seconds
        self._on_second = on_second
        self._on_end = on_end
        self._hung_after_s = hung_after_s
        self._stopped = False
        self._started = False
        self._reader = threading.Thread(target=self._follow, name=f"load-{kept.pid}", daemon=True)
        self._reader.start()

    @classmethod
    def start(
        cls,
        spec: LoadSpec,
        endpoint: Endpoint,
        identity: Identity,
        *,
        directory: Path,
        on_second: Callable[[LoadSecond], None],
        on_end: Callable[[LoadEnd], None],
        name: str | None = None,
        version: Version | None = None,
        hung_after_s: float = HUNG_AFTER_S,
    ) -> Load:
        """
        Start *spec* against *endpoint*; its log and its seconds go to *directory*.

        Where responses do not carry the version, *version* says who is asked at *endpoint*. Both
        callbacks are called from a thread of the load; *on_end* once, as the last. Returns before
        Locust has started: what keeps it from that, *on_end* is told.
        """
        stem = directory.resolve() / f"load-{name or spec.file.stem}"
        directory.mkdir(parents=True, exist_ok=True)
        log, fifo = stem.with_name(f"{stem.name}.log"), stem.with_name(f"{stem.name}.pipe")
        logged_before = log.stat().st_size if log.exists() else 0
        fifo.unlink(missing_ok=True)
        os.mkfifo(fifo, 0o600)
        pipe = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # before there is somebody who writes
        orders = Orders(
            pipe=str(fifo),
            header=identity.header,
            versions={identity.stable: Version.STABLE, identity.canary: Version.CANARY},
            target=version,
            headers=dict(endpoint.headers),
            # Less than is waited before it is killed: the last line has to come out.
            stop_timeout_s=0.8 * spec.stop_timeout_s,
        )
        try:
            kept = Kept.start(
                _command(spec, endpoint),
                log=log,
                env={**_environment(), **orders.as_env()},
                grace_s=spec.stop_timeout_s,
            )
        except OSError as error:
            os.close(pipe)
            raise PlatformError(f"load: Locust cannot be started: {error}") from error
        return cls(
            spec,
            kept,
            pipe,
            log=lambda: _text(log, logged_before),
            seconds=stem.with_name(f"{stem.name}.jsonl"),
            on_second=on_second,
            on_end=on_end,
            hung_after_s=hung_after_s,
        )

    def stop(self) -> None:
        """
        End the load, requests in flight first; return when it has ended and *on_end* knows.

        From any thread, any number of times. From a callback it only asks for the end.
        """
        self._stopped = True
        if threading.current_thread() is self._reader:
            self._kept.release()
        else:
            self._kept.stop()
            self._reader.join(self.spec.stop_timeout_s)

    def _follow(self) -> None:
        """Deliver the seconds until the generator has ended, then say how it did."""
        hung = False
        try:
            with self._seconds.open("ab") as file:
                for line in self._lines():
                    second = self._read(line)
                    if second:
                        file.write(line)
                        file.flush()
                        self._on_second(second)
        except TimeoutError:
            hung = True
        finally:
            self._kill()
            os.close(self._pipe)
        self.end = self._ending(hung=hung)
        self._on_end(self.end)

    def _read(self, line: bytes) -> LoadSecond | None:
        data = json.loads(line)
        if "started" in data:
            self._started = True
            return None
        return LoadSecond.from_json(data)

    def _lines(self) -> Iterator[bytes]:
        """Yield lines while somebody writes them; raise TimeoutError when nobody does any more."""
        rest = b""
        heard = time.monotonic()
        while True:
            running = self._kept.running  # asked first: what it wrote before is there to be read
            chunk = self._chunk()
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                heard = time.monotonic()
                yield line + b"\n"
            if not chunk and not running:
                return
            patience = self._hung_after_s if self._started else START_WITHIN_S
            if not self._stopped and time.monotonic() - heard > patience:
                raise TimeoutError

    def _chunk(self) -> bytes:
        with selectors.DefaultSelector() as ready:  # select() knows no more than 1024 files
            ready.register(self._pipe, selectors.EVENT_READ)
            if not ready.select(_WAKE_S):
                return b""
        chunk = os.read(self._pipe, 1 << 16)
        if not chunk:  # nobody has it open: not yet, or no more
            self._kept.wait(_WAKE_S)
        return chunk

    def _kill(self) -> None:
        """End at once what still runs: it hangs, or a callback raised."""
        if self._kept.running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._kept.pid, signal.SIGKILL)
        self._kept.stop()

    def _ending(self, *, hung: bool) -> LoadEnd:
        status = self._kept.exit_status or 0
        name = self.spec.file.name
        if self._stopped:
            text = f"the load of {name} was stopped"
            if status == -signal.SIGKILL:
                text += f", killed as it had not ended after {self.spec.stop_timeout_s:g} s"
            return LoadEnd(Ending.STOPPED, status, text)
        if hung:
            silent = self._hung_after_s if self._started else START_WITHIN_S
            text = f"the load of {name} hung: nothing was heard of it for {silent:g} s"
            return LoadEnd(Ending.HUNG, status, text)
        if status < 0:
            cause = signal.Signals(-status).name
            return LoadEnd(Ending.CRASHED, status, f"the load of {name} was ended by {cause}")
        how, verb, why = Ending.ENDED, "ended by itself", _tail(self._log())
        if not self._started:
            how, verb, why = Ending.NOT_STARTED, "did not start", _reason(self._log())
        return LoadEnd(how, status, f"the load of {name} {verb} (exit status {status}): {why}")


def check(spec: LoadSpec) -> None:
    """Raise ConfigError if Locust cannot import the locustfile, or finds no user in it."""
    argv = [sys.executable, "-P", "-m", "locust", "--list", "-f", str(spec.file.resolve())]
    try:
        answer = subprocess.run(
            argv,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHECK_WITHIN_S,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"load: {str(spec.file)!r} was not imported within {CHECK_WITHIN_S:g} s; "
            "move what it waits for into on_start or a test_start listener"
        ) from None
    if answer.returncode:
        raise ConfigError(
            f"load: Locust cannot import {str(spec.file)!r}: {_reason(answer.stderr)}; "
            f"try `locust --list -f {spec.file}`"
        )
    if not answer.stdout.rpartition("Available Users:")[2].strip():
        raise ConfigError(
            f"load: {str(spec.file)!r} has no User class; expected a subclass of "
            "locust.HttpUser or locust.FastHttpUser that is not abstract"
        )


def _command(spec: LoadSpec, endpoint: Endpoint) -> list[str]:
    locust = [sys.executable, "-P", "-m", _LISTENER, "--headless", "--only-summary"]
    locust += ["--exit-code-on-error", "0"]  # failed requests are counted; the status is for others
    locust += ["-f", str(spec.file.resolve()), "--host", endpoint.url.rstrip("/")]
    return [*locust, "--users", str(spec.users), "--spawn-rate", f"{spec.spawn_rate:g}"]


def _environment() -> dict[str, str]:
    """Return ours, without what would take the run out of our hands; tags and the like stay."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in {f"LOCUST_{option}" for option in _NOT_OURS}
    }


def _text(log: Path, start: int) -> str:
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")
    return ""


def _reason(text: str) -> str:
    """Return the end of the first traceback in *text*: what follows is of the interpreter's end."""
    _, _, traceback = text.partition("Traceback (most recent call last):\n")
    lines = traceback.splitlines(keepends=True)
    until = next((i for i, line in enumerate(lines) if not line.startswith(" ")), len(lines))
    return _tail("".join(lines[: until + 1]) or text)


def _tail(text: str, lines: int = 4) -> str:
    kept = [line.strip() for line in text.splitlines() if line.strip(" ^~")]
    return " | ".join(kept[-lines:])
