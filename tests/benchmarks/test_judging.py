"""The step that judging is timed with is as large as it is said to be."""

import json

from benchmarks import judging
from canarytest.core.judge import judge
from canarytest.core.measure import LoadSecond
from canarytest.core.served import MOST_ENDPOINTS, OTHERS


def test_a_step_has_ten_metrics_at_as_many_endpoints_as_are_told_apart() -> None:
    step = judging.taken_in([LoadSecond.from_json(json.loads(line)) for line in judging._lines(1)])
    judged = {finding.metric for finding in judge(step).findings}

    assert len(judging.BANDS) == 10
    assert set(judging.BANDS) <= judged
    assert len(step.served.endpoints) == MOST_ENDPOINTS
    assert OTHERS not in step.served.endpoints
    assert judging._described(step) == "10 metrics, 10,000 requests, 100 endpoints"
