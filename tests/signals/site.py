"""A real server on localhost that answers as it is told, well or badly."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from canarytest.core.reach import Endpoint

Answer = Callable[[socket.socket], None]  # what is done once a request was read
SOON_S = 30  # never reached, unless something is wrong


class Site:
    """Listens; each connection is answered in a thread of its own by `answer`."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[str] = []  # their heads, in order; each came on a connection of its own
        self.over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> Endpoint:
        """Where it is."""
        host, port = self._listener.getsockname()
        return Endpoint(f"http://{host}:{port}", {"x-user": "jane"})

    def close(self) -> None:
        """Listen no more."""
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head and (part := connection.recv(4096)):
                head += part
            if head:
                self.requests.append(head.decode())
                try:
                    self.answer(connection)
                except OSError:
                    return  # whoever asked has gone


def says(
    body: str = '{"version": "v101"}', *, status: int = 200, version: str | None = None
) -> Answer:
    """Answer well-formed, with *version* in a header if it is given."""

    def answer(connection: socket.socket) -> None:
        header = f"x-version: {version}\r\n" if version else ""
        text = f"HTTP/1.1 {status} Said\r\n{header}Content-Length: {len(body)}\r\n\r\n{body}"
        connection.sendall(text.encode())

    return answer


def raw(data: bytes) -> Answer:
    """Answer with *data*, and hang up."""
    return lambda connection: connection.sendall(data)


def drips(head: bytes, over: threading.Event) -> Answer:
    """Answer with *head*, then byte by byte for ever."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while not over.is_set():
            connection.sendall(b" ")
            time.sleep(0.01)

    return answer


@contextmanager
def site(answer: Answer) -> Iterator[Site]:
    """Have a site for a while."""
    there = Site(answer)
    try:
        yield there
    finally:
        there.close()
