"""
The figures of canarytest, each beside its baseline where it has one.

`python -m benchmarks [NAME ...] [--quick]`: the exit status is 1 if a bound does not hold. Medians
are what is judged: other work on the machine is in every figure.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
import traceback
from collections.abc import Sequence

from benchmarks.figures import Figure, table

# Each is a module with `main(*, quick)` that returns its figures.
NAMES = (
    "start_up",
    "step_overhead",
    "probe_cost",
    "load_throughput",
    "way_back",
    "steps_under_xdist",
    "report",
    "judge",
    "judging",
    "redaction",
)
ON_DEMAND = ("cluster", "cluster_abort", "cluster_users", "cluster_calls")  # of a real one
_HELP = f"of {', '.join(NAMES)}, the default; or {', '.join(ON_DEMAND)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is named, or all; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - {*NAMES, *ON_DEMAND}:
        known = ", ".join((*NAMES, *ON_DEMAND))
        parser.error(f"unknown: {', '.join(sorted(unknown))}; expected {known}")
    figures: list[Figure] = []
    broken: list[str] = []
    for name in options.names or NAMES:
        began = time.monotonic()
        print(f"{name} ...", end=" ", flush=True)
        try:
            figures += importlib.import_module(f"benchmarks.{name}").main(quick=options.quick)
        except Exception:  # noqa: BLE001  the figures of the others took minutes
            broken.append(name)
            traceback.print_exc()
        print(f"{time.monotonic() - began:.0f} s", flush=True)
    print(
        f"\nPython {platform.python_version()}, {os.cpu_count()} CPUs, "
        f"load average {os.getloadavg()[0]:.1f}\n\n{table(figures)}"
    )
    for name in broken:
        print(f"{name} could not be measured, see above")
    return 0 if all(figure.holds for figure in figures) and not broken else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=_HELP)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a look, no measurement")
    return parser


if __name__ == "__main__":
    sys.exit(main())
