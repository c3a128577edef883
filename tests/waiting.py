"""Waits for a descriptor, or the end of a process: for the event, never for a while."""

import os
import selectors

SOON_S = 60.0  # never reached, unless something is wrong


def readable(descriptor: int, within_s: float = SOON_S) -> bool:
    """Wait until *descriptor* can be read; unlike select() it may be above 1024."""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(within_s))


def has_ended(pid: int) -> bool:
    """Wait until *pid* has ended; collected or not, which is up to whoever inherited it."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return readable(descriptor)
    finally:
        os.close(descriptor)
