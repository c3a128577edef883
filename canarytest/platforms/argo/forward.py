"""A port of this machine that leads to a pod of one revision, by the API server's port-forward."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections.abc import Callable

from canarytest.core.errors import PlatformError
from canarytest.platforms.argo.api import Api, Tunnel
from canarytest.platforms.argo.view import PodView

LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
_CHUNK = 1 << 16


class Forward:
    """
    Listens from `start` to `stop`; each connection goes to the pod that *choose* names then.

    It depends on no Service: those of a canary are re-pointed at an abort, again and again.
    """

    def __init__(self, api: Api, namespace: str, choose: Callable[[], PodView | None]) -> None:
        self._api, self._namespace, self._choose = api, namespace, choose
        self._listener: socket.socket | None = None

    def start(self) -> str:
        """Begin to listen; return the base URL."""
        self._listener = listener = socket.create_server((HOST, 0))
        threading.Thread(
            target=self._accept, args=(listener,), name="canarytest-forward", daemon=True
        ).start()
        return f"http://{HOST}:{listener.getsockname()[1]}"

    def stop(self) -> None:
        """Take no more connections; those there are end with the process."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(
                target=self._serve, args=(connection,), name="canarytest-forwarded", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            pod = self._choose()
            if pod is None:
                return  # as a Service without endpoints
            try:
                with self._api.dial(self._namespace, pod.name, pod.port) as tunnel:
                    _pump(connection, tunnel)
            except (PlatformError, OSError) as error:
                LOG.debug("port-forward to %s: %s", pod.name, error)


def _pump(one: socket.socket, other: Tunnel) -> None:
    """Carry bytes both ways until either side ends."""
    ways = {one.fileno(): (one.recv, other.sendall), other.fileno(): (other.recv, one.sendall)}
    with selectors.DefaultSelector() as selector:
        for number in ways:
            selector.register(number, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                receive, send = ways[key.fd]
                data = receive(_CHUNK)
                if not data:
                    return
                send(data)
