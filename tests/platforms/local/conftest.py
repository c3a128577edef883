"""Real processes and a real Envoy; nothing may be left of them."""

import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.ports import Incident
from canarytest.platforms.local import LocalPlatform, settings
from tests.platforms.local import stage

Make = Callable[..., LocalPlatform]


@pytest.fixture
def nothing_is_left() -> Iterator[None]:
    yield

    assert stage.started() == []


@pytest.fixture
def make(tmp_path: Path, nothing_is_left: None) -> Iterator[Make]:
    """Return a function that makes a platform, which is closed at the end of the test."""
    made: list[LocalPlatform] = []

    def make(**keys: Any) -> LocalPlatform:
        found = settings.read(stage.table(**keys), tmp_path)
        made.append(LocalPlatform(found, tmp_path / f"run{len(made)}", watch_every_s=0.05))
        return made[-1]

    yield make
    for platform in made:
        platform.close()


@pytest.fixture
def incidents() -> "queue.Queue[Incident]":
    return queue.Queue()
