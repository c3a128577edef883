"""From tokens to nodes, by precedence climbing; what is not evaluated is refused here."""

from __future__ import annotations

from dataclasses import replace

from canarytest.core.expressions.cursor import NOT_EVALUATED, Cursor
from canarytest.core.expressions.functions import FUNCTIONS, PREDICATES, WITHOUT_PREDICATE
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
    is_deeper_than,
)
from canarytest.core.expressions.tokens import Token, number

LEVELS_AT_MOST = 100  # of nodes: `a || b || c` has as many as operators

_BINDS = {
    **dict.fromkeys(("|",), 0),
    **dict.fromkeys(("or", "||"), 10),
    **dict.fromkeys(("and", "&&"), 15),
    **dict.fromkeys(("==", "!=", "<", ">", "<=", ">=", "in", "matches"), 20),
    **dict.fromkeys(("contains", "startsWith", "endsWith"), 20),
    **dict.fromkeys(("..",), 25),
    **dict.fromkeys(("+", "-"), 30),
    **dict.fromkeys(("*", "/", "%"), 60),
    **dict.fromkeys(("**", "^"), 100),
    **dict.fromkeys(("??",), 500),
}
_UNARY_BINDS = {"not": 50, "!": 50, "-": 90, "+": 90}
_ORDERS = ("<", ">", "<=", ">=")
_NEGATED = ("in", "matches", "contains", "startsWith", "endsWith")  # by a "not" before them
_SYMBOLS = {"or": "||", "and": "&&", "not": "!"}
_CONSTANTS = {"true": True, "false": False, "nil": None}
_TAKE_FLOATS = ("isNaN", "isInf")


def nodes_of(text: str) -> Node:
    """Return the nodes of the condition *text*. Raises ConfigError, which names what and where."""
    return _Parser(text).whole()


