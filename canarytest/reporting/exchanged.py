"""The requests and answers of a failed test, as text for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from canarytest.reporting.words import seconds

Exchanges = Sequence[Mapping[str, Any]]  # as `TestFinished.exchanges` has them


def title(exchanges: Exchanges) -> str:
    """Return what the attachment of *exchanges* is called."""
    return "request and response" if len(exchanges) == 1 else "requests and responses"


def as_text(exchanges: Exchanges) -> str:
    """Return *exchanges*, the last one at the end, as they went over the line."""
    return "\n\n".join("\n".join(_lines(exchange)) for exchange in exchanges) + "\n"


def _lines(exchange: Mapping[str, Any]) -> Iterator[str]:
    moment = datetime.fromtimestamp(exchange.get("at", 0.0), UTC)
    yield f"── {moment:%H:%M:%S.%f}"[:-3] + f" through {exchange.get('via')!r}"
    yield f"{exchange.get('method')} {exchange.get('url')}"
    yield from _message(exchange.get("request", {}))
    yield ""
    lasted = seconds(exchange.get("seconds", 0.0))
    if "status" not in exchange:
        yield f"no answer after {lasted}: {exchange.get('error')}"
        return
    by = exchange.get("answered_by") or "nobody who can be told by it"
    yield f"{exchange['status']} {exchange.get('reason')} after {lasted}, answered by: {by}"
    yield from _message(exchange.get("response", {}))


def _message(message: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name}: {value}" for name, value in message.get("headers", {}).items())
    if body := message.get("body"):
        yield ""
        yield body
