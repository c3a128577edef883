"""The proof that the traffic is back: made of responses, not of status fields."""

from __future__ import annotations

from dataclasses import dataclass

from canarytest.core.reach import Version
from canarytest.core.sequential import upper_bound_of_none


@dataclass(frozen=True, slots=True)
class ProbeSample:
    """One request at the edge, on a connection of its own."""

    at: float  # when it was answered or given up, by the clock's `now`
    version: Version | None  # who answered; None: nobody, or nobody known
    is_ok: bool  # answered by a known version, with a status below 500
    latency_ms: float
    error: str = ""  # what went wrong, if it is not ok


@dataclass(frozen=True, slots=True)
class Terms:
    """What a proof takes."""

    window_s: float = 10.0  # without a canary response and without an error
    responses: int = 600  # in that window
    within_s: float = 60.0  # from the order on; later it is not proven
    hold_s: float = 45.0  # at most, while what was sent back is still up and could answer again


class Proof:
    """
    Collects the responses after an abort until they prove that it worked.

    Every canary response and every error begins the window anew. While it is held only a canary
    response does, and then it has to be complete in time once more. Times are the clock's `now`.
    """

    def __init__(self, terms: Terms, decided: float) -> None:
        self.terms = terms
        self.decided = decided
        self.probes = self.responses = self.errors = self.restarts = 0
        self.last_canary: float | None = None
        self.last_error = ""
        self._taken = decided  # when the order was
        self._begun: float | None = None  # of the window
        self._until = decided  # the last response
        self.is_held = False

    def see(self, sample: ProbeSample) -> None:
        """Take one more sample, in the order in which they were answered."""
        if sample.at < self.decided:
            return
        self._until = sample.at
        self.probes += 1
        self.errors += not sample.is_ok
        if sample.version is Version.CANARY:
            self.last_canary = sample.at
        if not sample.is_ok:
            self.last_error = sample.error
        if sample.is_ok and sample.version is Version.STABLE:
            self._begun = sample.at if self._begun is None else self._begun
            self.responses += 1
        elif not self.is_held:
            self._begin_anew()
        elif sample.version is Version.CANARY:
            self.is_held, self._taken = False, sample.at
            self._begin_anew()

    def _begin_anew(self) -> None:
        self.restarts += self._begun is not None
        self._begun, self.responses = None, 0

    def restart(self) -> None:
        """Begin the window anew: the platform is not back yet, or took the order only now."""
        self._begun, self.responses = None, 0

    def hold(self) -> None:
        """From now on only a response of the canary ends what is proven: then it begins anew."""
        self.is_held = True

    def taken(self, now: float) -> None:
        """Note that the order to go back was taken: what was seen before proves nothing."""
        self._taken = now
        self.restart()

    def is_complete(self, now: float) -> bool:
        """Whether the window is long enough, up to its last response, and has enough of them."""
        return (
            self._begun is not None
            and min(now, self._until) - self._begun >= self.terms.window_s
            and self.responses >= self.terms.responses
        )

    def is_late(self, now: float) -> bool:
        """Whether the time that a proof may take is over, counted from the order."""
        return now - self._taken > self.terms.within_s

    @property
    def bound(self) -> float:
        """The share of canary responses that the window excludes, with 95 % confidence."""
        return upper_bound_of_none(self.responses)

    @property
    def seconds_to_last_canary(self) -> float | None:
        """From the decision to the canary's last response; None when there was none."""
        return None if self.last_canary is None else self.last_canary - self.decided

    @property
    def sentence(self) -> str:
        """The proof in words."""
        last = self.seconds_to_last_canary
        ended = (
            "no response of the canary since the decision"
            if last is None
            else f"its last response came {last:.2f} s after the decision"
        )
        return (
            f"0 of {self.responses} responses from the canary in {self.terms.window_s:g} s: "
            f"below {self.bound:.2%} with 95 % confidence; {ended}; {self.errors} errors"
        )

    @property
    def complaint(self) -> str:
        """What is missing, in words."""
        last = self.seconds_to_last_canary
        seen = f"{self.responses} of {self.terms.responses} clean responses of the stable version"
        parts = [f"not proven within {self.terms.within_s:g} s: {seen} in a row"]
        if last is not None:
            parts.append(f"the canary's last response came {last:.2f} s after the decision")
        if self.errors:
            parts.append(f"{self.errors} errors at the edge, the last one: {self.last_error}")
        if not self.probes:
            parts.append("the edge was never asked")
        return "; ".join(parts)
