"""
Asks a Prometheus, or what speaks its HTTP API: Thanos, Mimir, VictoriaMetrics.

https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from canarytest.core.errors import MeasurementError, QueryRefused
from canarytest.core.expressions import Value
from canarytest.signals.http import Reply, Request, fetch

_BAD_QUERY = "bad_data"  # the API's word for what it cannot parse
_MOST_SAID = 200  # characters of an error page


@dataclass(frozen=True, slots=True)
class Server:
    """Where queries are asked."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 5.0
    is_insecure: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer, and its values: one, or those of a range."""

    labels: Mapping[str, str]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave now."""

    kind: str  # scalar | vector | matrix
    series: tuple[Series, ...]  # of a scalar one, without labels


def ask(server: Server, query: str) -> Answer:
    """
    Return what *query* gives at the server's present time.

    Raises QueryRefused if the server cannot parse it, else MeasurementError if there is no answer.
    """
    reply = fetch(
        Request(
            f"{server.url.rstrip('/')}/api/v1/query",
            headers=server.headers,
            params={"query": query},
            timeout_s=server.timeout_s,
            is_insecure=server.is_insecure,
        )
    )
    return _answer(_data(server, reply))


def result_of(answer: Answer) -> Value:
    """
    Return *answer* as Argo's conditions see it.

    A scalar is a number; a vector the list of its numbers, the labels dropped; of a matrix they are
    all in one list.
    """
    values = tuple(value for series in answer.series for value in series.values)
    return values[0] if answer.kind == "scalar" else values


def _data(server: Server, reply: Reply) -> Mapping[str, Any]:
    try:
        said = json.loads(reply.body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, Mapping):
        text = reply.body.decode("utf-8", "replace").strip()[:_MOST_SAID]
        raise MeasurementError(
            f"{server.url} answered HTTP {reply.status} and no JSON, so it is no Prometheus, or a "
            f"proxy is before it: {text!r}"
        )
    if said.get("status") == "success" and reply.is_ok:
        data = said.get("data")
        return data if isinstance(data, Mapping) else {}
    kind, why = said.get("errorType"), said.get("error") or f"HTTP {reply.status}"
    if kind == _BAD_QUERY:
        raise QueryRefused(str(why))
    raise MeasurementError(f"{server.url} answered {why}")


def _answer(data: Mapping[str, Any]) -> Answer:
    kind, result = data.get("resultType"), data.get("result")
    try:
        if kind == "scalar":
            return Answer(kind, (Series({}, (_number(result),)),))
        if kind == "vector":
            return Answer(kind, tuple(_series(each, [each["value"]]) for each in result or ()))
        if kind == "matrix":
            return Answer(kind, tuple(_series(each, each["values"]) for each in result or ()))
    except (TypeError, ValueError, LookupError) as error:
        raise MeasurementError(f"the answer is not of the form of a {kind}: {error}") from error
    raise MeasurementError(
        f"Prometheus metric type not supported: {kind!r}; expected a scalar or a vector"
    )


def _series(raw: Mapping[str, Any], pairs: Any) -> Series:
    return Series(dict(raw.get("metric") or {}), tuple(_number(pair) for pair in pairs))


def _number(pair: Any) -> float:
    """Return the number of [time, "number"]; NaN and infinities are some."""
    return float(pair[1])
