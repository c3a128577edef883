"""canarytest in a pod, by deploy/reap.yaml: what is done to it here is said here."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests.cluster.stage import CLUSTER, ROOT, Object, Stage

IMAGE = "local/canarytest:test"
# The image has a Python and a C library, and no more: the rest stands in its /app.
_ENV = {"PATH": "/app/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": "/app/lib"}


def make_image() -> None:
    """Make the image of canarytest, as the comment in deploy/reap.yaml has it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", name, f"{ROOT}[argo]"], check=True)
        _find_python(folder / "bin" / "canarytest")
        _bring_libraries(folder)
        command = [str(CLUSTER), "image", IMAGE, name, "--", "canarytest"]
        subprocess.run(command, check=True, capture_output=True)


def _find_python(script: Path) -> None:
    _, rest = script.read_text().split("\n", 1)
    script.write_text(f"#!/usr/bin/python3\n{rest}")


def _bring_libraries(folder: Path) -> None:
    """Put what the wheels link to into *folder*/lib: an image of Debian's would have it."""
    modules = [str(path) for path in folder.rglob("*.so")]
    linked = subprocess.run(["ldd", *modules], check=True, capture_output=True, text=True).stdout
    (folder / "lib").mkdir()
    for found in {Path(path) for path in re.findall(r"=> (/\S+)", linked)}:
        if not found.is_relative_to(folder):
            (folder / "lib" / found.name).write_bytes(found.read_bytes())


def manifest(path: Path, stage: Stage) -> str:
    """Return the manifest at *path* with the names of *stage* put in, and the image."""
    documents = list(yaml.safe_load_all(path.read_text().replace("petclinic", stage.namespace)))
    (job,) = (made["spec"] for made in documents if made["kind"] == "CronJob")
    job["suspend"] = True  # the test says when
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    pod["containers"][0] |= {"image": IMAGE, "env": _environ(_ENV)}
    if not _is_served(stage):
        _go_to_the_node(pod, stage)
    return yaml.safe_dump_all(documents)


def _is_served(stage: Stage) -> bool:
    """Whether the Service `kubernetes` leads anywhere; here the API server is only on the node."""
    query = {"labelSelector": "kubernetes.io/service-name=kubernetes"}
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    return bool(stage.api.get(path, query)["items"])


def _go_to_the_node(pod: Object, stage: Stage) -> None:
    server = urlsplit(stage.cluster["server"])
    pod["hostNetwork"] = True
    pod["containers"][0]["env"] += _environ(
        {
            "KUBERNETES_SERVICE_HOST": str(server.hostname),
            "KUBERNETES_SERVICE_PORT": str(server.port or 443),
        }
    )


def _environ(values: dict[str, str]) -> list[Object]:
    return [{"name": name, "value": value} for name, value in values.items()]
