"""
Bets, one a second, against "the mean is at most so much": evidence that bears being looked at.

Who starts with 1 and bets a fixed stake on each second's share being above the bound owns, while
the bound holds, more than 1/alpha at any time with probability alpha at most (Ville's inequality),
whatever the shares' distribution. Source: Waudby-Smith and Ramdas, Estimating means of bounded
random variables by betting (Journal of the Royal Statistical Society B 86, 2024), section 4.

The unit is the second, not the request: failures come in bursts, and requests of one second may
hang together in any way without a false alarm more. The price is that a second is worth no more
than the log of share over bound, however many requests it had.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Parts of the capital that are staked, and how much of it is. A mixture costs the log of a stake's
# part once, and is near the best for whichever of them suits the truth: the small ones find a share
# of twice the bound, the largest has a version that fails wholly found in its second second. None
# stakes all, which a single good second would lose. Chosen by simulation (`benchmarks/judge`).
STAKES = (0.06, 0.16, 0.4, 0.99)
PARTS = (0.15, 0.4, 0.2, 0.25)


@dataclass(frozen=True, slots=True)
class Bets:
    """What became of a capital of 1 under each of the stakes."""

    logs: tuple[float, ...] = (0.0,) * len(STAKES)

    def after(self, share: float, bound: float) -> Bets:
        """
        Return the bets after a second whose *share*, 0 to 1, had the mean *bound* at most.

        *bound*, above 0, may differ from second to second, but not hang on *share*.
        """
        gain = share / bound - 1
        pairs = zip(self.logs, STAKES, strict=True)
        return Bets(tuple(log + math.log1p(stake * gain) for log, stake in pairs))

    @property
    def log_e(self) -> float:
        """The log of the evidence: of the capital, which began in `PARTS`."""
        top = max(self.logs)
        pairs = zip(self.logs, PARTS, strict=True)
        return top + math.log(sum(part * math.exp(log - top) for log, part in pairs))
