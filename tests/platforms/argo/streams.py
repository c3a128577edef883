"""An API server whose lists and watches are scripts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from canarytest.platforms.argo.api import ApiError

WITHIN_S = 10.0  # to wait for a thread; it takes a millisecond
Change = tuple[str, Mapping[str, Any]]


class FakeApi:
    """Answers each list with *items*, and the watches one after the other with *streams*."""

    def __init__(self, items: Sequence[Mapping[str, Any]], *streams: Sequence[Change]) -> None:
        self.lists: list[Mapping[str, str]] = []  # what was asked
        self.watches: list[Mapping[str, str]] = []
        self.is_told = threading.Event()  # all of *streams*
        self._items, self._streams = items, list(streams)

    def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Answer a list."""
        del path
        self.lists.append(query)
        some = self._items[: int(query.get("limit", len(self._items)))]
        return {"metadata": {"resourceVersion": f"{len(self.lists)}00"}, "items": list(some)}

    @contextlib.contextmanager
    def watch(self, path: str, *, quiet_s: float, **query: str) -> Iterator[Iterator[Any]]:
        """Answer a watch; when there is no stream left it breaks."""
        del path, quiet_s
        if not self._streams:
            self.is_told.set()
            raise ApiError("no more", 0)
        self.watches.append(query)
        yield iter([{"type": kind, "object": found} for kind, found in self._streams.pop(0)])

    def wait(self) -> None:
        """Wait until all streams were read."""
        assert self.is_told.wait(WITHIN_S)


def changed(name: str, version: int, **more: Any) -> Mapping[str, Any]:
    """Return an object as a stream has it."""
    return {"metadata": {"name": name, "resourceVersion": str(version)}, **more}


GONE: Change = ("ERROR", {"code": 410, "message": "too old"})
