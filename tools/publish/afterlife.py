"""Whether published entries still run: executed and measured again, dated, shown as a badge.

`rerun` does the work and needs no rights but to read; what it leaves is a file. Whoever builds the
site reads that file as a stranger's: `read_check` takes nothing that has not the expected form.
"""

from __future__ import annotations

import dataclasses
import json
import platform
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from tools.claims import difference, measured_text
from tools.process import clock
from tools.process.rules.policy import moment, stamp
from tools.text import one_line
from zoo.core.cards import Claim
from zoo.core.data import is_available
from zoo.core.errors import ZooError
from zoo.core.evidence import load_results
from zoo.core.files import sha256_of
from zoo.core.registry import Entry

if TYPE_CHECKING:
    from tools.publish.site.zoo import Zoo

SCHEMA = 1
LARGEST = 256 * 1024  # bytes of a file that is read
TEXT = 200  # characters of a line
Outcome = Literal["agrees", "differs", "skipped"]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CLAIM = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_SHORT = re.compile(r"[0-9A-Za-z.+_-]{1,40}")


@dataclass(frozen=True)
class NotebookCheck:
    """Whether a demo ran to its end: seconds, or the line that says why not."""

    ok: bool
    seconds: float
    error: str = ""


@dataclass(frozen=True)
class ClaimCheck:
    """Whether shipped weights still give the recorded value; `note` is a line about it."""

    outcome: Outcome
    note: str = ""


@dataclass(frozen=True)
class EntryCheck:
    """What came of one entry."""

    notebook: NotebookCheck
    claims: dict[str, ClaimCheck] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One rerun of the published zoo.

    Attributes:
        at: when, UTC: "2026-11-03T04:17:00Z".
        python: version.
        torch: version.
        entries: by name.
    """

    at: str
    python: str
    torch: str
    entries: dict[str, EntryCheck]


@dataclass(frozen=True)
class Badge:
    """What the pages of an entry say about its afterlife.

    Attributes:
        kind: "ok", "partial" (it runs, a number is another) or "miss".
        text: "still runs: 3 Nov 2026".
        detail: one plain sentence.
    """

    kind: Literal["ok", "partial", "miss"]
    text: str
    detail: str


def badge(zoo: Zoo, model: str) -> Badge | None:
    """The badge of an entry; None where nobody has looked, since nothing is claimed then."""
    check = zoo.checked
    if check is None or model not in check.entries:
        return None
    found, at = check.entries[model], moment(check.at)
    day = f"{at.day} {at:%b %Y}"
    versions = f"Python {check.python}, torch {check.torch}"
    if not found.notebook.ok:
        error = zoo.people.text(found.notebook.error)  # it may quote the code of an entry
        detail = f"The notebook did not run ({versions}): {error}"
        return Badge("miss", f"stopped running: {day}", detail)
    ran = f"The notebook ran in {found.notebook.seconds:.0f} s ({versions})"
    wrong = [name for name, claim in found.claims.items() if claim.outcome == "differs"]
    if wrong:
        detail = f"{ran}; other numbers than recorded: {', '.join(wrong)}."
        return Badge("partial", f"runs, numbers differ: {day}", detail)
    counts = {o: [c.outcome for c in found.claims.values()].count(o) for o in get_args(Outcome)}
    parts = [f"{counts['agrees']} of {len(found.claims)} claims measured again and confirmed"]
    parts += [f"{counts['skipped']} not measured, for want of data"] if counts["skipped"] else []
    return Badge("ok", f"still runs: {day}", f"{'; '.join([ran, *parts])}.")


def rerun(entries: Iterable[Entry], say: Callable[[str], None] = lambda line: None) -> Check:
    """Execute the demos afresh and measure every claim on the shipped weights.

    Args:
        entries: the published entries.
        say: told a line for each notebook and each claim.
    """
    import torch

    from tools.notebooks import run_notebook

    found: dict[str, EntryCheck] = {}
    for entry in entries:
        # One after the other: the seconds are those of a machine that does nothing else.
        with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
            demo = entry.folder / "demo.ipynb"
            result = run_notebook(demo, out=Path(folder), cache=None, progress=False)
        error = result.failure.error if result.failure else ""
        notebook = NotebookCheck(result.ok, round(result.seconds, 1), one_line(error, TEXT))
        say(f"{'✔' if result.ok else '✖'} {entry.name}: notebook, {result.seconds:.0f} s {error}")
        claims = {claim.id: _measured(entry, claim) for claim in entry.card.claims}
        for name, claim in claims.items():
            sign = {"agrees": "✔", "differs": "✖", "skipped": "–"}[claim.outcome]
            say(f"{sign} {entry.name} {name}: {claim.note}")
        found[entry.name] = EntryCheck(notebook, claims)
    return Check(stamp(clock.now()), platform.python_version(), torch.__version__, found)


def _measured(entry: Entry, claim: Claim) -> ClaimCheck:
    """One claim, measured again."""
    from zoo.core.measure import measure_claim

    if not is_available(claim.dataset):
        return ClaimCheck("skipped", f"{claim.dataset} is not at hand")
    try:
        old = load_results(entry.store).get(claim.id)
        if old is None:
            return ClaimCheck("differs", "never measured")
        path = entry.weights_path(claim.recipe)
        if path.is_file() and sha256_of(path) != old.weights:
            return ClaimCheck("differs", "the weights are not the recorded ones")
        new = measure_claim(entry, claim)
        problem = difference(claim, old, new)
    except Exception as error:  # entries are others' code: whatever it raises, the rest goes on
        return ClaimCheck("differs", one_line(f"{type(error).__name__}: {error}", TEXT))
    note = f"{measured_text(new)}; {problem}" if problem else measured_text(new)
    return ClaimCheck("differs" if problem else "agrees", one_line(note, TEXT))


def check_text(check: Check) -> str:
    """The file of a check."""
    return json.dumps({"schema": SCHEMA, **asdict(check)}, indent=2, ensure_ascii=False) + "\n"


def read_check(path: Path) -> Check:
    """Read a file that may come from anybody.

    Raises:
        ZooError: it is too large, of another form, or dated in the future.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ZooError(f"{path}: {error.strerror}: zoo publish recheck --out writes it") from None
    try:
        _demand(len(data) <= LARGEST, f"more than {LARGEST} bytes")
        return _check(json.loads(data))
    except (ValueError, RecursionError) as error:
        said = one_line(error, TEXT)
        raise ZooError(f"{path}: no result of zoo publish recheck ({said}): make it anew") from None


