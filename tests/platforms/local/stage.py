"""What the tests of the local platform share: settings, plans, requests, waiting for ends."""

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import requests

from canarytest.config import Table
from canarytest.core.plan import Plan, Resources, Step
from canarytest.core.reach import Endpoint

APP = Path(__file__).with_name("app.py")
SOON_S = 30  # never reached, unless something is wrong


def command(name: str, *options: object) -> str:
    return " ".join(["python", "-S", str(APP), "{port}", name, *map(str, options)])


def table(stable: str = command("v100"), canary: str = command("v101"), **keys: Any) -> Table:
    values = {
        "run": {"stable": stable, "canary": canary},
        "ready": "/ready",
        "identity": {"path": "/info", "json": "version"},
        **keys,
    }
    return Table(values, "tool.canarytest.targets.local")


def step(weight: int, index: int = 0) -> Step:
    return Step(
        index=index,
        label="dark" if weight == 0 else f"{weight}%",
        weight=weight,
        share=weight / 100,
        bake_s=0,
        indefinite=True,
        spec_index=0,
        canary_pods=1,
        stable_pods=1,
    )


def plan(*weights: int) -> Plan:
    return Plan(
        rollout="was",
        namespace="default",
        replicas=1,
        has_router=True,
        steps=tuple(step(weight, index) for index, weight in enumerate(weights)),
        kinds=("setWeight", "pause"),
        image="app:v101",
        resources=Resources(cpu_cores=0.5, memory_bytes=1 << 30),
    )


def get(endpoint: Endpoint, path: str = "/") -> requests.Response:
    return requests.get(endpoint.url + path, headers=dict(endpoint.headers), timeout=SOON_S)


def who_answers(endpoint: Endpoint, times: int) -> Counter[tuple[str, str]]:
    """Return how often each version answered: by the router's word, and by its own."""
    with requests.Session() as session:
        session.headers.update(endpoint.headers)
        replies = [session.get(endpoint.url, timeout=SOON_S) for _ in range(times)]
    return Counter(
        (reply.headers["x-canarytest-version"], reply.json()["version"]) for reply in replies
    )


def started() -> list[psutil.Process]:
    """Return every process that descends from this one."""
    return psutil.Process().children(recursive=True)


def envoy() -> psutil.Process:
    (process,) = [process for process in started() if process.name() == "envoy"]
    return process


def application(name: str) -> psutil.Process:
    (process,) = [
        process
        for process in started()
        if process.cmdline()[2:3] == [str(APP)] and process.cmdline()[4] == name
    ]
    return process


def comes_back(name: str) -> psutil.Process:
    """Wait until there is an application of this *name*; there is none while it is restarted."""
    while True:
        with contextlib.suppress(ValueError, psutil.Error):
            return application(name)
