"""A project in a folder of its own, and `pytest --canary` in it: real PetClinic, real Envoy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml

from canarytest.core import events
from canarytest.reporting import log

ROOT = Path(__file__).parent.parent
MANIFEST = ROOT / "deploy" / "petclinic" / "rollout.yaml"
PETCLINIC = "python -m petclinic --version {version} --port {{port}}"
RUN_WITHIN_S = 300.0
# Of pytest's plugins these stay: ours, and those that our dependencies bring. The others that
# happen to be installed cost up to a second to start.
OURS = ("canarytest", "allure_pytest", "locust", "xdist", "xdist.looponfail")
# A suite that fails in the midst of a stream, and leaves the moment when it did.
FAILS = """\
import time
from pathlib import Path


def test_fails(canary):
    time.sleep(1.0)  # of a steady stream at the edge
    failed = time.time()
    Path("failed").write_text(repr(failed))
    assert canary is None
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over."""

    began: float  # the start of the process, seconds since the epoch
    status: int
    output: str
    told: tuple[events.Event, ...]

    def first(self, kind: type[events.Event]) -> Any:
        """Return the first event of *kind*; fail with what pytest printed if there is none."""
        for event in self.told:
            if isinstance(event, kind):
                return event
        raise RuntimeError(f"no {kind.__name__} in the run:\n{self.output}")


def write(
    folder: Path,
    suite: str,
    *,
    weights: Sequence[int],
    command: str = PETCLINIC,
    edge_port: int = 0,
) -> None:
    """Write a project into *folder*: one step for each of *weights*, none of which bakes."""
    (folder / "suites").mkdir(parents=True, exist_ok=True)
    (folder / "suites" / "test_it.py").write_text(suite)
    (folder / "rollout.json").write_text(json.dumps(manifest(weights)))
    (folder / "pyproject.toml").write_text(
        f"""\
[tool.pytest.ini_options]
filterwarnings = ["error"]

[tool.canarytest]
target = "local"

[tool.canarytest.targets.local]
platform = "local"
rollout = "rollout.json"
pause_at_most = 0
edge_port = {edge_port}
run.stable = {json.dumps(command.format(version="v100"))}
run.canary = {json.dumps(command.format(version="v101"))}
ready = "/petclinic/actuator/health"
identity = {{ path = "/petclinic/actuator/info", json = "version" }}
"""
    )


def manifest(weights: Sequence[int]) -> dict[str, Any]:
    """Return PetClinic's own Rollout, with a dark step where a weight is 0, then *weights*."""
    rollout: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())
    rollout["spec"]["strategy"]["canary"]["steps"] = list(_steps(weights))
    return rollout


def run(folder: Path, *args: str) -> Ended:
    """Run `pytest --canary` in *folder*."""
    began = time.time()
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "--canary", "-q", *others_blocked(), *args],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_WITHIN_S,
        check=False,
    )
    path = folder / "reports" / "latest" / "events.jsonl"
    told = tuple(log.read(path)) if path.exists() else ()
    return Ended(began, ended.returncode, ended.stdout, told)


def others_blocked() -> list[str]:
    """Return the options that keep the plugins of others from being loaded."""
    names = sorted(point.name for point in entry_points(group="pytest11"))
    return [word for name in names if name not in OURS for word in ("-p", f"no:{name}")]


def environment() -> dict[str, str]:
    """Return ours without pytest's variables; PetClinic is found from any folder."""
    kept = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}


def _steps(weights: Sequence[int]) -> Iterator[dict[str, Any]]:
    for weight in weights:
        if weight:
            yield {"setWeight": weight}
        else:
            yield {"setCanaryScale": {"replicas": 1}}
        yield {"pause": {"duration": "1s"}}
    yield {"setWeight": 100}
