"""The fixtures of the contract. Each is a chain of small links; redefine any of them."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager

from canarytest.config import nearest
from canarytest.core.bands import GAUGES, is_metric
from canarytest.core.errors import Aborted, Inconclusive, LoadBreach, SplitMismatch, WrongVersion
from canarytest.core.finding import Zone
from canarytest.core.measure import Tally
from canarytest.core.plan import Plan, Step
from canarytest.core.ports import Facts
from canarytest.core.reach import Endpoint, Identity, Version
from canarytest.core.split import SplitVerdict
from canarytest.plugin.exchanges import RING, Exchanges
from canarytest.plugin.gate import GATE, IS_OVER
from canarytest.plugin.loads import key_of
from canarytest.plugin.service import LoadView, Service
from canarytest.plugin.steps import label_of

SERVICE = pytest.StashKey[Service]()
PLAN = pytest.StashKey[Plan]()
TARGET = pytest.StashKey[str]()
_ABSOLUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_BOUNDS = ("error_rate", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms")
# When it was sent, what, and the response or error that came of it.
Keep = Callable[[float, requests.PreparedRequest, object], None]
Refusal = Callable[[], str | None]  # why nothing may be asked any more; None while it may
TIMEOUT_S = 30.0  # of a request of a suite that gives none; no test may hang a rollout


class VersionSession(requests.Session):
    """A `requests.Session` with a base URL, that can check who answered."""

    def __init__(
        self,
        endpoint: Endpoint,
        check: Callable[[requests.Response], None],
        keep: Keep = lambda *_: None,
        refusal: Refusal = lambda: None,
    ) -> None:
        super().__init__()
        self.base_url = endpoint.url.rstrip("/")
        self.headers.update(endpoint.headers)
        self._check = check
        self._keep = keep  # for the report, should the test fail
        self._refusal = refusal

    def request(  # type: ignore[override]  # all arguments but these two go through as they are
        self, method: str, url: str, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send a request; *url* may be a path."""
        full = url if _ABSOLUTE.match(url) else f"{self.base_url}/{url.lstrip('/')}"
        return super().request(method, full, *args, **kwargs)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """
        Send what is prepared, and check who answered; a redirect comes through here as well.

        Without a timeout it waits 30 s at most for each part of the answer.
        """
        self._skip_if_refused()
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = TIMEOUT_S
        began = time.time()
        try:
            response = super().send(request, **kwargs)
        except Exception as error:
            self._keep(began, request, error)
            self._skip_if_refused()
            raise
        self._skip_if_refused()
        self._keep(began, request, (*response.history, response)[0])  # the others came here too
        for answer in (*response.history, response):
            if f"{answer.url}/".startswith(f"{self.base_url}/"):  # others are asked as they are
                self._check(answer)
        return response

    def close(self) -> None:
        """Close the connections too: urllib3 keeps them while a response of theirs is kept."""
        for adapter in self.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):
                    _close(manager)
        super().close()

    def _skip_if_refused(self) -> None:
        """Skip the test: what is answered now may be anybody's, and is not what went wrong."""
        if reason := self._refusal():
            pytest.skip(reason)


def _close(manager: PoolManager) -> None:
    for key in manager.pools.keys():  # noqa: SIM118  it is no mapping that can be iterated over
        manager.pools[key].close()


@dataclass(frozen=True, slots=True)
class RolloutInfo:
    """What is being rolled out, and where."""

    name: str
    revisions: Mapping[str, str]  # "stable" and "canary" -> what each calls itself
    images: Mapping[str, str]
    platform: str
    target: str


