"""Where the cases of other projects are, and that they may be missing."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2].parent / "shared" / "conformance"
MISSING = "../shared/conformance is not beside the project: there are no cases to compare with"


def cases(name: str) -> list[dict[str, Any]]:
    """Return the cases of *name*; none where the folder is not beside the project."""
    file = FOLDER / f"{name}.json"
    found: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    return found
