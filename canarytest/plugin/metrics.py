"""The keys of `[tool.canarytest.metrics.NAME]`; `prometheus` and `exposure` of a target."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from canarytest.config import Table, nearest
from canarytest.core.bands import GAUGES, Band, is_metric
from canarytest.core.errors import ConfigError
from canarytest.core.query import SHARE, TAGS, NoData, Query, unknown_tags
from canarytest.signals import cadvisor
from canarytest.signals.prometheus import Server

_OURS = ("tests", "split", "load", "unanswered")  # findings of canarytest's own
_LEAST_S = 0.1  # between two looks
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Counters:
    """What `exposure` of a target says: queries that count the canary's answers to users."""

    requests: str
    failures: str


def read_metrics(table: Table, bands: Mapping[str, Band]) -> tuple[Query, ...]:
    """
    Read all of *table*, by the metrics' names; `cpu` and `memory` have a query and *bands* before.

    Raises ConfigError, which names the key and what was expected.
    """
    return tuple(
        _query(name, Table(values, f"{table.where}.{name}"), bands)
        for name, values in table.rest().items()
    )


def shipped(bands: Mapping[str, Band]) -> tuple[Query, ...]:
    """Return the queries that fill the bands of CPU and memory where nothing else does."""
    return tuple(
        Query(name, text, bands[name], no_data=NoData.IGNORE, unit=SHARE)
        for name, text in cadvisor.QUERIES.items()
        if name in bands
    )


def read_server(table: Table) -> Server | None:
    """Take `prometheus` of a target's *table*: a URL, or a table that has one."""
    value: Any = table.take("prometheus", object, None)
    if value is None:
        return None
    where = f"{table.where}.prometheus"
    server = Table({"url": value} if isinstance(value, str) else value, where)
    found = Server(
        _url(server, server.take("url", str)),
        {name: _expanded(server, name, v) for name, v in server.table("headers").rest().items()},
        server.duration("timeout", 5.0),
        server.take("insecure", bool, default=False),
    )
    server.finish()
    if not found.timeout_s:
        raise ConfigError(f"{where}.timeout: 0 leaves no time to answer; expected e.g. '5s'")
    return found


def read_counters(table: Table, server: Server | None) -> Counters | None:
    """Take `exposure` of a target's *table*; raises ConfigError, also if there is no *server*."""
    if not table.has("exposure"):
        return None
    asked = table.table("exposure")
    found = Counters(
        _checked(asked.take("requests", str), f"{asked.where}.requests"),
        _checked(asked.take("failures", str), f"{asked.where}.failures"),
    )
    asked.finish()
    if server is None:
        raise ConfigError(
            f'{asked.where}: there is no Prometheus to ask; expected prometheus = "http://…" in '
            f"{table.where}"
        )
    return found


def read_band(value: object, where: str) -> Band:
    """Return the band that *value* is; raises ConfigError if it is none."""
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 2 or not all(_is_number(number) for number in numbers):  # noqa: PLR2004
        raise ConfigError(f"{where}: {value!r} is not [warning from, roll back from], two numbers")
    warning, roll_back = (float(number) for number in numbers)
    if not 0 < warning <= roll_back:
        raise ConfigError(
            f"{where}: {value!r}: the warning has to be above 0 and not above the roll-back"
        )
    return Band(warning, roll_back)


def _query(name: str, table: Table, bands: Mapping[str, Band]) -> Query:
    _check_name(name, table.where)
    known = name in GAUGES
    text = table.take("query", str, cadvisor.QUERIES[name]) if known else table.take("query", str)
    band = table.take("band", object, None) if known else table.take("band", object)
    no_data = NoData.IGNORE if known else NoData.INCONCLUSIVE
    found = Query(
        name,
        _checked(text, f"{table.where}.query"),
        bands[name] if band is None else _rising(band, f"{table.where}.band"),
        table.duration("interval", 5.0),
        NoData(table.choice("no_data", tuple(map(str, NoData)), no_data)),
        table.take("unit", str, SHARE if known else ""),
        table.duration("window", 0.0) if table.has("window") else None,
    )
    table.finish()
    if found.interval_s < _LEAST_S:
        raise ConfigError(f"{table.where}.interval: expected at least {_LEAST_S:g} seconds")
    return found


def _check_name(name: str, where: str) -> None:
    if name in _OURS or (is_metric(name) and name not in GAUGES):
        raise ConfigError(
            f"{where}: canarytest measures {name!r} by itself, from the load and the probe; "
            "expected another name for what a query answers"
        )


def _checked(text: str, where: str) -> str:
    if not text.strip():
        raise ConfigError(f"{where}: it is empty; expected a query of PromQL")
    for tag in unknown_tags(text):
        known = ", ".join(f"{{{{{each}}}}}" for each in TAGS)
        raise ConfigError(
            f"{where}: {{{{{tag}}}}} cannot be filled in{nearest(tag, TAGS) or '.'} Known: {known}."
        )
    return text


def _rising(value: object, where: str) -> Band:
    try:
        return read_band(value, where)
    except ConfigError as error:
        numbers = value if isinstance(value, list) else []
        if [number for number in numbers if _is_number(number)] and sorted(numbers) != numbers:
            raise ConfigError(
                f"{error}. Where less is worse, ask for what is missing: 1 - (…)"
            ) from None
        raise


def _url(table: Table, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(
            f"{table.where}: {value!r} is no URL; expected e.g. 'http://prometheus:9090'"
        )
    return value


def _expanded(table: Table, name: str, value: object) -> str:
    """Return a header with the variables of the environment in it: a secret is in no file."""
    where = f"{table.where}.headers.{name}"
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {value!r} is not a string; put it into quotes")
    for variable in _VARIABLE.findall(value):
        if variable not in os.environ:
            raise ConfigError(f"{where}: ${{{variable}}} is not set in the environment; set it")
    return _VARIABLE.sub(lambda found: os.environ[found[1]], value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
