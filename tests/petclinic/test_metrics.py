"""What Prometheus is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from petclinic.metrics import Metrics, resident_memory_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.petclinic.conftest import Running


def test_answers_are_counted_by_template_and_time() -> None:
    metrics = Metrics('v"1')
    for seconds in (0.0005, 0.5, 0.7, 60.0):
        metrics.observe("GET", "/petclinic/owners/{id}", 200, seconds)
    metrics.observe("GET", "/petclinic/owners/{id}", 500, 0.0)

    lines = metrics.render().splitlines()

    labels = 'method="GET",path="/petclinic/owners/{id}"'
    assert r'petclinic_build_info{version="v\"1"} 1' in lines
    assert f'http_requests_total{{{labels},status="200"}} 4' in lines
    assert f'http_requests_total{{{labels},status="500"}} 1' in lines
    buckets = [line for line in lines if f"bucket{{{labels}" in line]
    assert buckets[0].endswith('le="0.001"} 2')
    assert next(line for line in buckets if 'le="0.5"' in line).endswith(" 3")
    assert next(line for line in buckets if 'le="1"' in line).endswith(" 4")
    assert buckets[-1].endswith('le="+Inf"} 5')
    assert f"http_request_duration_seconds_sum{{{labels}}} 61.200500" in lines
    assert f"http_request_duration_seconds_count{{{labels}}} 5" in lines


def test_every_line_is_a_comment_or_a_sample(start: Callable[..., Running]) -> None:
    clinic = start()
    clinic.get("/petclinic/owners/1")
    clinic.get("/nowhere/17")
    clinic.session.request("BREW", f"{clinic.url}/petclinic/owners", timeout=20)

    reply = clinic.get("/metrics")

    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = dict(
        line.rsplit(" ", 1) for line in reply.text.splitlines() if not line.startswith("#")
    )
    assert all(float(value) >= 0 for value in samples.values())
    series = [name for name in samples if name.startswith("http_requests_total")]
    assert series == [
        'http_requests_total{method="GET",path="/petclinic/owners/{id}",status="200"}',
        'http_requests_total{method="GET",path="(unmatched)",status="404"}',
        'http_requests_total{method="other",path="/petclinic/owners",status="405"}',
    ]
    assert float(samples["process_resident_memory_bytes"]) > 1e6


def test_memory_that_is_held_shows() -> None:
    before = resident_memory_bytes()
    held = b"\x01" * 64 * 1024 * 1024

    assert resident_memory_bytes() - before > len(held) / 2
