"""The shipped queries, asked of a real Prometheus that scrapes what a kubelet would say."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from canarytest.core.errors import MeasurementError
from canarytest.core.query import filled
from canarytest.signals.cadvisor import QUERIES
from canarytest.signals.prometheus import Answer, Server, ask, result_of
from tests.signals.server import Asked, Said, serving

PROGRAM = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no program 'prometheus' here")
WITHIN_S = 60  # never reached, unless something is wrong
MI = 1 << 20
UNLIMITED = '{namespace="petclinic",pod="was-abc-1",container="proxy"}'
TAGS = {"rollout": "was", "namespace": "petclinic", "canary": "abc", "stable": "def"}


def kubelet(_: Asked) -> Said:
    """Two pods of the canary, the second fuller, and what must not count."""
    now = time.time()
    lines = [
        *container("was-abc-1", cpu_seconds=0.1 * now, memory=100 * MI),
        *container("was-abc-2", cpu_seconds=0.4 * now, memory=256 * MI),
        *container("was-def-1", cpu_seconds=0.5 * now, memory=512 * MI),  # the stable version
        *container("was-abc-1", namespace="other", cpu_seconds=0.5 * now, memory=512 * MI),
        *container("was-abc-1", name="", cpu_seconds=9 * now, memory=512 * MI),  # the whole pod
        *used(
            "was-abc-2", cpu_seconds=0.4 * now, memory=250 * MI, series="gone"
        ),  # begun again since
        *used("was-abc-1", cpu_seconds=0.4 * now, memory=256 * MI, namespace="stack"),
        *limits("was-abc-1", "stack"),
        f"container_cpu_usage_seconds_total{UNLIMITED} {9 * now}",
        f"container_memory_working_set_bytes{UNLIMITED} 9",
        f"container_spec_memory_limit_bytes{UNLIMITED} 0",
    ]
    return Said("\n".join((*lines, "")))


def container(
    pod: str, *, cpu_seconds: float, memory: int, namespace: str = "petclinic", name: str = "was"
) -> Iterator[str]:
    yield from used(pod, cpu_seconds=cpu_seconds, memory=memory, namespace=namespace, name=name)
    labels = labelled(pod, namespace, name)
    yield f"container_spec_cpu_quota{labels} 50000"
    yield f"container_spec_cpu_period{labels} 100000"
    yield f"container_spec_memory_limit_bytes{labels} {512 * MI}"


def used(
    pod: str,
    *,
    cpu_seconds: float,
    memory: int,
    namespace: str = "petclinic",
    name: str = "was",
    series: str = "now",
) -> Iterator[str]:
    labels = labelled(pod, namespace, name, series)
    yield f"container_cpu_usage_seconds_total{labels} {cpu_seconds}"
    yield f"container_memory_working_set_bytes{labels} {memory}"


def labelled(pod: str, namespace: str, name: str, series: str = "now") -> str:
    return f'{{namespace="{namespace}",pod="{pod}",container="{name}",id="{series}"}}'


def limits(pod: str, namespace: str) -> Iterator[str]:
    """What kube-state-metrics says of them."""
    labels = f'namespace="{namespace}",pod="{pod}",container="was"'
    for resource, limit in {"cpu": 0.5, "memory": 512 * MI}.items():
        yield f'kube_pod_container_resource_limits{{{labels},resource="{resource}"}} {limit}'


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("prometheus")
    with serving(kubelet) as target:
        address = target.url.removeprefix("http://")
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s}\nscrape_configs:\n"
            f"  - {{job_name: kubelet, static_configs: [{{targets: ['{address}']}}]}}\n"
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with started(config, folder, port) as process:
            yield Server(f"http://127.0.0.1:{port}")
            process.terminate()


def started(config: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            str(PROGRAM),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stderr=subprocess.DEVNULL,
    )


def once(server: Server, query: str, is_there: Callable[[Answer], bool]) -> Answer:
    """Return the first answer that is one: it takes two scrapes."""
    until = time.monotonic() + WITHIN_S
    while True:
        try:
            if is_there(answer := ask(server, query)):
                return answer
        except MeasurementError as error:
            if time.monotonic() > until:
                raise AssertionError from error
        assert time.monotonic() < until, query
        time.sleep(0.1)


@pytest.mark.parametrize("namespace", ["petclinic", "stack"])  # where each limit is from
@pytest.mark.parametrize(("name", "share"), [("memory", 0.5), ("cpu", 0.8)])
def test_the_fullest_container_of_the_canary_counts(
    prometheus: Server, name: str, share: float, namespace: str
) -> None:
    tags = {**TAGS, "namespace": namespace}
    query = filled(QUERIES[name], tags).replace("[1m]", "[3s]")  # until a window is full
    expected = pytest.approx((share,), rel=0.1)

    answer = once(prometheus, query, lambda answer: result_of(answer) == expected)

    assert len(answer.series) == 1


def test_a_version_that_does_not_run_has_no_data(prometheus: Server) -> None:
    once(prometheus, "container_spec_cpu_quota", lambda answer: bool(answer.series))
    query = filled(QUERIES["memory"], {**TAGS, "canary": "xyz"})

    assert ask(prometheus, query).series == ()
