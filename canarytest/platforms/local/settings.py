"""The keys of `[tool.canarytest.targets.NAME]` that the local platform reads."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from canarytest.config import Table
from canarytest.core.errors import ConfigError
from canarytest.core.plan import seconds
from canarytest.core.reach import Version
from canarytest.platforms.local import loopback
from canarytest.platforms.local.loopback import Reply


@dataclass(frozen=True, slots=True)
class Naming:
    """Where an application says which version it is."""

    path: str
    header: str | None  # None: it is in the JSON body
    json: str | None  # None: it is in a header

    def name_in(self, reply: Reply) -> str | None:
        """Return the version that *reply* names; None if it names none."""
        if reply.status != 200:  # noqa: PLR2004  OK
            return None
        if self.header:
            return reply.headers.get(self.header.lower()) or None
        try:
            value = json.loads(reply.body)[self.json]
        except (ValueError, KeyError, TypeError, IndexError):
            return None
        return None if value in (None, "") else str(value)


@dataclass(frozen=True, slots=True)
class Settings:
    """One local target."""

    where: str  # of the table in pyproject.toml
    root: Path
    texts: Mapping[Version, str]  # the commands as they were written
    commands: Mapping[Version, tuple[str, ...]]  # their words, {port} not yet replaced
    env: Mapping[str, str]
    ready: str
    ready_within_s: float
    naming: Naming
    edge_port: int  # 0: any

    def argv(self, version: Version, port: int) -> list[str]:
        """Return what starts *version* on *port*."""
        return [word.replace("{port}", str(port)) for word in self.commands[version]]


def read(table: Table, root: Path) -> Settings:
    """Read all of *table*; raises ConfigError for what cannot work."""
    env = _env(table.table("env"))
    run = table.table("run")
    texts = {version: run.take(version.value, str) for version in Version}
    run.finish()
    commands = {v: _command(f"{run.where}.{v}", texts[v], env, root) for v in Version}
    ready = _path(table, "ready", table.take("ready", str, "/"))
    within = table.take("ready_within", object, 30)
    naming = _naming(table.table("identity"), ready)
    edge_port = table.take("edge_port", int, 0)
    table.finish()
    _check_port(table.where, edge_port)
    if not isinstance(within, str | int | float):
        raise ConfigError(f"{table.where}.ready_within: {within!r} is not a duration")
    within_s = float(within) if isinstance(within, float) else seconds(within)
    return Settings(table.where, root, texts, commands, env, ready, within_s, naming, edge_port)


def identical(found: Settings) -> Settings:
    """Return *found* with the stable version's command for both versions."""
    texts = dict.fromkeys(Version, found.texts[Version.STABLE])
    commands = dict.fromkeys(Version, found.commands[Version.STABLE])
    return replace(found, texts=texts, commands=commands)


def _command(where: str, text: str, env: Mapping[str, str], root: Path) -> tuple[str, ...]:
    """
    Return the words of a command, without a shell.

    `python` is the interpreter that runs pytest: the one that has the project installed, whether
    or not its environment is activated. For another, say which: `python3.12`, or a path.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {text!r} cannot be read as a command: {error}") from None
    if not words:
        raise ConfigError(f"{where} is empty; expected a command with {{port}} in it")
    if not any("{port}" in word for word in words):
        raise ConfigError(
            f"{where}: {text!r} has no {{port}}; write {{port}} where the command takes the port "
            "to listen on, as canarytest chooses a free one"
        )
    if words[0] == "python":
        return sys.executable, *words[1:]
    # With a slash in it, a program is relative to pyproject.toml; else PATH is searched.
    named = str(root / words[0]) if "/" in words[0] else words[0]
    program = shutil.which(named, path=env.get("PATH"))
    if program is None:
        raise ConfigError(
            f"{where}: the program {words[0]!r} of {text!r} does not exist, or cannot be executed; "
            "give a path (relative to pyproject.toml), or a name that is on PATH"
        )
    return program, *words[1:]


def _naming(identity: Table, ready: str) -> Naming:
    header = identity.take("header", str, None)
    path, key = identity.take("path", str, None), identity.take("json", str, None)
    identity.finish()
    if bool(header) == bool(path or key) or bool(path) != bool(key):
        found = ", ".join(
            name for name, value in (("header", header), ("path", path), ("json", key)) if value
        )
        raise ConfigError(
            f'{identity.where} has {found or "nothing"}; expected either {{ header = "x-version" '
            '}, or { path = "/info", json = "version" }, so that the versions can be told apart'
        )
    return Naming(_path(identity, "path", path or ready), header, key)


def _path(table: Table, key: str, value: str) -> str:
    if not value.startswith("/"):
        raise ConfigError(f"{table.where}.{key}: {value!r} is not a path; it must begin with '/'")
    return value


def _env(table: Table) -> dict[str, str]:
    env = dict(os.environ)
    for name, value in table.rest().items():
        if not isinstance(value, str):
            raise ConfigError(f"{table.where}.{name}: {value!r} is not a string")
        env[name] = value
    return env


def _check_port(where: str, port: int) -> None:
    if not 0 <= port < 1 << 16:
        raise ConfigError(f"{where}.edge_port: {port} is not a port; expected 0 (any) to 65535")
    if port and not loopback.is_free(port):
        raise ConfigError(
            f"{where}.edge_port: {port} is in use by {loopback.holder(port)}; end it, choose "
            "another port, or leave edge_port out for any free one"
        )
