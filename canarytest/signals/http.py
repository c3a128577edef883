"""Asks a server of measurements once, in bounded time and space."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import requests
import urllib3

from canarytest.core.errors import MeasurementError

_MOST_BYTES = 10_000_000  # of an answer: a measurement is small
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, and how long an answer may take."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = 10.0
    is_insecure: bool = False  # whoever answers is believed, whatever the certificate


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever the status."""

    status: int
    body: bytes

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004  HTTP's successes


def fetch(request: Request) -> Reply:
    """Return the answer to *request*; raises MeasurementError if none comes in its time."""
    if request.is_insecure:  # asked for by name: a warning would be an error under pytest's filters
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    until = time.monotonic() + request.timeout_s
    try:
        with requests.request(
            request.method,
            request.url,
            params=request.params,
            headers=request.headers,
            data=request.body,
            timeout=request.timeout_s,
            verify=not request.is_insecure,
            auth=lambda prepared: prepared,  # else a ~/.netrc takes the place of the headers
            stream=True,
        ) as response:
            return Reply(response.status_code, _read(response, until))
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise MeasurementError(f"{request.url} did not answer: {_said(error)}") from error


def _read(response: requests.Response, until: float) -> bytes:
    """Read the body; a timeout of requests is of each part, and some bodies never end."""
    body = bytearray()
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        body += chunk
        if time.monotonic() > until or len(body) > _MOST_BYTES:
            raise requests.Timeout(f"its answer does not end: {len(body)} bytes so far")
    return bytes(body)


def _said(error: Exception) -> str:
    """Return the innermost reason: the outer ones repeat the URL, and name objects of ours."""
    reason: object = error
    while isinstance(reason, Exception):
        inner = getattr(reason, "reason", None) or (reason.args[0] if reason.args else None)
        if not isinstance(inner, Exception):
            break
        reason = inner
    said = re.sub(r"^.*?(?:>|\)): ", "", str(reason))  # <… object at 0x…>: or HTTPConnection(…):
    return said or type(error).__name__
