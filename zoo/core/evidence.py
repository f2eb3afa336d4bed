"""`results.json`: what was measured for each claim of an entry, and whether it still holds.

The file is written by `zoo verify --record` and `zoo reproduce`, never by hand. A result belongs to
a digest of the entry's code and to the sha256 of a weights file; when either changes, the evidence
is stale until it is measured again. Imports no torch.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import io
import json
import tokenize
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.core.cards import Claim, parse_accept
from zoo.core.errors import ZooError
from zoo.core.files import replacing

SCHEMA = 1
PARTIAL_MARGIN = 0.05  # a miss by at most this share of the bound is "partial"


@dataclass(frozen=True)
class Result:
    """One measured claim.

    Attributes:
        claim: id of the claim in the card.
        value: measured value, in the metric's unit.
        sd: standard deviation over seeds, or standard error of a test mean where there is one seed.
        n: number of examples or samples per seed.
        seeds: of the random draws.
        status: "reproduced", "partial" or "not-reproduced".
        protocol: id and version of the metric's protocol.
        recipe: recipe whose weights were measured.
        code: digest of the entry's code.
        weights: sha256 of the weights file.
        data: sha256 of the test data, "" for a synthetic density.
        torch: version of torch.
        device: where it was measured, in words.
        seconds: time of the measurement.
        training: steps, seconds and device of the training run.
        details: further numbers of the same measurement.
    """

    claim: str
    value: float
    sd: float
    n: int
    seeds: list[int]
    status: str
    protocol: str
    recipe: str
    code: str
    weights: str
    data: str
    torch: str
    device: str
    seconds: float
    training: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


def load_results(folder: Path | str) -> dict[str, Result]:
    """Results by claim id; empty when nothing was measured yet.

    Raises:
        ZooError: the file is not what the tools write.
    """
    path = Path(folder) / "results.json"
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ZooError(f"{path}: schema {content['schema']}, this version reads {SCHEMA}")
        results = [Result(**row) for row in content["results"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ZooError(
            f"{path} is not as the tools wrote it ({error}): restore it from git or run "
            f"zoo verify {Path(folder).name} --record"
        ) from None
    return {result.claim: result for result in results}


def save_results(folder: Path | str, results: dict[str, Result]) -> None:
    """Write `results.json`, sorted by claim, so that equal results give equal bytes."""
    rows = [dataclasses.asdict(results[claim]) for claim in sorted(results)]
    text = json.dumps({"schema": SCHEMA, "results": rows}, indent=2, sort_keys=True)
    with replacing(Path(folder) / "results.json") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def status_of(claim: Claim, value: float) -> str:
    """Status of a value: "reproduced" if accepted, "partial" if within 5 % of the accepted range.

    Anything else is "not-reproduced", which is a valid result.
    """
    if claim.accepts(value):
        return "reproduced"
    match = parse_accept(claim.accept)
    bounds = [float(match[name]) for name in ("bound", "low", "high") if match[name]]
    miss = min(abs(value - bound) / max(abs(bound), 1e-12) for bound in bounds)
    return "partial" if miss <= PARTIAL_MARGIN else "not-reproduced"


def code_digest(folder: Path | str, builds_on: list[str] | tuple[str, ...] = ()) -> str:
    """sha256 over an entry's code without comments, docstrings and blank lines; tests excluded.

    Args:
        folder: the entry's folder.
        builds_on: entries beside it whose code counts too; what those build on does not.
    """
    digest = hashlib.sha256()
    for place in [Path(folder), *(Path(folder).parent / name for name in sorted(builds_on))]:
        for path in sorted(place.glob("*.py")):
            if path.name != "__init__.py" and not path.name.startswith("test_"):
                digest.update(f"{path.name}\n{bare(path.read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()


def bare(source: str) -> str:
    """Source text without comments, docstrings, blank lines and trailing space.

    Text and positions rather than a dump of the syntax tree: those differ between versions of
    Python, and the digest must not.
    """
    lines = source.split("\n")  # as `ast` and `tokenize` count: a form feed ends no line
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            for row in range(first.lineno - 1, first.end_lineno):
                lines[row] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())
