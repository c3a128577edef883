"""`canarytest reap`: what it refuses before it asks a cluster; tests/cluster has the rest."""

from pathlib import Path

import pytest
import yaml

from canarytest.cli import main
from canarytest.cli.reap import not_loaded

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--namespace", "petclinic"], "one of the arguments --context --in-cluster is required"),
        (["--context", "staging"], "the following arguments are required: --namespace"),
        (["--context", "a", "--in-cluster", "--namespace", "b"], "not allowed with argument"),
    ],
)
def test_the_place_has_to_be_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["reap", *arguments])

    assert message in capsys.readouterr().err


def test_outside_a_pod_there_is_no_cluster_to_be_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reap", "--in-cluster", "--namespace", "petclinic"]) == 4
    assert "expected a pod with a service account" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["kubernetes", "kubernetes.client"])
def test_what_is_not_installed_is_to_be_installed(module: str) -> None:
    said = not_loaded(ModuleNotFoundError(f"No module named {module!r}", name=module))

    assert said.endswith("pip install 'canarytest[argo]'")


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libgcc_s.so.1: cannot open shared object file", name="pydantic_core"),
        ModuleNotFoundError("No module named 'six'", name="six"),
        FileNotFoundError(2, "No such file or directory", "cacert.pem"),
    ],
)
def test_what_is_installed_and_does_not_load_is_told_as_it_is(error: ImportError | OSError) -> None:
    said = not_loaded(error)

    assert f"{type(error).__name__}: {error}" in said
    assert "pip install" not in said


def test_the_manifest_runs_the_command_under_its_own_account() -> None:
    made = {d["kind"]: d for d in yaml.safe_load_all((DEPLOY / "reap.yaml").read_text())}
    pod = made["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]

    assert pod["serviceAccountName"] == made["ServiceAccount"]["metadata"]["name"]
    assert made["RoleBinding"]["roleRef"]["name"] == made["Role"]["metadata"]["name"]
    assert pod["containers"][0]["command"][:2] == ["canarytest", "reap"]
