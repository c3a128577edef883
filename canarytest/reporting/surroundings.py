"""Where a run took place, and how its results are sorted: the files that Allure reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from canarytest.reporting.story import Story
from canarytest.reporting.summary import write_atomically

CATEGORIES = "categories.json"
ENVIRONMENT = "environment.properties"
EXECUTOR = "executor.json"


def write(story: Story, results: Path) -> None:
    """Write the three files into *results*; an executor only where the run had one."""
    write_atomically(results / ENVIRONMENT, _properties(environment_of(story)))
    write_atomically(results / CATEGORIES, _json(categories()))
    if executor := story.surroundings.get("executor"):
        write_atomically(results / EXECUTOR, _json(executor))


def environment_of(story: Story) -> Mapping[str, str]:
    """Return what the run ran on, in the order in which it is shown."""
    started = story.started
    if started is None:
        return {"outcome": story.outcome}
    bands = {
        f"band {metric}": f"warning from {warning:g}, roll back from {roll_back:g}"
        for metric, (warning, roll_back) in started.bands.items()
    }
    return {
        "outcome": story.outcome,
        "run": started.run_id,
        "rollout": started.rollout,
        "namespace": started.namespace,
        **({"context": context} if (context := story.surroundings.get("context")) else {}),
        "target": started.target,
        "platform": started.platform,
        **{f"image {version}": image for version, image in started.images.items()},
        "plan": ", ".join(stop.label for stop in story.stops),
        **bands,
        **_judging(started.judging),
        **{f"needs {need['label']}": _needed(need) for need in started.needs},
        **{f"preflight {i}": warning for i, warning in enumerate(started.warnings, 1)},
        **started.versions,
    }


def _needed(need: Mapping[str, Any]) -> str:
    return str(need["sentence"]).removeprefix(f"{need['label']}: ")


def _judging(told: Mapping[str, Any]) -> dict[str, str]:
    """Say how sure the judge had to be, and how the false alarms of the rollout were parted."""
    if not told:
        return {}
    parts = ", ".join(f"{name} {part:.2g}" for name, part in told["parts"].items())
    return {
        "false alarms": f"{told['false_alarm']:g} of the whole rollout; of a test at a step: "
        f"{parts}",
        "misses": f"{told['miss']:g} of a metric at a step",
    }


def categories() -> list[dict[str, Any]]:
    """Return what kinds of trouble there are; the first that fits a result is its own."""
    return [
        _category("Rollback not proven", "ROLLBACK IS NOT PROVEN"),
        _category("Never opened", r"was never opened", "skipped"),
        _category("Not run after the abort", r"^aborted |[ :]aborted ", "skipped"),
        # Only what passed in the end: a test that passed yesterday and fails on this canary is no
        # flaky test, though Allure calls every change of mind one.
        {"name": "Flaky", "flaky": True, "matchedStatuses": ["passed"]},
        _category("Stable bad too", r"stable version is bad too"),
        _category("Inconclusive", "", "unknown"),
        _category("Inconclusive", r"[Ii]nconclusive|too little to decide", "broken", "failed"),
        _category("Canary bad", "", "failed"),
        _category("Infrastructure", "", "broken"),
    ]


def _category(name: str, pattern: str, *statuses: str) -> dict[str, Any]:
    # Allure 2 wants the whole message to match, Allure 3 any part of it: this does for both.
    regex = {"messageRegex": rf"[\s\S]*(?:{pattern})[\s\S]*"} if pattern else {}
    return {"name": name, **regex, **({"matchedStatuses": list(statuses)} if statuses else {})}


def _json(data: object) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _properties(values: Mapping[str, str]) -> str:
    """Return *values* as a .properties file of Java."""
    return "".join(f"{_key(name)}={_value(value)}\n" for name, value in values.items())


def _key(text: str) -> str:
    escaped = _value(text)
    for char in " =:#!":
        escaped = escaped.replace(char, "\\" + char)
    return escaped


def _value(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
