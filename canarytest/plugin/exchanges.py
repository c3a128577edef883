"""What a test asked and was answered through the fixtures: kept in case that it fails."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from canarytest.core.reach import Identity
from canarytest.core.redaction import LEAST, Redactor
from canarytest.core.secrets import names_secret
from canarytest.plugin.outcomes import EXCHANGES
from canarytest.plugin.redacting import SENT
from canarytest.reporting import exchanged

KEPT = 5  # the last ones of a test
_WORDS = re.compile(rf"[^\s;,=\"]{{{LEAST},}}")
MOST_BODY = 10_000  # characters of a body that are shown
_LOOKED_AT = 14_000  # of which secrets are taken out first: one that is cut is not known any more
_MARGIN = 2_000
_IS_BAD = pytest.StashKey[bool]()
RING = pytest.StashKey["Exchanges"]()


@dataclass(frozen=True, slots=True)
class _Exchange:
    began: float  # epoch
    via: str  # canary | stable | edge
    request: requests.PreparedRequest
    response: requests.Response | None  # None: there was no answer
    identity: Identity
    error: str = ""
    seconds: float = 0.0


class Exchanges:
    """The last exchanges of one test. To keep one takes a reference, no more."""

    def __init__(self) -> None:
        self._kept: deque[_Exchange] = deque(maxlen=KEPT)

    def keep(
        self,
        began: float,
        via: str,
        request: requests.PreparedRequest,
        answer: object,
        to: Identity,
    ) -> None:
        """Keep a *request* that was sent at *began*, and its *answer*: a response, or an error."""
        if isinstance(answer, requests.Response):
            kept = _Exchange(began, via, request, answer, to, "", answer.elapsed.total_seconds())
        else:
            error = f"{type(answer).__name__}: {answer}"
            kept = _Exchange(began, via, request, None, to, error, time.time() - began)
        self._kept.append(kept)

    def secrets_sent(self) -> list[str]:
        """Return the words that were sent in headers whose names say that they are secret."""
        headers = [item for exchange in self._kept for item in exchange.request.headers.items()]
        return [
            word
            for name, value in headers
            if names_secret(name)
            for word in _WORDS.findall(_text(value))
        ]

    def told(self, redactor: Redactor) -> tuple[Mapping[str, Any], ...]:
        """Return them as plain data without secrets, in the order in which they were sent."""
        in_order = sorted(self._kept, key=lambda exchange: exchange.began)
        return tuple(redactor.data(_told(exchange, redactor)) for exchange in in_order)


class ExchangeEvidence:
    """
    Puts the last exchanges of a failed test on the report of its teardown.

    Not earlier: of a failed call the driver has heard by then, and traffic comes first.
    """

    def __init__(self, redactor: Redactor, *, has_allure: bool) -> None:
        self._redactor = redactor
        self._has_allure = has_allure

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Remember whether it failed; at its teardown, tell what was exchanged."""
        report = yield
        if report.when == "setup":
            item.stash[_IS_BAD] = False
        item.stash[_IS_BAD] = item.stash.get(_IS_BAD, False) or report.failed
        ring = item.stash.get(RING, None)
        if report.failed and ring is not None:
            # A token that a test made itself may stand in its source, and in its variables.
            setattr(report, SENT, ring.secrets_sent())
            self._redactor.learn(getattr(report, SENT))  # for what is written in this process
        if report.when == "teardown" and ring is not None:
            if item.stash[_IS_BAD]:
                told = ring.told(self._redactor)
                setattr(report, EXCHANGES, told)
                self._attach(told)
            del item.stash[RING]  # pytest keeps its items to the end: whole answers would stay
        return report

    def _attach(self, told: tuple[Mapping[str, Any], ...]) -> None:
        if told and self._has_allure:
            import allure  # noqa: PLC0415  optional, and only wanted where there is one

            kind = allure.attachment_type.TEXT
            allure.attach(exchanged.as_text(told), exchanged.title(told), kind)


def _told(exchange: _Exchange, redactor: Redactor) -> Mapping[str, Any]:
    request, response = exchange.request, exchange.response
    told: dict[str, Any] = {
        "at": exchange.began,
        "via": exchange.via,
        "method": str(request.method),
        "url": str(request.url),
        "seconds": exchange.seconds,
        "error": exchange.error,
        "request": {
            "headers": _headers(request.headers),
            "body": _shown(request.body, redactor),
        },
    }
    if response is not None:
        identity = exchange.identity
        version = identity.version_of(response.headers.get(identity.header or ""))
        told["status"], told["reason"] = response.status_code, str(response.reason or "")
        told["answered_by"] = str(version) if version else ""
        # A stream that nobody read is left to whoever may want to.
        content = getattr(response, "_content", False)
        told["response"] = {
            "headers": _headers(response.headers),
            "body": "(not read)" if content is False else _shown(content, redactor),
        }
    return told


def _headers(headers: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): _text(value) for name, value in headers.items()}


def _shown(body: object, redactor: Redactor) -> str:
    """Return the beginning of *body*, without secrets."""
    if body is None:
        return ""
    if not isinstance(body, str | bytes):
        return f"({type(body).__name__}, sent as it was read)"
    if isinstance(body, bytes) and b"\0" in body[:_LOOKED_AT]:
        return f"({len(body)} bytes that are no text)"
    clean = redactor.text(_text(body[:_LOOKED_AT]))
    if len(body) > _LOOKED_AT:
        clean = clean[:-_MARGIN]
    cut = len(body) > _LOOKED_AT or len(clean) > MOST_BODY
    return f"{clean[:MOST_BODY]}\n(… {len(body)} in all)" if cut else clean


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value).encode("utf-8", "replace").decode()
