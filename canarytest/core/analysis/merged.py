"""Several templates as one, and the arguments that a Rollout gives them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from canarytest.core.errors import ConfigError

_LISTS = ("metrics", "dryRun", "measurementRetention")
_PATH = re.compile(r"\.?([\w-]+)|\[(?:'([^']*)'|\"([^\"]*)\"|(\d+))\]")


def merged(specs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """
    Return the specs of templates as one, as Argo makes one run of them.

    Raises ConfigError where two give one argument another value. Names of metrics that stand twice
    are refused when the metrics are read.
    """
    whole: dict[str, Any] = {
        key: [each for spec in specs for each in _list(spec, key)] for key in _LISTS
    }
    return {**whole, "args": _merged_arguments(each for s in specs for each in _list(s, "args"))}


def given_arguments(
    arguments: object, rollout: Mapping[str, Any], hashes: Mapping[str, str]
) -> dict[str, str]:
    """
    Return the arguments that an analysis of *rollout* gives, by name.

    *hashes* are what stands for "Stable" and "Latest". Raises ConfigError for one without a value.
    """
    given = arguments or []
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        raise ConfigError(f"args {given!r} is not a list of mappings")
    return {str(each.get("name", "")): _given(each, rollout, hashes) for each in given}


def _given(
    argument: Mapping[str, Any], rollout: Mapping[str, Any], hashes: Mapping[str, str]
) -> str:
    name, value, source = (argument.get(key) for key in ("name", "value", "valueFrom"))
    if isinstance(value, str):
        return value
    if value is not None:
        raise ConfigError(f"argument {name!r}: {value!r} is not a string; put it in quotes")
    match source:
        case {"podTemplateHashValue": str(which)} if which in hashes:
            return hashes[which]
        case {"fieldRef": {"fieldPath": str(path)}}:
            return _field(rollout, path, name)
        case {"secretKeyRef": _}:
            raise ConfigError(
                f"argument {name!r}: secretKeyRef is read from a cluster, and there is none here; "
                "give it a value in the manifest of this target"
            )
        case _:
            raise ConfigError(
                f"argument {name!r}: {source!r} gives no value; expected value, or valueFrom with "
                f"podTemplateHashValue ({' or '.join(hashes)}) or fieldRef.fieldPath"
            )


def _field(rollout: Mapping[str, Any], path: str, name: object) -> str:
    """Return what lies at *path* of *rollout*, such as metadata.labels['region']."""
    found: Any = rollout
    for part in _PATH.finditer(path):
        word = next((each for each in part.groups()[:3] if each is not None), None)
        try:
            found = found[int(part[4])] if word is None else found[word]
        except (LookupError, TypeError):
            found = None
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, str | int | float):
        return str(found)
    raise ConfigError(
        f"argument {name!r}: the Rollout has no value at {path!r}; found {found!r}; "
        "correct the fieldPath"
    )


def _merged_arguments(arguments: Iterable[Any]) -> list[Mapping[str, Any]]:
    known: dict[str, Mapping[str, Any]] = {}
    for argument in arguments:
        name = str(argument.get("name", ""))
        before, after = known.get(name, {}).get("value"), argument.get("value")
        if before is not None and after is not None and before != after:
            raise ConfigError(
                f"Argument `{name}` specified multiple times with different values: "
                f"'{before}', '{after}'"
            )
        known[name] = argument if before is None else known[name]
    return list(known.values())


def _list(spec: Mapping[str, Any], key: str) -> list[Any]:
    found = spec.get(key) or []
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise ConfigError(f"{key} {found!r} is not a list of mappings")
    return found
