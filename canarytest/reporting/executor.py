"""Which CI runs this, with the way back to it, as Allure wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
