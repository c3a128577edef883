"""The API server: the one file that knows the Kubernetes client, and maps what goes wrong there."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import urllib3
import yaml
from kubernetes import client, config, stream
from kubernetes.config import kube_config
from kubernetes.config.config_exception import ConfigException

from canarytest.config import nearest
from canarytest.core.errors import ConfigError, PlatformError
from canarytest.platforms.argo import orders

Patch = Sequence[Mapping[str, Any]]
PATIENCE_S = 30.0  # an API server that is restarted is back by then
CALL_S = 5.0
AGAIN_S = 0.3
TROUBLE_LENGTH = 300  # of what the server said; it may quote whole objects
_JSON_PATCH = "application/json-patch+json"
_TRY_AGAIN = (429, 500, 502, 503, 504)
NOT_FOUND, CONFLICT, GONE, INVALID, FORBIDDEN, UNAUTHORIZED = 404, 409, 410, 422, 403, 401
_BAD = 400
_SERVER = 500  # from here on it is the server's fault, and what it did before is not known
_UNSENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


class ApiError(PlatformError):
    """The API server refused, or did not answer (then *status* is 0)."""

    def __init__(self, message: str, status: int, *, may_be_done: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.may_be_done = may_be_done  # whether an attempt may have been obeyed all the same


class Tunnel(Protocol):
    """The end of a port-forward: as much of a socket as is needed."""

    def fileno(self) -> int: ...
    def recv(self, size: int, /) -> bytes: ...
    def sendall(self, data: bytes, /) -> None: ...


class Api:
    """
    One connection pool to the API server of a context. May be used from any thread.

    Calls are plain HTTP with the client's TLS and credentials, which it refreshes: the models of
    the client have changed too often, and a status is read by us anyway.
    """

    def __init__(self, configuration: client.Configuration, namespace: str = "") -> None:
        self._configuration = configuration
        self._namespace = namespace  # the only one that may be asked of; empty: any
        self._pool: urllib3.PoolManager = client.ApiClient(configuration).rest_client.pool_manager
        self._over = threading.Event()
        self.calls = 0  # how many were made, for the figures

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        patience_s: float = PATIENCE_S,
        timeout_s: float = CALL_S,
    ) -> Any:
        """Return the JSON at *path*."""
        path = _with(path, query or {})
        return self._ask("GET", path, patience_s=patience_s, timeout_s=timeout_s)

    def text(self, path: str, *, within_s: float, **query: str) -> str:
        """Return the text at *path*: a log."""
        timeout = urllib3.Timeout(total=within_s)
        try:
            with self._send("GET", _with(path, query), None, {}, timeout) as reply:
                return str(reply.read().decode(errors="replace"))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(f"GET {path}: {error}", 0) from error

    def patch(
        self,
        path: str,
        patch: Patch,
        *,
        patience_s: float = PATIENCE_S,
        timeout_s: float = CALL_S,
    ) -> Any:
        """
        Apply the JSON patch *patch*; its tests and its changes are one transaction.

        When an answer was lost, the next attempt may be refused because of the one before: then
        the object tells whether the changes are there.
        """
        try:
            return self._ask("PATCH", path, list(patch), patience_s=patience_s, timeout_s=timeout_s)
        except ApiError as error:
            if error.status != INVALID or not error.may_be_done:
                raise
            found = self.get(path.removesuffix("/status"), patience_s=patience_s)
            if not orders.are_obeyed(patch, found):
                raise
            return found

    def create(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create *body* under *path*."""
        return self._ask("POST", path, body)

    def replace(self, path: str, body: Mapping[str, Any]) -> Any:
        """Replace what is at *path*, if its resourceVersion is still the one of *body*."""
        return self._ask("PUT", path, body)

    def delete(self, path: str) -> Any:
        """Delete what is at *path*."""
        return self._ask("DELETE", path)

    @contextlib.contextmanager
    def watch(self, path: str, *, quiet_s: float, **query: str) -> Iterator[Iterator[Any]]:
        """Open a watch on *path*; it ends when the server ends it, or is quiet for *quiet_s*."""
        timeout = urllib3.Timeout(connect=CALL_S, read=quiet_s)
        reply = self._send("GET", _with(path, {**query, "watch": "true"}), None, {}, timeout)
        try:
            yield _lines(reply)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise ApiError(f"the watch of {path} broke: {error}", 0) from error
        finally:
            reply.close()

    @contextlib.contextmanager
    def dial(self, namespace: str, pod: str, port: int) -> Iterator[Tunnel]:
        """Connect to *port* of *pod*, through the API server."""
        self._refuse_outside(f"/namespaces/{quote(namespace, safe='')}/pods")
        self.calls += 1
        # A client of its own: the upgrade to a websocket is put into the client for the call.
        core = client.CoreV1Api(client.ApiClient(self._configuration))
        dial = core.connect_get_namespaced_pod_portforward
        try:
            tunnel = stream.portforward(dial, pod, namespace, ports=str(port))
        except (client.ApiException, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise ApiError(f"port-forward to {pod}:{port}: {reason}", 0) from error
        try:
            yield tunnel.socket(port)
        finally:
            tunnel.close()

    def relay(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
    ) -> urllib3.BaseHTTPResponse:
        """Return what is answered at *path*, whatever it is; its content is yet to be read."""
        return self._request(method, path, body, headers, urllib3.Timeout(total=timeout_s))

    def close(self) -> None:
        """Try nothing again from now on."""
        self._over.set()

    def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        patience_s: float = PATIENCE_S,
        timeout_s: float = CALL_S,
    ) -> Any:
        give_up = time.monotonic() + patience_s
        kind = _JSON_PATCH if method == "PATCH" else "application/json"
        headers = {} if body is None else {"Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        may_be_done = False
        while True:
            try:
                timeout = urllib3.Timeout(total=timeout_s)
                with self._send(method, path, data, headers, timeout) as reply:
                    return json.loads(reply.read())
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                trouble = ApiError(f"{method} {path}: no answer: {error}", 0, may_be_done=True)
            except ApiError as error:
                trouble = error
            may_be_done = trouble.may_be_done = may_be_done or trouble.may_be_done
            if trouble.status and not _is_passing(method, trouble.status):
                raise trouble
            if time.monotonic() + AGAIN_S > give_up or self._over.wait(AGAIN_S):
                raise trouble

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: urllib3.Timeout,
    ) -> urllib3.BaseHTTPResponse:
        accepted = {"Accept": "application/json", **headers}
        reply = self._request(method, path, body, accepted, timeout)
        if reply.status >= _BAD:
            with reply:
                said = f"{method} {_short(path)}: {_refusal(reply)}"
                raise ApiError(said, reply.status, may_be_done=reply.status >= _SERVER)
        return reply

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout: urllib3.Timeout,
    ) -> urllib3.BaseHTTPResponse:
        self._refuse_outside(path)
        self.calls += 1
        settings: Mapping[str, Any] = self._configuration.auth_settings()  # refreshes them
        credentials = {str(setting["key"]): str(setting["value"]) for setting in settings.values()}
        try:
            return self._pool.request(
                method,
                self._configuration.host.rstrip("/") + path,
                body=body,
                headers={**headers, **credentials},
                timeout=timeout,
                retries=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            said = f"{method} {_short(path)}: no answer: {error}"
            raise ApiError(said, 0, may_be_done=not isinstance(error, _UNSENT)) from error

    def _refuse_outside(self, path: str) -> None:
        """Raise PlatformError for what lies in a namespace that is not ours."""
        _, is_in_one, inside = path.partition("/namespaces/")
        named = re.split("[/?]", inside, maxsplit=1)[0]
        if is_in_one and self._namespace and named != quote(self._namespace, safe=""):
            raise PlatformError(
                f"{_short(path)} lies outside the namespace {self._namespace!r}, the only one that "
                "this target names; nothing there is asked or touched"
            )


def connect(context: str, where: str, namespace: str = "") -> Api:
    """
    Return the API of the kubeconfig's *context*; raises ConfigError if there is no such.

    With *namespace* it asks nothing of any other one.
    """
    return Api(_configuration(context, where), namespace)


def connect_in_cluster(namespace: str) -> Api:
    """Return the API of the cluster that this pod runs in; raises ConfigError if it is no pod."""
    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as error:
        raise ConfigError(
            f"--in-cluster: {error}; expected a pod with a service account; or name a --context"
        ) from None
    return Api(configuration, namespace)


def _configuration(context: str, where: str) -> client.Configuration:
    known = _contexts(where, context)
    if context not in known:
        raise ConfigError(
            f"{where}.context: the kubeconfig has no context {context!r}"
            f"{nearest(context, known) or '.'} Contexts: {', '.join(known) or 'none'}."
        )
    configuration = client.Configuration()
    try:
        config.load_kube_config(context=context, client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as error:
        raise ConfigError(
            f"{where}.context: {context!r} cannot be used: {error}; expected a cluster and a user "
            "that are in the kubeconfig; correct it there"
        ) from None
    return configuration


def _contexts(where: str, context: str) -> list[str]:
    """Return what contexts there are; the client's own list wants one of them to be current."""
    try:
        merged = kube_config.KubeConfigMerger(kube_config.KUBE_CONFIG_DEFAULT_LOCATION).config  # type: ignore[no-untyped-call]
        entries = merged.value.get("contexts") if merged else None
        return [str(entry["name"]) for entry in entries or ()]
    except (ConfigException, OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{where}: the kubeconfig cannot be read: {error}; expected one that has the context "
            f"{context!r}; set KUBECONFIG to its path"
        ) from None


def _lines(reply: urllib3.BaseHTTPResponse) -> Iterator[Any]:
    rest = b""
    for chunk in reply.stream(1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _is_passing(method: str, status: int) -> bool:
    """Whether to try again: a patch has its own tests, so its conflicts are the server's own."""
    return status in _TRY_AGAIN or (method == "PATCH" and status == CONFLICT)


def _refusal(reply: urllib3.BaseHTTPResponse) -> str:
    text = reply.read().decode(errors="replace")
    with contextlib.suppress(ValueError, KeyError, TypeError):  # a proxy speaks for itself
        text = str(json.loads(text)["message"])
    return f"{reply.status}: {text[:TROUBLE_LENGTH]}"


def _with(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _short(path: str) -> str:
    return path.partition("?")[0]
