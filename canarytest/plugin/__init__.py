"""
The pytest side: options, fixtures, markers, collection, the loop, the exit status.

Without `--canary` this file is all that is imported, and it changes nothing.
"""

from __future__ import annotations

import pytest

_MARKERS = (
    (
        "canary(min_weight=0, max_weight=100, steps=None): run this test only at the steps of a "
        "rollout whose weight is in the range, or whose label is in steps"
    ),
    (
        "load(file, users=1, spawn_rate=users, rate=None): put the load of a locustfile on the "
        "canary from the moment its step opens"
    ),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the options; each does nothing unless it is given."""
    group = parser.getgroup("canary", "Canary rollouts")
    group.addoption(
        "--canary",
        action="store_true",
        help="Walk a rollout through its steps and run the tests at each of them",
    )
    group.addoption(
        "--canary-target",
        metavar="NAME",
        help="The target of [tool.canarytest.targets] to roll out to",
    )
    group.addoption(
        "--canary-image",
        metavar="CONTAINER=IMAGE",
        help="Set this image and follow; without it, attach to the rollout in progress",
    )
    group.addoption(
        "--canary-approve",
        choices=["auto", "ask"],
        default="auto",
        help="ask: a person decides at each indefinite pause, and before the promotion",
    )
    group.addoption(
        "--canary-until",
        metavar="WEIGHT",
        type=int,
        help="Stop after the step of this weight and leave the rollout paused",
    )
    group.addoption(
        "--canary-resume",
        action="store_true",
        help="Go on with a rollout that --canary-until left paused",
    )
    group.addoption(
        "--canary-drill",
        metavar="WEIGHT",
        type=int,
        help="Abort on purpose at the step of this weight, and measure the way back",
    )
    group.addoption(
        "--canary-aa",
        action="store_true",
        help="Take an identical build through every step: whatever alarm is raised is a false one",
    )
    group.addoption(
        "--canary-lint",
        action="store_true",
        help="Only say what is dangerous in the rollout's manifest",
    )
    group.addoption(
        "--canary-report",
        action="store_true",
        help="Build the HTML report at the end (needs the extra 'report')",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers; with --canary, register the plugins that do the work."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    if config.option.canary:
        from canarytest.plugin import setup  # noqa: PLC0415  heavy, and only wanted now

        setup.configure(config)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """With --canary-lint, say what is dangerous in the manifest, and do no more."""
    if not config.option.canary_lint:
        return None
    from canarytest.plugin import setup  # noqa: PLC0415  heavy, and only wanted now

    return setup.lint(config)
