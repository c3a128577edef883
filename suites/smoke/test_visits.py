"""Visits: booked, listed, cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import requests


def test_a_visit_is_booked(canary: requests.Session, pet: dict[str, Any]) -> None:
    path = f"/petclinic/pets/{pet['id']}/visits"

    booked = canary.post(path, json={"date": "2026-01-31", "description": "rabies shot"})

    assert booked.status_code == 201
    assert canary.get(path).json() == [booked.json()]


@pytest.mark.parametrize("day", ["2026-02-30", "tomorrow", ""])
def test_a_visit_needs_a_day(canary: requests.Session, pet: dict[str, Any], day: str) -> None:
    reply = canary.post(
        f"/petclinic/pets/{pet['id']}/visits", json={"date": day, "description": "rabies shot"}
    )

    assert reply.status_code == 400


@pytest.mark.canary(min_weight=30)
def test_a_year_of_visits_is_reported_in_order(
    canary: requests.Session, pet: dict[str, Any]
) -> None:
    """Many requests for one answer: worth its time only once the canary has shown the basics."""
    path = f"/petclinic/pets/{pet['id']}/visits"
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 13) for day in (28, 1, 14, 7)]
    for day in days:
        assert canary.post(path, json={"date": day, "description": "check-up"}).status_code == 201

    report = [visit["date"] for visit in canary.get(path).json()]

    assert report == sorted(days, reverse=True)
