"""The plan of a rollout: its stops, read from the Rollout's own steps."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from canarytest.core import replicas as arithmetic
from canarytest.core.errors import ConfigError

STEP_KINDS = (
    "setWeight",
    "pause",
    "setCanaryScale",
    "setHeaderRoute",
    "setMirrorRoute",
    "analysis",
    "experiment",
    "plugin",
)
DARK = "dark"
PROMOTED = "promoted"
_SMALL = {"m": 1e3, "u": 1e6, "n": 1e9}
_GO_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Step:
    """A stop of the rollout, where the canary is verified before it gets more traffic."""

    index: int  # among the stops, from 0
    label: str  # "dark", "10%", "promoted"; a second stop at the same weight is "10%#2"
    weight: int  # percent, as the Rollout asks
    share: float  # of the traffic at the edge that the canary should get, 0 to 1
    bake_s: float  # the least time at this stop, seconds
    indefinite: bool  # somebody has to let the rollout go on
    spec_index: int  # of the pause or analysis in spec.strategy.canary.steps
    canary_pods: int
    stable_pods: int

    @property
    def is_dark(self) -> bool:
        """Whether no user meets the canary here."""
        return self.share == 0

    @property
    def is_promoted(self) -> bool:
        """Whether the canary is promoted here, and the previous revision still up."""
        return self.label == PROMOTED


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of the pod's first container; None where the manifest sets none."""

    cpu_cores: float | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Left:
    """A rollout that a run left paused, as asked."""

    run: str
    step: int  # among spec.strategy.canary.steps
    label: str
    canary: str  # the pod hash of the revision
    time: str  # ISO 8601

    @property
    def text(self) -> str:
        """The annotation."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a Rollout asks for, step by step."""

    rollout: str
    namespace: str
    replicas: int
    has_router: bool
    steps: tuple[Step, ...]
    kinds: tuple[str, ...]  # the kind of each entry of spec.strategy.canary.steps
    image: str  # of the first container
    resources: Resources
    stays: bool = False  # the last step is not left: the rollout stays paused there
    left: Left | None = None  # where another run left it, whose way this one goes on
    is_first: bool = False  # there is no stable version yet, and nothing to go back to

    @property
    def may_undo(self) -> bool:
        """Whether the promotion is a step itself, from which an abort goes back."""
        return any(step.is_promoted for step in self.steps)

    @property
    def before_promotion(self) -> tuple[Step, ...]:
        """The stops of the Rollout's own steps."""
        return tuple(step for step in self.steps if not step.is_promoted)


def plan_of(rollout: Mapping[str, Any]) -> Plan:
    """
    Read the plan of *rollout*, the parsed manifest of an Argo `Rollout`.

    Raises ConfigError when it is no Rollout with canary steps, or a step has no known meaning.
    """
    if rollout.get("kind") != "Rollout":
        raise ConfigError(
            f"the manifest is a {rollout.get('kind')!r}, not a 'Rollout' of argoproj.io"
        )
    spec = _mapping(rollout, "spec")
    canary = _mapping(_mapping(spec, "strategy"), "canary")
    entries = canary.get("steps") or []
    if not entries:
        raise ConfigError(
            "spec.strategy.canary.steps is empty: Argo would give the canary all traffic at once; "
            "add steps, e.g. [{setWeight: 10}, {pause: {duration: 2m}}]"
        )
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise ConfigError(
            f"spec.strategy.canary.steps is {entries!r}; expected a list, "
            "e.g. [{setWeight: 10}, {pause: {duration: 2m}}]"
        )
    container = _first_container(spec)
    count = _count(spec, "spec", "replicas", 1)
    has_router = bool(canary.get("trafficRouting"))
    kinds = tuple(_kind(entry, i) for i, entry in enumerate(entries))
    surge = _surge(canary.get("maxSurge"), count)
    steps = tuple(_stops(entries, kinds, count, has_router=has_router, max_surge=surge))
    if not steps:
        raise ConfigError(
            "spec.strategy.canary.steps has no pause: there is no stop where the canary could be "
            "verified; add e.g. {pause: {duration: 2m}} after each setWeight"
        )
    metadata = rollout.get("metadata") or {}
    return Plan(
        rollout=metadata.get("name", "rollout"),
        namespace=metadata.get("namespace", "default"),
        replicas=count,
        has_router=has_router,
        steps=steps,
        kinds=kinds,
        image=container.get("image", ""),
        resources=_resources(container),
    )


def seconds(duration: str | int) -> float:
    """
    Return the seconds of an Argo *duration*: 30, "30", "90s", "1h30m".

    Raises ConfigError when it is none of these.
    """
    text = str(duration).strip()
    if text.isdecimal():
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ConfigError(f"{duration!r} is not a duration; expected e.g. 30, '90s' or '1h30m'")
    return sum(float(number) * _GO_UNITS_S[unit] for number, unit in parts)


