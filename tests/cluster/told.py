"""What `kubectl argo rollouts get rollout NAME --no-color` says, as data. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FIELD = re.compile(r"^ *(\w+): +(.*)$", re.MULTILINE)
_IMAGE = re.compile(r"^(?:Images:)? +(\S+) \((.*)\)$")
_ROW = re.compile(r"[⧉□] (\S+) +(ReplicaSet|Pod) +\S (\w+) +\S+ *(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Told:
    """A Rollout, as people are shown it."""

    status: str
    step: str  # e.g. "1/9"; at the end the number of steps twice
    set_weight: int
    actual_weight: int
    images: dict[str, str]  # by "canary" and "stable": those whose pods are there
    ready: dict[str, int]  # pods, by "canary" and "stable"


def read(text: str) -> Told:
    """Read what was printed; the sample is in argo-rollouts' own get_test.go."""
    head, _, tree = text.partition("\n\n")
    fields: dict[str, str] = dict(_FIELD.findall(head))
    return Told(
        status=fields["Status"].split()[-1],
        step=fields["Step"],
        set_weight=int(fields["SetWeight"]),
        actual_weight=int(fields["ActualWeight"]),
        images=dict(_images(head)),
        ready=_ready(tree),
    )


def _images(head: str) -> Iterator[tuple[str, str]]:
    for line in head.splitlines():
        if found := _IMAGE.match(line):
            for role in found[2].split(", "):
                yield role, found[1]


def _ready(tree: str) -> dict[str, int]:
    ready: dict[str, int] = {}
    roles: set[str] = set()
    for _, kind, status, info in _ROW.findall(tree):
        words = set(info.strip().split(","))
        if kind == "ReplicaSet":
            roles = words & {"canary", "stable"}
            ready |= dict.fromkeys(roles, 0)
        elif status == "Running" and "ready:1/1" in words:
            ready |= {role: ready[role] + 1 for role in roles}
    return ready
