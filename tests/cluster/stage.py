"""A namespace on a real cluster with PetClinic in it, and runs of canarytest against it."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

from canarytest.core.errors import PlatformError
from canarytest.platforms.argo import takeover, watch
from canarytest.platforms.argo.api import Api
from canarytest.platforms.argo.mirror import Mirror
from canarytest.platforms.argo.view import rollout_view
from tests.cluster import dockerfile

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CLUSTER = ROOT.parent / "shared" / "cluster" / "cluster"
EDGE = os.environ.get("CANARYTEST_EDGE", "http://127.0.0.1:18000")
PROMETHEUS = os.environ.get("CANARYTEST_PROMETHEUS", "http://127.0.0.1:19090")
SUITE = Path(__file__).parent / "suite.py"
TRAEFIK = f"""
edge = "{EDGE}"
canary_via = {{ header = {{ x-canary = "always" }} }}
identity = {{ header = "x-version", path = "/petclinic/actuator/info" }}
timeouts.ready = "20s"
"""
BY_PROXY = f"""
edge = "{EDGE}"
canary_via = {{ proxy = 80 }}
identity = {{ path = "/petclinic/actuator/info", json = "version" }}
"""
IMAGE = "/spec/template/spec/containers/0/image"
READY_WITHIN_S = 90.0
WINDOW_S = 4.0  # of the proof, as PROJECT has it
_GROUPS = {
    "Service": "/api/v1",
    "ServiceAccount": "/api/v1",
    "Role": "/apis/rbac.authorization.k8s.io/v1",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1",
    "AnalysisTemplate": "/apis/argoproj.io/v1alpha1",
    "VirtualService": "/apis/networking.istio.io/v1alpha3",
    "TraefikService": "/apis/traefik.io/v1alpha1",
    "IngressRoute": "/apis/traefik.io/v1alpha1",
    "Rollout": "/apis/argoproj.io/v1alpha1",
}
Object = dict[str, Any]


def images() -> None:
    """Make the images of PetClinic: a tag says which version it is, and what is wrong with it."""
    faults = {
        "v100": [],
        "v101": [],
        "v102": [],
        "v103": [],
        "v103-login": ["login"],
        "v103-errors": ["errors=0.3"],
        "v103-slow-all": ["slow=2"],
        "v103-crash-after": ["crash-after=20"],
        "v103-lies": ["health-lies"],
        "v103-mask": ["masquerade=v100"],
        "v103-slow": ["slow-some=0.3:1.5"],
        "v103-crash": ["crash-at-start"],
        "v103-never": ["never-ready"],
    }
    for tag, fault in faults.items():
        make_image(tag, fault)


def make_image(tag: str, fault: Sequence[str], start: Sequence[str] = ()) -> None:
    """Make the image of the version that *tag* begins with, has the *fault*; *start* starts it."""
    given = {"VERSION": tag[:4], "FAULT": " ".join(fault)}
    dockerfile.build(CLUSTER, f"local/petclinic:{tag}", start, **given)


def rollout(steps: list[Object] | None = None, *, has_router: bool = True) -> Object:
    """Return the Rollout of deploy/petclinic with short pauses, for a small machine."""
    made: Object = yaml.safe_load((DEPLOY / "petclinic" / "rollout.yaml").read_text())
    canary = made["spec"]["strategy"]["canary"]
    for step in canary["steps"]:
        if (step.get("pause") or {}).get("duration"):
            step["pause"]["duration"] = "2s"
    if has_router:
        canary |= {"abortScaleDownDelaySeconds": 2, "scaleDownDelaySeconds": 2}
    else:
        for key in ("canaryService", "stableService", "trafficRouting"):
            del canary[key]
    canary["steps"] = steps or canary["steps"]
    container = made["spec"]["template"]["spec"]["containers"][0]
    container["resources"]["requests"] = {"cpu": "20m", "memory": "64Mi"}
    return made


def service() -> Object:
    """Return the one Service of a Rollout whose pods are the split."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "was"},
        "spec": {
            "selector": {"app": "petclinic", "tier": "was"},
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        },
    }


def documents(path: Path) -> Iterator[Object]:
    """Return the documents of *path*."""
    yield from yaml.safe_load_all(path.read_text())


def routes() -> Iterator[Object]:
    """Return what Traefik needs, for the host of EDGE alone: others do not come between."""
    for document in documents(DEPLOY / "petclinic" / "traefik.yaml"):
        for route in document["spec"].get("routes", ()):
            route["match"] = f"Host(`{urlsplit(EDGE).hostname}`) && {route['match']}"
            route["priority"] += 1000
        yield document


