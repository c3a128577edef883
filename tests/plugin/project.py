"""A user's project in a folder of its own, rolled out on the stand-in platform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

STEPS: list[Any] = [
    {"setCanaryScale": {"replicas": 1}},
    {"pause": {}},
    {"setWeight": 10},
    {"setCanaryScale": {"matchTrafficWeight": True}},
    {"pause": {"duration": "0s"}},
    {"setWeight": 50},
    {"pause": {"duration": "0s"}},
    {"setWeight": 100},
]
LABELS = ("dark", "10%", "50%")
QUICK = {
    "suites": ["suites"],
    "proof": {"window": 0.1, "responses": 5, "within": 30},
    "probe": {"rate": 100},
    "judge": {"look_longer": 5},
}
PYTEST = {
    "addopts": "--strict-markers --strict-config -ra",
    "asyncio_default_fixture_loop_scope": "function",
    "filterwarnings": ["error"],
}


QUIET = ("-p", "no:hypothesispytest")  # at each end of a run it imports all of hypothesis


class Project:
    """Writes the files of a project, runs pytest in it, and reads what the run left."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.rollout()
        self.configure()

    def configure(self, *, pytest_ini: Any = PYTEST, **keys: Any) -> None:
        """Write pyproject.toml; *keys* are those of [tool.canarytest], `t` those of its target."""
        target = {"platform": "standin", "rollout": "rollout.yaml", **keys.pop("t", {})}
        target = {key: value for key, value in target.items() if value is not None}
        section = {"target": "t", **QUICK, "targets": {"t": target}, **keys}
        self.write("pyproject.toml", toml({"tool": {"pytest": {"ini_options": pytest_ini}}}))
        with (self.path / "pyproject.toml").open("a") as file:
            file.write(toml({"tool": {"canarytest": section}}))

    def rollout(self, steps: list[Any] = STEPS, **canary: Any) -> None:
        """Write the manifest: JSON is YAML."""
        self.write("rollout.yaml", json.dumps(manifest(steps, **canary), indent=1))

    def suite(self, text: str, *, name: str = "test_it.py") -> None:
        """Write a file of tests."""
        self.write(f"suites/{name}", text)

    def write(self, name: str, text: str) -> Path:
        """Write a file; what all its lines are indented by is taken away."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = text.strip("\n").splitlines()
        indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        path.write_text("".join(f"{line[indent:]}\n" for line in lines))
        return path

    def run(self, *args: str) -> pytest.RunResult:
        """Run pytest in this process."""
        return self.pytester.runpytest_inprocess("--canary", *QUIET, *args)

    def run_apart(self, *args: str) -> pytest.RunResult:
        """Run pytest in a process of its own."""
        return self.pytester.runpytest_subprocess("--canary", *QUIET, *args)

    @property
    def runs(self) -> list[Path]:
        """The directories of the runs so far."""
        return sorted((self.path / "reports" / "runs").glob("*"))

    @property
    def latest(self) -> Path:
        """The directory of the last run."""
        return self.path / "reports" / "latest"

    @property
    def summary(self) -> dict[str, Any]:
        """The summary of the last run."""
        found: dict[str, Any] = json.loads((self.latest / "summary.json").read_text())
        return found

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of the last run."""
        lines = (self.latest / "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def events_of(self, name: str) -> list[dict[str, Any]]:
        """The events of one kind."""
        return [event for event in self.events if event["event"] == name]

    @property
    def tests(self) -> dict[str, str]:
        """The outcome of each test of the last run, by what stands behind its file."""
        ended = self.events_of("TestFinished")
        return {event["nodeid"].partition("::")[2]: event["outcome"] for event in ended}

    @property
    def allure_results(self) -> list[dict[str, Any]]:
        """What Allure was told of tests; of the rollout itself there is a result more."""
        folder = self.path / "reports" / "allure-results"
        results = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
        return [result for result in results if "canarytest.rollout" not in result["fullName"]]

    @property
    def calls(self) -> list[str]:
        """What the platform was told to do, in order."""
        log = self.path / "standin.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.partition(" ")[2] for line in lines]

    @property
    def is_untouched(self) -> bool:
        """Whether no run has begun, nor left anything."""
        return not self.calls and not self.runs


def manifest(steps: list[Any], **canary: Any) -> dict[str, Any]:
    """Return a Rollout that preflight finds nothing wrong with."""
    app = {"app": "app"}
    container = {
        "name": "app",
        "image": "app:v1",
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
        "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
    }
    strategy = {
        "canaryService": "canary",
        "stableService": "stable",
        "trafficRouting": {"traefik": {"weightedTraefikServiceName": "app"}},
        "steps": steps,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "app", "namespace": "apps"},
        "spec": {
            "replicas": 2,
            "progressDeadlineAbort": True,
            "selector": {"matchLabels": app},
            "strategy": {"canary": {**strategy, **canary}},
            "template": {"metadata": {"labels": app}, "spec": {"containers": [container]}},
        },
    }


def toml(data: Any, name: str = "") -> str:
    """Return *data* as TOML: tables by their full name, what is in lists inline."""
    plain = {key: value for key, value in data.items() if not isinstance(value, dict)}
    lines = [f"[{name}]"] if name and (plain or not data) else []
    lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in plain.items()]
    text = "\n".join(lines) + "\n"
    for key, value in data.items():
        if isinstance(value, dict):
            text += toml(value, f"{name}.{json.dumps(key)}" if name else key)
    return text
