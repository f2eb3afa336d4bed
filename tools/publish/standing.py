"""Whether an entry may be published: one line for every reason why not, with its fix."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tools.process import clock
from tools.process.fsck import faults_of
from tools.process.git import file_at, git, has_commit, how_to_fetch
from tools.process.ledger.state import Submission
from tools.process.obligations import closed
from tools.process.record import Record
from zoo.core.cards import load_card
from zoo.core.errors import ZooError

ROSTER = "reviews/roster.yaml"
# What may come to lie beside a frozen entry: it changes neither its code nor its numbers.
BESIDE = ("curves/", "mutants.yaml", "mutants.json")
NO_LICENCE = ("", "-", "?", "n/a", "none", "tbd", "todo", "unknown")


def problems(record: Record, model: str) -> list[str]:
    """Why an entry may not be published; empty when it may.

    Raises:
        ZooError: there is no such entry.
    """
    if model not in record.models():
        record.events(model)  # says which is the nearest
    try:
        state = record.state(model)
    except ZooError as error:  # the ledger cannot be read: nothing else can be said
        return [str(error)]
    return [line for rule in RULES for line in rule(record, state)]


def _stage(record: Record, state: Submission) -> Iterator[str]:
    """Only what has passed review is published."""
    if state.stage not in ("accepted", "published"):
        yield f"it is {state.stage}, not accepted: zoo status {state.model} says what it waits for"


def _whole(record: Record, state: Submission) -> Iterator[str]:
    """Nobody changed what must not change."""
    yield from faults_of(record, state.model)


def _consent(record: Record, state: Submission) -> Iterator[str]:
    """Everybody whose work or words would appear has said under which name."""
    decided = [e.actor for e in record.events(state.model) if e.role == "instructor"]
    reviewers = [who for who, review in state.reviews.items() if review.status == "revealed"]
    roles = {"developer": _developers(record, state), "reviewer": reviewers, "instructor": decided}
    for role, people in roles.items():
        for who in dict.fromkeys(people):
            try:
                person = record.roster.find(who)
            except ZooError as error:
                yield str(error)
                continue
            if person.consent == "none":
                rule = f"{ROSTER}: {person.handle}, {role} of it, has not consented to publication"
                yield f"{rule}: ask, and write there under which name (consent: handle)"


def _developers(record: Record, state: Submission) -> list[str]:
    """The team, and whom the card names."""
    try:
        return [*state.team, *load_card(record.root / "zoo" / state.model).developers]
    except ZooError:  # reported with the sources
        return state.team


def _findings(record: Record, state: Submission) -> Iterator[str]:
    """Every finding is answered, and signed off unless the time for that is over."""
    if state.unanswered:
        rule = f"not answered: {', '.join(state.unanswered)}"
        yield f"{rule}: zoo respond {state.model}, or publish nothing of it"
    now = clock.now()
    waiting = [
        key
        for key in state.unsigned
        if not closed(state, "sign-off", now, "@" + key.partition("/")[0])
    ]
    if waiting and state.stage != "published":
        rule = f"not signed off, and there is time for it: {', '.join(waiting)}"
        yield f"{rule}: zoo verify-fix {state.model}"


def _code(record: Record, state: Submission) -> Iterator[str]:
    """What is published is what was reviewed, byte for byte; only tests may have been added."""
    if state.v2 is None:
        return
    root, folder, frozen = record.root, f"zoo/{state.model}", state.v2.commit
    if not has_commit(root, frozen):
        yield f"the frozen commit {frozen[:12]} is not in this clone: {how_to_fetch(root)}"
        return
    listing = [
        git(root, "diff", "--no-renames", "--name-only", "-z", frozen, "--", folder),
        git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", folder),
    ]
    for path in sorted({path for names in listing for path in names.split("\0") if path}):
        name = path.removeprefix(f"{folder}/")
        if not name.startswith(BESIDE) and not _only_tests_added(root, frozen, path):
            rule = f"{path}: not what was frozen as {state.model}/v2"
            yield f"{rule}: git checkout {frozen[:12]} -- {folder}, or submit and review it anew"


def _only_tests_added(root: Path, frozen: str, path: str) -> bool:
    """Whether a file of tests is new, or has all that it had; imports aside."""
    if not PurePosixPath(path).match("test_*.py") or not (root / path).is_file():
        return False
    before = file_at(root, frozen, path) or b""
    try:
        return not _statements(before) - _statements((root / path).read_bytes())
    except (SyntaxError, ValueError):
        return False


def _statements(text: bytes) -> Counter[str]:
    """What a file says at its top, apart from imports."""
    imports = (ast.Import, ast.ImportFrom)
    return Counter(ast.dump(one) for one in ast.parse(text).body if not isinstance(one, imports))


def _sources(record: Record, state: Submission) -> Iterator[str]:
    """The zoo has a licence, and so has whatever the entry took from others."""
    if not (record.root / "LICENSE").is_file():
        yield "LICENSE is missing: put the licence there under which the zoo is published"
    try:
        card = load_card(record.root / "zoo" / state.model)
    except ZooError as error:
        yield str(error)
        return
    place = f"zoo/{state.model}/README.md"
    for number, item in enumerate(card.acknowledgements, start=1):
        what = str(item.what or "").strip() or f"acknowledgement {number}"
        if str(item.licence or "").strip().lower() in NO_LICENCE:
            yield f"{place}: '{what}' has no licence: name it, or do without what it covers"
        if str(item.source or "").strip().lower() in NO_LICENCE:
            yield f"{place}: '{what}' has no source: say where it comes from"


RULES = (_stage, _whole, _consent, _findings, _code, _sources)
