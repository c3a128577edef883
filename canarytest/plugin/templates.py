"""The analyses of a manifest: which there are, what they measure, and that all of it can be run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from canarytest import manifest
from canarytest.core.analysis import Metric, metrics_of
from canarytest.core.analysis.meaning import BACKGROUND, STEP
from canarytest.core.analysis.merged import given_arguments, merged
from canarytest.core.errors import ConfigError
from canarytest.core.plan import Plan
from canarytest.manifest import Manifest
from canarytest.plugin.settings import Settings
from canarytest.signals.prometheus import Server
from canarytest.signals.providers import Ask, read_provider

LATEST, STABLE = "Latest", "Stable"  # Argo's words for the canary and the stable version
_KINDS = {False: "AnalysisTemplate", True: "ClusterAnalysisTemplate"}
_CANARY = ("spec", "strategy", "canary")


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysis of a Rollout, with the templates that it names as one."""

    name: str  # the templates', and the step's where it is one
    part: str
    spec_index: int  # of the step; of one in the background, the first that it is run at
    where: str  # its file and line
    template: Mapping[str, Any]
    arguments: object
    rollout: Mapping[str, Any]
    server: Server | None  # that is asked where the template names none

    def metrics(self, hashes: Mapping[str, str]) -> tuple[tuple[Metric, Ask], ...]:
        """
        Return what is measured, with what measures it.

        *hashes* are what selects the two versions, by `LATEST` and `STABLE`. Raises ConfigError
        with the place.
        """
        try:
            return tuple(self._metrics(hashes))
        except ConfigError as error:
            raise ConfigError(f"{self.where}: the analysis {self.name!r}: {error}") from None

    def _metrics(self, hashes: Mapping[str, str]) -> Iterator[tuple[Metric, Ask]]:
        given = given_arguments(self.arguments, self.rollout, hashes)
        for metric in metrics_of(self.template, given):
            if self.part == STEP and metric.effective_count is None:
                raise ConfigError(
                    f"metric {metric.name!r} runs indefinitely: it has an interval and no count; "
                    "a step would never end; give it a count, or run it in the background "
                    "(strategy.canary.analysis)"
                )
            try:
                yield metric, read_provider(metric.provider, self.server)
            except ConfigError as error:
                raise ConfigError(f"metric {metric.name!r}: {error}") from None


def read(settings: Settings, plan: Plan) -> tuple[Analysis, ...]:
    """
    Return the analyses of the manifest of *settings*, each of which can be run.

    Raises ConfigError, with the place, for what Argo would refuse, and for what canarytest cannot
    do. Where the platform reads the Rollout itself, its controller runs them: there are none.
    """
    if settings.manifest is None:
        return ()
    found = manifest.read(settings.manifest)
    analyses = tuple(_analyses(found, plan, settings))
    for analysis in analyses:
        analysis.metrics({LATEST: plan.rollout, STABLE: plan.rollout})  # any name: to be refused
    return analyses


def _analyses(found: Manifest, plan: Plan, settings: Settings) -> Iterator[Analysis]:
    canary = found.rollout["spec"]["strategy"]["canary"]
    stops = {step.spec_index for step in plan.steps}
    background = canary.get("analysis")
    if background:
        starting = background.get("startingStep") or 0
        yield _analysis(found, settings, background, BACKGROUND, starting, (*_CANARY, "analysis"))
    for index, kind in enumerate(plan.kinds):
        place = (*_CANARY, "steps", index)
        if kind == "analysis":
            if index not in stops:
                raise ConfigError(
                    f"{_at(found, settings, place)}: steps[{index}] is an analysis at which no pod "
                    "of the canary runs: it would measure nothing; move it behind a setWeight"
                )
            yield _analysis(found, settings, canary["steps"][index][kind], STEP, index, place)


def _analysis(
    found: Manifest, settings: Settings, raw: Any, part: str, index: int, place: manifest.Place
) -> Analysis:
    where = _at(found, settings, place)
    references = raw.get("templates") if isinstance(raw, Mapping) else None
    if not references or not isinstance(references, list):
        raise ConfigError(
            f"{where}: the analysis names no template; expected e.g. "
            "templates: [{templateName: success-rate}]"
        )
    try:
        templates = list(_templates(found, references, ()))
        template = merged([template["spec"] for template in templates])
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    name = "+".join(str(reference.get("templateName")) for reference in references)
    return Analysis(
        name=f"{name}-{index}" if part == STEP else name,
        part=part,
        spec_index=index,
        where=where,
        template={**template, "dryRun": [*template["dryRun"], *(raw.get("dryRun") or [])]},
        arguments=raw.get("args"),
        rollout=found.rollout,
        server=settings.prometheus,
    )


def _templates(
    found: Manifest, references: Sequence[Any], above: tuple[str, ...]
) -> Iterator[Mapping[str, Any]]:
    """Yield the templates that are named, and those that they name."""
    for reference in references:
        name = str(reference.get("templateName") if isinstance(reference, Mapping) else reference)
        kind = _KINDS[bool(reference.get("clusterScope"))]
        if name in above:
            raise ConfigError(f"the {kind} {name!r} names itself: {' → '.join((*above, name))}")
        template = _found(found, kind, name)
        if template["spec"].get("metrics"):
            yield template
        yield from _templates(found, template["spec"].get("templates") or [], (*above, name))


def _found(found: Manifest, kind: str, name: str) -> Mapping[str, Any]:
    beside = [other for other in found.others if other.get("kind") == kind]
    known = [(other.get("metadata") or {}).get("name") for other in beside]
    if name not in known:
        raise ConfigError(
            f"there is no {kind} {name!r} beside the Rollout; found {known or 'none'}; put it into "
            "the same file or folder: `rollout` of the target may be a folder"
        )
    template = beside[known.index(name)]
    if not isinstance(template.get("spec"), Mapping):
        raise ConfigError(f"the {kind} {name!r} has no spec; expected one with metrics")
    return template


def _at(found: Manifest, settings: Settings, place: manifest.Place) -> str:
    document = found.documents[0]
    path = str(document.path).removeprefix(f"{settings.root}/")
    return f"{path}:{document.line_of(place)}"
