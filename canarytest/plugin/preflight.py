"""All that can be known before anything is touched: the plan, and what is dangerous in it."""

from __future__ import annotations

import textwrap
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from canarytest import manifest
from canarytest.core import stretch
from canarytest.core.errors import ConfigError
from canarytest.core.lint import Finding, lint, unwatchable
from canarytest.core.plan import Plan, plan_of
from canarytest.core.ports import Platform
from canarytest.plugin.settings import Settings

_Found = tuple[Mapping[str, Any], Sequence[tuple[Finding, str]]]  # the Rollout; what, and where


@dataclass(frozen=True, slots=True)
class Preflight:
    """The plan, and what was found in its manifest."""

    plan: Plan
    errors: tuple[str, ...]  # the run must not begin
    warnings: tuple[str, ...]
    rules: tuple[str, ...]  # of the errors, each once
    rollout: Mapping[str, Any] = field(default_factory=dict)  # as it was read

    @property
    def stable(self) -> str:
        """What selects the stable version in metrics; empty where that is not known yet."""
        return str((self.rollout.get("status") or {}).get("stableRS") or "")


def check(settings: Settings, *, is_promoting: bool = True) -> Preflight:
    """
    Read the plan of *settings* and say what is dangerous in it.

    What would be so after the promotion only is left out of a run that is not *is_promoting*.
    Raises ConfigError if there is no plan to be read.
    """
    watched_s = settings.after_promotion_s if is_promoting else 0.0
    rollout, found = (
        _of_manifest(settings) if settings.manifest else _of_platform(settings, watched_s)
    )
    plan = plan_of(rollout)
    errors: list[str] = []
    warnings: list[str] = []
    rules: dict[str, None] = {}
    for finding, where in found:
        if finding.severity == "error" and finding.rule not in settings.allow:
            errors.append(_told(finding, where))
            rules[finding.rule] = None
        else:
            warnings.append(_told(finding, where))
    shortened = _shortened(plan, settings.pause_at_most)
    watched = stretch.watched(shortened, settings.after_promotion_s)
    return Preflight(watched, tuple(errors), tuple(warnings), tuple(rules), rollout)


def refuse_unsupported(plan: Plan, platform: Platform, name: str) -> None:
    """Raise ConfigError if *platform* cannot walk a step of *plan*."""
    for index, kind in enumerate(plan.kinds):
        if kind not in platform.supports:
            raise ConfigError(
                f"steps[{index}] is {kind!r}, which the platform {name!r} cannot walk; "
                f"expected {', '.join(sorted(platform.supports))}. Use a target on a platform that "
                "can, or a manifest without this step for this one"
            )


def stretched(found: Preflight, settings: Settings, option: Namespace) -> Preflight:
    """
    Return *found* with as much of the plan as *option* wants to be walked.

    Raises ConfigError if the rollout is not where it would have to go on, or has no such weight.
    """
    return replace(found, plan=_stretch(found.plan, found.rollout, settings, option))


def _stretch(plan: Plan, rollout: Mapping[str, Any], settings: Settings, option: Namespace) -> Plan:
    is_live = settings.manifest is None  # only then it can be known how far the rollout is
    is_attached = is_live and option.canary_image is None
    if is_attached and settings.on_first_deploy == "smoke" and stretch.is_first_deploy(rollout):
        return stretch.first_deploy(plan)
    if is_live and option.canary_resume:
        plan = stretch.resumed(plan, rollout)
    return plan if option.canary_until is None else stretch.until(plan, option.canary_until)


def _shortened(plan: Plan, at_most: float | None) -> Plan:
    if at_most is None:
        return plan
    steps = tuple(replace(step, bake_s=min(step.bake_s, at_most)) for step in plan.steps)
    return replace(plan, steps=steps)


def _of_manifest(settings: Settings) -> _Found:
    read = manifest.read(settings.manifest or settings.root)
    root = f"{settings.root}/"
    found = [(at.finding, str(at).removeprefix(root)) for at in manifest.located(read)]
    return read.rollout, found


def _of_platform(settings: Settings, watched_s: float) -> _Found:
    """Lint what is on the platform; there are no lines to name there."""
    rollout, *others = settings.documents()
    findings = [*lint(rollout, others), *(unwatchable(rollout, watched_s) if watched_s else ())]
    found = [
        (finding, f"{finding.document}: {finding.severity}: [{finding.rule}] {finding.message}")
        for finding in findings
    ]
    return rollout, found


def _told(finding: Finding, where: str) -> str:
    """Return what was found and where, why it matters, and the correction."""
    fix = textwrap.indent(finding.fix.strip(), " " * 7).lstrip()
    return f"{where}\n  why: {finding.why}\n  fix: {fix}"
