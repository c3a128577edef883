"""At each step what kubectl says of it, put beside what canarytest says."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any


def test_what_kubectl_says(step: Any) -> None:
    asked = shlex.split(os.environ["CANARYTEST_TOLD"])
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    Path(f"told-{step.index}.txt").write_text(said)


def test_thirty_is_too_much(step: Any) -> None:
    assert step.weight < 30
