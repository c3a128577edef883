"""Whether the generator itself was the limit: then its latencies are its own, not the canary's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from canarytest.core.measure import LoadSecond
from canarytest.signals.load import LoadSpec

RECENT = 3  # seconds that are looked at; one of them may be bad
BUSY = 0.9  # of a core: Locust warns from there on
LATE_S = 0.5
HELD = 0.9  # of the rate that was asked for


def saturation(seconds: Sequence[LoadSecond], spec: LoadSpec) -> str | None:
    """
    Return why the load cannot be trusted, by its last seconds; None if it can.

    To be asked at each new second: what was so once may be over in the next.
    """
    seconds = _before_the_end(seconds)
    return _busy(seconds) or _late(seconds) or _slow(seconds, spec)


def _busy(seconds: Sequence[LoadSecond]) -> str | None:
    busy = [second.cpu for second in seconds[-RECENT:] if second.cpu >= BUSY]
    if len(busy) < RECENT - 1:
        return None
    return (
        f"the load generator is at its limit: {_list(f'{cpu:.0%}' for cpu in busy)} of a core in "
        f"{len(busy)} of the last {RECENT} seconds (limit {BUSY:.0%}); use FastHttpUser or "
        "fewer users"
    )


def _late(seconds: Sequence[LoadSecond]) -> str | None:
    late = [second.lag_s for second in seconds[-RECENT:] if second.lag_s >= LATE_S]
    if len(late) < RECENT - 1:
        return None
    return (
        f"the load generator is late: its event loop by {_list(f'{lag:.2f} s' for lag in late)} in "
        f"{len(late)} of the last {RECENT} seconds (limit {LATE_S:g} s), so are its latencies"
    )


def _slow(seconds: Sequence[LoadSecond], spec: LoadSpec) -> str | None:
    if spec.rate is None:
        return None
    rates = _rates_after_ramp_up(seconds, spec)[-RECENT:]
    if len(rates) < RECENT or max(rates) >= HELD * spec.rate:
        return None
    return (
        f"the load generator does not hold its rate: {_list(f'{rate:.0f}' for rate in rates)} "
        f"requests/s in the last {RECENT} seconds, expected {spec.rate:g} (at least {HELD:.0%})"
    )


def _rates_after_ramp_up(seconds: Sequence[LoadSecond], spec: LoadSpec) -> list[float]:
    """Return requests per second, of each second that began when all users were to be there."""
    if not seconds:
        return []
    ramped_up = seconds[0].at + spec.users / spec.spawn_rate
    return [
        sum(entry.tally.requests for entry in second.tallies) / (second.at - before.at)
        for before, second in pairwise(seconds)
        if before.at >= ramped_up and second.at > before.at
    ]


def _before_the_end(seconds: Sequence[LoadSecond]) -> Sequence[LoadSecond]:
    """Return *seconds* without those in which a generator that was stopped let its users go."""
    if not seconds or seconds[-1].users:
        return seconds
    last = len(seconds) - 1
    while last and seconds[last - 1].users < max(second.users for second in seconds):
        last -= 1
    return seconds[:last]


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)
