"""Real processes on free ports: ready when they say so, ended when the test does."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Running:
    """A petclinic that listens."""

    process: subprocess.Popen[str]
    url: str
    session: requests.Session

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def get(self, path: str, **params: str) -> requests.Response:
        return self.session.get(self.url + path, params=params, timeout=20)

    def post(self, path: str, **content: object) -> requests.Response:
        return self.session.post(self.url + path, json=content, timeout=20)

    def delete(self, path: str, **params: str) -> requests.Response:
        return self.session.delete(self.url + path, params=params, timeout=20)


@pytest.fixture(scope="session")
def popen() -> Callable[..., subprocess.Popen[str]]:
    """Run the command line with these options."""

    def popen(*options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "petclinic", *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return popen


@pytest.fixture
def start(popen: Callable[..., subprocess.Popen[str]]) -> Iterator[Callable[..., Running]]:
    """Start a petclinic with these options and faults."""
    with ExitStack() as stack:
        yield partial(_start, stack, popen)


@pytest.fixture(scope="module")
def clinic(popen: Callable[..., subprocess.Popen[str]]) -> Iterator[Running]:
    """A good version."""
    with ExitStack() as stack:
        yield _start(stack, popen)


def _start(
    stack: ExitStack,
    popen: Callable[..., subprocess.Popen[str]],
    *options: str,
    version: str = "v100",
) -> Running:
    process = stack.enter_context(popen("--version", version, "--port", "0", *options))
    stack.callback(process.kill)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "listening on" in line, process.communicate()[1]
    session = stack.enter_context(requests.Session())
    session.trust_env = False
    return Running(process, line.split()[-1], session)
