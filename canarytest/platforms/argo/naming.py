"""Asks who answers at an endpoint."""

from __future__ import annotations

import requests

from canarytest.core.reach import Endpoint
from canarytest.platforms.argo.settings import Naming

ANSWER_WITHIN_S = 5.0  # the first request of a version may take its time
_BAD = 500


def ask(endpoint: Endpoint, naming: Naming) -> tuple[str, str]:
    """Return (the name that the answer at *endpoint* gives, what else is to be said of it)."""
    try:
        reply = requests.get(
            endpoint.url + naming.path,
            headers={**endpoint.headers, "Connection": "close"},
            timeout=ANSWER_WITHIN_S,
        )
    except requests.RequestException as error:
        return "", f"no answer from {endpoint.url}{naming.path}: {error}"
    said = f"status {reply.status_code} from {endpoint.url}{naming.path}"
    if naming.header is not None:
        return reply.headers.get(naming.header, ""), f"{said}, header {naming.header!r}"
    said = f"{said}, JSON key {naming.json!r}"
    if reply.status_code >= _BAD:
        return "", said
    try:
        found = reply.json()
    except ValueError:
        return "", f"{said}, which is no JSON"
    for key in (naming.json or "").split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return "" if found is None else str(found), said
