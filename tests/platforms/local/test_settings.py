"""What users may write, and what they are told."""

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.errors import ConfigError
from canarytest.core.reach import Version
from canarytest.platforms.local import settings
from canarytest.platforms.local.loopback import HOST, Reply
from canarytest.platforms.local.settings import Settings
from tests.platforms.local import stage


def read(root: Path = Path("/"), **keys: Any) -> Settings:
    return settings.read(stage.table(**keys), root)


def test_the_port_is_put_where_the_command_takes_it() -> None:
    found = read(canary="python -m app --port={port} --body {}")

    assert found.argv(Version.CANARY, 81) == [
        sys.executable,
        "-m",
        "app",
        "--port=81",
        "--body",
        "{}",
    ]


def test_a_program_with_a_slash_is_relative_to_pyproject(tmp_path: Path) -> None:
    program = tmp_path / "serve"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    assert read(tmp_path, canary="./serve {port}").argv(Version.CANARY, 1) == [str(program), "1"]


def test_a_program_is_searched_on_the_path_of_env(tmp_path: Path) -> None:
    program = tmp_path / "serve"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = read(canary="serve {port}", env={"PATH": str(tmp_path)})

    assert found.argv(Version.CANARY, 1) == [str(program), "1"]
    assert found.env == {**os.environ, "PATH": str(tmp_path)}


@pytest.mark.parametrize(
    ("within", "expected_s"), [(5, 5.0), (0.5, 0.5), ("5", 5.0), ("1m30s", 90.0)]
)
def test_ready_within_is_seconds_or_a_duration(within: object, expected_s: float) -> None:
    assert read(ready_within=within).ready_within_s == expected_s


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"canary": "python -m app"}, r"run\.canary: 'python -m app' has no \{port\}"),
        ({"canary": "no-such-thing {port}"}, r"the program 'no-such-thing' .* does not exist"),
        ({"stable": "./nothing {port}"}, r"run\.stable: the program './nothing'"),
        ({"canary": ""}, "is empty"),
        ({"canary": "python '{port}"}, "cannot be read as a command: No closing quotation"),
        ({"run": {"stable": "python {port}"}}, r"run: 'canary' is missing"),
        ({"identity": {}}, "has nothing; expected either"),
        ({"identity": {"header": "x", "path": "/", "json": "v"}}, "has header, path, json; exp"),
        ({"identity": {"path": "/info"}}, "has path; expected either"),
        ({"identity": {"json": "version"}}, "has json; expected either"),
        ({"identity": {"headr": "x"}}, "unknown key 'headr'; did you mean 'header'"),
        ({"ready": "health"}, "ready: 'health' is not a path"),
        ({"ready_within": "soon"}, "'soon' is not a duration"),
        ({"ready_within": True}, "ready_within: True is not"),
        ({"ready_within": [1]}, r"\[1\] is not a duration"),
        ({"env": {"A": 1}}, r"env\.A: 1 is not a string"),
        ({"edge_port": 70000}, "70000 is not a port"),
        ({"redy": "/"}, "unknown key 'redy'; did you mean 'ready'"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(**keys)


def test_an_edge_port_in_use_names_its_holder() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"{port} is in use by .* \(pid {os.getpid()}\)"):
            read(edge_port=port)


@pytest.mark.parametrize(
    ("identity", "reply", "name"),
    [
        ({"path": "/i", "json": "v"}, Reply(200, "", {}, b'{"v": "v1"}'), "v1"),
        ({"path": "/i", "json": "v"}, Reply(200, "", {}, b'{"v": 7}'), "7"),
        ({"path": "/i", "json": "v"}, Reply(500, "", {}, b'{"v": "v1"}'), None),
        ({"path": "/i", "json": "v"}, Reply(200, "", {}, b'{"v": null}'), None),
        ({"path": "/i", "json": "v"}, Reply(200, "", {}, b"[1]"), None),
        ({"path": "/i", "json": "v"}, Reply(200, "", {}, b"<html>"), None),
        ({"header": "X-V"}, Reply(200, "", {"x-v": "v1"}, b""), "v1"),
        ({"header": "X-V"}, Reply(200, "", {}, b""), None),
        ({"header": "X-V"}, Reply(None, "refused", {}, b""), None),
    ],
)
def test_the_name_of_a_version(identity: dict[str, str], reply: Reply, name: str | None) -> None:
    assert read(identity=identity).naming.name_in(reply) == name
