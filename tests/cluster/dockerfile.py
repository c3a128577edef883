"""The image of PetClinic by its Dockerfile, on a machine without Docker and without a registry."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "petclinic" / "Dockerfile"
_ARG = re.compile(r'^ARG (\w+)="?([^"\n]*)"?$', re.MULTILINE)
_ENV = re.compile(r"^ENV (\w+)=\$\{(\w+)\}$", re.MULTILINE)
_CMD = re.compile(r"^CMD (.*)$", re.MULTILINE)


def build(cluster: Path, tag: str, start: Sequence[str] = (), **arguments: str) -> None:
    """Have the program *cluster* make the image *tag* of the arguments; *start* starts it."""
    with tempfile.TemporaryDirectory() as folder:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "petclinic", Path(folder, "petclinic"), ignore=ignored)
        made = [str(cluster), "image", tag, folder, "--", *start, *command(**arguments)]
        subprocess.run(made, check=True, capture_output=True)


def command(**arguments: str) -> list[str]:
    """Return the Dockerfile's CMD, with what its ENV and ARG give exported before it."""
    text = DOCKERFILE.read_text()
    known = dict(_ARG.findall(text))
    if unknown := arguments.keys() - known:
        raise ValueError(f"the Dockerfile has the ARGs {', '.join(known)}, not {unknown}")
    values = known | arguments
    given = " ".join(f"{name}='{values[source]}'" for name, source in _ENV.findall(text))
    shell, option, script = json.loads(_CMD.findall(text)[-1])
    return [shell, option, f"export {given}; {script}"]
