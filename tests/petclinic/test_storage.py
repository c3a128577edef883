"""Two versions on one storage."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from petclinic import storage
from petclinic.storage import BusyError, Storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.petclinic.conftest import Running

OWNER = {"firstName": "Ada", "lastName": "Byron", "city": "London", "telephone": "12"}
VISIT = {"date": "2026-01-31", "description": "at once"}


def test_what_one_version_stores_the_other_shows(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    path = str(tmp_path / "clinic.db")
    canary = start("--storage", path, version="v101")
    stable = start("--storage", path)

    created = canary.post("/petclinic/owners", **OWNER)
    seen = stable.get(created.headers["location"])

    assert created.headers["x-version"] == "v101"
    assert seen.headers["x-version"] == "v100"
    assert seen.json() == created.json() | {"pets": []}


def test_two_versions_write_at_once_and_nothing_is_lost(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    path = str(tmp_path / "clinic.db")
    with ThreadPoolExecutor(4) as pool:
        # Started together, on a file that is not there yet: only one may make the tables.
        versions = list(pool.map(lambda _: start("--storage", path), range(2)))

        def book(version: Running) -> list[int]:
            visits = "/petclinic/pets/1/visits"
            return [version.post(visits, **VISIT).status_code for _ in range(100)]

        statuses = [status for some in pool.map(book, versions) for status in some]
    removed = versions[0].delete("/petclinic/pets/1/visits", description="at once")

    assert statuses == [201] * 200
    assert removed.json() == {"removed": 200}


def test_a_storage_that_another_holds_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "BUSY_S", 0.01)
    one, other = (Storage(str(tmp_path / "clinic.db")) for _ in range(2))
    one._db.execute("BEGIN IMMEDIATE")

    with pytest.raises(BusyError, match="busy"):
        other.add_owner(**OWNER)

    one._db.execute("ROLLBACK")
    assert other.add_owner(**OWNER)["lastName"] == "Byron"
    one.close()
    other.close()


def test_an_owner_made_elsewhere_is_not_somebody_else_here() -> None:
    one, other = Storage(), Storage()

    created = one.add_owner(**OWNER)["id"]

    with pytest.raises(storage.NotFoundError):
        other.owner(created)
    assert one.owners("Davis") == other.owners("Davis")
    one.close()
    other.close()
