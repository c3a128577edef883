"""From a condition and a result to true or false, or to the one error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from canarytest.core.expressions import kinds, values
from canarytest.core.expressions.check import type_of
from canarytest.core.expressions.functions import FUNCTIONS, OF_THE_RESULT
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
from canarytest.core.expressions.parser import nodes_of
from canarytest.core.expressions.tokens import refusal
from canarytest.core.expressions.values import EvaluationError, Value, boolean

BUDGET = 1_000_000  # steps, and elements of ranges; expr has as many of the latter
_TEXTS = ("contains", "startsWith", "endsWith")


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition that canarytest evaluates as Argo does."""

    text: str
    root: Node = field(repr=False, compare=False)


def parse(text: str) -> Expression:
    """
    Read a condition.

    Raises ConfigError, with its place, where it is none, where canarytest does not evaluate a part
    of it, and where it is an error whatever is measured: `len(result)` is no bool.
    """
    root = nodes_of(text)
    try:
        kind = type_of(root, kinds.ANY)
    except EvaluationError as error:
        raise refusal(text, root.at, f"{error}, whatever is measured") from None
    if not kind.is_one_of(kinds.BOOLS):
        raise refusal(text, root.at, f"a condition is true or false; this is {kind}")
    return Expression(text, root)


def evaluate(expression: Expression, result: Value) -> bool:
    """Say whether *result* meets the condition. Raises EvaluationError, and nothing else."""
    kind = kinds.of_value(result)
    if kind is None:
        raise EvaluationError(f"a result cannot be a {type(result).__name__}")
    try:
        type_of(expression.root, kind)
        return boolean(_Evaluation(result).value(expression.root, None))
    except RecursionError:
        raise EvaluationError("the result is nested too deeply") from None
    except OverflowError:
        raise EvaluationError("a number is too large") from None


class _NothingThere(Exception):
    """An optional member of nil was asked for: what guards it is nil."""


class _Evaluation:
    """One evaluation, which may not take for ever."""

    def __init__(self, result: Value) -> None:
        self._result = result
        self._left = BUDGET

    def _spend(self, steps: int = 1) -> None:
        self._left -= steps
        if self._left < 0:
            raise EvaluationError(f"it takes more than {BUDGET} steps")

    def value(self, node: Node, item: Value) -> Value:  # noqa: C901, PLR0911, PLR0912  one arm a kind of node
        self._spend()
        match node:
            case Literal():
                return node.value
            case Result():
                return self._result
            case Item():
                return item
            case ListOf():
                return [self.value(part, item) for part in node.items]
            case Member():
                return self._member(node, item)
            case Guarded():
                try:
                    return self.value(node.node, item)
                except _NothingThere:
                    return None
            case Unary():
                return _unary(node.operator, self.value(node.operand, item))
            case Binary():
                return self._binary(node, item)
            case Ordered():
                return self._is_ordered(node, item)
            case Choice():
                said = boolean(self.value(node.condition, item))
                chosen = node.then if said else node.otherwise
                return self.value(chosen, item) if chosen else said
            case Call():
                return self._call(node, item)
            case Each():
                return self._each(node, item)
            case _:
                raise AssertionError(node)

    def _member(self, node: Member, item: Value) -> Value:
        base = self.value(node.base, item)
        if node.optional and base is None:
            raise _NothingThere
        return values.taken(base, self.value(node.key, item))

    def _binary(self, node: Binary, item: Value) -> Value:
        left = self.value(node.left, item)
        match node.operator:
            case "&&":
                return self.value(node.right, item) if boolean(left) else left
            case "||":
                return left if boolean(left) else self.value(node.right, item)
            case "??":
                return self.value(node.right, item) if left is None else left
        return self._operated(node, left, self.value(node.right, item))

    def _operated(self, node: Binary, left: Value, right: Value) -> Value:
        operator = node.operator
        match operator:
            case "==" | "!=":
                self._spend(values.weight(left))
                return values.are_equal(left, right) == (operator == "==")
            case "in":
                self._spend(values.weight(right))
                return values.is_in(left, dict.fromkeys(right) if _is_set(node.right) else right)
            case "..":
                return self._range(values.truncated(left), values.truncated(right))
            case "contains" | "startsWith" | "endsWith":
                return values.has_part(operator, left, right)
            case _:
                total = values.calculated(operator, left, right)
                self._spend(len(total) if isinstance(total, str) else 0)
                return total

    def _range(self, first: int, last: int) -> range:
        self._spend(max(0, last - first + 1))
        return range(first, last + 1)

    def _is_ordered(self, node: Ordered, item: Value) -> bool:
        left = self.value(node.operands[0], item)
        for operator, operand in zip(node.operators, node.operands[1:], strict=True):
            right = self.value(operand, item)
            if not values.is_ordered(operator, left, right):
                return False
            left = right
        return True

    def _call(self, node: Call, item: Value) -> Value:
        arguments = [self.value(argument, item) for argument in node.arguments]
        if node.name in OF_THE_RESULT:
            arguments[0] = self._result
        elif FUNCTIONS[node.name].count is None:
            self._spend(sum(map(values.weight, arguments)))
        return FUNCTIONS[node.name].call(*arguments)

    def _each(self, node: Each, item: Value) -> Value:
        elements = values.elements_of(self.value(node.collection, item))

        def said(element: Value) -> Value:
            self._spend()
            return self.value(node.predicate, element) if node.predicate else element

        match node.name:
            case "map":
                return [said(element) for element in elements]
            case "filter":
                return [element for element in elements if boolean(said(element))]
            case "sum":
                total = 0
                for element in elements:
                    total = values.calculated("+", said(element), total)
                return total
            case _:
                return _counted(node.name, (boolean(said(element)) for element in elements))


def _counted(name: str, answers: Iterable[bool]) -> Value:
    match name:
        case "all":
            return all(answers)
        case "any":
            return any(answers)
        case "none":
            return not any(answers)
        case "one":
            return sum(answers) == 1
        case _:
            return sum(answers)


def _unary(operator: str, operand: Value) -> Value:
    match operator:
        case "!":
            return not boolean(operand)
        case "-":
            return values.negated(operand)
        case _:
            return operand


def _is_set(node: Node) -> bool:
    """Whether expr makes a set of it, in which a number is no key: strings that are written out."""
    return (
        isinstance(node, ListOf)
        and bool(node.items)
        and all(isinstance(part, Literal) and isinstance(part.value, str) for part in node.items)
    )
