"""Writes what allure-pytest leaves, without secrets."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import allure_commons
import attr
from allure_commons.logger import AllureFileLogger

from canarytest.core.redaction import Redactor
from canarytest.reporting.summary import write_atomically

# What is compressed has no text to be found, and may look as if it had.
_COMPRESSED = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"PK\x03\x04", b"\x1f\x8b", b"\x1a\x45\xdf\xa3"
)  # fmt: skip
_hookimpl: Any = allure_commons.hookimpl  # untyped


class CleanFiles:
    """Stands in for Allure's own writer of files, in whose place it is registered."""

    def __init__(self, folder: Path, redactor: Redactor) -> None:
        self._folder = folder
        self._redactor = redactor

    @_hookimpl  # type: ignore[untyped-decorator]
    def report_result(self, result: Any) -> None:
        """Write the result of a test."""
        self._write(result)

    @_hookimpl  # type: ignore[untyped-decorator]
    def report_container(self, container: Any) -> None:
        """Write what fixtures did."""
        self._write(container)

    @_hookimpl  # type: ignore[untyped-decorator]
    def report_globals(self, globals_item: Any) -> None:
        """Write what is attached to the run."""
        self._write(globals_item)

    @_hookimpl  # type: ignore[untyped-decorator]
    def report_attached_file(self, source: str, file_name: str) -> None:
        """Copy a file that a test attached."""
        self.report_attached_data(Path(source).read_bytes(), file_name)

    @_hookimpl  # type: ignore[untyped-decorator]
    def report_attached_data(self, body: str | bytes, file_name: str) -> None:
        """Write what a test attached."""
        data = body.encode("utf-8", "backslashreplace") if isinstance(body, str) else body
        clean = data if data.startswith(_COMPRESSED) else self._redactor.raw(data)
        fresh = self._folder / f"{file_name}.tmp"
        fresh.write_bytes(clean)
        fresh.replace(self._folder / file_name)

    def _write(self, item: Any) -> None:
        data = attr.asdict(item, filter=lambda _, value: value or value is False)
        text = json.dumps(self._redactor.data(data), ensure_ascii=False)
        write_atomically(self._folder / item.file_pattern.format(prefix=uuid.uuid4()), text)


def put_in_place(redactor: Redactor) -> list[tuple[Any, Any]]:
    """Let `CleanFiles` write in place of each of Allure's own; return the pairs of both."""
    plugins = allure_commons.plugin_manager
    pairs = []
    for theirs in plugins.get_plugins():
        if type(theirs) is AllureFileLogger:
            ours = CleanFiles(theirs._report_dir, redactor)  # noqa: SLF001  it has no other name
            _exchange(theirs, ours)
            pairs.append((theirs, ours))
    return pairs


def put_back(pairs: list[tuple[Any, Any]]) -> None:
    """Let Allure write by itself again: it wants to unregister its own."""
    for theirs, ours in pairs:
        _exchange(ours, theirs)


def _exchange(old: Any, new: Any) -> None:
    plugins = allure_commons.plugin_manager
    if plugins.is_registered(old):
        plugins.unregister(old)
        plugins.register(new)
