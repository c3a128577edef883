"""The command line: `python -m petclinic --version v100 --port 8080`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
from typing import TYPE_CHECKING

from petclinic import faults
from petclinic.app import Clinic
from petclinic.server import Server
from petclinic.storage import IN_MEMORY, Storage

if TYPE_CHECKING:
    from collections.abc import Sequence


class _ListFaults(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        width = max(len(kind.usage) for kind in faults.KINDS.values())
        for kind in faults.KINDS.values():
            sys.stdout.write(f"{kind.usage:{width}}  {kind.help}\n")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to end; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        chosen = faults.parse([*options.fault, *_faults_in(options.fault_from)])
    except ValueError as e:
        parser.error(str(e))
    if chosen.crash_at_start:
        faults.crash("cannot start, as it was told")
    try:
        storage = Storage(options.storage)
    except sqlite3.Error as e:
        return _failed(f"cannot use the storage {options.storage!r}: {e}")
    return asyncio.run(_serve(options, Clinic(options.version, storage, chosen)))


async def _serve(options: argparse.Namespace, clinic: Clinic) -> int:
    server = Server(clinic, common=(("x-version", clinic.shown_version),))
    # Before anyone can know that it listens: a signal sent at once must find it prepared.
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        port = await server.start(options.host, options.port)
    except OSError as e:
        reason = os.strerror(e.errno) if e.errno and e.errno > 0 else e.strerror
        return _failed(f"cannot listen on {options.host}:{options.port}: {reason}")
    sys.stdout.write(f"petclinic {clinic.version} listening on http://{options.host}:{port}\n")
    sys.stdout.flush()
    if clinic.faults.leak_mb_s:
        faults.Leak(clinic.faults.leak_mb_s).start()
    await stopping.wait()
    await server.stop()
    clinic.storage.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="petclinic", description="The sample application.")
    parser.add_argument("--version", required=True, help="the version it is, e.g. v100")
    parser.add_argument("--host", default="127.0.0.1", help="to listen on; default %(default)s")
    parser.add_argument("--port", type=_port, default=8080, help="0: any; default %(default)s")
    parser.add_argument(
        "--storage",
        metavar="FILE",
        default=IN_MEMORY,
        help="an SQLite file, which several versions may share; default: in memory",
    )
    parser.add_argument(
        "--fault",
        metavar="NAME[=VALUE]",
        action="extend",
        nargs="+",
        default=[],
        help="be bad in this way; see --list-faults",
    )
    parser.add_argument(
        "--fault-from",
        metavar="VARIABLE",
        help="be bad as this environment variable says too; nothing if it is unset or empty",
    )
    parser.add_argument("--list-faults", action=_ListFaults, nargs=0, help="print them and exit")
    return parser


def _faults_in(variable: str | None) -> list[str]:
    return os.environ.get(variable, "").split() if variable else []


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)


def _failed(message: str) -> int:
    sys.stderr.write(f"petclinic: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
