"""
Runs Locust with an ear at its requests: ``python -P -m canarytest.signals.locust_listener -f …``.

It takes Locust's own arguments and is its process. Going before Locust, instead of beside the
locustfile in ``-f``, makes it independent of how Locust reads several files, or files of pytest
functions; the locustfile stays as it is. Only `main` imports Locust, for that patches the
interpreter.

Once a second it writes a `LoadSecond` as a line of JSON into a named pipe. The first line says
``{"started": TIME}``. Nobody is ever waited for: while the reader does not read, the counts grow
on, and the next line tells more than a second. When the reader is gone, Locust ends.
"""

from __future__ import annotations

import atexit
import functools
import json
import math
import os
import signal
import sys
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from canarytest.core.measure import EndpointTally, LoadSecond, Tally
from canarytest.core.reach import Version
from canarytest.core.sketch import FLOOR_MS, LOG_GAMMA, Sketch

VARIABLE = "CANARYTEST_LOAD"
WAKE_S = 0.05  # how often the lateness of the event loop is looked at
LAST_LINE_S = 1.0  # how long the end waits for a reader that does not read

_Key = tuple[str | None, str, str]  # version, method, name
_Counted = tuple[str | None, str, str, int]  # and the bucket of the latency
_SINCE = "canarytest_since"  # of a session: when its request began; 0 if none is under way
_UNTIMED = sys.maxsize  # no bucket: requests that were reported without a time


@dataclass(frozen=True, slots=True)
class Orders:
    """What this process is told by the one that started it."""

    pipe: str
    header: str | None  # of a response, whose value tells the version; None: `target` made it
    versions: Mapping[str, str]  # value of the header -> version
    target: str | None  # the version that all requests go to
    headers: Mapping[str, str]  # that each request needs
    stop_timeout_s: float  # for requests in flight; Locust's own option takes whole seconds only

    def as_env(self) -> dict[str, str]:
        """Return the environment variable that carries this."""
        return {VARIABLE: json.dumps(asdict(self))}


class Counter:
    """Counts requests by version and endpoint."""

    def __init__(self, version_of: Callable[[Any], str | None]) -> None:
        self._counts: dict[_Counted, int] = {}
        self._failures: dict[_Key, int] = {}
        self.on_request = _counting(self._counts, self._failures, version_of)

    def cut(self) -> tuple[EndpointTally, ...]:
        """Return what was counted since the last cut."""
        counts, failures = self._counts.copy(), self._failures.copy()
        self._counts.clear()
        self._failures.clear()
        latencies: dict[_Key, dict[int, int]] = {}
        for (version, method, name, bucket), count in counts.items():
            latencies.setdefault((version, method, name), {})[bucket] = count
        return tuple(_entry(key, of, failures.get(key, 0)) for key, of in latencies.items())


def _entry(key: _Key, latencies: dict[int, int], failures: int) -> EndpointTally:
    version, method, name = key
    requests = sum(latencies.values())
    latencies.pop(_UNTIMED, None)
    return EndpointTally(
        Version(version) if version else None,
        f"{method} {name}",
        Tally(requests, failures, Sketch(latencies)),
    )


def _counting(
    counts: dict[_Counted, int],
    failures: dict[_Key, int],
    version_of: Callable[[Any], str | None],
) -> Callable[..., None]:
    log, ceil = math.log, math.ceil

    # Less than a microsecond beside the 80 that FastHttpUser takes: hence no call of `bucket_of`,
    # one dictionary, no question where an exception says it, as it does once in a second, and all
    # that Locust gives by name: what is left for **_ is put into a dictionary each time.
    def on_request(
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: object = None,  # noqa: ARG001  see above
        response: object = None,
        context: object = None,  # noqa: ARG001
        exception: object = None,
        start_time: object = None,  # noqa: ARG001
        url: object = None,  # noqa: ARG001
        **_: object,
    ) -> None:
        version = version_of(response)
        if response_time is None:
            bucket = _UNTIMED
        else:
            timed = response_time if response_time > FLOOR_MS else FLOOR_MS  # noqa: FURB136  see above
            bucket = ceil(log(timed) / LOG_GAMMA)
        counted = (version, request_type, name, bucket)
        try:
            counts[counted] += 1
        except KeyError:
            counts[counted] = 1
        if exception:
            key = (version, request_type, name)
            failures[key] = failures.get(key, 0) + 1

    return on_request


