"""The bands a metric is judged by, and how sure a judgement has to be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

ERROR_RATE = "error_rate"
GAUGES = ("cpu", "memory")
LATENCY = re.compile(r"latency_p(?!00)(\d\d)_ms")


@dataclass(frozen=True, slots=True)
class Band:
    """Below *warning* is normal, from *roll_back* on the canary is bad."""

    warning: float
    roll_back: float


DEFAULT_BANDS: Mapping[str, Band] = {
    ERROR_RATE: Band(0.01, 0.05),
    "latency_p95_ms": Band(500, 1000),
    "cpu": Band(0.70, 0.90),
    "memory": Band(0.80, 0.95),
}


class Test(StrEnum):
    """What may raise a false alarm at a step; each has a part of the rollout's."""

    __test__ = False

    SPLIT = "split"
    BAND = "band"  # of each metric
    STABLE = "against stable"  # of each metric
    ENDPOINT = "endpoint"  # all endpoints together, by the band
    ENDPOINT_STABLE = "endpoint against stable"
    UNANSWERED = "unanswered"


# Parts of the false alarms of a step. The split has the most: its responses are ours to ask for
# one by one, so that what is saved there is seen at once.
PARTS: Mapping[Test, float] = {
    Test.SPLIT: 4,
    Test.BAND: 3,
    Test.STABLE: 2,
    Test.ENDPOINT: 1,
    Test.ENDPOINT_STABLE: 1,
    Test.UNANSWERED: 1,
}


class AgainstStable(StrEnum):
    """When a canary that is worse than the stable version is bad."""

    WARNING = "warning"  # unless it is below the warning bound: the bands stay the contract
    ALWAYS = "always"
    NEVER = "never"  # the comparison is shown


@dataclass(frozen=True, slots=True)
class Policy:
    """What is judged, and with which error rates."""

    bands: Mapping[str, Band]
    false_alarm: float = 0.01  # of a whole rollout: a good canary is aborted
    miss: float = 0.05  # of one metric at one step: a bad canary is let on
    promote_on_warning: bool = False
    against_stable: AgainstStable = AgainstStable.WARNING
    worse_error_rate: float = 0.005  # a difference of shares that is not worse
    worse_latency: float = 0.05  # a part of stable's latency by which more is not worse
    steps: int = 1  # that share false_alarm; see `shared_by`

    @property
    def requests(self) -> Mapping[str, Band]:
        """The bands of what is made of requests, each of which is tested."""
        return {name: band for name, band in self.bands.items() if name not in GAUGES}

    def alpha(self, test: Test) -> float:
        """
        Return the false-alarm probability of one *test* at one step.

        The rollout's is divided by Bonferroni's inequality: equally among the steps, within one by
        `PARTS`, with a part for each metric where there is a test of each.
        """
        of_each = (Test.BAND, Test.STABLE)
        whole = sum(
            part * (len(self.requests) if kind in of_each else 1) for kind, part in PARTS.items()
        )
        return self.false_alarm / self.steps * PARTS[test] / whole

    def shared_by(self, steps: int) -> Policy:
        """Return this policy with its false alarms divided among *steps*."""
        return replace(self, steps=steps)


def is_metric(name: str) -> bool:
    """Whether *name* is one that bands can be given for."""
    return name == ERROR_RATE or name in GAUGES or LATENCY.fullmatch(name) is not None
