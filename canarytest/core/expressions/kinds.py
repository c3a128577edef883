"""The types that Go knows before a condition runs: an operand of the wrong one is an error."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """As a person names it in an error."""

    ANY = "anything"
    NIL = "nil"
    BOOL = "a bool"
    INT = "an integer"
    FLOAT = "a float"
    STRING = "a string"
    LIST = "a list"
    MAP = "a map"


NUMBERS = frozenset({Kind.INT, Kind.FLOAT})
STRINGS = frozenset({Kind.STRING})
INTS = frozenset({Kind.INT})
BOOLS = frozenset({Kind.BOOL})
EVERYTHING = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Type:
    """A kind, and for a list the type of its elements."""

    kind: Kind
    element: Type | None = None

    def __str__(self) -> str:
        """Name it in an error."""
        return self.kind.value

    def is_one_of(self, kinds: frozenset[Kind]) -> bool:
        """Whether it is of *kinds*, or may turn out to be."""
        return self.kind is Kind.ANY or self.kind in kinds

    @property
    def elements(self) -> Type:
        return self.element or ANY


ANY = Type(Kind.ANY)
NIL = Type(Kind.NIL)
BOOL = Type(Kind.BOOL)
INT = Type(Kind.INT)
FLOAT = Type(Kind.FLOAT)
STRING = Type(Kind.STRING)
MAP = Type(Kind.MAP)
LIST = Type(Kind.LIST, ANY)
INT_LIST = Type(Kind.LIST, INT)
VECTOR = Type(Kind.LIST, FLOAT)


def of_value(value: object) -> Type | None:
    """Return the type of a result; None for what is none."""
    if value is None:
        return NIL
    types = {
        bool: BOOL, int: INT, float: FLOAT, str: STRING, dict: MAP, list: LIST, tuple: VECTOR,
    }  # fmt: skip
    return types.get(type(value))


def promoted(left: Type, right: Type) -> Type:
    """Return what the sum, difference or product of both is."""
    if ANY in (left, right):
        return ANY
    if left.kind is Kind.STRING:
        return STRING
    return FLOAT if FLOAT in (left, right) else INT


def are_comparable(left: Type, right: Type) -> bool:
    """Whether Go compares both by `==`; it refuses to compare a number with a string."""
    if left.kind in (Kind.ANY, Kind.NIL) or right.kind in (Kind.ANY, Kind.NIL):
        return True
    return left.kind is right.kind or (left.kind in NUMBERS and right.kind in NUMBERS)


def joined(left: Type, right: Type) -> Type:
    """Return the type of what is one or the other."""
    if left == right or right is NIL:
        return left
    if left is NIL:
        return right
    return LIST if left.kind is right.kind is Kind.LIST else ANY
