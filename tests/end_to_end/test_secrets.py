"""Secrets planted wherever one may be met are nowhere in what a run leaves, nor on the terminal."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugin.project import manifest, toml

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

MARK = "leak7f3a9c4e1b2d"  # in each secret; what holds it was not redacted
STEPS = [{"setCanaryScale": {"replicas": 1}}, {"pause": {}}, {"setWeight": 100}]
ENVIRONMENT = {"API_TOKEN": f'{MARK}-env "é', "DB_PASSWORD": f"{MARK}-db", "CI_JOB_JWT": f"{MARK}j"}
# Said in forms that no name is beside: only its value tells that it is one.
APP = f"""
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = {{"version": sys.argv[2], "access_token": "{MARK}-answer"}}
        body = json.dumps({{**said, "env": os.environ["API_TOKEN"]}}).encode()
        print("GET", self.path, self.headers, os.environ["DB_PASSWORD"], flush=True)
        self.send_response(401 if "login" in self.path else 200)
        self.send_header("Set-Cookie", "session={MARK}-cookie; Path=/")
        self.send_header("X-Api-Key", "{MARK}-key with blanks")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *args): pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
LOCUSTFILE = f"""
import locust, os, sys

class User(locust.HttpUser):
    @locust.task
    def ask(self):
        self.client.get("/info?api_key={MARK}-load")
        print("locust has", os.environ["API_TOKEN"], file=sys.stderr, flush=True)
"""
SUITE = f"""
import base64, logging, os, warnings
import allure, pytest

PEM = "-----BEGIN PRIVATE KEY-----\\nMIIE{MARK}\\nAAAA{MARK}\\n-----END PRIVATE KEY-----"

@pytest.fixture
def spoken():
    print("in a fixture", os.environ["API_TOKEN"])
    allure.attach("password={MARK}-fixture", "a fixture's", allure.attachment_type.TEXT)

@pytest.mark.parametrize("token", ["{MARK}-parameter"])
def test_passes(canary, token, record_property, spoken):
    record_property("client_secret", "{MARK}-property")
    print("Authorization: Bearer {MARK}-out")
    assert canary.get("/info", params={{"token": token}}).ok

def test_fails(canary, edge, tmp_path):
    allure.dynamic.parameter("password", "{MARK}-dynamic")
    allure.dynamic.description("Cookie: a={MARK}-description")
    with allure.step("step with token={MARK}-step"):
        allure.attach('{{"password": "{MARK}-text"}}', "a body", allure.attachment_type.JSON)
    (tmp_path / "dump.bin").write_bytes(b"\\0\\xff api_key={MARK}-file \\0")
    allure.attach.file(tmp_path / "dump.bin", "a dump")
    logging.getLogger().warning("password: {MARK}-log")
    edge.get("/info", auth=("me", "{MARK}-basic"), cookies={{"a": "{MARK}-cookie"}})
    canary.post("/login", data={{"user": "jane", "password": "{MARK}-form"}})
    canary.post("/login", files={{"secret": (None, "{MARK}-part")}})
    reply = canary.post(
        "/login?access_token={MARK}-query",
        json={{"user": "jane", "password": "{MARK}-json"}},
        headers={{"X-Auth-Token": "{MARK}-header"}},
    )
    secret = base64.b64encode(os.environ["API_TOKEN"].encode()).decode()
    try:
        raise ValueError(PEM)
    except ValueError as error:
        told = f"{{os.environ['API_TOKEN']}} {{reply.json()}} {{secret}}"
        told = f"https://me:{MARK}-user@host/ emp-{MARK} {{told}}"
        raise AssertionError(f"{{reply.request.headers}} {{told}}") from error
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = f"{sys.executable} app.py {{port}}"
    target = {
        "platform": "local",
        "rollout": "rollout.yaml",
        "run": {"stable": f"{run} v1", "canary": f"{run} v2"},
        "ready": "/health",
        "identity": {"path": "/info", "json": "version"},
    }
    section = {
        "suites": ["suites"],
        "redact": ["emp-[0-9a-z]+"],
        "proof": {"window": "1s", "responses": 50, "within": 20},
        "load": {"file": "load.py", "users": 2},
        "targets": {"local": target},
    }
    files = {
        "pyproject.toml": toml({"tool": {"canarytest": section}}),
        "rollout.yaml": json.dumps(manifest(STEPS), indent=1),
        "app.py": APP,
        "load.py": LOCUSTFILE,
        "suites/test_it.py": SUITE,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("args", [("-p", "no:xdist", "--canary-report"), ("-n", "2")])
def test_no_secret_is_left_anywhere(folder: Path, args: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "--canary", "-v", "-rA", "--showlocals", *args],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=100,
        check=False,
    )
    found = sorted({name for name, data in all_of(folder / "reports") if is_leaky(data)})
    logs = (folder / "reports" / "latest" / "logs" / "canary.log").read_text()

    assert ended.returncode == 1, ended.stdout.decode()
    assert found == []
    assert not is_leaky(ended.stdout), ended.stdout.decode()
    assert b"test_fails" in ended.stdout
    assert "POST" in logs or "GET /login" in logs, "what is no secret is still there"
    assert "«redacted»" in logs


def all_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield all files, and what is in those that hold others: the page, what is compressed."""
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            yield path.name, data
            if path.suffix == ".gz":
                yield path.name, gzip.decompress(data)
            for text in re.findall(rb'"([A-Za-z0-9+/=]{40,})"', data):
                yield f"in {path.name}", base64.b64decode(text + b"=" * (-len(text) % 4))


def is_leaky(data: bytes) -> bool:
    """Whether *data* holds a secret, plain or as base64 at any of its three places."""
    encoded = [base64.b64encode(bytes(shift) + MARK.encode())[4:-4] for shift in range(3)]
    return MARK.encode() in data or any(form in data for form in encoded)
