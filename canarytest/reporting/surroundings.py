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


def write(story: Story, results: Path, environ: Mapping[str, str]) -> None:
    """Write the three files into *results*; an executor only where *environ* knows one."""
    write_atomically(results / ENVIRONMENT, _properties(environment_of(story)))
    write_atomically(results / CATEGORIES, _json(categories()))
    if executor := executor_of(environ):
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
        "rollout": f"{started.namespace}/{started.rollout}",
        "target": started.target,
        "platform": started.platform,
        **{f"image {version}": image for version, image in started.images.items()},
        "plan": ", ".join(stop.label for stop in story.stops),
        **bands,
        **{f"preflight {i}": warning for i, warning in enumerate(started.warnings, 1)},
        **started.versions,
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


def executor_of(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Return who ran this, with the way back to it; None where no known CI did."""
    get = environ.get
    if get("JENKINS_URL"):
        return {
            "name": "Jenkins",
            "type": "jenkins",
            "url": get("JENKINS_URL"),
            "buildOrder": _number(get("BUILD_NUMBER")),
            "buildName": f"{get('JOB_NAME', '?')} #{get('BUILD_NUMBER', '?')}",
            "buildUrl": get("BUILD_URL"),
        }
    if get("GITHUB_ACTIONS"):
        repository = f"{get('GITHUB_SERVER_URL', '')}/{get('GITHUB_REPOSITORY', '')}"
        return {
            "name": "GitHub Actions",
            "type": "github",
            "url": repository,
            "buildOrder": _number(get("GITHUB_RUN_NUMBER")),
            "buildName": f"{get('GITHUB_WORKFLOW', '?')} #{get('GITHUB_RUN_NUMBER', '?')}",
            "buildUrl": f"{repository}/actions/runs/{get('GITHUB_RUN_ID', '')}",
        }
    if get("GITLAB_CI"):
        return {
            "name": "GitLab CI",
            "type": "gitlab",
            "url": get("CI_PROJECT_URL"),
            "buildOrder": _number(get("CI_PIPELINE_IID")),
            "buildName": f"{get('CI_JOB_NAME', '?')} #{get('CI_PIPELINE_IID', '?')}",
            "buildUrl": get("CI_JOB_URL"),
        }
    return None


def _category(name: str, pattern: str, *statuses: str) -> dict[str, Any]:
    # Allure 2 wants the whole message to match, Allure 3 any part of it: this does for both.
    regex = {"messageRegex": rf"[\s\S]*(?:{pattern})[\s\S]*"} if pattern else {}
    return {"name": name, **regex, **({"matchedStatuses": list(statuses)} if statuses else {})}


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


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
