"""
Argo's web provider: a request, and the part of its JSON answer that a condition looks at.

Paths are Kubernetes' JSONPath: `{$.data.ok}`, `{.items[*].value}`, `{..value}`, slices, filters as
`{.items[?(@.name=="a")].value}`, `['quoted.keys']` and escaped dots. Its templates (`{range}`, text
around the braces, several of them) are refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

import jsonpath

from canarytest.core.errors import ConfigError, MeasurementError
from canarytest.core.expressions import Value
from canarytest.signals.http import Request, fetch

WHOLE = "{$}"
_ROOT = "$['body']"  # a body that is one text would be read as JSON once more
_WORD = r"(?:[^\s.\[\]\\'\"()?*@]|\\\.)*"
_ESCAPED = re.compile(rf"\.({_WORD}\\\.{_WORD})")


@dataclass(frozen=True, slots=True)
class Path:
    """A JSONPath that was read."""

    text: str
    query: jsonpath.JSONPath


def read_path(text: str) -> Path:
    """Read *text*, a JSONPath as Kubernetes writes it; raises ConfigError for what is none."""
    inner = re.fullmatch(r"\{([^{}]*)\}", (text or WHOLE).strip())
    if inner is None or inner[1].split(" ")[0] in ("range", "end"):
        raise ConfigError(
            f"jsonPath {text!r} is not one path in braces, e.g. '{{$.data.ok}}'; text around it, "
            "several paths and 'range' are not evaluated"
        )
    bare = _ESCAPED.sub(lambda found: f"['{found[1].replace(chr(92), '')}']", inner[1].strip())
    bare = bare.removeprefix("$").removeprefix("@")
    dot = "" if bare[:1] in ("", ".", "[") else "."
    try:
        query = jsonpath.compile(f"{_ROOT}{dot}{bare}")
    except jsonpath.JSONPathError as error:
        said = str(error).partition("\n")[0]
        raise ConfigError(f"jsonPath {text!r} cannot be evaluated: {said}") from None
    if not isinstance(query, jsonpath.JSONPath):
        raise ConfigError(f"jsonPath {text!r}: Kubernetes' JSONPath has no unions of paths")
    return Path(text or WHOLE, query)


def ask(request: Request, path: Path) -> Value:
    """
    Return what *request* gives: the first match of *path*, or the text of a body that is no JSON.

    Raises MeasurementError if there is no answer, a status other than 2xx, or no match.
    """
    reply = fetch(request)
    if not reply.is_ok:
        raise MeasurementError(f"received non 2xx response code: {reply.status}")
    text = reply.body.decode("utf-8", "replace")
    try:
        data = json.loads(text, parse_int=float, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return _first(path, data)


def _first(path: Path, body: Any) -> Value:
    try:
        found: list[Any] = path.query.findall({"body": body})
    except (jsonpath.JSONPathError, RecursionError) as error:
        raise MeasurementError(f"Could not find JSONPath in body: {error}") from error
    if not found:
        raise MeasurementError(f"Could not find JSONPath in body: {path.text} is not there")
    value: Value = found[0]
    return value


def _refuse(name: str) -> NoReturn:
    """Refuse NaN and infinities: Go's JSON has none."""
    raise ValueError(name)
