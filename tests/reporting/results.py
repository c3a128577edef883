"""What allure-pytest would have left of a story's tests: a result for each test at each step."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from pathlib import Path

from canarytest.core import events as e
from canarytest.reporting.log import EventLog

_STATUS = {"passed": "passed", "failed": "failed", "error": "broken", "skipped": "skipped"}


def write_run(told: Iterable[e.Event], reports: Path, run_id: str) -> Path:
    """Write *told* as the run *run_id*, and the results of its tests; return the run's folder."""
    run_dir, results = reports / "runs" / run_id, reports / "allure-results"
    results.mkdir(parents=True, exist_ok=True)
    with EventLog(run_dir / "events.jsonl") as log:
        for event in told:
            log(event)
            if isinstance(event, e.TestFinished):
                _write(event, results)
    return run_dir


def _write(test: e.TestFinished, results: Path) -> None:
    name, prefix = test.nodeid.split("::")[1], str(uuid.uuid4())
    full_name = test.nodeid.split("[")[0].replace("/", ".").replace("::", "#")
    case = hashlib.md5(full_name.encode(), usedforsecurity=False).hexdigest()
    data = {
        "uuid": prefix,
        "name": name,
        "fullName": full_name,
        "testCaseId": case,
        "historyId": hashlib.md5(test.nodeid.encode(), usedforsecurity=False).hexdigest(),
        "status": _STATUS[test.outcome],
        "statusDetails": {"message": test.message} if test.message else {},
        "parameters": [{"name": "step", "value": test.label}],
        "labels": [
            {"name": "parentSuite", "value": "petclinic on local"},
            {"name": "suite", "value": test.label},
            {"name": "subSuite", "value": "test_petclinic"},
            {"name": "framework", "value": "pytest"},
        ],
        "start": round((test.time - test.seconds) * 1000),
        "stop": round(test.time * 1000),
    }
    (results / f"{prefix}-result.json").write_text(json.dumps(data))
