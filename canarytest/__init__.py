"""Canary rollouts, driven and judged by pytest."""

from canarytest.core.errors import (
    CanaryError,
    ConfigError,
    Inconclusive,
    LoadBreach,
    PlatformError,
    SplitMismatch,
    WrongVersion,
)

__all__ = [
    "CanaryError",
    "ConfigError",
    "Inconclusive",
    "LoadBreach",
    "PlatformError",
    "SplitMismatch",
    "WrongVersion",
]
