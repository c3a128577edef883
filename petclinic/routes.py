"""What the clinic offers: one function for each method and path."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from petclinic.http import Request, Response
from petclinic.metrics import CONTENT_TYPE
from petclinic.server import error

if TYPE_CHECKING:
    from petclinic.app import Clinic

PASSWORDS = {"jane": "secret"}
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
TEXT_AT_MOST = 200  # characters of a field


class InvalidError(Exception):
    """The request does not say what it would have to."""


class Call(NamedTuple):
    """A request on its way to a route."""

    clinic: Clinic
    request: Request
    key: int  # the id in the path; 0 where there is none


Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A path, and what answers there by method."""

    template: str  # with at most one variable: an id
    methods: Mapping[str, Handler]
    is_business: bool = True

    @property
    def allowed(self) -> list[str]:
        """The methods to name where another was used."""
        return sorted({*self.methods, "HEAD"} if "GET" in self.methods else self.methods)


def health(call: Call) -> Response:
    if call.clinic.faults.never_ready:
        return _json({"status": "OUT_OF_SERVICE"}, HTTPStatus.SERVICE_UNAVAILABLE)
    return _json({"status": "UP"})


def info(call: Call) -> Response:
    return _json({"version": call.clinic.shown_version})


def prometheus(call: Call) -> Response:
    return Response(HTTPStatus.OK, call.clinic.metrics.render().encode(), CONTENT_TYPE)


def login(call: Call) -> Response:
    user, password = _texts(call, "user", "password")
    known = PASSWORDS.get(user, "")
    # Compared in constant time, as one should even in a sample.
    is_right = hmac.compare_digest(known.encode(), password.encode()) and bool(known)
    if call.clinic.faults.login or not is_right:
        return error(HTTPStatus.UNAUTHORIZED, "unknown user or wrong password")
    # Nobody asks for the token: the sample has no sessions that two versions would have to share.
    return _json({"user": user, "token": secrets.token_hex(16)})


def owners(call: Call) -> Response:
    last_names = parse_qs(call.request.query).get("lastName", [""])
    return _json(call.clinic.storage.owners(last_names[0]))


def owner(call: Call) -> Response:
    return _json(call.clinic.storage.owner(call.key))


def add_owner(call: Call) -> Response:
    first, last, city, telephone = _texts(call, "firstName", "lastName", "city", "telephone")
    if not re.fullmatch(r"[0-9]{1,10}", telephone):
        raise InvalidError(f"'telephone' {telephone!r} is not 1 to 10 digits")
    row = call.clinic.storage.add_owner(
        firstName=first, lastName=last, city=city, telephone=telephone
    )
    return _created(row, f"/petclinic/owners/{row['id']}")


def remove_owner(call: Call) -> Response:
    call.clinic.storage.remove_owner(call.key)
    return Response(HTTPStatus.NO_CONTENT)


def pets(call: Call) -> Response:
    return _json(call.clinic.storage.pets(call.key))


def pet(call: Call) -> Response:
    return _json(call.clinic.storage.pet(call.key))


def add_pet(call: Call) -> Response:
    name, kind = _texts(call, "name", "type")
    row = call.clinic.storage.add_pet(call.key, name=name, type=kind)
    return _created(row, f"/petclinic/pets/{row['id']}")


def remove_pet(call: Call) -> Response:
    call.clinic.storage.remove_pet(call.key)
    return Response(HTTPStatus.NO_CONTENT)


def visits(call: Call) -> Response:
    return _json(call.clinic.storage.visits(call.key))


def add_visit(call: Call) -> Response:
    day, description = _texts(call, "date", "description")
    try:
        day = date.fromisoformat(day).isoformat()
    except ValueError:
        raise InvalidError(f"'date' {day!r} is no day like 2026-01-31") from None
    row = call.clinic.storage.add_visit(call.key, date=day, description=description)
    return _created(row, f"/petclinic/pets/{call.key}/visits")


def remove_visits(call: Call) -> Response:
    descriptions = parse_qs(call.request.query).get("description")
    if not descriptions:
        raise InvalidError("?description=… must say which visits are cancelled")
    count = call.clinic.storage.remove_visits(call.key, descriptions[0])
    return _json({"removed": count})


ROUTES = (
    Route("/petclinic/actuator/health", {"GET": health}, is_business=False),
    Route("/petclinic/actuator/info", {"GET": info}, is_business=False),
    Route("/metrics", {"GET": prometheus}, is_business=False),
    Route("/petclinic/login", {"POST": login}),
    Route("/petclinic/owners", {"GET": owners, "POST": add_owner}),
    Route("/petclinic/owners/{id}", {"GET": owner, "DELETE": remove_owner}),
    Route("/petclinic/owners/{id}/pets", {"GET": pets, "POST": add_pet}),
    Route("/petclinic/pets/{id}", {"GET": pet, "DELETE": remove_pet}),
    Route(
        "/petclinic/pets/{id}/visits",
        {"GET": visits, "POST": add_visit, "DELETE": remove_visits},
    ),
)
UNMATCHED = Route("(unmatched)", {}, is_business=False)
_BY_TEMPLATE = {route.template: route for route in ROUTES}
_ID = re.compile(r"/([0-9]{1,15})(?=/|$)")


def find(path: str) -> tuple[Route, int]:
    """Return the route of *path* and the id in it."""
    match = _ID.search(path)
    if match is None:
        return _BY_TEMPLATE.get(path, UNMATCHED), 0
    template = f"{path[: match.start()]}/{{id}}{path[match.end() :]}"
    return _BY_TEMPLATE.get(template, UNMATCHED), int(match[1])


def _json(content: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(status, json.dumps(content).encode())


def _created(row: Mapping[str, Any], location: str) -> Response:
    content = json.dumps(row).encode()
    return Response(HTTPStatus.CREATED, content, headers=(("location", location),))


def _texts(call: Call, *names: str) -> list[str]:
    try:
        content = json.loads(call.request.body)
    except (ValueError, RecursionError):
        raise InvalidError("the body is no JSON") from None
    if not isinstance(content, dict):
        raise InvalidError(f"the body is to be a JSON object with {', '.join(names)}")
    return [_text(content, name) for name in names]


def _text(content: Mapping[str, object], name: str) -> str:
    value = content.get(name)
    # Printable also rules out lone surrogates, which JSON can carry and UTF-8 cannot.
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_AT_MOST or not value.isprintable():
        raise InvalidError(f"{name!r} is to be 1 to {TEXT_AT_MOST} printable characters")
    return value
