"""What a review must be before it may be filed, judged against the frozen version it speaks of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools.process.findings import Finding, Place
from tools.process.ledger.state import Submission
from tools.process.response.mapping import split_lines
from tools.process.review.frozen import Frozen, find_quote, notebook_cells, squeezed, text_at
from tools.process.review.reviewfile import ReviewFile
from tools.process.rules.policy import Policy
from zoo.core.errors import nearest

MIN_WORDS = 5  # fewer say nothing that somebody could act on
SIMILAR = 0.6  # share of equal words, in order, from which two texts say the same

# What lets a reader look for themselves: code, a file, a place in the paper, a command.
_REFERENCE = re.compile(
    r"`[^`]+`|\b[\w/]+\.(?:py|md|ipynb|json|yaml)\b|\b(?:zoo|pytest) [a-z-]{3,}|§ ?\d|\(\d+\)"
    r"|\b(?:eqs?\.?|equations?|sec\.?|sections?|tables?|tab\.|figs?\.?|figures?|algorithms?|"
    r"appendix|theorem|lemma|proposition|chapter|page|p\.|lines?) ?\(?[A-Z\d]",
    re.IGNORECASE,
)
_EVIDENCE = re.compile(r"""\d|"[^"]+"|[“„«][^”“»]+[”“»]|```""")
_VAGUE = re.compile(
    r"\b(?:unclear|confusing|hard to (?:read|understand|follow)|could be better|not ideal|somehow"
    r"|weird|strange|(?:seems?|looks?|feels?) (?:wrong|off|odd|bad))\b",
    re.IGNORECASE,
)
# Words of praise and filling: what is left of a reason without them is what it says.
_FILLING = (
    "a all also am an and any are as at be been both by checked correct correctly everything "
    "expected fine found good great here i in is issue issues it its looks me nice no none not "
    "nothing of ok okay on order overall perfect problem problems quite read really reads right "
    "seem seems so solid that the there they this to very was well were with work works"
)


@dataclass(frozen=True)
class Remark:
    """One broken rule of a review.

    Attributes:
        line: of the review file.
        rule: what is wrong.
        fix: what to do.
        warning: whether the review may be filed all the same.
    """

    line: int
    rule: str
    fix: str
    warning: bool = False


def lint_review(
    review: ReviewFile, frozen: Frozen, policy: Policy, state: Submission, reviewer: str
) -> list[Remark]:
    """Every broken rule of a review that could be parsed, by line.

    Args:
        review: the parsed file.
        frozen: the files of the frozen version 1, text by path.
        policy: whose `rubric.v1` is to be answered.
        state: of the entry, which says what was frozen and who reviews it.
        reviewer: handle of who files it.
    """
    remarks = [*_head(review, state, reviewer), *_rubric(review, policy), *_substance(review)]
    for finding in review.findings:
        remarks += [*_place(finding, frozen), *_words(finding)]
    remarks += _duplicates(review.findings)
    return sorted(remarks, key=lambda remark: remark.line)


def _head(review: ReviewFile, state: Submission, reviewer: str) -> Iterator[Remark]:
    """The review speaks of what was assigned, and its verdict agrees with its findings."""
    head, at = review.head, review.lines.__getitem__
    if head.entry != state.model:
        fix = f"write entry: {state.model}"
        yield Remark(at("entry"), f"this is a review of '{head.entry}', not {state.model}", fix)
    frozen = state.v1.commit if state.v1 else ""
    if head.commit != frozen:
        rule = f"version 1 was frozen at {frozen or 'no commit yet'}, not at {head.commit}"
        fix = "review the frozen commit: zoo review start fills it in"
        yield Remark(at("commit"), rule, fix)
    if head.reviewer.lower() != reviewer.lower():
        rule = f"this is a review by {head.reviewer}, not by {reviewer}"
        yield Remark(at("reviewer"), rule, f'write reviewer: "{reviewer}"')
    elif head.reviewer.lower() not in [name.lower() for name in state.reviews]:
        rule = f"{head.reviewer} is not assigned to {state.model}"
        yield Remark(at("reviewer"), rule, "only an assigned reviewer files a review")
    blockers = [finding.id for finding in review.findings if finding.severity == "blocker"]
    if blockers and head.recommendation == "accept":
        rule = f"the review advises to accept, and {', '.join(blockers)} blocks"
        fix = "advise a revision, or lower the severity"
        yield Remark(at("recommendation"), rule, fix)
    if blockers and head.verdict == "reproduced":
        rule = f"the verdict is 'reproduced', and {', '.join(blockers)} blocks"
        yield Remark(at("verdict"), rule, "say in the summary why both hold", warning=True)


def _rubric(review: ReviewFile, policy: Policy) -> Iterator[Remark]:
    """Every item of the rubric has an answer, and the reason says something."""
    items = {item.id: item for item in policy.rubric.v1}
    answered = {answer.id for answer in review.rubric}
    for name, item in items.items():
        if name not in answered:
            fix = f"add '### {name}: ' with a score from 0 to 4 and the reason: {item.question}"
            yield Remark(review.lines["Rubric"], f"the rubric item '{name}' is not answered", fix)
    for answer in review.rubric:
        if answer.id not in items:
            yield Remark(
                answer.line,
                f"'{answer.id}' is no item of the rubric",
                nearest(answer.id, items),
            )
        elif not answer.reason:
            fix = "say below the heading what you checked and how"
            yield Remark(answer.line, f"the score of '{answer.id}' has no reason", fix)
        elif says_nothing(answer.reason):
            fix = "say what you checked and how: a file, an equation, a command, a number"
            yield Remark(answer.line, f"the reason of '{answer.id}' says nothing", fix)


