"""The last requests and answers of a failed test are in its event and in its Allure result."""

from typing import Any

import pytest
import requests

from canarytest.core.reach import Identity
from canarytest.core.redaction import Redactor
from canarytest.plugin.exchanges import KEPT, MOST_BODY, Exchanges
from canarytest.reporting import exchanged, tested
from canarytest.reporting.log import read
from canarytest.reporting.story import story_of
from tests.plugin.project import Project

IDENTITY = Identity(canary="v2", stable="v1", header="x-version")


def exchange(body: bytes, **headers: str) -> dict[str, Any]:
    """Return what is told of one exchange."""
    request = requests.Request("POST", "http://me:pw1234@x/a?token=abc", headers=headers, data=body)
    response = requests.Response()
    response.status_code, response.reason = 201, "Created"
    response._content, response.headers["x-version"] = b"fine", "v2"
    ring = Exchanges()
    ring.keep(5.0, "edge", request.prepare(), response, IDENTITY)
    (told,) = ring.told(Redactor())
    return dict(told)


def test_an_exchange_is_told_without_secrets() -> None:
    told = exchange(b'{"password": "abc"}', **{"X-Api-Key": "abc", "Accept": "text/plain"})

    assert told["url"] == "http://«redacted»@x/a?token=«redacted»"
    assert told["request"]["headers"]["X-Api-Key"] == "«redacted»"
    assert told["request"]["headers"]["Accept"] == "text/plain"
    assert told["request"]["body"] == '{"password": "«redacted»"}'
    assert told["response"] == {"headers": {"x-version": "v2"}, "body": "fine"}
    assert (told["status"], told["answered_by"], told["via"]) == (201, "canary", "edge")


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (None, ""),
        (b"\x89PNG\0\0", "(6 bytes that are no text)"),
        (iter([b"a"]), "(list_iterator, sent as it was read)"),
        ("x" * 50_000, "x" * MOST_BODY + "\n(… 50000 in all)"),
        ("é\udc00", "é?"),
    ],
)
def test_a_body_is_shown_as_far_as_it_helps(body: Any, shown: str) -> None:
    request = requests.Request("POST", "http://x/").prepare()
    request.body = body
    ring = Exchanges()
    ring.keep(1.0, "edge", request, ValueError("no route"), IDENTITY)
    (told,) = ring.told(Redactor())

    assert told["request"]["body"] == shown
    assert told["error"] == "ValueError: no route"


@pytest.mark.parametrize("before", range(MOST_BODY - 30, MOST_BODY + 8000, 211))
def test_a_secret_is_not_cut_before_it_is_known(before: int) -> None:
    known = "known-" + "s" * 40
    request = requests.Request("POST", "http://x/").prepare()
    request.body = "x" * before + known + "y" * 9000
    ring = Exchanges()
    ring.keep(1.0, "edge", request, ValueError(), IDENTITY)
    (told,) = ring.told(Redactor(values=(known,)))

    assert "known" not in told["request"]["body"]


def test_the_last_ones_are_kept_in_the_order_in_which_they_were_sent() -> None:
    ring = Exchanges()
    for number in (*range(20), 19.5):
        request = requests.Request("GET", f"http://x/{number}").prepare()
        ring.keep(-float(number), "edge", request, ValueError(), IDENTITY)

    assert [told["url"][9:] for told in ring.told(Redactor())] == ["19.5", "19", "18", "17", "16"]
    assert KEPT == 5


def test_a_failed_test_has_them_and_no_other(project: Project) -> None:
    project.suite("""
        import pytest

        def test_fine(canary): canary.get("/fine")

        def test_moved(canary, edge):
            edge.post("/first", data={"user": "jane", "password": "abc"})
            assert canary.get("/broken").status_code == 200
    """)
    project.configure(t={"broken": ["/broken"]})
    project.run("-q")
    fine, broken, *_ = project.events_of("TestFinished")
    first, last = broken["exchanges"]
    story = story_of(read(project.latest / "events.jsonl"))
    results = {result["name"]: (result, bodies) for result, bodies in tested.results_of(story)}
    result, bodies = results["test_moved[dark]"]
    sources = {a["name"]: a["source"] for a in result["attachments"]}

    assert fine["exchanges"] == []
    assert (first["via"], first["request"]["body"]) == ("edge", "user=jane&password=«redacted»")
    assert (last["status"], last["answered_by"]) == (500, "canary")
    assert bodies[sources["requests and responses"]].decode() == exchanged.as_text((first, last))


def test_without_allure_the_report_has_them_from_the_event(project: Project) -> None:
    project.suite("def test_it(canary): assert not canary.get('/a').ok")
    project.run("-q", "-p", "no:allure_pytest")
    story = story_of(read(project.latest / "events.jsonl"))
    ((result, bodies), *_) = tested.results_of(story)
    ((_, text),) = bodies.items()

    assert [a["name"] for a in result["attachments"]] == ["request and response"]
    assert "200 OK" in text.decode()


def test_whole_answers_are_kept_no_longer_than_their_test(project: Project) -> None:
    project.suite("""
        def test_fine(canary): canary.get("/fine")

        def test_kept(canary, request):
            from canarytest.plugin.exchanges import RING
            canary.get("/kept")
            items = request.session.items
            before = items[: items.index(request.node)]
            assert RING in request.node.stash
            assert before
            assert not any(RING in item.stash for item in before)
    """)

    assert project.run().ret == 0


def test_an_exchange_as_text() -> None:
    text = exchanged.as_text([exchange(b"a=b", Accept="x")])

    assert text == (
        "── 00:00:05.000 through 'edge'\n"
        "POST http://«redacted»@x/a?token=«redacted»\n"
        "Accept: x\n"
        "Content-Length: 3\n"
        "Authorization: «redacted»\n"
        "\n"
        "a=b\n"
        "\n"
        "201 Created after 0 s, answered by: canary\n"
        "x-version: v2\n"
        "\n"
        "fine\n"
    )
