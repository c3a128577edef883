"""Takes secrets out of what does not go through events: reports of tests, and the run's files."""

from __future__ import annotations

import contextlib
import json
import linecache
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.plan import Plan
from canarytest.core.redaction import LEAST, Redactor, known, secrets_of
from canarytest.plugin.settings import Settings
from canarytest.reporting.summary import EVENTS

REDACTOR = pytest.StashKey[Redactor]()
SENT = "canarytest_sent"  # of a failed test's report: what its requests had where secrets are
_WAYS = ("canary_via", "stable_via")  # of a target: the headers that lead to a version
_CHUNK = 8 << 20  # bytes of a log that are looked at together


def redactor_of(settings: Settings, plan: Plan, environment: Mapping[str, str]) -> Redactor:
    """
    Return what knows the secrets of this run: the configured ones, and the environment's.

    A password that is the rollout's own name is none: the report would say nothing any more.
    """
    secrets = {*secrets_of(environment), *_headers(settings)}
    shown = {plan.rollout, plan.namespace, settings.target, settings.platform}
    return Redactor(settings.redact, known(secrets - shown))


class ReportRedaction:
    """What the reporters of pytest are told of tests and collection, without secrets."""

    def __init__(self, config: pytest.Config, redactor: Redactor) -> None:
        self._config = config
        self._redactor = redactor

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take secrets out of why something could not be collected."""
        self.clean(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Take secrets out of a warning, and out of the line of source that is shown with it."""
        said, place = str(warning_message.message), warning_message
        clean = self._redactor.text(said)
        if clean is not said:
            place.message = clean
        line = (place.line or linecache.getline(place.filename, place.lineno)).strip()
        clean = self._redactor.text(line)
        if clean is not line:
            place.line = clean

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_parametrize_id(self, val: object, argname: str) -> str | None:
        """Name a parameter that is a secret without it; node ids are everywhere."""
        if not isinstance(val, str):
            return None
        shown = self._redactor.data({argname: val})[argname]
        return None if shown == val else shown

    def learn(self, report: pytest.TestReport) -> None:
        """Know what the test of *report* sent, if it failed: it may stand in its source, too."""
        self._redactor.learn(vars(report).pop(SENT, ()))

    def clean(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """Take secrets out of *report*, in its place."""
        report.sections = self._redactor.data(report.sections)
        if isinstance(report, pytest.TestReport):
            report.user_properties = self._redactor.data(report.user_properties)
        if report.longrepr:
            report.longrepr = self._longrepr(report)

    def _longrepr(self, report: pytest.TestReport | pytest.CollectReport) -> Any:
        before = report.longrepr
        if isinstance(before, str | tuple):
            return self._redactor.data(before)
        text = str(before)
        clean = self._redactor.text(text)
        if clean is text:
            return before
        with contextlib.suppress(Exception):  # of other plugins' hooks: then the text has to do
            hook = self._config.hook
            data = hook.pytest_report_to_serializable(config=self._config, report=report)
            data["longrepr"] = self._redactor.data(data["longrepr"])
            after = hook.pytest_report_from_serializable(config=self._config, data=data).longrepr
            if str(after) == clean:  # else a secret has several lines, each of which is none
                return after
        return clean


def clean_files(directory: Path, redactor: Redactor) -> Iterator[str]:
    """
    Take secrets out of the logs and the like in *directory*, whose writers have ended.

    Yields what went wrong.
    """
    for path in sorted(directory.rglob("*")):
        try:
            # A named pipe would be waited for; of events there are but clean ones.
            if path.is_file() and not path.is_symlink() and path.name != EVENTS:
                _clean_file(path, redactor)
        except OSError as error:
            yield f"warning: {path.name} may hold secrets, it was not redacted: {error}"


def _clean_file(path: Path, redactor: Redactor) -> None:
    fresh = path.with_name(f".{path.name}.clean")
    is_same = True
    try:
        with path.open("rb") as file, fresh.open("wb") as clean:
            while lines := file.readlines(_CHUNK):
                after = _clean_lines(lines, redactor, is_json=path.suffix.startswith(".json"))
                is_same = is_same and after == lines
                clean.writelines(after)
        if not is_same:
            fresh.chmod(path.stat().st_mode)
            fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _clean_lines(lines: list[bytes], redactor: Redactor, *, is_json: bool) -> list[bytes]:
    if is_json:
        with contextlib.suppress(ValueError, RecursionError):  # it has one value on many lines
            return [_clean_json(line, redactor) for line in lines]
    text = b"".join(lines)
    clean = redactor.raw(text)
    return lines if clean is text else [clean]


def _clean_json(line: bytes, redactor: Redactor) -> bytes:
    if not redactor.suspects(line.decode("utf-8", "surrogateescape")):
        return line
    data = json.loads(line)
    clean = redactor.data(data)
    return line if clean is data else json.dumps(clean).encode() + b"\n"


def _headers(settings: Settings) -> Iterator[str]:
    """Yield the values of configured headers, and those of their words that may be the secret."""
    ways = [settings.options.get(way) for way in _WAYS]
    tables = [way.get("header") for way in ways if isinstance(way, Mapping)]
    if settings.prometheus is not None:
        tables.append(settings.prometheus.headers)
    for headers in tables:
        for value in headers.values() if isinstance(headers, Mapping) else ():
            yield from (word for word in (value, *str(value).split()) if len(str(word)) >= LEAST)
