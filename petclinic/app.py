"""The clinic: finds what answers a request, and makes it as bad as the faults ask for."""

from __future__ import annotations

import sys
import time
import traceback
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from random import Random
from typing import TYPE_CHECKING

from petclinic.faults import Faults, crash_after
from petclinic.metrics import Metrics
from petclinic.routes import METHODS, Call, InvalidError, Route, find
from petclinic.server import error
from petclinic.storage import BusyError, ConflictError, NotFoundError, Storage

if TYPE_CHECKING:
    from petclinic.http import Request, Response

_STATUS_OF = {
    InvalidError: HTTPStatus.BAD_REQUEST,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    BusyError: HTTPStatus.SERVICE_UNAVAILABLE,
}


@dataclass(slots=True)
class Clinic:
    """Answers requests: the handler that the server is given."""

    version: str
    storage: Storage
    faults: Faults = field(default_factory=Faults)
    random: Random = field(default_factory=Random)
    metrics: Metrics = field(init=False)
    _business_requests: int = 0

    def __post_init__(self) -> None:
        self.metrics = Metrics(self.version)

    @property
    def shown_version(self) -> str:
        """The version that it says it is."""
        return self.faults.masquerade or self.version

    def __call__(self, request: Request) -> Response:
        """Answer *request*, whatever it is and whatever happens."""
        start = time.perf_counter()
        route, key = find(request.path)
        response = self._answer(route, request, key)
        if route.is_business:
            response = self._spoiled(response)
        self.metrics.observe(
            request.method if request.method in METHODS else "other",
            route.template,
            response.status,
            time.perf_counter() - start + response.delay_s,
        )
        return response

    def _answer(self, route: Route, request: Request, key: int) -> Response:
        if route.is_business and self.faults.fails(self.random):
            return error(HTTPStatus.INTERNAL_SERVER_ERROR, "this version is faulty")
        try:
            return _served(route, Call(self, request, key))
        except tuple(_STATUS_OF) as e:
            return error(_STATUS_OF[type(e)], str(e))
        except Exception:  # noqa: BLE001  a bug costs this answer, not the connections of all
            traceback.print_exc(file=sys.stderr)
            return error(HTTPStatus.INTERNAL_SERVER_ERROR, "that is a bug of petclinic")

    def _spoiled(self, response: Response) -> Response:
        self._business_requests += 1
        if delay_s := self.faults.delay_s(self.random):
            response = replace(response, delay_s=delay_s)
        if self._business_requests == self.faults.crash_after:
            response = replace(response, then=crash_after(self._business_requests))
        return response


def _served(route: Route, call: Call) -> Response:
    method = call.request.method
    handler = route.methods.get("GET" if method == "HEAD" else method)
    if handler is not None:
        return handler(call)
    if not route.methods:
        return error(HTTPStatus.NOT_FOUND, f"there is nothing at {call.request.path}")
    allowed = ", ".join(route.allowed)
    return error(
        HTTPStatus.METHOD_NOT_ALLOWED,
        f"{method} is not for {route.template}; allowed: {allowed}",
        (("allow", allowed),),
    )
