"""The linter: an honest review passes, and each planted fault is named, and nothing else."""

from __future__ import annotations

import dataclasses

import pytest

from tools.process.review.coverage import coverage, coverage_table
from tools.process.review.frozen import find_quote, notebook_cells
from tools.process.review.lint import Remark, has_evidence, lint_review, says_nothing
from tools.process.review.reviewfile import parse_review
from tools.process.tests.reviews import COMMIT, FROZEN, REVIEW, changed, notebook, policy, state

SECOND = REVIEW[REVIEW.index("## F02") :]
WITHOUT_FINDINGS = REVIEW[: REVIEW.index("## F01")]


def lint(text: str, reviewer: str = "@rev-one", **others: object) -> list[Remark]:
    review = parse_review(text, "rev-one.md")
    submission = dataclasses.replace(state(), **others)
    return lint_review(review, FROZEN, policy(), submission, reviewer)


def test_an_honest_review_passes() -> None:
    assert lint(REVIEW) == []


def test_a_review_that_finds_nothing_and_says_what_was_checked_passes() -> None:
    assert lint(WITHOUT_FINDINGS) == []


FAULTS = [  # (old, new, rule, fix)
    ("entry: toy", "entry: other", "this is a review of 'other', not toy", "write entry: toy"),
    (
        COMMIT,
        "f" * 40,
        f"version 1 was frozen at {COMMIT}, not at {'f' * 40}",
        "review the frozen commit: zoo review start fills it in",
    ),
    (
        '"@rev-one"',
        '"@rev-two"',
        "this is a review by @rev-two, not by @rev-one",
        'write reviewer: "@rev-one"',
    ),
    (
        "place: zoo/toy/model.py:3-4",
        "place: zoo/toy/models.py:3-4",
        "F01: zoo/toy/models.py does not exist in the frozen version",
        "did you mean 'zoo/toy/model.py'?",
    ),
    (
        "place: zoo/toy/model.py:3-4",
        "place: zoo/toy/model.py:3-5",
        "F01: zoo/toy/model.py has 4 lines, not 5",
        "look at the frozen version",
    ),
    (
        "place: zoo/toy/model.py:3-4",
        "place: zoo/toy/model.py#draw",
        "F01: zoo/toy/model.py is no notebook and has no cells",
        "name lines: zoo/toy/model.py:1",
    ),
    (
        "place: zoo/toy/model.py:3-4",
        "place: zoo/toy/demo.ipynb#drew",
        "F01: zoo/toy/demo.ipynb has no cell 'drew'",
        "did you mean 'draw'?",
    ),
    (
        "place: zoo/toy/model.py:3-4",
        "place: zoo/toy/demo.ipynb:1",
        "F01: zoo/toy/demo.ipynb:1 names lines of a notebook",
        "name the cell: zoo/toy/demo.ipynb#title",
    ),
    (
        'quote: "terms.mean(1)"\n',
        "",
        "F01: a mistake without a quote",
        "quote the words that are wrong, exactly",
    ),
    (
        "place: zoo/toy/model.py:3-4",
        "place: zoo/toy/model.py:1-3",
        "F01: the quote is not found at zoo/toy/model.py:1-3",
        "it stands at zoo/toy/model.py:4",
    ),
    (
        "place: zoo/toy/model.py:3-4",
        "place: zoo/toy/test_toy.py:1",
        "F01: the quote is not found at zoo/toy/test_toy.py:1",
        "it stands at zoo/toy/model.py:4",
    ),
    (
        'quote: "terms.mean(1)"',
        'quote: "terms.sum(1)"',
        "F01: the quote is not found at zoo/toy/model.py:3-4",
        "copy it exactly from the frozen version",
    ),
    (
        "**Expected.** A test on all 16 images of four pixels.",
        "**Expected.** A real test.",
        "F02: **Expected.** is too short to act on",
        "write 5 words or more, with the place",
    ),
    (
        "**Observed.** The only test, `test_sum`, is empty.",
        "**Observed.** The tests are far from being enough.",
        "F02: **Observed.** names nothing that a reader could look at",
        "add the evidence: code in backticks, a number, a command, an equation",
    ),
    (
        "The only test, `test_sum`, is empty.",
        "What `test_sum` compares is unclear.",
        "F02: **Observed.** says 'unclear'",
        "say what a reader would do wrong because of it",
    ),
    (
        "### tests: 2",
        "### test: 2",
        "the rubric item 'tests' is not answered",
        "add '### tests: ' with a score from 0 to 4 and the reason: Is the tests right?",
    ),
    (
        "I planted a wrong sign in softplus and the tests passed.",
        "<!-- what you checked -->",
        "the score of 'tests' has no reason",
        "say below the heading what you checked and how",
    ),
    (
        "I planted a wrong sign in softplus and the tests passed.",
        "Everything looks very good to me, all tests are fine and correct.",
        "the reason of 'tests' says nothing",
        "say what you checked and how: a file, an equation, a command, a number",
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "rule", "fix"), FAULTS, ids=[f"{row[2]}; {row[3]}"[:90] for row in FAULTS]
)
def test_each_fault_is_named_and_nothing_else(old: str, new: str, rule: str, fix: str) -> None:
    remarks = [r for r in lint(changed((old, new))) if "no item of the rubric" not in r.rule]
    assert [(remark.rule, remark.fix) for remark in remarks] == [(rule, fix)]
    assert remarks[0].warning == ("unclear" in rule)


