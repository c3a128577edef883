"""The bands a metric is judged by, and how sure a judgement has to be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Policy:
    """What is judged, and with which error rates."""

    bands: Mapping[str, Band]
    false_alarm: float = 0.01  # of a whole rollout: a good canary is aborted
    miss: float = 0.05  # of one metric at one step: a bad canary is let on
    promote_on_warning: bool = False
    looks: int = 1  # steps times metrics that share false_alarm; see `shared_by`

    @property
    def alpha(self) -> float:
        """The false-alarm probability of one metric at one step (Bonferroni)."""
        return self.false_alarm / self.looks

    def shared_by(self, steps: int) -> Policy:
        """Return this policy with its false alarms divided among *steps* and all metrics."""
        tested = sum(name not in GAUGES for name in self.bands) + 1  # and the split
        return Policy(
            self.bands, self.false_alarm, self.miss, self.promote_on_warning, steps * tested
        )


def is_metric(name: str) -> bool:
    """Whether *name* is one that bands can be given for."""
    return name == ERROR_RATE or name in GAUGES or LATENCY.fullmatch(name) is not None
