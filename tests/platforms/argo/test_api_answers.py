"""Answers that are refused or lost: what is tried again, and what may have been done."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kubernetes import client

from canarytest.platforms.argo import orders
from canarytest.platforms.argo.api import Api, ApiError
from tests.platforms.argo.objects import CANARY, STABLE, rollout

PATH = "/apis/argoproj.io/v1alpha1/namespaces/petclinic/rollouts/was"
LOST = 0
ABORTED = rollout({"abort": True})
Connect = Callable[..., Api]


@pytest.fixture
def served() -> Iterator[Connect]:
    """Serve a Rollout: patches get the statuses that are given, in turn, and then it."""
    servers = []

    def serve(*statuses: int, found: object = ABORTED) -> Api:
        turns = list(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_PATCH(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                status = turns.pop(0) if turns else 200
                if status != LOST:
                    self._answer(status)

            def do_GET(self) -> None:
                assert self.path == PATH
                self._answer(200)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.end_headers()
                told = found if status == 200 else {"message": f"it is {status}"}
                self.wfile.write(json.dumps(told).encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        configuration = client.Configuration()
        configuration.host = f"http://127.0.0.1:{server.server_address[1]}"
        return Api(configuration, "petclinic")

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def patch(api: Api, patience_s: float = 5.0) -> object:
    return api.patch(f"{PATH}/status", orders.abort(CANARY, STABLE), patience_s=patience_s)


@pytest.mark.parametrize("status", [409, 429, 500, 503, LOST])
def test_what_passes_is_tried_again(served: Connect, status: int) -> None:
    assert patch(served(status)) == ABORTED


@pytest.mark.parametrize("lost", [LOST, 504])
def test_a_patch_whose_answer_was_lost_was_obeyed_if_it_is_there(
    served: Connect, lost: int
) -> None:
    assert patch(served(lost, 422)) == ABORTED


def test_a_patch_that_was_not_obeyed_is_refused(served: Connect) -> None:
    with pytest.raises(ApiError, match="it is 422"):
        patch(served(LOST, 422, found=rollout()))


def test_a_patch_that_was_refused_at_once_is_refused(served: Connect) -> None:
    with pytest.raises(ApiError, match="it is 422") as caught:
        patch(served(422))

    assert not caught.value.may_be_done


@pytest.mark.parametrize(
    ("status", "may_be_done"), [(LOST, True), (500, True), (429, False), (403, False)]
)
def test_whether_it_may_be_done_is_told(served: Connect, status: int, *, may_be_done: bool) -> None:
    with pytest.raises(ApiError) as caught:
        patch(served(status), patience_s=0)

    assert caught.value.may_be_done is may_be_done