def test_remarks_name_the_line_of_the_key_or_heading() -> None:
    lines = REVIEW.split("\n")
    (remark,) = lint(changed(("entry: toy", "entry: other")))
    assert lines[remark.line - 1] == "entry: toy"
    (remark,) = lint(changed(("model.py:3-4", "model.py:1")))
    assert lines[remark.line - 1].startswith("## F01")


def test_an_item_that_nobody_asked_for_is_named() -> None:
    text = changed(
        ("## Strengths", "### beauty: 4\n\n`model.py` is short and clear.\n\n## Strengths")
    )
    assert [remark.rule for remark in lint(text)] == ["'beauty' is no item of the rubric"]


def test_who_is_not_assigned_cannot_file() -> None:
    (remark,) = lint(REVIEW, reviews={})
    assert remark.rule == "@rev-one is not assigned to toy"


def test_a_blocker_does_not_go_with_accept_and_hardly_with_reproduced() -> None:
    grave = ("severity: major", "severity: blocker")
    assert lint(changed(grave)) == []
    (remark,) = lint(changed(grave, ("minor-revision", "accept")))
    assert remark.rule == "the review advises to accept, and F01 blocks"
    assert not remark.warning
    (remark,) = lint(changed(grave, ("verdict: partial", "verdict: reproduced")))
    assert remark.warning
    assert lint(changed(("minor-revision", "accept"))) == []


def test_what_is_missing_may_be_a_whole_file() -> None:
    text = changed(("zoo/toy/test_toy.py:1", "zoo/toy/mistakes.yaml:1"))
    (remark,) = lint(text)
    assert (remark.line, remark.warning) == (text[: text.index("## F02")].count("\n") + 1, True)


def test_a_duplicate_says_the_same_at_the_same_place() -> None:
    again = REVIEW[REVIEW.index("## F01") : REVIEW.index("## F02")].replace("F01", "F03")
    (remark,) = lint(REVIEW + again.replace("3-4", "4"))
    assert remark.rule == "F03 says the same as F01, at the same place"
    elsewhere = SECOND.replace("F02", "F03").replace("test_toy.py:1", "model.py:1")
    assert lint(REVIEW + elsewhere) == []
    other = SECOND.replace("F02", "F03").replace(
        "The only test, `test_sum`, is empty", "It has no `assert` and no loop"
    )
    assert (
        lint(REVIEW + other.replace("No test compares with a sum over all images", "Empty")) == []
    )


