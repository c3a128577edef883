"""How much has to be seen at a step before it can be decided, and how long that takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from canarytest.core import sequential
from canarytest.core.bands import ERROR_RATE, Band, Policy, Test
from canarytest.core.betting import Bets
from canarytest.core.metric import named
from canarytest.core.plan import Step
from canarytest.core.series import quantile_of
from canarytest.core.split import Split, judge_split

MOST_RESPONSES = 5000  # where a share is so near to 0 or 1 that nobody waits for it


@dataclass(frozen=True, slots=True)
class Need:
    """What one step needs."""

    label: str
    requests: int  # of the canary, all good, until every metric is known to be so
    metric: str  # the one that takes that many
    responses: int  # at the edge, until a test of the split knows that it is as set
    catch: int  # of the canary, about, until one at its roll-back bound is found by its errors
    catch_s: int  # seconds that takes at least, however many requests they have
    rate: float | None  # requests of the canary a second, as configured; None: not known
    seconds: float | None  # until there are enough, at that rate
    within_s: float  # how long the step is looked at

    @property
    def is_out_of_reach(self) -> bool:
        """Whether the step cannot get what it needs, and is going to be inconclusive."""
        return self.seconds is not None and self.seconds > self.within_s

    def __str__(self) -> str:
        """Return it as a person is told."""
        if self.seconds is None:
            when = "how long that takes is not known, as the load has no rate"
        else:
            when = f"about {self.seconds:.0f} s at {self.rate:.3g}/s"
        if self.is_out_of_reach:
            when += f", but it is looked at for {self.within_s:.0f} s: it will be inconclusive"
        said = (
            f"{self.label}: a decision takes {self.requests} good requests of the canary "
            f"({named(self.metric)}): {when}"
        )
        if self.catch:
            said += (
                f"; a canary at its roll-back bound of errors is found after about {self.catch}, "
                f"and {self.catch_s} s at least"
            )
        return f"{said}; to test the split takes about {self.responses} responses at the edge"


def need_of(step: Step, policy: Policy, rate: float | None, look_longer_s: float) -> Need | None:
    """
    Return what *step* needs, with *rate* requests of the canary a second; None: nothing is counted.

    *policy* is the rollout's, its false alarms shared already.
    """
    if not policy.requests:
        return None
    needed = {name: _to_clear(name, band, policy) for name, band in policy.requests.items()}
    metric = max(needed, key=lambda name: needed[name])
    band = policy.bands.get(ERROR_RATE)
    return Need(
        label=step.label,
        requests=needed[metric],
        metric=metric,
        responses=_to_confirm(step.share, policy),
        catch=_to_catch(band, policy) if band else 0,
        catch_s=_seconds_to_catch(band, policy) if band else 0,
        rate=rate,
        seconds=needed[metric] / rate if rate else None,
        within_s=step.bake_s + look_longer_s,
    )


def _to_clear(metric: str, band: Band, policy: Policy) -> int:
    bound = band.roll_back if metric == ERROR_RATE else 1 - quantile_of(metric)
    return sequential.needed_to_clear(bound, policy.miss)


def _to_confirm(share: float, policy: Policy) -> int:
    """Return the responses after which a split that is exactly as set is known to be."""
    for total in range(10, MOST_RESPONSES, 10):
        split = Split(round(share * total), total, share)
        if judge_split(split, alpha=policy.alpha(Test.SPLIT), miss=policy.miss).matches:
            return total
    return MOST_RESPONSES


def _to_catch(band: Band, policy: Policy) -> int:
    """
    Return about how many requests refute "at most *warning*" where *roll_back* is the truth.

    Wald's approximation (Sequential Analysis, 1947, A.3): the log of 1/alpha over the relative
    entropy of the two shares; with the log of what the smallest part of the mixture costs.
    """
    bad, good = band.roll_back, band.warning
    if bad <= good or bad >= 1:
        return 0
    nats = bad * math.log(bad / good) + (1 - bad) * math.log((1 - bad) / (1 - good))
    return math.ceil(math.log(3 / policy.alpha(Test.BAND)) / nats)


def _seconds_to_catch(band: Band, policy: Policy) -> int:
    """Return how many seconds with the share *roll_back* refute "at most *warning*"."""
    limit, bets, seconds = math.log(1 / policy.alpha(Test.BAND)), Bets(), 0
    while bets.log_e < limit and seconds < MOST_RESPONSES:
        bets, seconds = bets.after(band.roll_back, band.warning), seconds + 1
    return seconds
