"""A newcomer: somebody who copies the lines of README.md into a shell, one after the other."""

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from tests.cluster import dockerfile
from tests.cluster.stage import CLUSTER, ROOT

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DONE = "newcomer: done, exit status "


def blocks(section: str) -> list[list[str]]:
    """Return the commands of each console block in the *section* of README.md."""
    _, _, rest = (ROOT / "README.md").read_text().partition(f"\n### {section}\n")
    text, _, _ = rest.partition("\n### ")
    return [list(commands(block)) for block in _BLOCK.findall(text)]


def commands(block: str) -> Iterator[str]:
    """Return what stands behind each prompt, with the lines below that have none."""
    for told in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        yield told.rstrip("\n")


class Shell:
    """One bash from begin to end: what is exported stays."""

    def __init__(self, folder: Path, values: Mapping[str, str], environ: Mapping[str, str]) -> None:
        self._values = values  # of the variables that README.md leaves to its reader
        self._bash = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bash.communicate()

    def follow(self, told: list[str]) -> str:
        """Run the commands *told*, each of which has to succeed; return all that they print."""
        return "".join(map(self._obey, told))

    def _obey(self, command: str) -> str:
        """Run *command* as it is, save for the values that are the reader's, and for Docker."""
        chosen = re.match(r"export (\w+)=", command)
        if chosen and chosen[1] in self._values:
            return self.run(f"export {chosen[1]}={shlex.quote(self._values[chosen[1]])}")
        if command.startswith("docker build "):
            return self._build(command)
        if command.startswith("docker push "):
            return ""  # it is on the node already
        return self.run(command)

    def _build(self, command: str) -> str:
        """Build by the same Dockerfile, and without Docker."""
        words = shlex.split(self.run(f"echo {command}"))
        assert ROOT / words[words.index("-f") + 1] == dockerfile.DOCKERFILE
        assert words[-1] == "."  # the root of the project
        given = [words[at + 1] for at, word in enumerate(words) if word == "--build-arg"]
        arguments = dict(argument.split("=", 1) for argument in given)
        dockerfile.build(CLUSTER, words[words.index("-t") + 1], **arguments)
        return ""

    def run(self, command: str) -> str:
        """Return what *command* prints; AssertionError if it fails."""
        assert self._bash.stdin
        self._bash.stdin.write(f'{command}\necho "{_DONE}$?"\n')
        self._bash.stdin.flush()
        told = "".join(self._lines())
        output, _, status = told.rpartition(_DONE)
        assert status.strip() == "0", f"{command}\n{output}"
        return output

    def _lines(self) -> Iterator[str]:
        assert self._bash.stdout
        for line in self._bash.stdout:
            yield line
            if _DONE in line:
                return
        raise AssertionError("the shell ended")
