"""Signals that end a run: the traffic goes back first, then pytest is unwound."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def told(tell: Callable[[str], None]) -> Iterator[None]:
    """
    Let *tell* hear of SIGINT, SIGTERM and SIGHUP first; then a KeyboardInterrupt unwinds pytest.

    Only the main thread may do so. In another one, signals are its caller's business.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        name = signal.Signals(number).name
        tell(name)
        raise KeyboardInterrupt(name)

    # One that is ignored, as nohup has it, stays so.
    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: it was not set from Python, and what it was cannot be known.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
