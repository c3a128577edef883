"""
`canarytest`, the command: what is done with runs that are over, and with what they left behind.

Each subcommand is a module of this package with `add(commands)`, which declares its arguments, and
nothing heavy above its functions.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence

from canarytest.core.errors import CanaryError

EXIT_USAGE = 4  # as pytest has it
# One module of this package each.
SUBCOMMANDS: tuple[str, ...] = ("history", "reap", "rejudge", "report")

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the subcommand that *arguments* name, and return its exit status."""
    chosen = _parser().parse_args(arguments)
    command: Command = chosen.command
    try:
        return command(chosen)
    except CanaryError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return EXIT_USAGE
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="canarytest", description=(__doc__ or "").split("\n")[1])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in SUBCOMMANDS:
        importlib.import_module(f"{__name__}.{name}").add(commands)
    return parser