@dataclass(frozen=True)
class Ran:
    """How a run ended."""

    status: int
    summary: Object
    output: str

    @property
    def steps(self) -> list[str]:
        """The labels of the steps that were opened."""
        return [step["label"] for step in self.summary["steps"] if step["opened"]]


class Stage:
    """A namespace of its own, and a project that targets it."""

    def __init__(self, api: Api, kubeconfig: Object, namespace: str, project: Path) -> None:
        self.api, self.namespace, self.project = api, namespace, project
        self._kubeconfig = kubeconfig
        self.cluster: Object = kubeconfig["clusters"][0]["cluster"]

    def build(self, made: Object, *others: Object, is_healthy: bool = True) -> None:
        """Create the namespace with the Rollout *made* and what it needs, and wait for it."""
        name = {"metadata": {"name": self.namespace}, "apiVersion": "v1", "kind": "Namespace"}
        self.api.create("/api/v1/namespaces", name)
        for document in (*documents(DEPLOY / "rbac.yaml"), *others, made):
            self.create(document)
        if is_healthy:
            self.wait_healthy(made)
        self._write_kubeconfig()

    def wait_healthy(self, made: Object) -> None:
        """Return once the Rollout *made* is complete."""
        mirror = Mirror(self.api, self.namespace, made["metadata"]["name"])
        mirror.start(made["spec"])
        try:
            healthy = mirror.wait(lambda: mirror.rollout.phase == "Healthy" or None, READY_WITHIN_S)
            assert healthy, mirror.rollout
        finally:
            mirror.stop()

    def plan(
        self, steps: list[Object], analysis: Object | None = None, routing: Object | None = None
    ) -> None:
        """Have the Rollout walk by *steps* from now on, with the background *analysis*."""
        self.rest()
        canary = self.read()["spec"]["strategy"]["canary"] | {"steps": steps}
        canary.pop("analysis", None)
        canary |= {"analysis": analysis} if analysis else {}
        canary |= {"trafficRouting": routing} if routing else {}
        self.patch([{"op": "replace", "path": "/spec/strategy/canary", "value": canary}])
        self.wait_healthy(self.read())

    def rest(self) -> None:
        """Give the Rollout its stable version back: what was aborted would begin again."""
        made = self.read()
        self.patch([{"op": "replace", "path": IMAGE, "value": self.image}])
        self.wait_healthy(made)

    @property
    def image(self) -> str:
        """The image of the stable version."""
        sets = takeover.replica_sets(self.api, self.namespace, "was")
        return takeover.image_of(sets, rollout_view(self.read()).stable)

    def patch(self, operations: list[Object], subresource: str = "") -> None:
        """Do to the Rollout what somebody else may."""
        self.api.patch(f"{watch.rollouts(self.namespace)}/was{subresource}", operations)

    def events(self, kind: str) -> list[Object]:
        """Return the events of *kind* of the last run."""
        lines = (self.project / "reports/latest/events.jsonl").read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    def read(self) -> Object:
        """Return the Rollout as it is."""
        found: Object = self.api.get(f"{watch.rollouts(self.namespace)}/was")
        return found

    def service_url(self, name: str) -> str:
        """Return where the Service *name* is reached."""
        found = self.api.get(f"/api/v1/namespaces/{self.namespace}/services/{name}")
        return f"http://{found['spec']['clusterIP']}"

    def write_project(self, target: str, suite: Path) -> None:
        """Write the project: its *target*, and *suite*."""
        (self.project / "suites").mkdir(parents=True, exist_ok=True)
        shutil.copy(suite, self.project / "suites" / "test_petclinic.py")
        shutil.copytree(ROOT / "load", self.project / "load", dirs_exist_ok=True)
        (self.project / "pyproject.toml").write_text(
            PROJECT.format(namespace=self.namespace, target=target)
        )

    def run(self, *options: str) -> Ran:
        """Run canarytest under the rights of deploy/rbac.yaml, and no others."""
        return self.end(self.start(*options))

    def end_early(self, *options: str) -> tuple[int, str]:
        """Return the status and the output of a run that ends before it leaves anything."""
        running = self.start(*options)
        output, _ = running.communicate()
        return running.returncode, output

    def run_through(self, url: str, *options: str) -> Ran:
        """Run it with an API server at *url*."""
        account = yaml.safe_load(self.kubeconfig_of("canarytest").read_text())
        account["clusters"][0]["cluster"] = {"server": url}
        path = self.kubeconfig_of("through")
        path.write_text(yaml.safe_dump(account))
        return self.end(self.start(*options, kubeconfig=path))

    def start(
        self, *options: str, stdin: int | None = None, kubeconfig: Path | None = None
    ) -> "subprocess.Popen[str]":
        """Start such a run."""
        command = [sys.executable, "-m", "pytest", "--canary", "--canary-target", "staging"]
        return subprocess.Popen(
            [*command, *options],
            cwd=self.project,
            env={
                **os.environ,
                "KUBECONFIG": str(kubeconfig or self.kubeconfig_of("canarytest")),
            },
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, running: "subprocess.Popen[str]") -> Ran:
        """Wait for the end of a run, and read how it ended."""
        output, _ = running.communicate()
        try:
            summary = json.loads((self.project / "reports/latest/summary.json").read_text())
        except FileNotFoundError:
            raise AssertionError(output) from None
        return Ran(running.returncode, summary, output)

    def remove(self) -> None:
        """Delete the namespace, without waiting for its end."""
        self.api.delete(f"/api/v1/namespaces/{self.namespace}")

    def create(self, document: Object) -> None:
        """Create *document* in the namespace."""
        document["metadata"]["namespace"] = self.namespace
        for subject in document.get("subjects", ()):
            subject["namespace"] = self.namespace
        kind = document["kind"]
        path = f"{_GROUPS[kind]}/namespaces/{self.namespace}/{kind.lower()}s"
        self.api.create(path, document)

    def allow_reaping(self, manifest: Path) -> None:
        """Give the account of *manifest* its rights, but no CronJob, unless it has them."""
        if self.kubeconfig_of("canarytest-reap").exists():
            return
        for document in documents(manifest):
            if document["kind"] != "CronJob":
                self.create(document)
        self._write_kubeconfig("canarytest-reap")

    def wait_for(self, condition: Any) -> None:
        """Return once the Rollout is as *condition* has it."""
        mirror = Mirror(self.api, self.namespace, "was")
        mirror.start(self.read()["spec"])
        try:
            assert mirror.wait(lambda: condition(mirror.rollout) or None, READY_WITHIN_S)
        finally:
            mirror.stop()

    def kubeconfig_of(self, account: str) -> Path:
        """Return where the kubeconfig of the ServiceAccount *account* is."""
        return self.project / f"kubeconfig-{account}"

    def _write_kubeconfig(self, account: str = "canarytest") -> None:
        accounts = f"/api/v1/namespaces/{self.namespace}/serviceaccounts"
        made = self.api.create(f"{accounts}/{account}/token", {"spec": {}})
        limited = {
            **self._kubeconfig,
            "users": [{"name": account, "user": {"token": made["status"]["token"]}}],
            "contexts": [
                {
                    "name": "staging",
                    "context": {
                        "cluster": self._kubeconfig["clusters"][0]["name"],
                        "user": account,
                    },
                }
            ],
            "current-context": "",
        }
        self.project.mkdir(parents=True, exist_ok=True)
        self.kubeconfig_of(account).write_text(yaml.safe_dump(limited))


