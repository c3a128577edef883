"""
The runs, several at once: they are independent, and mostly wait.

A test is given one by `@pytest.mark.parametrize("ended", [CASE], indirect=True)`; a run that
several tests look at is made once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.end_to_end.project import Case, Ended, Rollout

AT_ONCE = 3


class Runs:
    """Makes each run once, in the order in which they are wanted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._runs: dict[str, Future[Ended]] = {}
        self._begun: list[Rollout] = []

    def want(self, case: Case) -> Future[Ended]:
        run = self._runs.get(case.name)
        if run is None or (run.done() and run.exception()):  # that was wanted once more
            self._runs[case.name] = run = self._pool.submit(self._run, case)
        return run

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for rollout in self._begun:  # whose tests were interrupted
            rollout.kill()
        self._pool.shutdown()

    def _run(self, case: Case) -> Ended:
        name = re.sub(r"\W+", "-", case.name)
        rollout = Rollout(case, self._folder / f"{len(self._begun)}-{name}")
        self._begun.append(rollout)
        try:
            case.act(rollout)
            return rollout.end(gone_within_s=case.gone_within_s)
        finally:
            rollout.kill()


@pytest.fixture(scope="session")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    runs = Runs(tmp_path_factory.mktemp("end-to-end"))
    if not hasattr(request.config, "workerinput"):  # else most are wanted by other workers
        for case in sorted(_wanted(request.session.items), key=lambda case: not case.is_long):
            runs.want(case)
    yield runs
    runs.close()


def _wanted(items: Iterable[pytest.Item]) -> Iterator[Case]:
    for item in items:
        case = getattr(getattr(item, "callspec", None), "params", {}).get("ended")
        if isinstance(case, Case):
            yield case


@pytest.fixture
def ended(runs: Runs, request: pytest.FixtureRequest) -> Ended:
    """What is left of the run of the case that is this test's parameter."""
    return runs.want(request.param).result()
