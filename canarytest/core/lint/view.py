"""The documents as the rules see them: whatever is missing or of another type reads as empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from canarytest.core import replicas as arithmetic
from canarytest.core.errors import ConfigError
from canarytest.core.plan import STEP_KINDS, seconds

CANARY = ("spec", "strategy", "canary")
STEPS = (*CANARY, "steps")
FULL = 100  # percent


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of spec.strategy.canary.steps."""

    index: int
    kind: str  # "" where it is none, or more than one
    value: Any

    @property
    def is_stop(self) -> bool:
        return self.kind in ("pause", "analysis")

    @property
    def where(self) -> tuple[str | int, ...]:
        return (*STEPS, self.index)


@dataclass(frozen=True)
class View:
    """A Rollout and the documents beside it."""

    rollout: Mapping[str, Any]
    others: Sequence[Mapping[str, Any]]

    def document(self, index: int) -> Mapping[str, Any]:
        return mapping(self.others[index - 1] if index else self.rollout)

    def name(self, index: int) -> str:
        document = self.document(index)
        return f"{document.get('kind')}/{mapping(document.get('metadata')).get('name')}"

    def of_kind(self, *kinds: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield each other document of *kinds* with its index."""
        for index in range(1, len(self.others) + 1):
            if self.document(index).get("kind") in kinds:
                yield index, self.document(index)

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        return mapping(self.rollout.get("spec"))

    @cached_property
    def canary(self) -> Mapping[str, Any]:
        return mapping(at(self.rollout, *CANARY))

    @property
    def router(self) -> Mapping[str, Any]:
        return mapping(self.canary.get("trafficRouting"))

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(_entry(i, raw) for i, raw in enumerate(sequence(self.canary.get("steps"))))

    @property
    def weights(self) -> list[tuple[Entry, int]]:
        """Each setWeight with its weight; what is no percentage is the plan's to refuse."""
        return [
            (entry, entry.value)
            for entry in self.entries
            if entry.kind == "setWeight" and is_count(entry.value) and entry.value <= FULL
        ]

    @property
    def first_weight(self) -> int | None:
        """The first weight at which users meet the canary."""
        return next((weight for _, weight in self.weights if weight), None)

    @property
    def pauses_s(self) -> list[float]:
        """The timed pauses; those that wait for a person are left out."""
        durations = [
            mapping(entry.value).get("duration") for entry in self.entries if entry.kind == "pause"
        ]
        return [s for d in durations if d is not None and (s := duration_s(d)) is not None]

    def pods(self, weight: int) -> tuple[int, int] | None:
        """Return (canary, stable) pods at *weight* without a router; None if that is unknown."""
        count = self.spec.get("replicas", 1)
        if not is_count(count) or not count:
            return None
        try:
            surge = arithmetic.resolve(self.canary.get("maxSurge", "25%"), count, round_up=True)
        except (AttributeError, ValueError, ZeroDivisionError):  # neither a count nor a percentage
            return None
        return arithmetic.without_router(weight, count, max_surge=surge)

    @cached_property
    def pod_template(self) -> tuple[int, tuple[str | int, ...], Mapping[str, Any]] | None:
        """The document, the path and the spec of the pods; None where they are elsewhere."""
        reference = mapping(self.spec.get("workloadRef"))
        if not reference:
            return 0, ("spec", "template", "spec"), mapping(at(self.spec, "template", "spec"))
        for index, document in self.of_kind(str(reference.get("kind"))):
            if at(document, "metadata", "name") == reference.get("name"):
                path = ("template",) if document["kind"] == "PodTemplate" else ("spec", "template")
                return index, (*path, "spec"), mapping(at(document, *path, "spec"))
        return None

    @cached_property
    def analyses(self) -> tuple[Mapping[str, Any], ...]:
        """The analyses that the Rollout runs, in the background or as a step."""
        steps = [entry.value for entry in self.entries if entry.kind == "analysis"]
        experiments = [entry.value for entry in self.entries if entry.kind == "experiment"]
        inner = [a for e in experiments for a in sequence(mapping(e).get("analyses"))]
        return tuple(mapping(a) for a in (self.canary.get("analysis"), *steps, *inner))


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def at(value: object, *path: str | int) -> Any:
    """Return what lies at *path* of *value*; None where there is nothing."""
    for key in path:
        if isinstance(key, int):
            items = sequence(value)
            value = items[key] if key < len(items) else None
        else:
            value = mapping(value).get(key)
    return value


def shown(value: object) -> str:
    """Return *value* as YAML writes it, as far as one line does."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_count(value: object) -> bool:
    """Whether *value* is a whole number from 0 on, as YAML writes it."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def duration_s(value: object) -> float | None:
    """Return the seconds of a duration as Argo writes it; None if it is none."""
    try:
        return seconds(value) if isinstance(value, str | int) else None
    except (ConfigError, ValueError):
        return None


def _entry(index: int, raw: object) -> Entry:
    kinds = [kind for kind in STEP_KINDS if kind in mapping(raw)]
    if len(kinds) != 1 or mapping(raw)[kinds[0]] is None:
        return Entry(index, "", raw)
    return Entry(index, kinds[0], mapping(raw)[kinds[0]])
