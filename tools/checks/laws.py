"""`python -m tools.checks.laws NAME`: an entry's conformance in a process of its own."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from pathlib import Path

from zoo.core.registry import ZOO_FOLDER


def main() -> None:
    """Check the laws; print the table, or write what broke to the file given with --json."""
    parser = argparse.ArgumentParser(description="Check the laws of an entry's family.")
    parser.add_argument("name")
    parser.add_argument("--json", type=Path, help="write the broken laws here")
    arguments = parser.parse_args()
    from zoo.core.conformance import check_entry, conformance_report

    if arguments.json is None:
        outcomes = check_entry(arguments.name)
        print(conformance_report(outcomes))
        sys.exit(not all(outcome.passed for outcome in outcomes))
    try:
        outcomes = check_entry(arguments.name)
    except Exception as error:  # whatever the entry's code raises while it is imported or built
        message = f"{type(error).__name__}: {error}"
        said = {"error": message, "place": _innermost(error, ZOO_FOLDER / arguments.name)}
    else:
        broken = [outcome for outcome in outcomes if not outcome.passed]
        said = {"broken": [{"message": o.message, "statement": o.statement} for o in broken]}
    arguments.json.write_text(json.dumps(said), encoding="utf-8")


def _innermost(error: BaseException, folder: Path) -> tuple[str, int] | None:
    """Path from the root and line of the deepest frame inside the entry's folder."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(folder):
            return path.relative_to(ZOO_FOLDER.parent).as_posix(), frame.lineno or 1
    return None


if __name__ == "__main__":
    main()
