"""The functions a condition can call: what they take, what they give, what they do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from canarytest.core.expressions import kinds
from canarytest.core.expressions.kinds import EVERYTHING, NUMBERS, STRINGS, Kind, Type
from canarytest.core.expressions.values import (
    EvaluationError,
    Value,
    floating,
    integer,
    is_list,
    is_number,
    is_ordered,
    named,
)

LISTS = frozenset({Kind.LIST})
PREDICATES = frozenset({"all", "any", "none", "one", "filter", "map", "count", "sum"})
WITHOUT_PREDICATE = frozenset({"count", "sum"})  # these can do without
OF_THE_RESULT = frozenset({"isNil", "default"})  # whatever their argument is


@dataclass(frozen=True, slots=True)
class Function:
    """A function of expr, or one that Argo adds."""

    call: Callable[..., Value]
    takes: frozenset[Kind]
    gives: Type | None = None  # None: the type of what it takes
    count: int | None = 1  # of arguments; None: one or more


def _length(value: Value) -> int:
    if is_list(value) or isinstance(value, str | dict):
        return len(value)
    raise EvaluationError(f"len of {named(value)} is not defined")


def _absolute(value: Value) -> Value:
    return -_number(value) if _number(value) < 0 else value


def _ceiling(value: Value) -> float:
    return _rounded(value, math.ceil)


def _floor(value: Value) -> float:
    return _rounded(value, math.floor)


def _nearest(value: Value) -> float:
    """Round halves away from zero, as Go does; Python rounds them to even."""

    def nearest(number: float) -> float:
        whole = math.trunc(number)
        return whole + math.copysign(1, number) if abs(number - whole) >= 0.5 else whole  # noqa: PLR2004  a half

    return _rounded(value, nearest)


def _is_nan(value: Value) -> bool:
    return math.isnan(_float(value))


def _is_infinite(value: Value) -> bool:
    return math.isinf(_float(value))


def _largest(*values: Value) -> Value:
    return _outermost("<", values)


def _smallest(*values: Value) -> Value:
    return _outermost(">", values)


def _mean(*values: Value) -> float:
    """Return 0 for no values at all, as expr does: a condition has to ask for len itself."""
    numbers = list(_flat(values))
    return sum(numbers, 0.0) / len(numbers) if numbers else 0.0


def _median(*values: Value) -> float:
    numbers = sorted(_flat(values), key=lambda number: (not math.isnan(number), number))
    if not numbers:
        return 0.0
    middle = len(numbers) // 2
    return numbers[middle] if len(numbers) % 2 else (numbers[middle - 1] + numbers[middle]) / 2


FUNCTIONS: Mapping[str, Function] = {
    "asInt": Function(integer, EVERYTHING, kinds.INT),
    "asFloat": Function(floating, EVERYTHING, kinds.FLOAT),
    "isNaN": Function(_is_nan, NUMBERS, kinds.BOOL),
    "isInf": Function(_is_infinite, NUMBERS, kinds.BOOL),
    "isNil": Function(lambda result: result is None, EVERYTHING, kinds.BOOL),
    "default": Function(
        lambda result, other: other if result is None else result, EVERYTHING, kinds.ANY, count=2
    ),
    "len": Function(_length, LISTS | STRINGS | {Kind.MAP}, kinds.INT),
    "int": Function(integer, NUMBERS | STRINGS, kinds.INT),
    "float": Function(floating, NUMBERS | STRINGS, kinds.FLOAT),
    "abs": Function(_absolute, NUMBERS),
    "ceil": Function(_ceiling, NUMBERS, kinds.FLOAT),
    "floor": Function(_floor, NUMBERS, kinds.FLOAT),
    "round": Function(_nearest, NUMBERS, kinds.FLOAT),
    "max": Function(_largest, NUMBERS | LISTS, count=None),
    "min": Function(_smallest, NUMBERS | LISTS, count=None),
    "mean": Function(_mean, NUMBERS | LISTS, count=None),
    "median": Function(_median, NUMBERS | LISTS, count=None),
}


def _number(value: Value) -> int | float:
    if is_number(value):
        number: int | float = value
        return number
    raise EvaluationError(f"expected a number, but got {named(value)}")


def _float(value: Value) -> float:
    if isinstance(value, float):
        return value
    raise EvaluationError(f"expected a float, but got {named(value)}")


def _rounded(value: Value, rounding: Callable[[float], float]) -> float:
    number = float(_number(value))
    return float(rounding(number)) if math.isfinite(number) else number


def _outermost(operator: str, values: tuple[Value, ...]) -> Value:
    if len(values) == 1 and not is_list(values[0]) and not is_number(values[0]):
        return values[0]  # so does expr: the max of "a" is "a"
    chosen = None
    for value in values:
        # A vector is asked for its own first, a list of anything joins in: it matters for NaN.
        for each in value if isinstance(value, list) else (value,):
            found = _of_list(operator, each) if is_list(each) else _number(each)
            if found is not None and (chosen is None or is_ordered(operator, chosen, found)):
                chosen = found
    return chosen


def _of_list(operator: str, values: Value) -> Value:
    if isinstance(values, list):
        return _outermost(operator, (values,))
    chosen = None
    for value in values:
        if chosen is None or is_ordered(operator, chosen, value):
            chosen = value
    return chosen


def _flat(values: Value) -> Iterator[float]:
    for value in values:
        if is_list(value):
            yield from _flat(value)
        else:
            yield float(_number(value))
