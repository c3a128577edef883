"""What Allure is told of a test, for the test's event: labels, steps, attachments."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import allure_commons
import attr
import pytest

from canarytest.plugin import allure_files
from canarytest.plugin.outcomes import ABOUT
from canarytest.plugin.redacting import REDACTOR

MOST_BYTES = 1 << 20  # of the attachments of one test that go into its event
_NOBODYS = ("host", "thread")  # labels that tell of the machine
_hookimpl: Any = allure_commons.hookimpl  # untyped


class AllureResults:
    """
    Puts a test's result, as allure-pytest has it, on the report of its teardown.

    A hook of pytest and of Allure. `allure_listener` and its `allure_logger` are allure-pytest's
    own names, not public ones: a test of ours fails should they move.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._plugins = config.pluginmanager  # allure-pytest is configured after us
        self._folder = Path(config.option.allure_report_dir)
        self._of_fixtures: dict[str, list[Any]] = defaultdict(list)
        allure_commons.plugin_manager.register(self)
        config.add_cleanup(lambda: allure_commons.plugin_manager.unregister(self))

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Let what Allure writes be without secrets."""
        pairs = allure_files.put_in_place(session.config.stash[REDACTOR])
        session.config.add_cleanup(lambda: allure_files.put_back(pairs))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Take the result when all that belongs to it was said: around every other plugin."""
        report = yield
        listener = self._plugins.get_plugin("allure_listener")
        if report.when == "teardown" and listener is not None:
            result = listener.allure_logger.get_test(None)
            if result is not None:
                setattr(report, ABOUT, self._told(result))
        return report

    @_hookimpl  # type: ignore[untyped-decorator]
    def report_container(self, container: Any) -> None:
        """Take what the fixtures of a single test attached; those of many are nobody's."""
        if len(container.children) == 1:
            for fixture in (*container.befores, *container.afters):
                self._of_fixtures[container.children[0]] += fixture.attachments

    def _told(self, result: Any) -> Mapping[str, Any]:
        data = attr.asdict(result, filter=lambda _, value: value or value is False)
        of_fixtures = [attr.asdict(a) for a in self._of_fixtures.pop(result.uuid, ())]
        if of_fixtures:
            data["attachments"] = [*of_fixtures, *data.get("attachments", ())]
        data["labels"] = [
            label for label in data.get("labels", ()) if label["name"] not in _NOBODYS
        ]
        data["bodies"] = self._bodies(data)
        told: Mapping[str, Any] = plain(data)
        return told

    def _bodies(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is attached, by the name of its file; the size alone of what is too much."""
        bodies: dict[str, Any] = {}
        left = MOST_BYTES
        for attachment in _attachments(data):
            source = attachment["source"]
            try:
                size = (self._folder / source).stat().st_size
                bodies[source] = {"size": size}
                if size <= left:
                    bodies[source] = _body((self._folder / source).read_bytes())
                    left -= size
            except OSError:  # the disk is full, or somebody cleared it: the test is not to blame
                continue
        return bodies


def plain(data: object) -> Any:
    """Return *data* as JSON has it; what users put into labels may be anything."""
    return json.loads(json.dumps(data, default=str))


def _attachments(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from item.get("attachments", ())
    for step in item.get("steps", ()):
        yield from _attachments(step)


def _body(data: bytes) -> Mapping[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
