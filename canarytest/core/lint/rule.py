"""A rule, the flaws that it sees, and the findings that they become."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from canarytest.core.lint.view import View

Severity = Literal["error", "warning"]
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something dangerous in a manifest, and what to do about it."""

    rule: str
    severity: Severity  # an error stops the run before anything is touched, unless forced
    where: Place  # the path into its document
    document: str  # "Rollout/was"
    index: int  # of the document: 0 is the Rollout, n the n-th of the others
    message: str  # what is wrong, with the value
    why: str  # why it matters to someone paged at night
    fix: str  # the correction: YAML, or a sentence


@dataclass(frozen=True, slots=True)
class Flaw:
    """What a rule sees; the rest of the finding is the rule's own."""

    where: Place
    message: str
    fix: str
    index: int = 0
    severity: Severity | None = None  # None: the rule's


Check = Callable[[View], Iterator[Flaw]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A check with its name, and the reasons for its being there."""

    id: str
    severity: Severity
    because: str  # the reason for the severity
    why: str
    check: Check

    def findings(self, view: View) -> Iterator[Finding]:
        for flaw in self.check(view):
            yield Finding(
                rule=self.id,
                severity=flaw.severity or self.severity,
                where=flaw.where,
                document=view.name(flaw.index),
                index=flaw.index,
                message=flaw.message,
                why=self.why,
                fix=flaw.fix,
            )


def error(id_: str, *, because: str, why: str) -> Callable[[Check], Rule]:
    """Make a check a rule whose findings stop the run."""
    return lambda check: Rule(id_, "error", because, why, check)


def warning(id_: str, *, because: str, why: str) -> Callable[[Check], Rule]:
    """Make a check a rule whose findings are said, and the run goes on."""
    return lambda check: Rule(id_, "warning", because, why, check)
