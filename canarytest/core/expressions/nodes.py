"""What a condition is made of. `at` is where it stands in the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Node:
    """Any part of a condition that has a value."""

    at: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Result(Node):
    """What was measured."""


@dataclass(frozen=True, slots=True)
class Item(Node):
    """`#`: the element that a predicate is asked about."""


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`base.key`, `base[key]`; *optional* where it is `?.`."""

    base: Node
    key: Node
    optional: bool


@dataclass(frozen=True, slots=True)
class Guarded(Node):
    """As far as an optional member reaches: nil as soon as its base is."""

    node: Node


@dataclass(frozen=True, slots=True)
class Unary(Node):
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Ordered(Node):
    """`a < b`, and `a < b < c`, which says both; each operand is evaluated once."""

    operators: tuple[str, ...]
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """`condition ? then : otherwise`; `condition ?: otherwise` where *then* is None."""

    condition: Node
    then: Node | None
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Each(Node):
    """`all(collection, predicate)` and its kin; sum and count can do without a predicate."""

    name: str
    collection: Node
    predicate: Node | None


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes that *node* is made of."""
    for field in fields(node):
        value = getattr(node, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Node):
                yield part


def is_deeper_than(root: Node, limit: int) -> bool:
    """Whether *root* has more than *limit* levels; asked without recursion."""
    level = [root]
    for _ in range(limit):
        level = [child for node in level for child in children(node)]
        if not level:
            return False
    return True
