"""From the text of a condition to its tokens."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from canarytest.core.errors import ConfigError

LONGEST = 10_000  # characters; Argo stops at as many nodes
_SHOWN = 80

_SKIPPED = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_NUMBER = (
    r"0[xX][0-9a-fA-F_]*|0[oO][0-7_]*|0[bB][01_]*"
    r"|(?:[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]*)?"
)
_TOKEN = re.compile(
    rf"(?P<number>{_NUMBER})"
    r"|(?P<name>[^\W\d][\w$]*|\$[\w$]*)"
    r"|(?P<raw>`(?:[^`]|``)*`)"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*"|' + r"'(?:[^'\\\n]|\\.)*')"
    r"|(?P<operator>\?\.|\?\?|::|\.\.|\*\*|\|\||&&|==|!=|<=|>=|#[\w$]*|[-+*/%^<>!=|?:.,;()\[\]{}])"
)
_WORD = re.compile(r"[\w$]")
_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|u\{([0-9a-fA-F]{1,6})\}|(.))", re.DOTALL
)
_SIMPLE = dict(zip("abfnrtv\\", "\a\b\f\n\r\t\v\\", strict=True))
_SURROGATES = range(0xD800, 0xE000)
_BASES = {"0x": 16, "0o": 8, "0b": 2}
_LARGEST_INT = 2**63 - 1

Kind = Literal["number", "string", "name", "operator", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a condition; the text of a string is what it stands for."""

    kind: Kind
    text: str
    at: int  # the first character is 0

    def __str__(self) -> str:
        """Name it in a refusal."""
        return "the end" if self.kind == "end" else repr(self.text)


def refusal(text: str, at: int, what: str) -> ConfigError:
    """Return the error that says *what* is not evaluated, and where in *text* it stands."""
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return ConfigError(f"condition {shown!r}, character {at + 1}: {what}")


def tokens_of(text: str) -> list[Token]:
    """Split *text* into tokens, the last one being the end. Raises ConfigError."""
    if len(text) > LONGEST:
        raise refusal(text, LONGEST, f"a condition is at most {LONGEST} characters long")
    return [*_tokens(text), Token("end", "", len(text))]


def number(text: str, at: int, whole: str) -> int | float:
    """Return the number that *text* is, as Go reads it. Raises ConfigError."""
    digits = text.replace("_", "").lower()
    base = _BASES.get(digits[:2], 10)
    try:
        value = float(digits) if base == 10 and set(digits) & set(".e") else int(digits, base)  # noqa: PLR2004  decimal
    except ValueError:
        raise refusal(whole, at, f"{text!r} is not a number") from None
    if (isinstance(value, int) and value > _LARGEST_INT) or value == float("inf"):
        raise refusal(whole, at, f"{text!r} is too large a number")
    return value


def _tokens(text: str) -> Iterator[Token]:
    at = _after_space(text, 0)
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise refusal(text, at, _unreadable(text, at))
        yield _token(found)
        at = _after_space(text, found.end())


def _after_space(text: str, at: int) -> int:
    skipped = _SKIPPED.match(text, at)
    end = skipped.end() if skipped else at
    if text.startswith("/*", end):
        raise refusal(text, end, "the comment is not closed")
    return end


def _token(found: re.Match[str]) -> Token:
    text, at, whole = found[0], found.start(), found.string
    if found["number"] and _WORD.match(whole, found.end()):
        raise refusal(whole, at, f"{text + whole[found.end()]!r} is not a number")
    if found["raw"]:
        return Token("string", text[1:-1].replace("``", "`"), at)
    if found["string"]:
        return Token("string", _ESCAPE.sub(lambda part: _unescaped(part, found), text[1:-1]), at)
    kind: Kind = "number" if found["number"] else "name" if found["name"] else "operator"
    return Token(kind, text, at)


def _unescaped(part: re.Match[str], string: re.Match[str]) -> str:
    digits, simple = part[1] or part[2] or part[3], part[4]
    if digits:
        code = int(digits, 16)
        if code <= sys.maxunicode and code not in _SURROGATES:
            return chr(code)
    elif simple == string[0][0]:
        return simple
    elif simple in _SIMPLE:
        return _SIMPLE[simple]
    raise refusal(string.string, string.start(), f"the escape {part[0]!r} is not read")


def _unreadable(text: str, at: int) -> str:
    if text[at] in "\"'`":
        return "the string is not closed"
    return f"{text[at]!r} is no part of a condition"