def test_ticks_alone_are_no_review() -> None:
    ticks = WITHOUT_FINDINGS.replace("Equation 3 was compared with `model.py`", "All was compared")
    (remark,) = lint(ticks)
    assert (
        remark.rule == "no finding, and no reason that names anything: this review only ticks boxes"
    )
    assert lint(ticks + SECOND) == []


@pytest.mark.parametrize(
    ("reason", "empty"),
    [
        ("ok", True),
        ("No problems found, everything works as expected.", True),
        ("Checked.", True),
        ("softplus has the sign of equation 3", False),
    ],
)
def test_praise_says_nothing(reason: str, empty: bool) -> None:
    assert says_nothing(reason) is empty


@pytest.mark.parametrize(
    "text",
    [
        "see `x`",
        "in model.py",
        "equation (3) differs",
        "§4",
        "run zoo verify",
        "0.5 nats",
        'says "a"',
    ],
)
def test_evidence_is_something_to_look_at(text: str) -> None:
    assert has_evidence(text)
    assert not has_evidence("the sign is wrong, which nobody would expect")


def test_quotes_are_found_however_they_are_wrapped() -> None:
    model = "zoo/toy/model.py"
    assert str(find_quote(FROZEN, model, "layer(x)\n   terms  = x")) == f"{model}:2-3"
    assert str(find_quote(FROZEN, model, "oftplus(log")) == f"{model}:3"
    assert find_quote(FROZEN, model, "softplus (logits)") is None
    cell = find_quote(FROZEN, "zoo/toy/demo.ipynb", "sample(8)\n\nshow")
    assert str(cell) == "zoo/toy/demo.ipynb#draw"
    assert notebook_cells("no notebook") == {}


# ------------------------------------------------------------------------------- coverage


def test_coverage_says_what_touches_what() -> None:
    text = changed(("I planted a wrong", "I ran `draw` for digits-nll and planted a wrong"))
    parts = coverage(parse_review(text, ""), FROZEN, "toy")
    assert [(part.kind, part.name, part.by) for part in parts] == [
        ("file", "zoo/toy/README.md", ()),
        ("file", "zoo/toy/demo.ipynb", ()),
        ("file", "zoo/toy/model.py", ("F01", "rubric mathematics")),
        ("file", "zoo/toy/test_toy.py", ("F02",)),
        ("cell", "zoo/toy/demo.ipynb#title", ()),
        ("cell", "zoo/toy/demo.ipynb#draw", ("rubric tests",)),
        ("claim", "digits-nll", ("rubric tests",)),
        ("claim", "digits-samples", ()),
    ]
    assert coverage_table(parts).splitlines()[2:] == [
        "files   2 of 4   README.md, demo.ipynb",
        "cells   1 of 2   title",
        "claims  1 of 2   digits-samples",
    ]


def test_a_finding_at_a_claim_or_cell_touches_it() -> None:
    text = changed(
        ("zoo/toy/model.py:3-4", "zoo/toy/README.md:6-7"),
        ('quote: "terms.mean(1)"', 'quote: "id: digits-samples"'),
        ("zoo/toy/test_toy.py:1", "zoo/toy/demo.ipynb#title"),
    )
    parts = coverage(parse_review(text, ""), FROZEN, "toy")
    touched = {part.name: part.by for part in parts if part.by and part.kind != "file"}
    assert touched == {"zoo/toy/demo.ipynb#title": ("F02",), "digits-samples": ("F01",)}


def test_names_from_the_entry_cannot_speak_to_the_terminal() -> None:
    frozen = FROZEN | {"zoo/toy/demo.ipynb": notebook(**{"a\x1b[2J": "x"})}
    assert "\x1b" not in coverage_table(coverage(parse_review(REVIEW, ""), frozen, "toy"))
