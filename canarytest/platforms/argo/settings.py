"""The keys of `[tool.canarytest.targets.NAME]` that the platform argo reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from canarytest.config import Table
from canarytest.core.errors import ConfigError
from canarytest.core.plan import seconds
from canarytest.core.reach import Endpoint

FORWARD, PROXY = "port-forward", "proxy"
_ALWAYS, _NEVER = "always", "never"
_WAYS = (
    'expected one of { header = { x-canary = "always" } }, { url = "http://…" }, '
    f"{PROXY!r}, {{ proxy = PORT }} and {FORWARD!r}, the default"
)


@dataclass(frozen=True, slots=True)
class Proxy:
    """By the API server's proxy, to the version's own Service."""

    port: str  # of the Service, its name or number; empty if it has but one


Way = Endpoint | Proxy | None  # None: by a port-forward


@dataclass(frozen=True, slots=True)
class Naming:
    """Where a response says which version made it."""

    header: str | None
    path: str  # to ask
    json: str | None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long things may take, in seconds."""

    ready_s: float  # from the release of a step until the next one is in force
    unschedulable_s: float  # that a pod may wait for a node, a volume or a quota: others bring one
    reach_s: float  # until the way to the canary leads to it, once its pods are ready
    promote_s: float
    controller_s: float  # that an experiment, analysis or plugin between two stops may take


@dataclass(frozen=True, slots=True)
class Settings:
    """One target on a cluster."""

    where: str  # of the table in pyproject.toml
    context: str
    namespace: str
    rollout: str
    edge: Endpoint
    canary: Way
    stable: Way
    naming: Naming
    timeouts: Timeouts


def read(table: Table) -> Settings:
    """Read all of *table*; raises ConfigError for what cannot work."""
    where = table.where
    context = _named(table, "context", "a context of the kubeconfig; never the current one")
    namespace = _named(table, "namespace", "the namespace of the Rollout")
    rollout = _named(table, "rollout", "the name of the Rollout on the cluster")
    edge = Endpoint(_url(where, "edge", table.take("edge", str)))
    canary = _via(table, "canary_via", edge)
    stable = _via(table, "stable_via", edge) if table.has("stable_via") else _opposite(canary)
    naming = _naming(table.table("identity"))
    timeouts = _timeouts(table.table("timeouts"))
    table.finish()
    return Settings(where, context, namespace, rollout, edge, canary, stable, naming, timeouts)


def _named(table: Table, key: str, meaning: str) -> str:
    value = table.take(key, str, "")
    if not value:
        raise ConfigError(f"{table.where}: {key!r} is missing; expected {meaning}; name it")
    return value


def _url(where: str, key: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(
            f"{where}.{key}: {value!r} is no URL; expected e.g. 'https://petclinic.example.com'"
        )
    return value.rstrip("/")


def _via(table: Table, key: str, edge: Endpoint) -> Way:
    value = table.take(key, object, FORWARD)
    if value in (FORWARD, PROXY):
        return None if value == FORWARD else Proxy("")
    if not isinstance(value, dict):
        raise ConfigError(f"{table.where}.{key}: {value!r} is no way to a version; {_WAYS}")
    via = Table(value, f"{table.where}.{key}")
    headers, url = via.take("header", dict, {}), via.take("url", str, "")
    port = str(via.take("proxy", object, ""))
    via.finish()
    if [bool(headers), bool(url), bool(port)].count(True) != 1:
        raise ConfigError(f"{via.where} has not exactly one way; {_WAYS}")
    if port:
        return Proxy(port)
    return (
        Endpoint(_url(via.where, "url", url)) if url else Endpoint(edge.url, _strings(via, headers))
    )


def _strings(via: Table, headers: Mapping[str, object]) -> dict[str, str]:
    for name, value in headers.items():
        if not isinstance(value, str):
            raise ConfigError(
                f"{via.where}.header.{name}: {value!r} is not a string; put it into quotes"
            )
    return {name: str(value) for name, value in headers.items()}


def _opposite(canary: Way) -> Way:
    """
    Return how to reach the stable version alone where that is not said.

    "always" and "never" are what ingress-nginx has for its canary header. Of any other way to the
    canary there is no opposite: then it is a port-forward.
    """
    if isinstance(canary, Proxy):
        return canary
    if canary is not None and canary.headers and set(canary.headers.values()) == {_ALWAYS}:
        return Endpoint(canary.url, dict.fromkeys(canary.headers, _NEVER))
    return None


def _naming(identity: Table) -> Naming:
    header = identity.take("header", str, None)
    path, key = identity.take("path", str, None), identity.take("json", str, None)
    identity.finish()
    if bool(header) == bool(key) or (key and not path):
        raise ConfigError(
            f'{identity.where}: expected either {{ header = "x-version" }}, with a path to ask if '
            'not "/", or { path = "/info", json = "version" }, so that the versions can be told '
            "apart"
        )
    if path and not path.startswith("/"):
        raise ConfigError(f"{identity.where}.path: {path!r} is not a path; begin it with '/'")
    return Naming(header, path or "/", key)


def _timeouts(table: Table) -> Timeouts:
    found = Timeouts(
        ready_s=_duration(table, "ready", "5m"),
        unschedulable_s=_duration(table, "unschedulable", "10s"),
        reach_s=_duration(table, "reach", "20s"),
        promote_s=_duration(table, "promote", "5m"),
        controller_s=_duration(table, "controller", "30m"),
    )
    table.finish()
    return found


def _duration(table: Table, key: str, default: str) -> float:
    value = table.take(key, object, default)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{table.where}.{key}: {value!r} is not a duration, e.g. 10 or '2m'")
    return float(value) if isinstance(value, float) else seconds(value)
