"""The image: what deploy/petclinic/Dockerfile runs; tests/cluster has it in pods."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import dockerfile


def test_the_arguments_of_the_build_reach_the_command() -> None:
    command = dockerfile.command(VERSION="v102", FAULT="crash-at-start")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        command,
        cwd=dockerfile.ROOT,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 3, ran.stderr
    assert "cannot start, as it was told" in ran.stderr


def test_without_any_it_is_a_good_version() -> None:
    assert dockerfile.command()[-1].startswith("export VERSION='v100' PETCLINIC_FAULT=''; exec ")


def test_an_argument_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="has the ARGs VERSION, FAULT, not"):
        dockerfile.command(FAULTS="login")
