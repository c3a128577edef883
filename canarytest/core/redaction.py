"""Takes secrets out of all that leaves a run: its events, its files, the terminal."""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from canarytest.core.errors import ConfigError
from canarytest.core.secrets import RULES, Rule, Span, names_secret

REDACTED = "«redacted»"
LEAST = 8  # characters of a value that is known; shorter ones are words of any text
MOST_DEEP = 60  # levels of nested data
_CUT, _LEAST_CUT, _MOST_CUTS = "...", 4, 500
_ROUNDS = 4  # what is taken out may let a configured pattern match that looks around itself
_NOT_SECRET = ("PWD", "OLDPWD")  # variables that are named like one
_ALL_SIGNS = {sign.lower() for rule in RULES for sign in rule.signs}
_GATES = ("=", "gh", "j", "z", "x", "")  # most lines lack them, and to find one is quick
# By gate: what is worth looking for in a line that has it.
_SIGNS: dict[str, tuple[str, ...]] = dict.fromkeys(_GATES, ())
for _sign in sorted(a for a in _ALL_SIGNS if not any(b in a for b in _ALL_SIGNS - {a})):
    _SIGNS[next(gate for gate in _GATES if gate in _sign)] += (_sign,)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Redactor:
    """
    Replaces secrets by `«redacted»`.

    What holds none is returned as it is, the same object. Never raises; to redact twice changes
    nothing.
    """

    patterns: tuple[re.Pattern[str], ...] = ()  # the user's own
    values: tuple[str, ...] = ()  # known secrets, in each form in which they may be met
    learned: set[str] = field(default_factory=set, compare=False)  # what was met on the way

    def learn(self, secrets: Iterable[str]) -> None:
        """Know *secrets* from now on: what a test sent where only secrets are."""
        self.learned.update(known(secrets))

    @property
    def _known(self) -> tuple[str, ...]:
        if not self.learned:
            return self.values
        return tuple(sorted({*self.values, *self.learned}, key=lambda form: (-len(form), form)))

    def text(self, text: str) -> str:
        """Return *text* without secrets."""
        before, after = text, self._once(text)
        for _ in range(_ROUNDS):
            if after == before:
                break
            before, after = after, self._once(after)
        return text if after == text else after

    def raw(self, data: bytes) -> bytes:
        """Return *data* without secrets that are in it as UTF-8; not those in compressed data."""
        text = data.decode("utf-8", "surrogateescape")
        clean = self.text(text)
        return data if clean is text else clean.encode("utf-8", "surrogateescape")

    def data(self, value: T) -> T:
        """Return *value*, nested plain data and dataclasses, without secrets, names or texts."""
        return self._data(value, 0)  # type: ignore[no-any-return]  # of the same type

    def suspects(self, text: str) -> bool:
        """Whether *text*, plain data as JSON, may hold a secret. False is sure, and quick."""
        if self.patterns:
            return True
        lowered = text.lower()
        for gate, signs in _SIGNS.items():  # loops: asked of each test, and `any` takes longer
            if gate in lowered:
                for sign in signs:
                    if sign in lowered:
                        return True
        known_now = self._known
        if not known_now:
            return False
        return _CUT in text or any(value in text for value in known_now)

    def _once(self, text: str) -> str:
        known_now = self._known
        for value in known_now:
            if value in text:
                pieces = text.split(REDACTED)
                text = REDACTED.join(piece.replace(value, REDACTED) for piece in pieces)
        if known_now and _CUT in text:
            text = _without(text, _cut_values(text, known_now))
        lowered = text.lower()
        for rule in RULES:
            if _applies(rule, text, lowered):
                clean = _without(text, rule.spans(text))
                if clean != text:
                    text, lowered = clean, clean.lower()
        for pattern in self.patterns:
            text = _without(text, _whole(pattern, text))
        return text

    def _data(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.raw(value)
        if depth > MOST_DEEP and isinstance(value, Mapping | list | tuple):
            return REDACTED
        if isinstance(value, Mapping):
            return _same(value, self._mapping(value, depth + 1))
        if isinstance(value, list | tuple):
            return self._sequence(value, depth + 1)
        return self._object(value, depth + 1) if dataclasses.is_dataclass(value) else value

    def _object(self, value: Any, depth: int) -> Any:
        told = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        clean = self._mapping(told, depth)
        changed = {name: clean[name] for name in told if clean[name] is not told[name]}
        return dataclasses.replace(value, **changed) if changed else value

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        clean: dict[Any, Any] = {}
        named = value.get("name", value.get("key"))
        for key, inner in value.items():
            is_secret = isinstance(key, str) and (
                names_secret(key)
                or (key == "value" and isinstance(named, str) and names_secret(named))
            )
            told = _hidden(inner, depth) if is_secret else self._data(inner, depth)
            clean[self.text(key) if isinstance(key, str) else key] = told
        return clean

    def _sequence(self, value: list[Any] | tuple[Any, ...], depth: int) -> Any:
        if _is_header(value):
            clean = [value[0], _hidden(value[1], depth)]
        else:
            clean = [self._data(inner, depth) for inner in value]
        if all(a is b for a, b in zip(value, clean, strict=True)):
            return value
        if isinstance(value, list):
            return clean
        return type(value)(*clean) if hasattr(value, "_fields") else tuple(clean)


def compiled(patterns: Iterable[str], where: str) -> tuple[re.Pattern[str], ...]:
    """Return *patterns* compiled; raises ConfigError with the place of the one that is bad."""
    return tuple(_compiled(text, f"{where}[{i}]") for i, text in enumerate(patterns))


def known(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return *secrets* in each form in which they may be met, the longest first."""
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= LEAST}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def secrets_of(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of those variables of *environment* whose names say that they are secret."""
    for name, value in environment.items():
        if names_secret(name) and name not in _NOT_SECRET and len(value.strip()) >= LEAST:
            yield value.strip()


def _compiled(text: str, where: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        at = getattr(error, "pos", None)
        place = "" if at is None else f" at position {at}"
        said = getattr(error, "msg", str(error))
        raise ConfigError(
            f"{where}: {text!r} is no regular expression: {said}{place}; expected one as Python's "
            "re has it, such as 'employee-[0-9]+'"
        ) from None
    if pattern.fullmatch("") is not None:
        raise ConfigError(
            f"{where}: {text!r} matches where there is nothing; expected one that matches at least "
            "a character"
        )
    return pattern


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    raw = secret.encode("utf-8", "surrogateescape")
    yield quote(raw)
    yield quote(raw, safe="")
    yield quote_plus(raw)
    yield base64.b64encode(raw).decode()
    yield base64.urlsafe_b64encode(raw).decode()


def _applies(rule: Rule, text: str, lowered: str) -> bool:
    where = lowered if rule.ignores_case else text
    return any(sign in where for sign in rule.signs)


def _without(text: str, spans: Iterable[Span]) -> str:
    """Return *text* with each of *spans* replaced, but for those that cut a mark in two."""
    pieces, at = [], 0
    for begin, end in spans:
        if begin < end and not _cuts_mark(text, begin, end):
            pieces += [text[at:begin], REDACTED]
            at = end
    return "".join([*pieces, text[at:]]) if pieces else text


def _cuts_mark(text: str, begin: int, end: int) -> bool:
    return _is_within_mark(text, begin) or _is_within_mark(text, end)


def _is_within_mark(text: str, at: int) -> bool:
    size = len(REDACTED)
    return text.find(REDACTED, max(0, at - size + 1), at + size - 1) != -1


def _cut_values(text: str, values: tuple[str, ...]) -> Iterator[Span]:
    """Yield what a repr that was cut in its middle, as pytest's are, has left of *values*."""
    at = 0
    for dots in islice(re.finditer(re.escape(_CUT), text), _MOST_CUTS):
        begin = dots.start() - max(_common(text, dots.start(), value) for value in values)
        end = dots.end() + max(_common(text, dots.end(), value, is_end=True) for value in values)
        if begin >= at and (begin, end) != dots.span():
            at = end
            yield begin, end


def _common(text: str, at: int, value: str, *, is_end: bool = False) -> int:
    """Return how much of *value* stands before *at*, or behind it the end of it; 0 for little."""
    nearest = text[at : at + _LEAST_CUT] if is_end else text[max(0, at - _LEAST_CUT) : at]
    if nearest not in value:  # quick, and so it is with most
        return 0
    for size in range(len(value) - 1, _LEAST_CUT - 1, -1):
        if text.startswith(value[-size:], at) if is_end else text.endswith(value[:size], 0, at):
            return size
    return 0


def _whole(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    return (found.span() for found in pattern.finditer(text))


def _is_header(value: list[Any] | tuple[Any, ...]) -> bool:
    """Whether *value* is a name and what is called so, as in a list of headers."""
    return (
        len(value) == 2  # noqa: PLR2004  a pair
        and isinstance(value[0], str)
        and isinstance(value[1], str | bytes)
        and names_secret(value[0])
    )


def _hidden(value: Any, depth: int) -> Any:
    """Return *value* with nothing of it left but its form."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, bool) or value == REDACTED or not (value or is_number):
        return value
    if isinstance(value, Mapping) and depth <= MOST_DEEP:
        return {key: _hidden(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple) and depth <= MOST_DEEP:
        return [_hidden(inner, depth + 1) for inner in value]
    return REDACTED


def _same(before: Mapping[Any, Any], after: dict[Any, Any]) -> Any:
    """Return *before* itself where nothing is other in *after*."""
    is_same = len(before) == len(after) and all(
        key in after and after[key] is inner for key, inner in before.items()
    )
    return before if is_same else after