def order(verb: str, component: str) -> None:
    """Have the program of the cluster freeze, thaw, kill or start *component*."""
    subprocess.run([str(CLUSTER), verb, component], check=True, capture_output=True)


class Beside:
    """Does something once a condition of the Rollout holds, while a run goes on."""

    def __init__(self, stage: Stage, condition: Any, act: Any) -> None:
        self._mirror = Mirror(stage.api, stage.namespace, "was", self._look)
        self._stage, self._condition, self._act = stage, condition, act
        self._lock = threading.Lock()
        self.is_done = False

    def __enter__(self) -> Self:
        self._mirror.start(self._stage.read()["spec"])
        return self

    def __exit__(self, *_: object) -> None:
        self._mirror.stop()

    def _look(self) -> None:
        with self._lock:
            try:
                is_due = not self.is_done and self._condition(self._mirror.rollout)
            except PlatformError:
                return
            if is_due:
                self.is_done = True
                self._act(self._stage)


def image(tag: str) -> str:
    """Return the option that rolls out the image *tag*."""
    return f"--canary-image=petclinic=local/petclinic:{tag}"


def good_image(stage: Stage) -> str:
    """Return the option that rolls out a good version, other than the stable one."""
    return image("v101" if stage.image.endswith(":v102") else "v102")


def assert_proven_back(ran: Ran, stage: Stage) -> None:
    """Assert that the report says so, and that the Rollout agrees."""
    view = rollout_view(stage.read())

    assert ran.summary["rollback"]["proven"], ran.output
    assert ran.summary["rollback"]["window"] >= WINDOW_S
    assert (view.is_aborted, view.weight) == (True, 0)


PROJECT = """
[tool.canarytest]
target = "staging"
suites = ["suites"]

[tool.canarytest.proof]
window = "4s"
responses = 200

[tool.canarytest.targets.staging]
platform = "argo"
context = "staging"
namespace = "{namespace}"
rollout = "was"
{target}
"""
