"""What Go does with values: compares, adds, takes out of lists. Wrong types are errors."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from canarytest.core.errors import CanaryError

# None, bool, int, float, str, dict, list ([]any), tuple ([]float64), range ([]int)
Value: TypeAlias = Any

_HALF, _WHOLE = 1 << 63, 1 << 64
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPECIAL = re.compile(r"nan|[+-]?inf(?:inity)?", re.IGNORECASE | re.ASCII)


class EvaluationError(CanaryError):
    """A condition has no answer for this result: the measurement is an Error, never a success."""


def is_number(value: Value) -> bool:
    """Whether *value* is an int or a float; a bool is neither."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_list(value: Value) -> bool:
    """Whether *value* is any of Go's slices."""
    return isinstance(value, list | tuple | range)


def named(value: Value) -> str:
    """Name the type of *value* in an error."""
    if is_list(value):
        return "a list"
    names = {bool: "a bool", int: "an integer", float: "a float", str: "a string", dict: "a map"}
    return names.get(type(value), "nil")


def boolean(value: Value) -> bool:
    """Return *value*; raises EvaluationError where it is no bool: 1 is not true."""
    if isinstance(value, bool):
        return value
    raise EvaluationError(f"expected a bool, but got {named(value)}")


def weight(value: Value) -> int:
    """Return of how many parts *value* is made, which is what comparing it may cost."""
    total, rest = 0, [value]
    while rest:
        part = rest.pop()
        total += 1
        if isinstance(part, list):
            rest.extend(part)
        elif isinstance(part, dict):
            rest.extend(part.values())
        elif isinstance(part, tuple | range):
            total += len(part)
    return total


def are_equal(left: Value, right: Value) -> bool:
    """Say what `==` says: numbers by value, lists and maps by their parts, true is not 1."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if is_list(left) and is_list(right):
        if {type(left), type(right)} == {tuple, range}:
            return False  # []float64 and []int are of different types, whatever is in them
        return len(left) == len(right) and all(map(are_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            are_equal(value, right[key]) for key, value in left.items()
        )
    return type(left) is type(right) and bool(left == right)


def is_ordered(operator: str, left: Value, right: Value) -> bool:
    """Say what `<`, `<=`, `>` and `>=` say, of two numbers or two strings; NaN is never so."""
    if not (is_number(left) and is_number(right)) and not (
        isinstance(left, str) and isinstance(right, str)
    ):
        raise _undefined(operator, left, right)
    match operator:
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case _:
            return bool(left >= right)


def is_in(needle: Value, container: Value) -> bool:
    """Say what `in` says: an element of a list, a key of a map; nothing is in nil."""
    if container is None:
        return False
    if is_list(container):
        return any(are_equal(element, needle) for element in container)
    if isinstance(container, dict) and (needle is None or isinstance(needle, str)):
        return (needle or "") in container
    raise _undefined("in", needle, container)


def has_part(operator: str, text: Value, part: Value) -> bool:
    """Say what `contains`, `startsWith` and `endsWith` say; of nil they say no."""
    if text is None or part is None:
        return False
    if not isinstance(text, str) or not isinstance(part, str):
        raise _undefined(operator, text, part)
    if operator == "contains":
        return part in text
    return text.startswith(part) if operator == "startsWith" else text.endswith(part)


def calculated(operator: str, left: Value, right: Value) -> Value:
    """Return what `+`, `-`, `*`, `/` and `%` return: integers wrap, `/` is of floats."""
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if not is_number(left) or not is_number(right):
        raise _undefined(operator, left, right)
    if operator == "/":
        return _quotient(float(left), float(right))
    if isinstance(left, int) and isinstance(right, int):
        return _wrapped(
            _remainder(left, right) if operator == "%" else _plain(operator, left, right)
        )
    if operator == "%":
        raise _undefined(operator, left, right)
    return _plain(operator, float(left), float(right))


def negated(value: Value) -> Value:
    """Return what a leading `-` returns."""
    if not is_number(value):
        raise EvaluationError(f"- of {named(value)} is not defined")
    return _wrapped(-value) if isinstance(value, int) else -value


def taken(base: Value, key: Value) -> Value:
    """Return `base[key]`: nil for a missing key of a map; a list knows -1, but not its length."""
    if isinstance(base, dict):
        if key is None or isinstance(key, str):
            return base.get(key or "")
        raise EvaluationError(f"a map has no key that is {named(key)}")
    if base is None or not (is_list(base) or isinstance(base, str)):
        raise EvaluationError(f"{named(base)} has no {key!r}")
    elements: Sequence[Value] = utf8(base) if isinstance(base, str) else base
    index = truncated(key)
    if not -len(elements) <= index < len(elements):
        raise EvaluationError(f"index {index} is out of range: there are {len(elements)} elements")
    return elements[index]


def utf8(text: str) -> bytes:
    """Return the bytes of *text*: what Go indexes."""
    return text.encode("utf-8", "surrogatepass")


def elements_of(collection: Value) -> Sequence[Value]:
    """Return what a predicate is asked about: Go takes a string for its bytes."""
    if is_list(collection):
        elements: Sequence[Value] = collection
        return elements
    if isinstance(collection, str):
        return utf8(collection)
    if collection == {}:
        return ()
    raise EvaluationError(f"expected a list, but got {named(collection)}")


def truncated(value: Value) -> int:
    """
    Return the integer of a number, without its fraction.

    Go leaves it to the machine what NaN and the like are as integers; here they are errors.
    """
    if is_number(value) and -_HALF <= value < _HALF:  # NaN is not
        return int(value)
    raise EvaluationError(f"{value if is_number(value) else named(value)} is not an integer")


def integer(value: Value) -> int:
    """Return what asInt returns; "1.5" is none, but 1.5 is 1."""
    if not isinstance(value, str):
        return truncated(value)
    if _INTEGER.fullmatch(value) and len(value) <= 2 * len(str(_HALF)):
        return truncated(int(value))
    raise EvaluationError(f"{value!r} is not an integer")


def floating(value: Value) -> float:
    """Return what asFloat returns."""
    if is_number(value):
        return float(value)
    if isinstance(value, str) and _SPECIAL.fullmatch(value):
        return float(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value) and math.isfinite(float(value)):
        return float(value)
    raise EvaluationError(f"{value!r} is not a number" if isinstance(value, str) else named(value))


def _plain(operator: str, left: Value, right: Value) -> Value:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return _remainder(left, right)


def _quotient(left: float, right: float) -> float:
    if right:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _remainder(left: int, right: int) -> int:
    if right == 0:
        raise EvaluationError("integer division by zero")
    remainder = abs(left) % abs(right)
    return -remainder if left < 0 else remainder


def _wrapped(value: int) -> int:
    return (value + _HALF) % _WHOLE - _HALF


def _undefined(operator: str, left: Value, right: Value) -> EvaluationError:
    return EvaluationError(f"{operator} of {named(left)} and {named(right)} is not defined")