class SplitObserver:
    """Observes who answers at the edge of the open step."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def observe(self) -> SplitVerdict:
        """Return what was seen; the first who asks in a step lets it be looked at."""
        with _skipped_if_aborted():
            return self._service.split()

    def assert_matches(self) -> None:
        """
        Assert that the share of the canary is what this step should give it.

        Raises SplitMismatch if it is not, Inconclusive if it cannot be told.
        """
        __tracebackhide__ = True
        verdict = self.observe()
        if verdict.matches is None:
            raise Inconclusive(verdict.sentence)
        if not verdict.matches:
            raise SplitMismatch(verdict.sentence)


class StepLoad:
    """The load of the open step, as the canary answered it."""

    def __init__(self, service: Service, key: str) -> None:
        self._service = service
        self._key = key

    @property
    def view(self) -> LoadView:
        """What was counted so far, by version."""
        with _skipped_if_aborted():
            return self._service.load(self._key)

    @property
    def requests(self) -> int:
        """Requests that the canary was given."""
        return self.canary.requests

    @property
    def failures(self) -> int:
        """Those of them that failed."""
        return self.canary.failures

    @property
    def p50(self) -> float | None:
        """The median latency in milliseconds; None without a request."""
        return self.canary.latency.quantile(0.5)

    @property
    def p95(self) -> float | None:
        """The 95th percentile in milliseconds."""
        return self.canary.latency.quantile(0.95)

    @property
    def p99(self) -> float | None:
        """The 99th percentile in milliseconds."""
        return self.canary.latency.quantile(0.99)

    @property
    def canary(self) -> Tally:
        """The tally of the canary."""
        return self.view.canary

    @property
    def stable(self) -> Tally:
        """The tally of the stable version, on the same seconds."""
        return self.view.stable

    def assert_within(self, **bounds: float) -> None:
        """
        Assert that the canary keeps each of *bounds*: `error_rate=0.05, latency_p95_ms=1000`.

        Waits until each is decided, and no longer. Raises LoadBreach if one is broken for sure,
        Inconclusive if the load ends before it can be told.
        """
        __tracebackhide__ = True
        _check_bounds(bounds)
        with _skipped_if_aborted():
            findings = self._service.check_load(self._key, bounds)
        broken = [finding.sentence for finding in findings if finding.zone is Zone.ROLL_BACK]
        if broken:
            raise LoadBreach("; ".join(broken))
        undecided = [f.sentence for f in findings if f.zone is not Zone.NORMAL]
        if undecided:
            raise Inconclusive("; ".join(undecided))


@pytest.fixture(scope="session")
def step(request: pytest.FixtureRequest, canary_plan: Plan) -> Step:
    """
    The open step: `index`, `weight`, `is_dark`.

    It is a parameter of every test. A fixture of any scope that asks for it is built anew for
    each step.
    """
    return next(step for step in canary_plan.steps if step.label == request.param)


@pytest.fixture(scope="session")
def canary_plan(pytestconfig: pytest.Config) -> Plan:
    """The plan of the rollout."""
    return pytestconfig.stash[PLAN]


@pytest.fixture(scope="session")
def canary_service(pytestconfig: pytest.Config) -> Service:
    """Who answers for the step: the process that drives the rollout."""
    return pytestconfig.stash[SERVICE]


@pytest.fixture(scope="session")
def canary_facts(canary_service: Service, step: Step) -> Facts:  # noqa: ARG001  see below
    """What the rollout turned out to be; asking for *step* lets it be known anew at each."""
    return canary_service.facts()


@pytest.fixture
def canary_exchanges(request: pytest.FixtureRequest) -> Exchanges:
    """The last requests and answers of this test, which the report shows if it fails."""
    ring: Exchanges = request.node.stash.setdefault(RING, Exchanges())
    return ring


@pytest.fixture
def canary(
    request: pytest.FixtureRequest, canary_facts: Facts, canary_exchanges: Exchanges
) -> Iterator[requests.Session]:
    """
    The canary alone. Each response is checked to be its own.

    Once the rollout was aborted, a test that asks it is skipped: its Service may lead to either
    version then. To clean up it may still be asked, and nobody checks who answers.
    """
    reach, gate = canary_facts.reach, request.config.stash[GATE]
    label, item = label_of(request.node), request.node

    def refusal() -> str | None:
        return None if item.stash.get(IS_OVER, False) else gate.refusal(label)

    def check(response: requests.Response) -> None:
        if not gate.refusal(label):
            made_by_canary(response)

    made_by_canary = _made_by(Version.CANARY, reach.identity)
    keep = _keeping(canary_exchanges, "canary", reach.identity)
    with VersionSession(reach.canary, check, keep, refusal) as session:
        yield session


@pytest.fixture
def stable(canary_facts: Facts, canary_exchanges: Exchanges) -> Iterator[requests.Session]:
    """The stable version alone. Each response is checked to be its own."""
    if not canary_facts.stable:
        pytest.skip("there is no stable version at a first deploy")
    reach = canary_facts.reach
    check = _made_by(Version.STABLE, reach.identity)
    keep = _keeping(canary_exchanges, "stable", reach.identity)
    with VersionSession(reach.stable, check, keep) as session:
        yield session


@pytest.fixture
def edge(canary_facts: Facts, canary_exchanges: Exchanges) -> Iterator[requests.Session]:
    """The way users come in: either version may answer."""
    reach = canary_facts.reach
    keep = _keeping(canary_exchanges, "edge", reach.identity)
    with VersionSession(reach.edge, _made_by_either, keep) as session:
        yield session


@pytest.fixture
def rollout(canary_plan: Plan, canary_facts: Facts, pytestconfig: pytest.Config) -> RolloutInfo:
    """What is being rolled out, and where."""
    return RolloutInfo(
        name=canary_plan.rollout,
        revisions={"stable": canary_facts.stable, "canary": canary_facts.canary},
        images=canary_facts.images,
        platform=canary_facts.platform,
        target=pytestconfig.stash[TARGET],
    )


@pytest.fixture
def split(canary_service: Service) -> SplitObserver:
    """Observes who answers at the edge."""
    return SplitObserver(canary_service)


@pytest.fixture
def load(request: pytest.FixtureRequest, canary_service: Service) -> StepLoad:
    """The load of this step: the test's own by its marker, or the configured one."""
    return StepLoad(canary_service, key_of(request.node.get_closest_marker("load")))


