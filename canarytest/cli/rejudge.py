"""`canarytest rejudge RUN`: what the judge would have said of a stored run under other bands."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from canarytest.cli.report import named
from canarytest.config import nearest
from canarytest.core import events as e
from canarytest.core.bands import DEFAULT_BANDS, AgainstStable, Band, Policy, is_metric
from canarytest.core.errors import ConfigError
from canarytest.core.finding import Verdict
from canarytest.core.rejudge import ABORTED, Rejudged, policy_of, rejudge
from canarytest.reporting.log import read

_STATUS = {Verdict.SUCCESSFUL: 0, Verdict.FAILED: 1}
INCONCLUSIVE = 10


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "rejudge",
        help="judge a stored run again, under other bands",
        description="Judge each step of a stored run again from its events, offline. The exit "
        "status is what such a run would have had: 0, 1 (failed) or 10 (inconclusive).",
    )
    parser.add_argument("run", metavar="RUN", help="id, the beginning of one, path, or `latest`")
    parser.add_argument(
        "--band",
        action="append",
        default=[],
        metavar="METRIC=WARNING,ROLL_BACK",
        help="another band, e.g. latency_p95_ms=300,600; may be given several times",
    )
    parser.add_argument("--false-alarm", type=float, help="of the whole rollout, e.g. 0.01")
    parser.add_argument("--miss", type=float, help="of one metric at one step, e.g. 0.05")
    parser.add_argument("--on-warning", choices=("abort", "promote"))
    parser.add_argument("--against-stable", choices=tuple(map(str, AgainstStable)))
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(command=_rejudge)


def _rejudge(chosen: argparse.Namespace) -> int:
    run = named(chosen.run)
    told = tuple(read(run / "events.jsonl"))
    started = next((event for event in told if isinstance(event, e.RolloutStarted)), None)
    if started is None:
        raise ConfigError(f"{run.name} never began: there is nothing to judge in it")
    policy = changed(policy_of(started), chosen)
    steps = rejudge(told, policy)
    if chosen.json:
        sys.stdout.write(json.dumps(_as_json(run.name, policy, steps), indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(steps)))
    return next((_STATUS.get(s.verdict, INCONCLUSIVE) for s in steps if _ends_it(s)), 0)


def changed(policy: Policy, chosen: argparse.Namespace) -> Policy:
    """Return *policy* with what the options say otherwise; raises ConfigError."""
    bands = {**policy.bands, **dict(map(_band, chosen.band))}
    changes = {
        name: value
        for name in ("false_alarm", "miss")
        if (value := _probability(name, getattr(chosen, name))) is not None
    }
    if chosen.against_stable:
        changes["against_stable"] = AgainstStable(chosen.against_stable)
    if chosen.on_warning:
        changes["promote_on_warning"] = chosen.on_warning == "promote"
    return replace(policy, bands=bands, **changes)


def _band(text: str) -> tuple[str, Band]:
    name, _, bounds = text.partition("=")
    if not is_metric(name):
        raise ConfigError(
            f"--band {text}: there is no metric {name!r}{nearest(name, DEFAULT_BANDS) or '.'} "
            f"Allowed: {', '.join(sorted(DEFAULT_BANDS))}, or another percentile such as "
            "latency_p99_ms."
        )
    try:
        warning, roll_back = map(float, bounds.split(","))
    except ValueError:
        raise ConfigError(f"--band {text}: expected two numbers, e.g. {name}=0.01,0.05") from None
    if not 0 < warning <= roll_back:
        raise ConfigError(
            f"--band {text}: the warning has to be above 0 and not above the roll-back"
        )
    return name, Band(warning, roll_back)


def _probability(name: str, value: float | None) -> Any:
    if value is not None and not 0 < value <= 0.5:  # noqa: PLR2004  more than a coin is no test
        option = f"--{name.replace('_', '-')}"
        raise ConfigError(f"{option} {value}: expected a probability above 0 and at most 0.5")
    return value


def _ends_it(step: Rejudged) -> bool:
    return step.verdict is not Verdict.SUCCESSFUL


def _lines(steps: Sequence[Rejudged]) -> list[str]:
    lines = []
    for step in steps:
        when = "" if step.decided_s is None else f", known {step.decided_s:.0f} s after it opened"
        lines.append(f"{step.label}: was {step.was or 'not judged'}, is {step.verdict}{when}")
        if step.was == ABORTED:
            lines.append(f"  aborted then: {step.was_reason}")
        lines += [f"  {found.zone}: {found.sentence}" for found in step.judgement.findings]
        if _ends_it(step):
            return [*lines, f"the rollout would have ended here: {step.judgement.reason}"]
    return [*lines, "every step is successful, as far as it was seen"]


def _as_json(run: str, policy: Policy, steps: Sequence[Rejudged]) -> dict[str, Any]:
    return {
        "run": run,
        "bands": {name: [band.warning, band.roll_back] for name, band in policy.bands.items()},
        "steps": [
            {
                "label": step.label,
                "was": step.was,
                "was_reason": step.was_reason,
                "verdict": step.verdict,
                "reason": step.judgement.reason,
                "decided_s": step.decided_s,
                "findings": [asdict(finding) for finding in step.judgement.findings],
            }
            for step in steps
        ],
    }
