"""What does not go through events loses its secrets at a seam of its own."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from canarytest.core.plan import Plan, Resources
from canarytest.core.redaction import REDACTED, Redactor
from canarytest.plugin import settings
from canarytest.plugin.redacting import clean_files, redactor_of
from tests.plugin.project import Project, toml

PLAN = Plan("petclinic-app", "was-namespace", 2, True, (), (), "", Resources(None, None))
PEM = "-----BEGIN PRIVATE KEY-----\nMIIE\nAAAA\n-----END PRIVATE KEY-----"


def redactor(
    project: Project, environment: Mapping[str, str], target: Mapping[str, Any], **keys: Any
) -> Redactor:
    targets = {"t": {"platform": "standin", "rollout": "rollout.yaml"}}
    project.write("pyproject.toml", toml({"tool": {"canarytest": {"targets": targets, **keys}}}))
    chosen = settings.read(project.path, "t")
    options = {**chosen.options, **target}
    return redactor_of(dataclasses.replace(chosen, options=options), PLAN, environment)


def test_the_environment_and_the_configured_headers_are_known(project: Project) -> None:
    target = {"canary_via": {"header": {"x-route": "Route secret-route", "x-canary": "always"}}}
    found = redactor(project, {"API_TOKEN": "envsecret"}, target, redact=["emp-[0-9]+"])

    assert found.text("envsecret, secret-route, emp-12, always") == (
        f"{REDACTED}, {REDACTED}, {REDACTED}, always"
    )


def test_a_password_that_is_the_name_of_the_rollout_is_none(project: Project) -> None:
    found = redactor(project, {"DB_PASSWORD": PLAN.rollout, "A_SECRET": PLAN.namespace}, {})

    assert found.text("petclinic-app in was-namespace") == "petclinic-app in was-namespace"


@pytest.mark.parametrize("args", [(), ("-n", "1")])
def test_nothing_of_a_failure_is_told_to_who_reports_it(
    project: Project, args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "from-the-environment")
    project.suite(f"""
        import os, pytest, warnings

        TOKEN = os.environ["DEPLOY_TOKEN"]

        @pytest.mark.parametrize("value", [TOKEN])
        def test_it(value, record_property):
            record_property("password", "by-its-name")
            warnings.warn("it warns: token=in-a-warning")
            print("and says", value)
            raise ValueError({PEM!r} + TOKEN)
    """)
    project.configure(pytest_ini={"addopts": "-rA"})
    result = project.run_apart("-l", *args)
    junit = (project.latest / "junit.xml").read_text()
    told = f"{result.stdout.str()}{result.stderr.str()}{junit}{project.events}"

    assert result.ret == 1
    assert next(iter(project.tests)) == f"test_it[dark-{REDACTED}]"
    for secret in ("from-the-environment", "by-its-name", "in-a-warning", "MIIE", "AAAA"):
        assert secret not in told.replace(f"{PEM!r} + TOKEN", "")  # the suite itself


def test_a_suite_that_cannot_be_collected_tells_no_secret(project: Project) -> None:
    project.suite("raise ValueError('no', dict(password='abcdefgh'))")
    result = project.run("--canary-drill", "0")

    assert result.ret == 2
    assert "abcdefgh" not in result.stdout.str()
    assert REDACTED in result.stdout.str()


def test_files_are_cleaned_in_their_place(tmp_path: Path) -> None:
    plain = {"canary.log": b"fine\n\xff\n", "binary": b"\0token"}
    secret = {
        "logs/app.log": (b"\xff token=abc\nfine\n", f"\udcff token={REDACTED}\nfine\n"),
        "load.jsonl": (b'{"a": 1}\n{"b": "x?token=abc"}\n', None),
        "gate.json": (b'{"shut": "Cookie: a=b", "open": 1}', None),
        "pretty.json": (b'{\n "password": "abc"\n}', f'{{\n "password": "{REDACTED}"\n}}'),
    }
    for name, data in {**plain, **{name: data for name, (data, _) in secret.items()}}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "events.jsonl").write_text("token=abc")
    os.mkfifo(tmp_path / "pipe")
    before = (tmp_path / "canary.log").stat().st_ino
    troubles = list(clean_files(tmp_path, Redactor()))
    after = {p.name: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    assert troubles == []
    assert (tmp_path / "canary.log").stat().st_ino == before
    assert {name: after[name] for name in plain} == plain
    assert after["app.log"].decode("utf-8", "surrogateescape") == secret["logs/app.log"][1]
    assert after["pretty.json"].decode() == secret["pretty.json"][1]
    assert after["load.jsonl"].startswith(b'{"a": 1}\n{"b": "x?token=')
    assert b'"open": 1' in after["gate.json"]
    assert not any(b"abc" in data or b"a=b" in data for n, data in after.items() if n != EVENTS)
    assert after[EVENTS] == b"token=abc"


EVENTS = "events.jsonl"  # is written clean


@pytest.mark.parametrize("args", [(), ("-n", "1")])
def test_a_token_that_a_test_made_is_known_once_it_was_sent(
    project: Project, args: tuple[str, ...]
) -> None:
    project.suite("""
        def test_login(canary):
            tok = "abc-made-here-123"
            jar = "made-cookie-456"
            headers = {"Authorization": "Bearer " + tok, "Cookie": f"sid={jar}"}
            reply = canary.get("/login", headers=headers)
            assert reply.status_code == 999, tok
    """)
    result = project.run_apart("-l", *args)

    assert result.ret == 1
    left = b"".join(path.read_bytes() for path in project.path.rglob("*") if _is_left(path))
    for secret in ("abc-made-here-123", "made-cookie-456"):
        assert secret not in result.stdout.str()
        assert secret.encode() not in left
    assert REDACTED in result.stdout.str()


def _is_left(path: Path) -> bool:
    return path.is_file() and "reports" in path.parts