def by_header(header: str, versions: Mapping[str, str]) -> Callable[[Any], str | None]:
    """Return the question which version made a response that says so itself."""

    def version_of(response: Any) -> str | None:
        try:
            return versions[response.headers[header]]
        except (KeyError, AttributeError, TypeError):  # nobody known answered, or it is not HTTP
            return None

    return version_of


def by_target(version: str | None) -> Callable[[Any], str | None]:
    """Return the question whether *version*, the only one asked, answered at all."""

    def version_of(response: Any) -> str | None:
        return version if getattr(response, "headers", True) else None

    return version_of


def add_headers(sessions: Iterable[Any], headers: Mapping[str, str]) -> None:
    """Make the classes *sessions* send *headers* with each request, whatever a user sets."""
    for session in sessions:
        session.request = _with_headers(session.request, headers)


def _with_headers(request: Callable[..., Any], headers: Mapping[str, str]) -> Callable[..., Any]:
    @functools.wraps(request)
    def wrapped(self: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["headers"] = {**(kwargs.get("headers") or {}), **headers}
        return request(self, method, url, *args, **kwargs)

    return wrapped


class Pending:
    """
    Knows the requests that are under way: one for each session, as a user has one at a time.

    Of several in greenlets of a task's own, the last one begun is known.
    """

    def __init__(self) -> None:
        self._sessions: weakref.WeakSet[Any] = weakref.WeakSet()

    def watch(self, sessions: Iterable[Any]) -> None:
        """Have the classes *sessions* note when each request began."""
        for session in sessions:
            session.__init__ = self._remembered(session.__init__)
            session.request = _stamped(session.request)

    def ages(self) -> Sketch:
        """Return how long each has been under way."""
        now = time.monotonic()
        begun = (getattr(session, _SINCE, 0.0) for session in tuple(self._sessions))
        return Sketch.of((now - since) * 1000 for since in begun if since)

    def _remembered(self, init: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(init)
        def wrapped(session: Any, *args: Any, **kwargs: Any) -> None:
            self._sessions.add(session)
            init(session, *args, **kwargs)

        return wrapped


def _stamped(request: Callable[..., Any]) -> Callable[..., Any]:
    now = time.monotonic

    # The usual arguments by name: a tenth of what it costs to hand all of them on unseen.
    @functools.wraps(request)
    def wrapped(
        self: Any, method: Any, url: Any, name: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        self.canarytest_since = now()
        try:
            if args or kwargs:
                return request(self, method, url, name, *args, **kwargs)
            return request(self, method, url, name)
        finally:
            self.canarytest_since = 0.0

    return wrapped


class Reporter:
    """Writes a line for each second, from greenlets of its own."""

    def __init__(self, runner: Any, counter: Counter, pending: Pending | None, pipe: int) -> None:
        import gevent.event  # noqa: PLC0415  see above

        self._runner = runner
        self._counter = counter
        self._pending = pending
        self._pipe = pipe
        self._lag_s = 0.0
        self._wall, self._cpu = time.monotonic(), time.process_time()
        self._quit = gevent.event.Event()
        self._lateness = gevent.spawn(self._watch_lateness)
        self._reports = gevent.spawn(self._report_each_second)

    def end(self) -> None:
        """Write what was counted since the last line; safe to call twice."""
        self._quit.set()
        self._reports.join(LAST_LINE_S)

    def _report_each_second(self) -> None:
        try:
            self._write({"started": time.time()})
            due = time.monotonic() + 1
            while not self._quit.wait(max(0.0, due - time.monotonic())):
                self._write(self._second().as_json())
                due = max(due + 1, time.monotonic())
            self._write(self._second().as_json())
        except BrokenPipeError:
            os.kill(os.getpid(), signal.SIGTERM)  # Locust's own way to end

    def _watch_lateness(self) -> None:
        while True:
            due = time.monotonic() + WAKE_S
            if self._quit.wait(WAKE_S):
                return
            self._lag_s = max(self._lag_s, time.monotonic() - due)

    def _second(self) -> LoadSecond:
        wall, cpu = time.monotonic(), time.process_time()
        share = (cpu - self._cpu) / max(wall - self._wall, 1e-3)
        lag_s, self._lag_s = self._lag_s, 0.0
        self._wall, self._cpu = wall, cpu
        users = self._runner.user_count
        tallies = self._counter.cut()
        ages = self._pending.ages() if self._pending else None
        return LoadSecond(time.time(), users, round(share, 3), round(lag_s, 4), tallies, ages)

    def _write(self, data: Mapping[str, Any]) -> None:
        from gevent.os import nb_write  # noqa: PLC0415  waits, but lets all others run

        left = memoryview(json.dumps(data, separators=(",", ":")).encode() + b"\n")
        while left:
            left = left[nb_write(self._pipe, left) :]


def listen(orders: Orders) -> None:
    """Hook *orders* into Locust's events."""
    import locust  # noqa: PLC0415
    from locust.clients import HttpSession  # noqa: PLC0415
    from locust.contrib.fasthttp import FastHttpSession  # noqa: PLC0415

    events: Any = locust.events
    pipe = os.open(orders.pipe, os.O_WRONLY | os.O_NONBLOCK)
    Path(orders.pipe).unlink()  # both ends are open
    sessions = (HttpSession, FastHttpSession)
    if orders.headers:
        add_headers(sessions, orders.headers)
    pending = Pending() if orders.target != Version.STABLE else None
    if pending:
        pending.watch(sessions)
    named = orders.header
    asks = by_header(named, orders.versions) if named else by_target(orders.target)
    counter = Counter(asks)
    events.request.add_listener(counter.on_request)

    def on_init(environment: Any, runner: Any, web_ui: Any, **_: object) -> None:
        refuse_what_cannot_be_counted(runner, web_ui)
        environment.parsed_options.run_time = None  # from a locust.conf: the step says how long
        environment.stop_timeout = orders.stop_timeout_s
        if environment.shape_class:
            end_in_order(runner)
        reporter = Reporter(runner, counter, pending, pipe)
        events.quit.add_listener(lambda **_: reporter.end())
        atexit.register(reporter.end)

    events.init.add_listener(on_init)
    events.quitting.add_listener(lambda **_: ignore_further_orders_to_end())


def refuse_what_cannot_be_counted(runner: Any, web_ui: Any) -> None:
    """Exit if a locust.conf or the like asks for more than one process, or waits for a browser."""
    from locust.runners import LocalRunner  # noqa: PLC0415

    if web_ui or not isinstance(runner, LocalRunner):
        sys.exit(
            "canarytest: the load runs headless, in one process; remove master, worker, processes "
            "and headful from locust.conf, pyproject.toml ([tool.locust]) or the environment"
        )


def end_in_order(runner: Any) -> None:
    """Let SIGTERM end a shape in order: Locust listens for it only when the shape is over."""
    import gevent  # noqa: PLC0415

    def end() -> None:
        ignore_further_orders_to_end()
        runner.quit()

    gevent.signal_handler(signal.SIGTERM, end)


def ignore_further_orders_to_end() -> None:
    """Keep a second SIGTERM from breaking off what the first began; SIGKILL bounds it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def main() -> None:
    """Run Locust with this process's arguments."""
    orders = Orders(**json.loads(os.environ.pop(VARIABLE)))
    import locust.main  # noqa: PLC0415  patches the interpreter

    listen(orders)
    run: Any = locust.main.main
    run()


if __name__ == "__main__":
    main()
