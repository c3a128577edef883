"""Each fault, as it is written and as it shows."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

import pytest

from petclinic.faults import KINDS, Faults, parse

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.petclinic.conftest import Running

    Start = Callable[..., Running]
    Popen = Callable[..., subprocess.Popen[str]]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], Faults()),
        (["login"], Faults(login=True)),
        (["errors=0.2"], Faults(errors=0.2)),
        (["slow=1.5", "slow-some=0.2:2.0"], Faults(slow_s=1.5, slow_some=(0.2, 2.0))),
        (["leak=20"], Faults(leak_mb_s=20)),
        (["crash-after=3"], Faults(crash_after=3)),
        (["crash-at-start"], Faults(crash_at_start=True)),
        (["never-ready"], Faults(never_ready=True)),
        (["health-lies"], Faults(health_lies=True)),
        (["masquerade=v100"], Faults(masquerade="v100")),
        (["errors=0.1", "errors=1"], Faults(errors=1.0)),
    ],
)
def test_faults_are_read(texts: list[str], expected: Faults) -> None:
    assert parse(texts) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "eror=0.2",
            "health-lies, masquerade. Did you mean 'errors'?",
        ),
        ("xyz", "unknown fault 'xyz'; known: login, errors, slow"),
        ("login=1", "'login=1' is written login"),
        ("errors", "'errors' is written errors=SHARE"),
        ("errors=", "'' is no value for the fault errors=SHARE"),
        ("errors=1.1", "'1.1' is no value"),
        ("errors=nan", "'nan' is no value"),
        ("slow=inf", "'inf' is no value"),
        ("slow=-1", "'-1' is no value"),
        ("slow-some=0.2", "'0.2' is no value for the fault slow-some=SHARE:SECONDS"),
        ("crash-after=0", "'0' is no value"),
        ("masquerade=a\r\nb", "is no value"),
    ],
)
def test_what_is_no_fault_is_explained(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="fault") as caught:
        parse([text])

    assert message in str(caught.value)


def test_shares_are_what_was_asked_for() -> None:
    faults, drawn = parse(["errors=0.2", "slow=1", "slow-some=0.3:2"]), random.Random(1)

    failed = sum(faults.fails(drawn) for _ in range(10_000))
    delays = [faults.delay_s(drawn) for _ in range(10_000)]

    assert failed == pytest.approx(2000, abs=150)
    assert delays.count(3.0) == pytest.approx(3000, abs=150)
    assert delays.count(1.0) == 10_000 - delays.count(3.0)


def test_login_refuses_the_right_password_and_nothing_else(start: Start) -> None:
    bad = start("--fault", "login")

    assert bad.post("/petclinic/login", user="jane", password="secret").status_code == 401
    assert bad.get("/petclinic/owners").status_code == 200
    assert bad.get("/petclinic/actuator/health").status_code == 200


def test_errors_are_a_share_of_the_business_answers(start: Start) -> None:
    bad = start("--fault", "errors=0.5")

    statuses = [bad.get("/petclinic/owners").status_code for _ in range(100)]
    health = {bad.get("/petclinic/actuator/health").status_code for _ in range(20)}

    assert set(statuses) == {200, 500}
    assert health == {200}


def test_health_lies(start: Start) -> None:
    bad = start("--fault", "health-lies")

    assert bad.get("/petclinic/actuator/health").json() == {"status": "UP"}
    assert bad.get("/petclinic/actuator/info").status_code == 200
    assert bad.get("/petclinic/owners").status_code == 500
    assert bad.post("/petclinic/login", user="jane", password="secret").status_code == 500


def test_never_ready(start: Start) -> None:
    bad = start("--fault", "never-ready")

    assert bad.get("/petclinic/actuator/health").status_code == 503
    assert bad.get("/petclinic/owners").status_code == 200


@pytest.mark.parametrize("fault", ["slow=0.2", "slow-some=1:0.2"])
def test_slow_answers_come_late_and_say_so_in_the_metrics(start: Start, fault: str) -> None:
    bad = start("--fault", fault)

    assert bad.get("/petclinic/owners").elapsed.total_seconds() >= 0.2
    page = bad.get("/metrics").text
    assert '"/petclinic/owners",le="0.1"} 0' in page
    assert '"/petclinic/owners",le="+Inf"} 1' in page


def test_slow_answers_do_not_hold_up_others(start: Start) -> None:
    bad = start("--fault", "slow=600")
    with socket.create_connection(("127.0.0.1", bad.port), timeout=20) as client:
        client.sendall(b"GET /petclinic/owners HTTP/1.1\r\nHost: x\r\n\r\n")
        while "/petclinic/owners" not in bad.get("/metrics").text:
            pass  # not read yet
        health = bad.get("/petclinic/actuator/health")

    assert health.status_code == 200


def test_a_leak_grows_without_load(start: Start) -> None:
    bad = start("--fault", "leak=200")

    def resident() -> float:
        page = bad.get("/metrics").text
        return float(page.partition("\nprocess_resident_memory_bytes ")[2].split()[0])

    before = resident()
    while resident() < before + 64e6:
        pass  # the test's own time limit ends what does not leak


def test_crash_after_answers_as_many_as_it_was_told(start: Start) -> None:
    bad = start("--fault", "crash-after=3")

    statuses = [bad.get("/petclinic/owners").status_code for _ in range(2)]
    health = bad.get("/petclinic/actuator/health").status_code
    last = bad.get("/petclinic/owners").status_code

    assert (statuses, health, last) == ([200, 200], 200, 200)
    assert bad.process.wait(20) == 3
    assert "crashed after 3 business requests" in bad.process.communicate()[1]


def test_masquerade_names_another_version(start: Start) -> None:
    bad = start("--fault", "masquerade=v100", version="v101")

    info = bad.get("/petclinic/actuator/info")

    assert info.json() == {"version": "v100"}
    assert info.headers["x-version"] == "v100"
    assert 'petclinic_build_info{version="v101"} 1' in bad.get("/metrics").text


def test_faults_add_up(start: Start) -> None:
    bad = start("--fault", "login", "masquerade=v1", "--fault", "never-ready")

    assert bad.get("/petclinic/actuator/health").status_code == 503
    assert bad.get("/petclinic/actuator/info").json() == {"version": "v1"}
    assert bad.post("/petclinic/login", user="jane", password="secret").status_code == 401


@pytest.mark.parametrize(
    ("options", "status", "error"),
    [
        (["--fault", "crash-at-start"], 3, "petclinic: cannot start, as it was told\n"),
        (["--storage", "/nowhere/x.db"], 1, "petclinic: cannot use the storage '/nowhere/x.db': "),
        (["--fault", "eror=1"], 2, "Did you mean 'errors'?\n"),
        (["--port", "99999"], 2, "'99999' is not a port, 0 to 65535\n"),
    ],
)
def test_what_cannot_start_says_why(
    popen: Popen, options: list[str], status: int, error: str
) -> None:
    with popen("--version", "v100", "--port", "0", *options) as process:
        out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (status, "")
    assert error in err


def test_a_port_in_use_is_one_line(popen: Popen, clinic: Running) -> None:
    with popen("--version", "v100", "--port", str(clinic.port)) as process:
        _, err = process.communicate(timeout=20)

    assert process.returncode == 1
    assert err == f"petclinic: cannot listen on 127.0.0.1:{clinic.port}: Address already in use\n"


def test_the_faults_are_listed(popen: Popen) -> None:
    with popen("--list-faults") as process:
        out, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert [line.split()[0].partition("=")[0] for line in out.splitlines()] == list(KINDS)
