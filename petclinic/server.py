"""The server: connections that answer in order, and an end that cuts nobody off."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from petclinic.http import Headers, MalformedError, Parser, Request, Response, encode

if TYPE_CHECKING:
    from collections.abc import Callable

BACKLOG = 1024
LINGER_S = 1.0  # a refused client may still be sending: read it off, else it gets a reset
DRAIN_S = 0.2  # a request may be on its way on a connection that looks idle
GRACE_S = 10.0  # then whoever is left is cut off; a pod is killed after 30


@dataclass(slots=True)
class Server:
    """Answers requests by *handler*, which must not block."""

    handler: Callable[[Request], Response]
    common: Headers = ()  # headers of every response
    read_timeout_s: float = 30.0  # from the first byte of a request to its last
    is_draining: bool = False
    _connections: set[Connection] = field(default_factory=set)
    _listener: asyncio.Server | None = None
    _is_empty: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port: the one that the system chose where *port* is 0."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Connection(self), host, port, backlog=BACKLOG
        )
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Accept nobody any more, finish what is in flight, let go of the rest."""
        if self._listener is not None:
            self._listener.close()
        self.is_draining = True
        loop = asyncio.get_running_loop()
        retiring = loop.call_later(DRAIN_S, self._retire)
        cutting = loop.call_later(GRACE_S, self._cut_off)
        if self._connections:
            await self._is_empty.wait()
        retiring.cancel()
        cutting.cancel()

    def joined(self, connection: Connection) -> None:
        """Count *connection* in."""
        self._connections.add(connection)
        self._is_empty.clear()

    def left(self, connection: Connection) -> None:
        """Count *connection* out."""
        self._connections.discard(connection)
        if not self._connections:
            self._is_empty.set()

    def _retire(self) -> None:
        for connection in tuple(self._connections):
            connection.retire()

    def _cut_off(self) -> None:
        for connection in tuple(self._connections):
            connection.abort()


class Connection(asyncio.Protocol):
    """One client: requests are taken from the parser one by one, so answers keep their order."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._parser = Parser()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None  # one of: the answer's, reading, lingering
        self._is_answering = False  # a delayed answer is under way
        self._is_clogged = False  # the client does not read what it asked for
        self._is_closing = False  # the last answer was given
        self._has_ended = False  # the client will send no more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's
        self._is_closing = True
        self._set_timer(None)
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        if not self._is_closing:
            self._parser.feed(data)
            self._advance()

    def eof_received(self) -> bool:
        self._has_ended = True
        if self._is_closing:
            self._transport.close()
        else:
            self._advance()
        return True  # the other half stays open: an answer may still be under way

    def pause_writing(self) -> None:
        self._is_clogged = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._is_clogged = False
        self._continue()

    def retire(self) -> None:
        """Close, where no request is under way."""
        if not (self._is_answering or self._is_closing or self._parser.has_partial):
            self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._transport.abort()

    @property
    def _is_free(self) -> bool:
        return not (self._is_answering or self._is_clogged or self._is_closing)

    def _advance(self) -> None:
        try:
            while self._is_free and (request := self._parser.next()):
                self._set_timer(None)
                self._answer(request)
        except MalformedError as malformed:
            self._refuse(malformed.status, str(malformed))
        if self._is_free:
            self._wait_for_more()

    def _answer(self, request: Request) -> None:
        response = self._server.handler(request)
        if not response.delay_s:
            self._send(request, response)
            return
        self._is_answering = True
        self._transport.pause_reading()  # what it pipelines meanwhile stays in its own buffers
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(response.delay_s, self._answer_late, request, response)

    def _answer_late(self, request: Request, response: Response) -> None:
        self._timer = None
        self._is_answering = False
        self._send(request, response)
        self._continue()

    def _continue(self) -> None:
        if self._is_free:
            self._transport.resume_reading()
            self._advance()

    def _send(self, request: Request, response: Response) -> None:
        close = not request.keep_alive or self._server.is_draining
        self._transport.write(
            encode(
                response,
                common=self._server.common,
                close=close,
                with_body=request.method != "HEAD",
            )
        )
        if close:
            self._close()
        if response.then is not None:
            response.then()

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        response = error(status, message)
        self._transport.write(encode(response, common=self._server.common, close=True))
        self._close()

    def _wait_for_more(self) -> None:
        if not self._parser.has_partial:
            if self._has_ended:
                self._close()
        elif self._has_ended:
            self._refuse(HTTPStatus.BAD_REQUEST, "the request ended before it was complete")
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._server.read_timeout_s, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the request did not come to its end in time")

    def _close(self) -> None:
        self._is_closing = True
        if self._has_ended:
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        loop = asyncio.get_running_loop()
        self._set_timer(loop.call_later(LINGER_S, self._transport.abort))

    def _set_timer(self, timer: asyncio.TimerHandle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer


def error(status: HTTPStatus, message: str, headers: Headers = ()) -> Response:
    """Return the answer to a request that could not be served, in the one form for all."""
    content = {"status": int(status), "error": status.phrase, "message": message}
    return Response(int(status), json.dumps(content).encode(), headers=headers)
