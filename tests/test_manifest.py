"""Reading manifests: what is refused and where, and the reference scenario to its lines."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarytest.core.errors import ConfigError
from canarytest.core.lint import lint
from canarytest.core.plan import plan_of
from canarytest.manifest import located, read

DEPLOY = Path(__file__).parent.parent / "deploy" / "petclinic"
ORIGINAL = DEPLOY / "rollout-original.yaml"
CORRECTED = DEPLOY / "rollout.yaml"
ROLLOUT = "kind: Rollout\nmetadata: {name: was}\n"

# rule, line, severity, the text at that line: by the mistakes of the scenario, 1 to 6
EXPECTED = [
    ("no-progress-deadline-abort", 9, "warning", "spec:"),  # 4
    ("no-traffic-routing", 15, "error", "canary:"),  # 2
    ("auto-promotion-under-canary", 18, "error", "autoPromotionEnabled: false"),  # 1
    ("unowned-alb-weights", 79, "error", "alb.ingress.kubernetes.io/actions.canary-action: |"),  # 2
    ("failure-limit-acts-late", 111, "warning", "failureLimit: 3"),  # 6
    ("condition-compares-vector", 112, "warning", "successCondition: result < 0.05"),  # 5
    ("query-mixes-versions", 116, "warning", "query: |"),  # 5
    ("query-without-data", 116, "warning", "query: |"),  # 5
    ("too-few-samples", 142, "warning", "- |"),  # 3
]


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "rollout.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_the_original_manifest_has_the_six_mistakes_at_these_lines() -> None:
    lines = ORIGINAL.read_text().splitlines()
    found = [
        (at.finding.rule, at.line, at.finding.severity, lines[at.line - 1].strip())
        for at in located(read(ORIGINAL))
    ]

    assert found == EXPECTED


def test_a_located_finding_reads_like_a_compiler_s() -> None:
    found = {at.finding.rule: str(at) for at in located(read(ORIGINAL))}

    assert found["auto-promotion-under-canary"] == (
        f"{ORIGINAL}:18: error: [auto-promotion-under-canary] autoPromotionEnabled: false belongs "
        "to blueGreen; under canary the API server drops it silently: the pauses are timed "
        "(2m, 2m, 2m), so the rollout goes on by itself after each"
    )


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("no-traffic-routing", "10 % asked, 33 % by 1 of 3 pods; 30 % asked, 33 % by 1 of 3 pods"),
        ("unowned-alb-weights", "was-stable 90, was-canary 10"),
        ("too-few-samples", "one hit has a chance of 39% and 9%"),
        ("query-mixes-versions", "fails 40 % of its requests shows as 4 %"),
        ("failure-limit-acts-late", "90 s after the first, plus the 60 s"),
    ],
)
def test_the_figures_of_the_scenario_are_computed(rule: str, says: str) -> None:
    manifest = read(ORIGINAL)

    assert any(says in f.message for f in lint(manifest.rollout, manifest.others) if f.rule == rule)


def test_the_corrected_manifest_has_no_finding() -> None:
    assert located(read(CORRECTED)) == ()


def test_the_corrected_manifest_has_none_with_what_it_needs_beside_it(tmp_path: Path) -> None:
    for file in (CORRECTED, DEPLOY / "traefik.yaml"):
        shutil.copy(file, tmp_path)
    manifest = read(tmp_path)

    assert located(manifest) == ()
    assert [other["kind"] for other in manifest.others] == [
        "Service",
        "Service",
        "TraefikService",
        "IngressRoute",
    ]


def test_without_a_router_the_pods_give_what_the_weights_say() -> None:
    path = DEPLOY / "rollout-without-router.yaml"
    plan = plan_of(read(path).rollout)

    assert [(step.label, step.share) for step in plan.steps] == [
        ("10%", 0.1), ("30%", 0.3), ("50%", 0.5),
    ]  # fmt: skip
    assert [(at.finding.rule, at.finding.severity) for at in located(read(path))] == [
        ("no-traffic-routing", "warning")
    ]


def test_the_corrected_manifest_is_the_scenario_with_a_dark_step_first() -> None:
    steps = plan_of(read(CORRECTED).rollout).steps

    assert [(step.label, step.share, step.canary_pods) for step in steps] == [
        ("dark", 0, 1),
        ("10%", 0.1, 1),
        ("30%", 0.3, 1),
        ("50%", 0.5, 1),
    ]


def test_the_original_manifest_gives_users_what_its_pods_give() -> None:
    steps = plan_of(read(ORIGINAL).rollout).steps

    assert [(step.label, step.canary_pods, step.stable_pods) for step in steps] == [
        ("10%", 1, 2),
        ("30%", 1, 2),
        ("50%", 1, 1),
    ]


Documents = list[Any]  # the Rollout, two Services, the Ingress, the two AnalysisTemplates


def canary(documents: Documents) -> dict[str, Any]:
    of_rollout: dict[str, Any] = documents[0]["spec"]["strategy"]["canary"]
    return of_rollout


def metric(documents: Documents) -> dict[str, Any]:
    of_errors: dict[str, Any] = documents[4]["spec"]["metrics"][0]
    return of_errors


def route_by_alb_from_a_dark_step(documents: Documents) -> None:
    canary(documents).update(
        canaryService="was-canary",
        stableService="was-stable",
        trafficRouting={"alb": {"ingress": "petclinic", "rootService": "canary-action"}},
    )
    canary(documents)["steps"][:1] = [
        {"setCanaryScale": {"replicas": 1}},
        {"pause": {}},
        {"setWeight": 10},
        {"setCanaryScale": {"matchTrafficWeight": True}},
    ]


def select_the_canary(documents: Documents) -> None:
    prometheus = metric(documents)["provider"]["prometheus"]
    prometheus["query"] = prometheus["query"].replace('job="was"', 'hash="{{args.canary-hash}}"')


def take_a_hundred(documents: Documents) -> None:
    job = documents[5]["spec"]["metrics"][0]["provider"]["job"]
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["args"] = [container["args"][0].replace("seq 10", "seq 100")]


# What each takes away.
FIXES: list[tuple[Callable[[Documents], object], set[str]]] = [
    (lambda d: canary(d).pop("autoPromotionEnabled"), {"auto-promotion-under-canary"}),
    (
        route_by_alb_from_a_dark_step,
        {"no-traffic-routing", "unowned-alb-weights"},
    ),
    (take_a_hundred, {"too-few-samples"}),
    (
        lambda d: d[0]["spec"].update(progressDeadlineAbort=True),
        {"no-progress-deadline-abort"},
    ),
    (select_the_canary, {"query-mixes-versions"}),
    (
        lambda d: metric(d).update(
            successCondition="len(result) == 0 || isNaN(result[0]) || result[0] < 0.05"
        ),
        {"query-without-data", "condition-compares-vector"},
    ),
    (lambda d: metric(d).update(failureLimit=0), {"failure-limit-acts-late"}),
]


@given(st.sets(st.integers(0, len(FIXES) - 1)))
def test_each_fix_takes_its_findings_away_and_brings_no_others(chosen: set[int]) -> None:
    manifest = read(ORIGINAL)
    documents = deepcopy([manifest.rollout, *manifest.others])
    for i in chosen:
        FIXES[i][0](documents)
    left = {finding.rule for finding in lint(documents[0], documents[1:])}
    gone = {rule for i in chosen for rule in FIXES[i][1]}

    assert left == {rule for rule, *_ in EXPECTED} - gone


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty; expected an Argo Rollout"),
    "comments-only": ("# nothing\n---\n", "is empty"),
    "no-rollout": ("kind: Service\n---\nkind: Job", "has no Rollout; found Job, Service"),
    "two-rollouts": (
        f"{ROLLOUT}---\n{ROLLOUT.replace('was', 'web')}",
        "has 2 Rollouts: 'was' ({path}:1) and 'web' ({path}:4)",
    ),
    "a-sequence": ("\n- kind: Rollout", "{path}:2:1: this document is a sequence, not a mapping"),
    "a-string": ("Rollout", "{path}:1:1: this document is 'Rollout', not a mapping"),
    "syntax": ("a: b\nc: [1", "{path}:2:6: "),
    "a-tab": ("a:\n\tb: 1", "{path}:2:1: found character '\\t'"),
    "an-unknown-tag": (f"{ROLLOUT}spec: !Ref x", "{path}:3:7: could not determine a constructor"),
    "a-key-twice": (
        f"{ROLLOUT}spec:\n  replicas: 2\n  paused: true\n  replicas: 3\n",
        "{path}:6:3: the key 'replicas' stands twice, first in line 4; expected it once",
    ),
    "a-key-twice-in-a-flow": ("a: {b: 1, b: 2}", "{path}:1:11: the key 'b' stands twice"),
    "not-utf-8": (b"kind: Rollout\nx: \xff\n", "{path}:2:4: byte 0xff is not UTF-8"),
    "a-control-character": ("kind: Rollout\nx: \x07", "{path}:2:4: the character '\\x07'"),
    "an-endless-alias": ("a: &a\n  b: *a", "an alias stands within its own anchor"),
    "an-impossible-date": (f"{ROLLOUT}x: 2026-02-31", "{path}:1:1: a value of this document"),
    "an-impossible-bool": (f"{ROLLOUT}x: !!bool maybe", "{path}:1:1: a value of this document"),
    "too-deep": ("[" * 5000, "nested too deeply"),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    path = write(tmp_path, text)

    with pytest.raises(ConfigError) as refused:
        read(path)

    assert says.format(path=path) in str(refused.value)
    assert "; expected " in str(refused.value)
    assert str(refused.value).count(";") >= 2


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml does not exist; expected .*; correct"):
        read(tmp_path / "none.yaml")


def test_a_directory_without_manifests_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(ROLLOUT)

    with pytest.raises(ConfigError, match="is a directory without manifests; expected"):
        read(tmp_path)


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "loop.yaml"
    path.symlink_to(path)  # cannot be opened, not even by root

    with pytest.raises(ConfigError, match=r"cannot be read: .*; expected a manifest; correct"):
        read(path)


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read(Path("a\0b"))


def test_all_manifests_of_a_directory_are_read(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(f"---\n{ROLLOUT}")
    (tmp_path / "a.yml").write_text("kind: Service\n---\n---\nkind: Ingress\n")
    manifest = read(tmp_path)

    assert manifest.rollout["metadata"] == {"name": "was"}
    assert [other["kind"] for other in manifest.others] == ["Service", "Ingress"]
    assert [document.path.name for document in manifest.documents] == ["b.yaml", "a.yml", "a.yml"]


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path, b"\xef\xbb\xbf" + (ROLLOUT + "spec: {}\n").replace("\n", "\r\n").encode()
    )

    assert read(path).line_of(("spec",)) == 3


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ((), 1),
        (("spec",), 3),
        (("spec", "strategy", "canary", "steps", 1), 7),
        (("spec", "strategy", "canary", "steps", 1, "pause", "duration"), 8),
        (("spec", "strategy", "canary", "maxSurge"), 4),
        (("spec", "progressDeadlineAbort"), 3),
        (("spec", "strategy", "canary", "steps", 9), 5),
        (("spec", "strategy", "canary", "steps", "pause"), 5),
    ],
    ids=[
        "the-document",
        "a-key",
        "an-item",
        "in-an-item",
        "not-there-its-parent",
        "not-there-spec",
        "no-such-item",
        "no-such-key",
    ],
)
def test_a_place_has_a_line(tmp_path: Path, place: tuple[str | int, ...], line: int) -> None:
    text = """\
kind: Rollout
metadata: {name: was}
spec:
  strategy: {canary: {
    steps: [
      {setWeight: 10},
      {pause: {
        duration: 2m}}]}}
"""

    assert read(write(tmp_path, text)).line_of(place) == line


def test_a_place_in_another_document_has_its_line(tmp_path: Path) -> None:
    manifest = read(write(tmp_path, f"kind: Service\n---\n{ROLLOUT}---\nkind: Job\nspec: {{}}\n"))

    assert manifest.line_of(("kind",)) == 3
    assert manifest.line_of(("kind",), 1) == 1
    assert manifest.line_of(("spec",), 2) == 7


def test_a_merged_key_has_the_line_of_its_anchor(tmp_path: Path) -> None:
    text = f"{ROLLOUT}x: &x\n  replicas: 2\n  paused: true\nspec:\n  <<: *x\n  paused: false\n"
    manifest = read(write(tmp_path, text))

    assert manifest.rollout["spec"] == {"replicas": 2, "paused": False}
    assert manifest.line_of(("spec", "replicas")) == 4
    assert manifest.line_of(("spec", "paused")) == 8
