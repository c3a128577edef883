"""The tokens of a condition, one after the other, and what is said of those that are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from canarytest.core.errors import ConfigError
from canarytest.core.expressions.nodes import Node
from canarytest.core.expressions.tokens import Token, refusal, tokens_of

NESTED_AT_MOST = 50  # parentheses in parentheses: the parser calls itself so often

NOT_EVALUATED = {
    "|": "a pipe",
    "**": "a power",
    "^": "a power",
    "matches": "a regular expression",
    ";": "a sequence",
    "let": "a variable",
    "if": "an if block",
    "{": "a map",
    "::": "the name of a builtin",
}


class Cursor:
    """Where the parser is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._position = 0
        self._nested = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._position]

    def next(self) -> Token:
        token = self.token
        self._position += token.kind != "end"
        return token

    def after(self, count: int) -> Token:
        return self._tokens[min(self._position + count, len(self._tokens) - 1)]

    def comes(self, *texts: str, after: int = 0) -> bool:
        token = self.after(after)
        return token.kind in ("operator", "name") and token.text in texts

    def accept(self, text: str) -> bool:
        found = self.comes(text)
        if found:
            self.next()
        return found

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.unexpected(f", expected {text!r}")

    def refused(self, at: int, what: str) -> ConfigError:
        return refusal(self._text, at, what)

    def unexpected(self, expected: str = "") -> ConfigError:
        token = self.token
        known = NOT_EVALUATED.get(token.text) if token.kind in ("operator", "name") else None
        if known:
            return self.refused(token.at, f"{known} ({token}) is not evaluated by canarytest")
        return self.refused(token.at, f"unexpected {token}{expected}")

    @contextmanager
    def nesting(self) -> Iterator[None]:
        self._nested += 1
        if self._nested > NESTED_AT_MOST:
            raise self.refused(self.token.at, f"nested deeper than {NESTED_AT_MOST} levels")
        yield
        self._nested -= 1

    def list_of(self, opening: str, closing: str, part: Callable[[], Node]) -> tuple[Node, ...]:
        self.expect(opening)
        parts: list[Node] = []
        while not self.comes(closing):
            if parts:
                self.expect(",")
                if self.comes(closing):
                    break
            parts.append(part())
        self.expect(closing)
        return tuple(parts)