def _check(data: Any) -> Check:
    row = _row(data, "schema", *(one.name for one in dataclasses.fields(Check)))
    _demand(row["schema"] == SCHEMA, f"schema {SCHEMA} is read")
    at = moment(_text(row["at"]))
    _demand(at <= clock.now() + timedelta(hours=1), "it is of the future")
    for name in ("python", "torch"):
        _demand(_SHORT.fullmatch(_text(row[name])), f"'{name}' is no version")
    entries = _mapping(row["entries"], _NAME, _entry)
    return Check(row["at"], row["python"], row["torch"], entries)


def _entry(data: Any) -> EntryCheck:
    row = _row(data, "notebook", "claims")
    ran = _row(row["notebook"], "ok", "seconds", "error")
    _demand(isinstance(ran["ok"], bool), "'ok' is true or false")
    number = isinstance(ran["seconds"], int | float) and not isinstance(ran["seconds"], bool)
    _demand(number and 0 <= ran["seconds"] < 1e6, "'seconds' is no time")
    notebook = NotebookCheck(ran["ok"], float(ran["seconds"]), _text(ran["error"]))
    return EntryCheck(notebook, _mapping(row["claims"], _CLAIM, _claim))


def _claim(data: Any) -> ClaimCheck:
    row = _row(data, "outcome", "note")
    _demand(row["outcome"] in get_args(Outcome), "unknown outcome")
    return ClaimCheck(row["outcome"], _text(row["note"]))


def _row(data: Any, *keys: str) -> dict[str, Any]:
    """An object with exactly these keys."""
    _demand(isinstance(data, dict) and set(data) == set(keys), f"keys are not {', '.join(keys)}")
    return data


def _mapping(data: Any, name: re.Pattern[str], make: Callable[[Any], Any]) -> dict[str, Any]:
    """An object with names of a form."""
    _demand(isinstance(data, Mapping) and len(data) <= 1000, "no list of names")
    _demand(all(name.fullmatch(key) for key in data), "a name that none is")
    return {key: make(value) for key, value in data.items()}


def _text(value: Any) -> str:
    """One short line that prints."""
    _demand(isinstance(value, str) and one_line(value, TEXT) == value, "no short line of text")
    return value


def _demand(holds: object, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
