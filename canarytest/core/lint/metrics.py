"""The metrics of AnalysisTemplates as the rules see them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from canarytest.core.lint.rule import Place, Severity
from canarytest.core.lint.view import View, at, mapping, sequence

KINDS = ("AnalysisTemplate", "ClusterAnalysisTemplate")
HASH = "canary-hash"  # what stands for an argument that is given only when it runs


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of a template, and whether the Rollout runs it."""

    index: int  # of the document
    where: Place
    spec: Mapping[str, Any]
    arguments: Mapping[str, str]
    is_used: bool

    @property
    def name(self) -> str:
        return str(self.spec.get("name"))

    @property
    def severity(self) -> Severity:
        """What a template does wrong concerns a run only if the Rollout runs it."""
        return "error" if self.is_used else "warning"

    @property
    def query(self) -> str:
        """The Prometheus query with its arguments filled in; "" where there is none."""
        raw = at(self.spec, "provider", "prometheus", "query")
        return self._filled(raw) if isinstance(raw, str) else ""

    @property
    def conditions(self) -> dict[str, str]:
        keys = ("successCondition", "failureCondition")
        return {key: self.spec[key] for key in keys if isinstance(self.spec.get(key), str)}

    @property
    def limit(self) -> float | None:
        """The bound of the success condition: 0.05 of `result[0] < 0.05`."""
        condition = self.conditions.get("successCondition", "")
        found = re.search(r"result(?:\[0\])?\s*<=?\s*(\d+(?:\.\d+)?)", condition, re.ASCII)
        return float(found[1]) if found else None

    def _filled(self, text: str) -> str:
        return re.sub(
            r"\{\{\s*args\.([\w.-]+?)\s*\}\}", lambda m: self.arguments.get(m[1], HASH), text
        )


def metrics(view: View) -> Iterator[Metric]:
    """Yield each metric of each template beside the Rollout."""
    for index, template in view.of_kind(*KINDS):
        name = at(template, "metadata", "name")
        uses = [
            analysis
            for analysis in view.analyses
            if name
            and any(
                mapping(reference).get("templateName") == name
                for reference in [*sequence(analysis.get("templates")), analysis]
            )
        ]
        arguments = _arguments(at(template, "spec", "args"))
        for analysis in uses:
            arguments |= _arguments(analysis.get("args"))
        for i, spec in enumerate(sequence(at(template, "spec", "metrics"))):
            yield Metric(
                index, ("spec", "metrics", i), mapping(spec), arguments, is_used=bool(uses)
            )


def whole(value: object) -> int | None:
    """Return the number of a field that is a number or its text; None if it is none."""
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


def _arguments(args: object) -> dict[str, str]:
    return {
        str(mapping(arg).get("name")): mapping(arg)["value"]
        for arg in sequence(args)
        if isinstance(mapping(arg).get("value"), str)
    }
