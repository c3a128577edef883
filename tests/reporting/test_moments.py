"""What happened around an abort, in order, and how long after the decision."""

import json
from pathlib import Path

from canarytest.core import events as e
from canarytest.reporting import build
from canarytest.reporting.moments import moments_of
from canarytest.reporting.story import story_of
from tests.reporting import results, stories
from tests.reporting.stories import T0


def sentences(told: list[e.Event]) -> list[str]:
    return [moment.sentence for moment in moments_of(story_of(told))]


def test_the_order_of_an_abort() -> None:
    told: list[e.Event] = [
        stories.started(),
        stories.opened(1, 1),
        e.MeasurementTaken(T0 + 1.5, 1, "platform", {"incident": "restarted", "message": "boom"}),
        stories.finished(2.5, 1, "test_login", "failed", "why"),
        e.MeasurementTaken(T0 + 2.0042, 1, "gate", {"shut": True}),
        e.AbortSent(T0 + 2.01, "test_login failed", T0 + 2, 0.004, 2),
        e.RolloutAborted(T0 + 2.02, "test", "test_login failed", "10%"),
        e.EvidenceCollected(T0 + 2.03, "canary", "log", "listening"),
        e.RollbackProven(T0 + 12.2, 10, 600, 0.005, 0.15, 0, 0, 700, "0 of 600"),
    ]

    assert sentences(told) == [
        "-500 ms: incident, restarted: boom",
        "+0 ms: decided: test_login failed",
        "+4 ms: abort sent, and taken at attempt 2",
        "+4 ms: gate shut: no further test begins",
        "+30 ms: evidence collected: canary, log",
        "+150 ms: last response of the canary at the edge",
        "+200 ms: the window of the proof begins, at the latest",
        "+500 ms: test over, failed: suites/smoke/test_petclinic.py::test_login[10%]",
        "+10 200 ms: rollback proven",
    ]


def test_without_an_abort_there_is_none() -> None:
    assert sentences(stories.promoted()) == []


def test_what_led_nowhere_is_left_out() -> None:
    told = stories.aborted_dark()
    early = stories.finished(-60, 0, "test_old", "failed", "why")

    assert not any("test_old" in sentence for sentence in sentences([*told, early]))


def test_the_report_has_the_evidence_beside_the_rollout_and_the_test(tmp_path: Path) -> None:
    told = [*stories.aborted_dark(), e.EvidenceCollected(T0 + 3, "canary", "log", "it said why")]
    run_dir = results.write_run(told, tmp_path, stories.RUN)
    folder = tmp_path / "allure-results"
    build.rebuild(run_dir)
    has_it = {}
    for path in folder.glob("*-result.json"):
        result = json.loads(path.read_text())
        for attached in result.get("attachments", ()):
            if attached["name"].startswith("canary's log at the abort"):
                has_it[result["name"]] = (folder / attached["source"]).read_text()

    assert sorted(has_it) == [
        "Rollout of petclinic v100 → v101 on local: aborted at dark",
        "test_login[dark]",
    ]
    assert set(has_it.values()) == {"it said why"}