class _Parser(Cursor):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._predicates = 0

    def whole(self) -> Node:
        node = self._expression()
        if self.token.kind != "end":
            raise self.unexpected()
        if is_deeper_than(node, LEVELS_AT_MOST):
            raise self.refused(node.at, f"more than {LEVELS_AT_MOST} operators in one another")
        return node

    def _expression(self, least: int = 0) -> Node:
        with self.nesting():
            node = self._operators(self._operand(), least)
            return self._choices(node) if least == 0 else node

    def _operators(self, left: Node, least: int) -> Node:
        previous = ""
        while (operator := self._operator(least)) is not None:
            token, is_negated = operator
            if token.text in NOT_EVALUATED:
                raise self.unexpected()
            if previous == "??" != token.text:
                raise self.refused(token.at, f"{token} beside '??': put one of them in parentheses")
            previous = token.text
            self.next()
            left = (
                self._ordered(left, token) if token.text in _ORDERS else self._binary(left, token)
            )
            if is_negated:
                left = Unary(token.at, "!", left)
        return left

    def _operator(self, least: int) -> tuple[Token, bool] | None:
        """Return the operator that comes next and binds enough, without the "not" before it."""
        is_negated = self.comes("not")
        if is_negated and not self.comes(*_NEGATED, after=1):
            raise self.unexpected()
        token = self.after(int(is_negated))
        if token.kind not in ("operator", "name") or _BINDS.get(token.text, -1) < least:
            return None
        if is_negated:
            self.next()
        return token, is_negated

    def _binary(self, left: Node, token: Token) -> Node:
        right = self._expression(_BINDS[token.text] + 1)
        return Binary(token.at, _SYMBOLS.get(token.text, token.text), left, right)

    def _ordered(self, left: Node, token: Token) -> Node:
        binds = _BINDS[token.text] + 1
        operators, operands = [token.text], [left, self._expression(binds)]
        while self.comes(*_ORDERS):
            operators.append(self.next().text)
            operands.append(self._expression(binds))
        return Ordered(token.at, tuple(operators), tuple(operands))

    def _choices(self, node: Node) -> Node:
        while self.comes("?"):
            at = self.next().at
            then = None if self.comes(":") else self._expression()
            self.expect(":")
            node = Choice(at, node, then, self._expression())
        return node

    # Operands

    def _operand(self) -> Node:
        token = self.token
        if self.comes(*_UNARY_BINDS):
            self.next()
            operand = self._expression(_UNARY_BINDS[token.text])
            return Unary(token.at, _SYMBOLS.get(token.text, token.text), operand)
        if self.comes(*_CONSTANTS):
            return Literal(self.next().at, _CONSTANTS[token.text])
        if token.kind == "number":
            return Literal(self.next().at, number(token.text, token.at, self._text))
        return self._members(self._primary())

    def _primary(self) -> Node:
        token = self.token
        if token.kind == "string":
            return Literal(self.next().at, token.text)
        if token.kind == "name" and token.text not in _BINDS and token.text not in NOT_EVALUATED:
            return self._named()
        if self.accept("("):
            node = self._expression()
            self.expect(")")
            return node
        if self.comes("["):
            return ListOf(token.at, self.list_of("[", "]", self._expression))
        if token.kind == "operator" and token.text[0] in "#.":
            return self._item()
        raise self.unexpected()

    def _item(self) -> Node:
        token = self.token
        if not self._predicates or token.text not in ("#", "."):
            raise self.refused(token.at, f"unexpected {token}: only '#' in a predicate is known")
        if token.text == "#":
            self.next()
        return Item(token.at)  # `.key` is short for `#.key`

    def _named(self) -> Node:
        token = self.next()
        if self.comes("("):
            return self._call(token)
        if token.text == "result":
            return Result(token.at)
        if token.text in FUNCTIONS or token.text in PREDICATES:
            raise self.refused(token.at, f"the function {token} is not called")
        raise self.refused(token.at, f"unknown name {token}; what was measured is 'result'")

    def _call(self, token: Token) -> Node:
        if token.text in PREDICATES:
            return self._each(token)
        if token.text not in FUNCTIONS:
            raise self.refused(token.at, f"the function {token} is not evaluated by canarytest")
        arguments = self.list_of("(", ")", self._expression)
        count = FUNCTIONS[token.text].count
        if len(arguments) != count if count else not arguments:
            raise self.refused(
                token.at,
                f"{token.text} takes {count or 'one or more'} arguments, not {len(arguments)}",
            )
        if token.text in _TAKE_FLOATS:
            arguments = tuple(map(_as_float, arguments))
        return Call(token.at, token.text, arguments)

    def _each(self, token: Token) -> Node:
        self.expect("(")
        collection, predicate = self._expression(), None
        if self.accept(",") and not self.comes(")"):
            predicate = self._predicate()
            self.accept(",")
        if predicate is None and token.text not in WITHOUT_PREDICATE:
            raise self.refused(token.at, f"{token.text} takes a list and a predicate, e.g. # > 1")
        self.expect(")")
        return Each(token.at, token.text, collection, predicate)

    def _predicate(self) -> Node:
        self._predicates += 1
        in_braces = self.accept("{")
        node = self._expression()
        if in_braces:
            self.expect("}")
        self._predicates -= 1
        return node

    # Members

    def _members(self, node: Node) -> Node:
        while self.comes(".", "?.", "["):
            optional = self.accept("?.")
            node = self._index(node, optional) if self.comes("[") else self._field(node, optional)
        return node

    def _field(self, base: Node, optional: bool) -> Node:  # noqa: FBT001  one token decides
        if not optional:
            self.expect(".")
        token = self.token
        if token.kind != "name":
            raise self.unexpected(", expected a name")
        self.next()
        if self.comes("("):
            raise self.refused(token.at, f"the method {token} is not evaluated by canarytest")
        inner = base.node if isinstance(base, Guarded) else base
        member = Member(token.at, inner, Literal(token.at, token.text), optional)
        return Guarded(token.at, member) if optional or inner is not base else member

    def _index(self, base: Node, optional: bool) -> Node:  # noqa: FBT001  one token decides
        at = self.next().at
        if self.comes(":"):
            raise self.refused(at, "a slice is not evaluated by canarytest")
        key = self._expression()
        if self.comes(":"):
            raise self.refused(at, "a slice is not evaluated by canarytest")
        self.expect("]")
        member = Member(at, base, key, optional)
        return Guarded(at, member) if optional else member


def _as_float(node: Node) -> Node:
    """Read integers that are written out as floats, where a function takes nothing else."""
    match node:
        case Literal(value=int(value)) if not isinstance(value, bool):
            return replace(node, value=float(value))
        case Unary(operator="+" | "-"):
            return replace(node, operand=_as_float(node.operand))
        case Binary(operator="+" | "-" | "*"):
            return replace(node, left=_as_float(node.left), right=_as_float(node.right))
        case _:
            return node
