"""Owners, pets and visits in SQLite: in memory, or in a file that several versions share."""

from __future__ import annotations

import random
import sqlite3
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, Any]

IN_MEMORY = ":memory:"
BUSY_S = 2.0  # how long one process waits for another's write, which takes well under 1 ms
PAGE = 100  # rows that a list shows at most
_SCHEMA = """
CREATE TABLE owners (
    id INTEGER PRIMARY KEY, firstName TEXT NOT NULL, lastName TEXT NOT NULL,
    city TEXT NOT NULL, telephone TEXT NOT NULL
);
CREATE INDEX owners_by_name ON owners (lastName, firstName);
CREATE TABLE pets (
    id INTEGER PRIMARY KEY, ownerId INTEGER NOT NULL REFERENCES owners,
    name TEXT NOT NULL, type TEXT NOT NULL, UNIQUE (ownerId, name)
);
CREATE TABLE visits (
    id INTEGER PRIMARY KEY, petId INTEGER NOT NULL REFERENCES pets ON DELETE CASCADE,
    date TEXT NOT NULL, description TEXT NOT NULL
);
CREATE INDEX visits_by_pet ON visits (petId, date);
"""
# Spring PetClinic's own: every version knows them, shared storage or not.
OWNERS = (
    (1, "George", "Franklin", "Madison", "6085551023"),
    (2, "Betty", "Davis", "Sun Prairie", "6085551749"),
    (3, "Eduardo", "Rodriquez", "McFarland", "6085558763"),
    (4, "Harold", "Davis", "Windsor", "6085553198"),
    (5, "Peter", "McTavish", "Madison", "6085552765"),
)
PETS = (
    (1, 1, "Leo", "cat"),
    (2, 2, "Basil", "hamster"),
    (3, 3, "Rosy", "dog"),
    (4, 4, "Iggy", "lizard"),
    (5, 5, "George", "snake"),
)


class NotFoundError(Exception):
    """There is no such owner or pet."""


class ConflictError(Exception):
    """What is stored already does not allow it."""


class BusyError(Exception):
    """Another process held the storage for too long."""


class Storage:
    """One connection, for one thread."""

    def __init__(self, path: str = IN_MEMORY) -> None:
        self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        # Not kept in the file: WAL lets others read while one writes, and with it NORMAL loses
        # at most the last writes of a power cut, never the file.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        _switch_to_wal(self._db)
        self._db.execute("BEGIN IMMEDIATE")  # of two that start together, one makes the tables
        with self._db:
            if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
                _create(self._db)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def owners(self, last_name: str = "") -> list[Row]:
        """Return the first owners by name, of those whose last name begins so."""
        return list(
            self._rows(
                "SELECT * FROM owners WHERE substr(lastName, 1, length(?1)) = ?1"
                " ORDER BY lastName, firstName, id LIMIT ?2",
                last_name,
                PAGE,
            )
        )

    def owner(self, owner: int) -> Row:
        """Return an owner and the pets."""
        row = self._row("owner", "SELECT * FROM owners WHERE id = ?", owner)
        return row | {"pets": list(self._rows("SELECT * FROM pets WHERE ownerId = ?", owner))}

    def add_owner(self, **values: str) -> Row:
        """Store a new owner."""
        return self._insert("owners", values)

    def remove_owner(self, owner: int) -> None:
        """Remove an owner who has no pets any more."""
        self._delete("owner", "DELETE FROM owners WHERE id = ?", owner)

    def pets(self, owner: int) -> list[Row]:
        """Return the pets of an owner."""
        pets: list[Row] = self.owner(owner)["pets"]
        return pets

    def pet(self, pet: int) -> Row:
        """Return a pet."""
        return self._row("pet", "SELECT * FROM pets WHERE id = ?", pet)

    def add_pet(self, owner: int, **values: str) -> Row:
        """Store a new pet of an owner."""
        return self._insert("pets", {"ownerId": owner, **values})

    def remove_pet(self, pet: int) -> None:
        """Remove a pet and its visits."""
        self._delete("pet", "DELETE FROM pets WHERE id = ?", pet)

    def visits(self, pet: int) -> list[Row]:
        """Return the latest visits of a pet, the latest first."""
        self.pet(pet)
        return list(
            self._rows(
                "SELECT * FROM visits WHERE petId = ? ORDER BY date DESC, id LIMIT ?", pet, PAGE
            )
        )

    def add_visit(self, pet: int, **values: str) -> Row:
        """Book a visit of a pet."""
        return self._insert("visits", {"petId": pet, **values})

    def remove_visits(self, pet: int, description: str) -> int:
        """Cancel the visits of a pet that are described so; return how many there were."""
        self.pet(pet)
        sql = "DELETE FROM visits WHERE petId = ? AND description = ?"
        return self._execute(sql, pet, description).rowcount

    def _rows(self, sql: str, *values: str | int) -> Iterator[Row]:
        return map(dict, self._execute(sql, *values))

    def _row(self, what: str, sql: str, key: int) -> Row:
        row = next(self._rows(sql, key), None)
        if row is None:
            raise NotFoundError(f"there is no {what} {key}")
        return row

    def _insert(self, table: str, values: dict[str, Any]) -> Row:
        # Drawn, not counted: where versions do not share a storage, what was made in one is not
        # found in the other, instead of being somebody else there.
        row = {"id": random.getrandbits(48), **values}
        marks = ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608  our names
        try:
            self._execute(sql, *row.values())
        except sqlite3.IntegrityError as e:
            if e.sqlite_errorname == "SQLITE_CONSTRAINT_FOREIGNKEY":
                raise NotFoundError(f"the {table[:-1]} belongs to nobody who is known") from e
            raise ConflictError(f"there is such a {table[:-1]} already") from e
        return row

    def _delete(self, what: str, sql: str, key: int) -> None:
        try:
            count = self._execute(sql, key).rowcount
        except sqlite3.IntegrityError as e:
            raise ConflictError(f"{what} {key} still has pets") from e
        if not count:
            raise NotFoundError(f"there is no {what} {key}")

    def _execute(self, sql: str, *values: str | int) -> sqlite3.Cursor:
        try:
            return self._db.execute(sql, values)
        except sqlite3.OperationalError as e:
            if e.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise BusyError(f"the storage was busy for {BUSY_S:g} s") from e
            raise


def _switch_to_wal(db: sqlite3.Connection) -> None:
    # SQLite's own busy timeout is not in force here: of processes that switch at once, all but
    # one are told "locked" at once.
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _create(db: sqlite3.Connection) -> None:
    for statement in _SCHEMA.strip().split(";")[:-1]:
        db.execute(statement)
    db.executemany("INSERT INTO owners VALUES (?, ?, ?, ?, ?)", OWNERS)
    db.executemany("INSERT INTO pets VALUES (?, ?, ?, ?)", PETS)
    db.execute("PRAGMA user_version = 1")
