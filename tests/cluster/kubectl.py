"""kubectl, as people have it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

BUILT = Path.home() / ".cache" / "canary-cluster" / "bin"  # where the cluster's programs are


class Kubectl:
    """Runs kubectl in one namespace, by KUBECONFIG; skips the test where there is none."""

    def __init__(self, namespace: str) -> None:
        if not shutil.which("kubectl"):
            pytest.skip("there is no kubectl")
        self._namespace = namespace

    def __call__(self, *arguments: str, given: str = "") -> str:
        """Return what it prints; *given* is its standard input."""
        ran = subprocess.run(
            ["kubectl", "--namespace", self._namespace, *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PATH": f"{os.environ['PATH']}:{BUILT}"},  # for its plugins
        )
        assert ran.returncode == 0, f"{arguments}: {ran.stderr}"
        return ran.stdout
