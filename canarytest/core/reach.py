"""How each version is reached, and how a response says who made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Version(StrEnum):
    """The two revisions side by side."""

    CANARY = "canary"
    STABLE = "stable"


@dataclass(frozen=True, slots=True)
class Identity:
    """
    How a response tells which version made it.

    Either every response carries *header* (the application's own, or one that the router adds),
    or only the JSON answer of *path* does, under the key *json*.
    """

    canary: str  # the value that the canary gives
    stable: str
    header: str | None = None  # None: responses do not carry it, ask path
    path: str | None = None
    json: str | None = None

    def version_of(self, value: str | None) -> Version | None:
        """Return the version that gives *value*; None when neither does."""
        if value == self.canary:
            return Version.CANARY
        return Version.STABLE if value == self.stable else None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A base URL, and the headers that a request needs to come through to it."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reach:
    """The three ways in: where users come in, and each version alone."""

    edge: Endpoint
    canary: Endpoint
    stable: Endpoint
    identity: Identity

    def as_json(self) -> dict[str, Any]:
        """Return plain data, for a file that other processes read."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reach:
        """Return what `as_json` was made of."""
        edge, canary, stable = (Endpoint(**data[name]) for name in ("edge", "canary", "stable"))
        return cls(edge, canary, stable, Identity(**data["identity"]))
