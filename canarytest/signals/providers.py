"""
The providers of an AnalysisTemplate that canarytest asks itself, read from the manifest.

What Argo would do and this cannot is refused by name: a range of time, and the ways to
authenticate that take a cloud's or an identity provider's library.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from canarytest.config import Table
from canarytest.core.errors import ConfigError
from canarytest.core.expressions import Value
from canarytest.signals import prometheus, web
from canarytest.signals.http import Request

Ask = Callable[[], Value]  # raises MeasurementError
ADDRESS = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS"  # where the controller looks, too
_PROMETHEUS_TIMEOUT_S = 30
_WEB_TIMEOUT_S = 10
_METHODS = ("GET", "POST", "PUT")
_REFUSED = {
    "rangeQuery": "a range of time is not evaluated; write it into the query, as "
    "max_over_time((…)[5m:30s])",
    "authentication": "is not evaluated; give the header that it would send",
}


def read_provider(provider: Mapping[str, Any], default: prometheus.Server | None) -> Ask:
    """
    Return what measures by *provider*, a mapping of its one name.

    *default* is asked where the template names no address. Raises ConfigError for what Argo would
    refuse, and for what canarytest cannot do.
    """
    kind, values = next(iter(provider.items()))
    table = Table(values, f"provider.{kind}")
    for key, why in _REFUSED.items():
        if table.take(key, object, None):
            raise ConfigError(f"{table.where}.{key}: {why}")
    return _prometheus(table, default) if kind == "prometheus" else _web(table)


def _prometheus(table: Table, default: prometheus.Server | None) -> Ask:
    address = table.take("address", str, "") or os.environ.get(ADDRESS, "")
    query = table.take("query", str)
    headers = _headers(table)
    timeout_s = _whole(table, "timeout", _PROMETHEUS_TIMEOUT_S)
    is_insecure = table.take("insecure", bool, default=False)
    table.finish()
    if not query.strip():
        raise ConfigError(f"{table.where}.query: it is empty; expected a query of PromQL")
    if address:
        _check_url(table, "address", address)
        server = prometheus.Server(address, headers, timeout_s, is_insecure)
    elif default is not None:
        server = replace(default, headers={**default.headers, **headers}, timeout_s=timeout_s)
    else:
        raise ConfigError(
            f"{table.where}.address: it is missing; expected the URL of a Prometheus, here, in the "
            f"environment ({ADDRESS}), or as `prometheus` of the target"
        )
    return lambda: prometheus.result_of(prometheus.ask(server, query))


def _web(table: Table) -> Ask:
    url, method = table.take("url", str), table.choice("method", _METHODS, "GET")
    headers, text = _headers(table), table.take("body", str, "")
    json_body = table.take("jsonBody", object, None)
    path = web.read_path(table.take("jsonPath", str, ""))
    timeout_s = _whole(table, "timeoutSeconds", _WEB_TIMEOUT_S)
    is_insecure = table.take("insecure", bool, default=False)
    table.finish()
    _check_url(table, "url", url)
    if text and json_body is not None:
        raise ConfigError(f"{table.where}: use either body or jsonBody; there are both")
    if (text or json_body is not None) and method == "GET":
        raise ConfigError(f"{table.where}.body can only be used with the methods POST or PUT")
    if json_body is not None:
        text, headers = json.dumps(json_body), {"Content-Type": "application/json", **headers}
    body = text.encode() or None
    request = Request(url, method, headers, body=body, timeout_s=timeout_s, is_insecure=is_insecure)
    return lambda: web.ask(request, path)


def _headers(table: Table) -> dict[str, str]:
    headers: dict[str, str] = {}
    for index, raw in enumerate(table.take("headers", list, [])):
        pair = Table(raw, f"{table.where}.headers[{index}]")
        headers[pair.take("key", str)] = pair.take("value", str)
        pair.finish()
    return headers


def _whole(table: Table, key: str, default: int) -> int:
    """Take a time in whole seconds; 0 or less is the default, as in Argo."""
    value = table.take(key, int, default)
    return value if value > 0 else default


def _check_url(table: Table, key: str, value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(
            f"{table.where}.{key}: {value!r} is no URL; expected e.g. 'http://prometheus:9090'"
        )
