"""
The errors of canarytest, one class for each handler that exists.

* CanaryError
  - ConfigError        the user's input          -> usage error (4), nothing was touched
  - PlatformError      the world failed          -> abort, exit status 12
    - NotBegun         it is not ours to drive   -> exit status 12, nothing was touched
      - RolloutLocked  another run drives it     -> the same
    - NotOurs          it is no longer ours      -> exit status 12, no order is sent
  - CanaryNotReady     the canary did not come up -> abort, exit status 1
  - Aborted            a test waited in vain   -> it is skipped, the abort goes on
  - Inconclusive       too little could be seen  -> abort, exit status 10
  - MeasurementError   a source of measurements gave none -> asked again; in the end inconclusive
    - QueryRefused     it says that the query is wrong    -> in preflight a usage error (4)
* WrongVersion(AssertionError)  a response was not made by the version that was asked
* SplitMismatch(AssertionError) the share at the edge is not the one that was set
* LoadBreach(AssertionError)    the load of the step left its bounds
"""

from __future__ import annotations


class CanaryError(Exception):
    """Base of all errors that canarytest raises on purpose."""


class ConfigError(CanaryError):
    """The configuration, an option or the manifest cannot be used as it is."""


class PlatformError(CanaryError):
    """The platform (an API, the router, a process that is not the canary) failed."""


class NotBegun(PlatformError):
    """The rollout could not be begun, and nothing was touched: there is nothing to abort."""


class RolloutLocked(NotBegun):
    """Another run drives this rollout."""


class NotOurs(PlatformError):
    """What was driven is somebody else's now, or gone: no order is to be sent any more."""


class CanaryNotReady(CanaryError):
    """The canary did not become ready, or ended before it was."""


class Aborted(CanaryError):
    """The rollout was aborted while somebody waited for what can no longer be seen."""


class Inconclusive(CanaryError):
    """Not enough could be seen to say that the canary is good."""


class MeasurementError(CanaryError):
    """A server of measurements gave none: never the canary's fault."""


class QueryRefused(MeasurementError):
    """A server of measurements cannot make sense of the query."""


class WrongVersion(AssertionError):
    """A response was made by another version than the one that was asked."""


class SplitMismatch(AssertionError):
    """The share of the canary at the edge is not the one that was set."""


class LoadBreach(AssertionError):
    """The load of this step left the bounds it was asserted to keep."""