def says_nothing(reason: str) -> bool:
    """Whether fewer than four words are left without praise and filling."""
    words = re.findall(r"[^\W_]+", reason.lower())
    return len([word for word in words if word not in _FILLING.split()]) < 4


def _substance(review: ReviewFile) -> Iterator[Remark]:
    """A review that finds nothing says what was checked."""
    if review.findings or any(_REFERENCE.search(answer.reason) for answer in review.rubric):
        return
    fix = "name in the reasons the files, equations and commands that you checked"
    rule = "no finding, and no reason that names anything: this review only ticks boxes"
    yield Remark(review.lines["Rubric"], rule, fix)


def _place(finding: Finding, frozen: Frozen) -> Iterator[Remark]:
    """The place exists in the frozen version, and the quote stands there."""
    place, at = finding.place, finding.line

    def remark(rule: str, fix: str, warning: bool = False) -> Remark:
        return Remark(at, f"{finding.id}: {rule}", fix, warning)

    if place.path not in frozen:
        if finding.kind == "missing" and not finding.quote:
            rule = f"{place.path} does not exist in the frozen version"
            yield remark(rule, "right, if the file itself is what is missing", warning=True)
        else:
            rule = f"{place.path} does not exist in the frozen version"
            yield remark(rule, nearest(place.path, _neighbours(place.path, frozen)))
        return
    if reason := _nowhere(place, frozen):
        yield remark(*reason)
        return
    if not finding.quote:
        if finding.kind == "mistake":
            yield remark("a mistake without a quote", "quote the words that are wrong, exactly")
        return
    if squeezed(finding.quote) in squeezed(text_at(frozen, place)):
        return
    elsewhere = _elsewhere(finding, frozen)
    fix = f"it stands at {elsewhere}" if elsewhere else "copy it exactly from the frozen version"
    yield remark(f"the quote is not found at {place}", fix)


def _nowhere(place: Place, frozen: Frozen) -> tuple[str, str] | None:
    """Why a file has no such lines or cell, and the fix; None where it has them."""
    text = frozen[place.path]
    if place.path.endswith(".ipynb"):
        cells = notebook_cells(text)
        if place.cell is None:
            hint = f"{place.path}#{next(iter(cells), 'cell-id')}"
            return f"{place} names lines of a notebook", f"name the cell: {hint}"
        if place.cell not in cells:
            return f"{place.path} has no cell '{place.cell}'", nearest(place.cell, cells)
        return None
    if place.cell is not None:
        return f"{place.path} is no notebook and has no cells", f"name lines: {place.path}:1"
    count = len(split_lines(text))
    if place.last is not None and place.last > count:
        return f"{place.path} has {count} lines, not {place.last}", "look at the frozen version"
    return None


def _neighbours(path: str, frozen: Frozen) -> list[str]:
    """Files in the same folder, or of the zoo where there is no such folder."""
    folder = path.rpartition("/")[0] + "/"
    near = [name for name in frozen if name.startswith(folder)]
    return near or [name for name in frozen if name.startswith("zoo/")]


def _elsewhere(finding: Finding, frozen: Frozen) -> Place | None:
    """Another place of the quote: in the same file, or in one beside it."""
    path = finding.place.path
    for name in [path, *_neighbours(path, frozen)]:
        if found := find_quote(frozen, name, finding.quote):
            return found
    return None


def _words(finding: Finding) -> Iterator[Remark]:
    """Expected and observed say enough to act on, and what was observed can be seen again."""
    said = {"Expected": finding.expected, "Observed": finding.observed}
    short = [name for name, text in said.items() if len(text.split()) < MIN_WORDS]
    for name in short:
        rule = f"{finding.id}: **{name}.** is too short to act on"
        yield Remark(finding.line, rule, f"write {MIN_WORDS} words or more, with the place")
    if short:
        return
    if not has_evidence(finding.observed):
        rule = f"{finding.id}: **Observed.** names nothing that a reader could look at"
        fix = "add the evidence: code in backticks, a number, a command, an equation"
        yield Remark(finding.line, rule, fix)
    for name, text in said.items():
        if match := _VAGUE.search(text):
            rule = f"{finding.id}: **{name}.** says '{match[0]}'"
            fix = "say what a reader would do wrong because of it"
            yield Remark(finding.line, rule, fix, warning=True)


def has_evidence(text: str) -> bool:
    """Whether a text names code, a file, a place in the paper, a command, a number or a quote."""
    return bool(_REFERENCE.search(text) or _EVIDENCE.search(text))


def _duplicates(findings: tuple[Finding, ...]) -> Iterator[Remark]:
    """No finding says at the same place what an earlier one says."""
    for number, later in enumerate(findings):
        for earlier in findings[:number]:
            if overlap(earlier.place, later.place) and _similar(earlier, later):
                rule = f"{later.id} says the same as {earlier.id}, at the same place"
                yield Remark(later.line, rule, "keep one of them, or say what differs")
                break


def overlap(one: Place, other: Place) -> bool:
    """Whether two places share a line, or are the same cell."""
    if one.path != other.path or one.cell != other.cell:
        return False
    if one.cell is not None:
        return True
    assert one.first is not None
    assert one.last is not None
    assert other.first is not None
    assert other.last is not None
    return one.first <= other.last and other.first <= one.last


def _similar(one: Finding, other: Finding) -> bool:
    """Whether the texts of two findings share most of their words, in order."""
    words = [re.findall(r"\w+", f"{f.title} {f.observed}".lower())[:300] for f in (one, other)]
    return difflib.SequenceMatcher(None, *words, autojunk=False).ratio() >= SIMILAR
