"""What the router was told, beside what the Rollout's status says that it was told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from canarytest.platforms.argo.api import FORBIDDEN, NOT_FOUND, PATIENCE_S, Api, ApiError
from canarytest.platforms.argo.routers import Source, sources

_ROUNDED = 0.5  # percent by which whole weights may differ from the one asked
_UNREAD = (FORBIDDEN, NOT_FOUND)


class Routed:
    """Reads the router's own objects; where that is not allowed, the status is all there is."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._sources: tuple[Source, ...] = ()

    def start(self, rollout: Mapping[str, Any]) -> None:
        """Find out where *rollout* has its weights written, in its own namespace."""
        inside = f"/namespaces/{rollout['metadata']['namespace']}/"
        self._sources = tuple(source for source in sources(rollout) if inside in source.path)

    def weight(self) -> float | None:
        """Return the canary's percent, the greatest if there are several; None if unknown."""
        return max((weight for _, weight in self._weights(patience_s=0)), default=None)

    def contradicts(self, weight: int) -> str:
        """Return what has another weight than *weight*, in words; empty if nothing does."""
        for source, found in self._weights(patience_s=PATIENCE_S):
            if abs(found - weight) > _ROUNDED:
                return (
                    f"the {source} gives the canary {found:g} % where the status has {weight} %: "
                    "somebody else writes it too; if it is Argo CD's self-heal, let it ignore "
                    "the weights"
                )
        return ""

    def _weights(self, *, patience_s: float) -> Iterator[tuple[Source, float]]:
        for source in self._sources:
            try:
                found = source.read(self._api.get(source.path, patience_s=patience_s))
            except ApiError as error:
                if error.status not in _UNREAD:
                    raise
                continue
            if found is not None:
                yield source, found