def _check_bounds(bounds: Mapping[str, float]) -> None:
    if not bounds:
        raise TypeError(
            "assert_within() asserts nothing without a bound; "
            "expected e.g. error_rate=0.05, latency_p95_ms=1000"
        )
    for metric, bound in bounds.items():
        if not is_metric(metric) or metric in GAUGES:  # those are the platform's
            raise TypeError(
                f"assert_within() knows no metric {metric!r}{nearest(metric, _BOUNDS) or '.'} "
                f"Allowed: {', '.join(_BOUNDS)}."
            )
        if (
            isinstance(bound, bool)
            or not isinstance(bound, int | float)
            or not 0 < bound < math.inf
        ):
            raise TypeError(f"assert_within({metric}={bound!r}): expected a number above 0")


@contextlib.contextmanager
def _skipped_if_aborted() -> Iterator[None]:
    """Skip the test if the rollout was aborted while it waited: it is not what went wrong."""
    try:
        yield
    except Aborted as error:
        pytest.skip(str(error))


def _keeping(ring: Exchanges, via: str, identity: Identity) -> Keep:
    return lambda began, request, answer: ring.keep(began, via, request, answer, identity)


def _made_by_either(response: requests.Response) -> None:
    """Check nothing: at the edge either version may answer."""


def _made_by(version: Version, identity: Identity) -> Callable[[requests.Response], None]:
    def check(response: requests.Response) -> None:
        if identity.header is None:
            return  # only the identity's path tells; the platform asked it when the step opened
        value = response.headers.get(identity.header)
        if identity.version_of(value) is not version:
            raise WrongVersion(
                f"{response.request.method} {response.url} was not answered by the {version} "
                f"({identity.header}: {value!r})"
            )

    return check
