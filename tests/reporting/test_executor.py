"""Which CI ran it, from what CIs say in the environment."""

from __future__ import annotations

import pytest

from canarytest.reporting.executor import executor_of


@pytest.mark.parametrize(
    ("environ", "kind", "name", "url"),
    [
        (
            {
                "JENKINS_URL": "https://ci/",
                "BUILD_NUMBER": "7",
                "JOB_NAME": "canary",
                "BUILD_URL": "https://ci/job/canary/7/",
            },
            "jenkins",
            "canary #7",
            "https://ci/job/canary/7/",
        ),
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "acme/petclinic",
                "GITHUB_RUN_ID": "991",
                "GITHUB_RUN_NUMBER": "7",
                "GITHUB_WORKFLOW": "canary",
            },
            "github",
            "canary #7",
            "https://github.com/acme/petclinic/actions/runs/991",
        ),
        (
            {
                "GITLAB_CI": "true",
                "CI_PROJECT_URL": "https://gitlab/acme",
                "CI_JOB_URL": "https://gitlab/acme/-/jobs/5",
                "CI_PIPELINE_IID": "7",
                "CI_JOB_NAME": "canary",
            },
            "gitlab",
            "canary #7",
            "https://gitlab/acme/-/jobs/5",
        ),
    ],
    ids=["Jenkins", "GitHub", "GitLab"],
)
def test_the_executor_is_the_ci(environ: dict[str, str], kind: str, name: str, url: str) -> None:
    found = executor_of(environ)

    assert found is not None
    assert (found["type"], found["buildName"], found["buildUrl"]) == (kind, name, url)
    assert found["buildOrder"] == 7


def test_a_laptop_is_no_ci() -> None:
    assert executor_of({"HOME": "/root"}) is None
