"""A metric of an AnalysisTemplate: its settings, read from the manifest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from canarytest.core import expressions
from canarytest.core.errors import ConfigError
from canarytest.core.expressions import Expression

_KEYS = (
    "name",
    "interval",
    "initialDelay",
    "count",
    "failureLimit",
    "inconclusiveLimit",
    "consecutiveErrorLimit",
    "consecutiveSuccessLimit",
    "successCondition",
    "failureCondition",
    "provider",
)
_GO_UNITS_S = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
}  # fmt: skip
_PART = re.compile(rf"([0-9]+\.?[0-9]*|\.[0-9]+)({'|'.join(_GO_UNITS_S)})")


@dataclass(frozen=True, slots=True)
class Metric:
    """What Argo's metric says; limits are what is borne, one more ends it."""

    name: str
    provider: Mapping[str, Any] = field(default_factory=dict)  # by the provider's name
    success: Expression | None = None
    failure: Expression | None = None
    interval_s: float | None = None  # None: it is measured once
    initial_delay_s: float | None = None
    count: int = 0  # 0: not said
    failure_limit: int = 0  # -1: any number is borne
    inconclusive_limit: int = 0
    consecutive_error_limit: int = 4
    consecutive_success_limit: int = 0  # 0: none is asked for
    is_dry_run: bool = False

    @property
    def effective_count(self) -> int | None:
        """How often it is measured; None: until the run is stopped."""
        if self.count:
            return self.count
        return 1 if self.interval_s is None else None


def read_metric(raw: Mapping[str, Any]) -> Metric:
    """
    Read a metric whose arguments are filled in.

    Raises ConfigError, which names the metric and the key. Unlike Argo it refuses a key it does not
    know (with a misspelt condition every result is a success), a limit that is no number (Argo
    takes it for 0) and a duration below zero.
    """
    name = raw.get("name", "")
    try:
        return _read(raw, name)
    except ConfigError as error:
        raise ConfigError(f"metric {name!r}: {error}") from None


def _read(raw: Mapping[str, Any], name: object) -> Metric:
    if not isinstance(name, str):
        raise ConfigError("its name is not a string")
    for key in raw:
        if key not in _KEYS:
            near = difflib.get_close_matches(str(key), _KEYS, n=1)
            meant = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(_KEYS)}"
            raise ConfigError(f"unknown key {key!r}; {meant}")
    provider = raw.get("provider") or {}
    if not isinstance(provider, Mapping):
        raise ConfigError(f"provider {provider!r} is not a mapping")
    return Metric(
        name=name,
        provider={kind: spec for kind, spec in provider.items() if spec is not None},
        success=_condition(raw, "successCondition"),
        failure=_condition(raw, "failureCondition"),
        interval_s=_duration_s(raw, "interval"),
        initial_delay_s=_duration_s(raw, "initialDelay"),
        count=_whole(raw, "count", 0),
        failure_limit=_whole(raw, "failureLimit", 0),
        inconclusive_limit=_whole(raw, "inconclusiveLimit", 0),
        consecutive_error_limit=_whole(raw, "consecutiveErrorLimit", 4),
        consecutive_success_limit=_whole(raw, "consecutiveSuccessLimit", 0),
    )


def _condition(raw: Mapping[str, Any], key: str) -> Expression | None:
    text = raw.get(key) or ""
    if not isinstance(text, str):
        raise ConfigError(f"{key} {text!r} is not a string")
    try:
        return expressions.parse(text) if text else None
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None


def _whole(raw: Mapping[str, Any], key: str, default: int) -> int:
    """Read what Kubernetes calls int-or-string."""
    value = raw.get(key)
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,9}", value):
        return int(value)
    raise ConfigError(f"{key} {value!r} is not a whole number")


def _duration_s(raw: Mapping[str, Any], key: str) -> float | None:
    text = raw.get(key)
    if text is None or text == "":
        return None
    if text == "0":
        return 0.0
    parts = _PART.findall(text) if isinstance(text, str) else []
    if not parts or "".join(amount + unit for amount, unit in parts) != text.removeprefix("+"):
        raise ConfigError(f"invalid {key} string: {text!r}; expected e.g. '30s', '5m' or '1h30m'")
    return float(sum(float(amount) * _GO_UNITS_S[unit] for amount, unit in parts))
