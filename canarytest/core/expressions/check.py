"""What is wrong with a condition before it runs, given the type of the result: Go's own checks."""

from __future__ import annotations

from canarytest.core.expressions import kinds
from canarytest.core.expressions.functions import FUNCTIONS
from canarytest.core.expressions.kinds import BOOLS, INTS, NUMBERS, STRINGS, Kind, Type
from canarytest.core.expressions.nodes import (
    Binary,
    Call,
    Choice,
    Each,
    Guarded,
    Item,
    ListOf,
    Literal,
    Member,
    Node,
    Ordered,
    Result,
    Unary,
)
from canarytest.core.expressions.values import EvaluationError

# What operators take: both operands of one of the sets. And what they give; None: as promoted.
_OPERATORS: dict[str, tuple[tuple[frozenset[Kind], ...], Type | None]] = {
    "||": ((BOOLS,), kinds.BOOL),
    "&&": ((BOOLS,), kinds.BOOL),
    "+": ((NUMBERS, STRINGS), None),
    "-": ((NUMBERS,), None),
    "*": ((NUMBERS,), None),
    "/": ((NUMBERS,), kinds.FLOAT),
    "%": ((INTS,), kinds.INT),
    "..": ((INTS,), kinds.INT_LIST),
    "contains": ((STRINGS,), kinds.BOOL),
    "startsWith": ((STRINGS,), kinds.BOOL),
    "endsWith": ((STRINGS,), kinds.BOOL),
}
_LISTS = frozenset({Kind.LIST})


def type_of(node: Node, result: Type, item: Type = kinds.ANY) -> Type:  # noqa: C901, PLR0911, PLR0912  one arm a kind of node
    """Return the type of *node*. Raises EvaluationError where Go would not compile it."""
    match node:
        case Literal():
            return kinds.of_value(node.value) or kinds.ANY
        case Result():
            return result
        case Item():
            return item
        case ListOf():
            types = {type_of(part, result, item) for part in node.items}
            return Type(Kind.LIST, types.pop() if len(types) == 1 else kinds.ANY)
        case Guarded():
            return type_of(node.node, result, item)
        case Member():
            return _member(type_of(node.base, result, item), type_of(node.key, result, item))
        case Unary():
            return _unary(node.operator, type_of(node.operand, result, item))
        case Ordered():
            types_in_order = [type_of(operand, result, item) for operand in node.operands]
            for operator, left, right in zip(
                node.operators, types_in_order, types_in_order[1:], strict=False
            ):
                _both_of(operator, left, right, (NUMBERS, STRINGS))
            return kinds.BOOL
        case Binary():
            left, right = type_of(node.left, result, item), type_of(node.right, result, item)
            return _binary(node.operator, left, right)
        case Choice():
            asked = type_of(node.condition, result, item)
            _demand("what stands before ?", asked, BOOLS)
            then = type_of(node.then, result, item) if node.then else asked
            return kinds.joined(then, type_of(node.otherwise, result, item))
        case Call():
            return _call(node, [type_of(part, result, item) for part in node.arguments])
        case Each():
            return _each(node, type_of(node.collection, result, item), result)
        case _:
            raise AssertionError(node)


def _demand(what: str, given: Type, allowed: frozenset[Kind]) -> None:
    if not given.is_one_of(allowed):
        raise EvaluationError(f"{what} cannot be {given}")


def _both_of(operator: str, left: Type, right: Type, allowed: tuple[frozenset[Kind], ...]) -> None:
    if not any(left.is_one_of(kinds_) and right.is_one_of(kinds_) for kinds_ in allowed):
        raise EvaluationError(f"{operator} of {left} and {right} is not defined")


def _member(base: Type, key: Type) -> Type:
    match base.kind:
        case Kind.ANY:
            return kinds.ANY
        case Kind.MAP:
            _demand("a key of a map", key, STRINGS)
            return kinds.ANY
        case Kind.LIST:
            _demand("an index of a list", key, INTS)
            return base.elements
        case _:
            raise EvaluationError(f"{base} has no members")


def _unary(operator: str, operand: Type) -> Type:
    if operator == "!":
        _demand("what ! negates", operand, BOOLS)
        return kinds.BOOL
    _demand(f"what {operator} stands before", operand, NUMBERS)
    return operand


def _binary(operator: str, left: Type, right: Type) -> Type:
    if operator in ("==", "!="):
        if not kinds.are_comparable(left, right):
            raise EvaluationError(f"{operator} of {left} and {right} is not defined")
        return kinds.BOOL
    if operator == "in":
        return _in(left, right)
    if operator == "??":
        return kinds.joined(left, right)
    allowed, gives = _OPERATORS[operator]
    _both_of(operator, left, right, allowed)
    return gives or kinds.promoted(left, right)


def _in(left: Type, right: Type) -> Type:
    match right.kind:
        case Kind.ANY:
            pass
        case Kind.MAP:
            _demand("a key of a map", left, STRINGS)
        case Kind.LIST if kinds.are_comparable(left, right.elements):
            pass
        case Kind.STRING if left.kind is Kind.ANY:
            pass  # Go finds out as it runs
        case _:
            raise EvaluationError(f"in of {left} and {right} is not defined")
    return kinds.BOOL


def _call(node: Call, arguments: list[Type]) -> Type:
    function = FUNCTIONS[node.name]
    for given in arguments:
        _demand(f"an argument of {node.name}", given, function.takes)
    if function.gives:
        return function.gives
    return kinds.ANY if any(given.is_one_of(_LISTS) for given in arguments) else arguments[0]


def _each(node: Each, collection: Type, result: Type) -> Type:
    _demand(f"what {node.name} is of", collection, _LISTS)
    said = collection.elements
    if node.predicate:
        said = type_of(node.predicate, result, collection.elements)
        if said.kind is Kind.NIL:
            raise EvaluationError(f"the predicate of {node.name} cannot be nil")
    match node.name:
        case "map":
            return Type(Kind.LIST, said)
        case "sum":
            return said
    if node.predicate:
        _demand(f"the predicate of {node.name}", said, BOOLS)
    match node.name:
        case "count":
            return kinds.INT
        case "filter":
            return Type(Kind.LIST, collection.elements)
        case _:
            return kinds.BOOL
