"""What a judge says: of one metric, a finding; of a step, a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Argo's four answers. Only `SUCCESSFUL` lets a rollout go on."""

    SUCCESSFUL = "successful"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class Zone(StrEnum):
    """Where a metric lies."""

    NORMAL = "normal"
    WARNING = "warning"
    ROLL_BACK = "roll back"
    TOO_LITTLE = "too little"  # more of it will decide
    UNDER_WAY = "under way"  # it ends by itself and is waited for, however long a step looks
    UNTRUSTED = "untrusted"  # more of it will not help
    SHOWN = "shown"  # for the report; does not decide


@dataclass(frozen=True, slots=True)
class Finding:
    """One metric of a step, as judged."""

    metric: str
    zone: Zone
    sentence: str
    n: int = 0  # observations
    needed: int = 0  # observations that a decision takes, when all are good
    estimate: float | None = None
    low: float | None = None  # interval of the estimate, where it is a share
    high: float | None = None
    warning: float | None = None
    roll_back: float | None = None
