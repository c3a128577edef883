"""The arguments of a template: `{{args.name}}`, wherever it stands in a metric."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from canarytest.core.errors import ConfigError

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


def arguments_of(declared: Iterable[Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, str]:
    """
    Return the value of each *declared* argument: the *given* one, else the template's own.

    Raises ConfigError where there is none. What is given but not declared does not count.
    """
    return {
        argument.get("name", ""): _value(argument, given.get(argument.get("name", "")))
        for argument in declared
    }


def filled(part: Any, arguments: Mapping[str, str]) -> Any:
    """
    Return *part* of a manifest with its arguments filled in.

    Argo does so in the text of the JSON, and escapes for it what an argument holds; here the parts
    are texts already, and a quote in an argument stays one. Raises ConfigError for a tag that is
    not closed, or stands for nothing.
    """
    if isinstance(part, str):
        return _filled(part, arguments)
    if isinstance(part, Mapping):
        return {filled(key, arguments): filled(each, arguments) for key, each in part.items()}
    if isinstance(part, list | tuple):
        return [filled(each, arguments) for each in part]
    return part


def _value(argument: Mapping[str, Any], given: str | None) -> str:
    value = argument.get("value") if given is None else given
    if isinstance(value, str):
        return value
    name = argument.get("name")
    if value is not None:
        raise ConfigError(f"argument {name!r}: {value!r} is not a string; put it in quotes")
    if argument.get("valueFrom"):
        raise ConfigError(
            f"argument {name!r}: valueFrom {argument['valueFrom']!r} is read from a cluster; "
            "give the argument a value"
        )
    raise ConfigError(f"argument {name!r} was not supplied")


def _filled(text: str, arguments: Mapping[str, str]) -> str:
    def value(tag: re.Match[str]) -> str:
        name = tag[1].strip()
        if not name.startswith("args.") or name.removeprefix("args.") not in arguments:
            known = ", ".join(f"args.{each}" for each in arguments) or "none"
            raise ConfigError(f"failed to resolve {tag[0]} in {text!r}; known are: {known}")
        return arguments[name.removeprefix("args.")]

    if "{{" in _TAG.sub("", text):
        raise ConfigError(f"a {'{{'} in {text!r} is not closed")
    return _TAG.sub(value, text)
