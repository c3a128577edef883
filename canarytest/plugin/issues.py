"""What the configuration says of known issues, for the links of the report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from canarytest.config import Table
from canarytest.core.errors import ConfigError


def read(table: Table) -> Mapping[str, Any]:
    """
    Take `issue`, where an issue's id leads to, and `known_issues`: patterns of failures by id.

    Returns both as the report wants them in RolloutStarted; empty if neither is given.
    """
    url = table.take("issue", str, "")
    known = table.table("known_issues")
    if url and "{}" not in url:
        raise ConfigError(
            f"{table.where}.issue: {url!r} has no '{{}}' where the id of the issue goes; "
            "expected e.g. 'https://jira.example.com/browse/{}'"
        )
    patterns = known.rest()
    for issue, pattern in patterns.items():
        _check(f"{known.where}.{issue}", pattern)
    given = {"issue": url, "known_issues": patterns}
    return {name: value for name, value in given.items() if value}


def _check(where: str, pattern: object) -> None:
    try:
        re.compile(pattern if isinstance(pattern, str) else "(")
    except re.error as error:
        what = error if isinstance(pattern, str) else "it is no text"
        raise ConfigError(
            f"{where}: {pattern!r} is not a regular expression that messages of failures are "
            f"searched for: {what}"
        ) from None
