"""Links to the issues that results name, or that a failure looks like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any


def known(message: str, surroundings: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    """Yield a link to each known issue whose pattern is found in the *message* of a failure."""
    for issue, pattern in surroundings.get("known_issues", {}).items():
        if re.search(pattern, message):
            yield {"type": "issue", "url": url_of(issue, surroundings), "name": issue}


def resolved(link: Mapping[str, Any], surroundings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *link*, an issue that is given by its id alone led to where issues are."""
    url = link.get("url") or ""
    if link.get("type") != "issue" or "://" in url:
        return link
    return {**link, "url": url_of(url, surroundings), "name": link.get("name") or url}


def url_of(issue: str, surroundings: Mapping[str, Any]) -> str:
    """Return where *issue* is found; itself if nobody said so."""
    pattern: str = surroundings.get("issue") or "{}"
    return pattern.replace("{}", issue)
