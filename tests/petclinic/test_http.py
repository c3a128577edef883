"""The parser alone: what it takes, what it refuses, and that no split of the bytes matters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petclinic.http import MAX_BODY, MAX_HEAD, MalformedError, Parser, Request, Response, encode

HOST = "Host: x\r\n"


def requests_of(*chunks: bytes) -> tuple[list[Request], int | None]:
    """Return what a parser makes of *chunks*, and the status it refuses the rest with."""
    parser = Parser()
    found: list[Request] = []
    try:
        for chunk in chunks:
            parser.feed(chunk)
            while request := parser.next():
                found.append(request)
    except MalformedError as e:
        return found, int(e.status)
    return found, None


def only(data: bytes) -> Request:
    [request], refused = requests_of(data)
    assert refused is None
    return request


def test_a_request_is_read() -> None:
    request = only(
        b"POST /a?b=c%20d HTTP/1.1\r\nHost: x\r\nX-Twice: 1\r\nx-twice:2 \r\n"
        b"Content-Length: 3\r\n\r\n{}\n"
    )

    assert request == Request(
        "POST",
        "/a",
        "b=c%20d",
        {"host": "x", "x-twice": "1, 2", "content-length": "3"},
        b"{}\n",
        keep_alive=True,
    )


@pytest.mark.parametrize(
    ("version", "connection", "expected"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.1", "Connection: TE, Close\r\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive\r\n", True),
    ],
)
def test_the_connection_is_kept_as_the_client_wants(
    version: str, connection: str, expected: bool
) -> None:
    request = only(f"GET / HTTP/{version}\r\n{HOST}{connection}\r\n".encode())

    assert request.keep_alive is expected


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param("GARBAGE", 400, id="no-request-line"),
        pytest.param("GET  / HTTP/1.1", 400, id="two-blanks"),
        pytest.param("G(T / HTTP/1.1", 400, id="bad-method"),
        pytest.param("GET / FTP/1.1", 400, id="other-protocol"),
        pytest.param("GET / HTTP/2.0", 505, id="other-version"),
        pytest.param("GET http://[ HTTP/1.1", 400, id="no-path"),
        pytest.param("GET /\x7f HTTP/1.1", 400, id="control-in-path"),
        pytest.param("GET / HTTP/1.1\r\nHost: x\r\n folded: y", 400, id="folded-header"),
        pytest.param("GET / HTTP/1.1\r\nHost : x", 400, id="blank-before-colon"),
        pytest.param("GET / HTTP/1.1\r\nHost: x\r\nno colon", 400, id="no-colon"),
        pytest.param("GET / HTTP/1.1\r\nHost: a\rb", 400, id="bare-cr"),
        pytest.param("GET / HTTP/1.1\r\nAccept: x", 400, id="no-host"),
        pytest.param("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1", 400, id="negative"),
        pytest.param("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1", 400, id="signed"),
        pytest.param(
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2",
            400,
            id="two-lengths",
        ),
        pytest.param(
            f"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {'9' * 5000}", 400, id="huge-length"
        ),
        pytest.param(
            f"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY + 1}", 413, id="body-too-large"
        ),
        pytest.param("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked", 501, id="chunked"),
        pytest.param(f"GET / HTTP/1.1\r\nX: {'x' * MAX_HEAD}", 431, id="head-too-large"),
    ],
)
def test_what_is_no_request_is_refused(head: str, status: int) -> None:
    assert requests_of(f"{head}\r\n\r\n".encode()) == ([], status)


def test_a_head_without_end_is_refused_before_it_fills_the_memory() -> None:
    assert requests_of(b"x" * (MAX_HEAD + 4)) == ([], 431)


def test_a_body_at_the_limit_is_taken() -> None:
    body = b"x" * MAX_BODY
    head = f"POST / HTTP/1.1\r\n{HOST}Content-Length: {MAX_BODY}\r\n\r\n".encode()

    assert only(head + body).body == body


PIECES = st.sampled_from(
    [
        b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /b?c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n\r\n\r\n!",
        b"DELETE /d HTTP/1.0\r\n\r\n",
        b"\r\n",
        b"GARBAGE\r\n\r\n",
        b"GET /cut HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nshort",
        b"GET /long HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (MAX_HEAD - 32) + b"\r\n\r\n",
        b"GET /longer HTTP/1.1\r\nHost: x\r\nX: " + b"x" * MAX_HEAD,
    ]
)


@given(data=st.lists(PIECES, max_size=8).map(b"".join), cuts=st.lists(st.integers(0, 40_000)))
def test_any_split_gives_the_same_requests(data: bytes, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    chunks = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    assert requests_of(*chunks) == requests_of(data)


@given(data=st.binary(max_size=200))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    singles = [data[i : i + 1] for i in range(len(data))]

    assert requests_of(*singles) == requests_of(data)


@pytest.mark.parametrize("length", range(MAX_HEAD - 5, MAX_HEAD + 6))
def test_the_limit_of_the_head_is_the_same_byte_by_byte(length: int) -> None:
    line = b"GET / HTTP/1.1\r\nHost: x\r\nX: "
    data = line + b"x" * (length - len(line)) + b"\r\n\r\n"
    parts = (data[: MAX_HEAD - 9], *(data[i : i + 1] for i in range(MAX_HEAD - 9, len(data))))

    assert requests_of(*parts) == requests_of(data)
    assert requests_of(data)[1] == (431 if length > MAX_HEAD else None)


def test_a_response_carries_what_all_carry() -> None:
    response = Response(200, b"{}", headers=(("allow", "GET"),))

    assert encode(response, common=(("x-version", "v1"),), close=True) == (
        b"HTTP/1.1 200 OK\r\nx-version: v1\r\nallow: GET\r\ncontent-type: application/json\r\n"
        b"content-length: 2\r\nconnection: close\r\n\r\n{}"
    )


def test_the_answer_to_head_has_a_length_and_no_body() -> None:
    assert encode(Response(200, b"{}"), with_body=False).endswith(b"content-length: 2\r\n\r\n")


def test_no_content_has_no_length() -> None:
    assert encode(Response(204)) == b"HTTP/1.1 204 No Content\r\n\r\n"