def quantity(text: str | float) -> float:
    """
    Return the number of a Kubernetes *quantity*: "500m" is 0.5, "1Gi" is 1073741824.

    Raises ConfigError when it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)([num]|[kKMGTPE]i?)?", str(text).strip())
    if not match:
        raise ConfigError(f"{text!r} is not a Kubernetes quantity; expected e.g. '500m' or '1Gi'")
    number, unit = float(match[1]), match[2] or ""
    if unit in _SMALL:
        return number / _SMALL[unit]
    base = 1024 if unit.endswith("i") else 1000
    return number * float(base ** ("kMGTPE".index(unit[0].replace("K", "k")) + 1 if unit else 0))


def _stops(
    entries: Sequence[Mapping[str, Any]],
    kinds: Sequence[str],
    count: int,
    *,
    has_router: bool,
    max_surge: int,
) -> list[Step]:
    stops: list[Step] = []
    weight, scale = 0, None
    for i, (entry, kind) in enumerate(zip(entries, kinds, strict=True)):
        value = _value(entry, kind, i)
        if kind == "setWeight":
            weight = _weight(value, i)
        elif kind == "setCanaryScale":
            scale = None if value.get("matchTrafficWeight") else value
        elif kind in ("pause", "analysis"):
            pods = _pods(weight, scale, count, has_router=has_router, max_surge=max_surge)
            if pods[0] == 0:
                continue  # no canary pod runs here: there is nothing to verify
            duration = value.get("duration") if kind == "pause" else 0
            stops.append(
                Step(
                    index=len(stops),
                    label=_label(weight, stops),
                    weight=weight,
                    share=weight / 100 if has_router else pods[0] / sum(pods),
                    bake_s=0.0 if duration is None else seconds(duration),
                    indefinite=duration is None,
                    spec_index=i,
                    canary_pods=pods[0],
                    stable_pods=pods[1],
                )
            )
    return stops


def _pods(
    weight: int,
    scale: Mapping[str, Any] | None,
    count: int,
    *,
    has_router: bool,
    max_surge: int,
) -> tuple[int, int]:
    if not has_router:
        return arithmetic.without_router(weight, count, max_surge=max_surge)
    canary, stable = arithmetic.with_router(weight, count)
    if scale and "replicas" in scale:
        canary = _count(scale, "setCanaryScale", "replicas", 0)
    elif scale and "weight" in scale:
        share = _count(scale, "setCanaryScale", "weight", 0)
        canary = arithmetic.with_router(share, count)[0]
    return canary, stable


def _label(weight: int, before: Sequence[Step]) -> str:
    base = DARK if weight == 0 else f"{weight}%"
    same = sum(step.weight == weight for step in before)
    return f"{base}#{same + 1}" if same else base


def _value(entry: Mapping[str, Any], kind: str, index: int) -> Any:
    value = entry[kind]
    example = {"pause": "duration: 2m", "setCanaryScale": "replicas: 1"}.get(kind)
    if example is None or isinstance(value, Mapping):
        return value
    if value is None:
        return {}
    raise ConfigError(
        f"steps[{index}]: {kind} {value!r} is not a mapping; "
        f"expected e.g. {{{kind}: {{{example}}}}}"
    )


def _count(parent: Mapping[str, Any], where: str, key: str, default: int) -> int:
    value = parent.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(f"{where}.{key} {value!r} is not a whole number from 0 on")
    return value


def _surge(value: int | str | None, count: int) -> int:
    try:
        return arithmetic.resolve("25%" if value is None else value, count, round_up=True)
    except (AttributeError, ValueError):
        raise ConfigError(
            f"maxSurge {value!r} is not a number of pods or a percentage; expected e.g. 1 or '25%'"
        ) from None


def _weight(value: object, index: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:  # noqa: PLR2004  percent
        raise ConfigError(
            f"steps[{index}]: setWeight {value!r} is not a whole number from 0 to 100"
        )
    return value


def _kind(entry: object, index: int) -> str:
    found = [kind for kind in STEP_KINDS if isinstance(entry, Mapping) and kind in entry]
    if len(found) != 1:
        raise ConfigError(
            f"steps[{index}]: {entry!r} is no step; expected exactly one of {', '.join(STEP_KINDS)}"
        )
    return found[0]


def _mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    if not isinstance(value, Mapping):
        raise ConfigError(f"the Rollout has no {key!r} that canarytest can walk; found {value!r}")
    return value


def _first_container(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    template = (spec.get("template") or {}).get("spec") or {}
    containers = template.get("containers") or [{}]
    first: Mapping[str, Any] = containers[0]
    return first


def _resources(container: Mapping[str, Any]) -> Resources:
    limits = (container.get("resources") or {}).get("limits") or {}
    return Resources(
        cpu_cores=quantity(limits["cpu"]) if "cpu" in limits else None,
        memory_bytes=int(quantity(limits["memory"])) if "memory" in limits else None,
    )
