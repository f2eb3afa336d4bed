"""`zoo review` from the assignment to the opened reviews: nothing leaks, nothing is lost."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tools.process.ledger import events as ev
from tools.process.review.reviewfile import load_review
from tools.process.tests.reviews import FILE, REVIEW, assign, written
from zoo.core.errors import ZooError

if TYPE_CHECKING:
    from tools.process.tests.conftest import Term

SECRET = "Nobody may read this before the close."


@pytest.fixture
def assigned(term: Term) -> Term:
    """Version 1 is frozen, its two reviewers have it in hand."""
    return assign(term)


def filed(term: Term) -> str:
    """Both have filed; the text of the first."""
    text = written(term)
    written(term, "@rev-two", REVIEW.replace("I read all of it beside the paper.", SECRET))
    for who in ("@rev-one", "@rev-two"):
        term.zoo("review", "file", "toy", by=who)
    return text


# -------------------------------------------------------------------------- agree and refuse


def test_agree_and_refuse(assigned: Term) -> None:
    said = assigned.zoo("review", "agree", "toy", by="@rev-one")
    assert said.startswith("you review toy, due ")
    assert assigned.state("toy").reviews["@rev-one"].status == "agreed"
    assigned.zoo("review", "refuse", "toy", "--reason", "a friend", by="@rev-two")
    assert assigned.state("toy").refused == ("@rev-two",)
    assert assigned.git("status", "--porcelain") == ""


# ------------------------------------------------------------------------------ lint and file


def test_lint_prints_what_is_missing_and_what_is_untouched(assigned: Term) -> None:
    said = assigned.refused("review", "lint", "toy", by="@rev-one")
    assert said.endswith("rev-one.md is missing: zoo review start toy writes it")
    written(assigned)
    assert "ready: zoo review file toy" in assigned.zoo("review", "lint", "toy", by="@rev-one")
    written(assigned, text=REVIEW.replace("terms.mean(1)", "terms.sum(1)"))
    result = assigned.run("review", "lint", "toy", by="@rev-one")
    assert result.exit_code == 1
    assert "rev-one.md:34: F01: the quote is not found at zoo/toy/model.py:3-4" in result.stdout
    assert "files   2 of 4   README.md, demo.ipynb" in result.stdout


def test_filing_seals_the_exact_bytes(assigned: Term) -> None:
    text = written(assigned)
    said = assigned.zoo("review", "file", "toy", by="@rev-one")
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert f"sha256 {digest}" in said
    review = assigned.state("toy").reviews["@rev-one"]
    assert (review.status, review.sha256) == ("filed", digest)
    blob = assigned.git("rev-parse", f"refs/zoo/sealed/toy/rev-one/{digest}")
    assert assigned.git("cat-file", "blob", blob) == text
    assert assigned.git("ls-files", "reviews/toy") == "reviews/toy/events.jsonl"
    assert assigned.git("status", "--porcelain") == ""


def test_what_the_linter_refuses_is_not_filed(assigned: Term) -> None:
    written(assigned, text=REVIEW.replace("terms.mean(1)", "terms.sum(1)"))
    assert "was not filed" in assigned.refused("review", "file", "toy", by="@rev-one")
    assert assigned.state("toy").reviews["@rev-one"].status == "assigned"
    assert assigned.git("for-each-ref", "refs/zoo") == ""


def test_a_warning_does_not_stop_filing(assigned: Term) -> None:
    written(assigned, text=REVIEW.replace("is empty.", "is empty and confusing."))
    said = assigned.zoo("review", "file", "toy", by="@rev-one")
    assert "! reviews/toy" in said or "F02: **Observed.** says 'confusing'" in said
    assert assigned.state("toy").reviews["@rev-one"].status == "filed"


def test_filing_again_replaces_until_the_close(assigned: Term) -> None:
    filed(assigned)
    text = written(assigned, text=REVIEW.replace("Add one.", "Add two."))
    assigned.zoo("review", "file", "toy", by="@rev-one")
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert assigned.state("toy").reviews["@rev-one"].sha256 == digest
    assigned.zoo("close", "toy", "review", by="@instructor-one")
    said = assigned.refused("review", "file", "toy", by="@rev-one")
    assert said == "Error: the reviews of toy are closed: yours is filed"


def test_late_filing_changes_nothing_that_was_sealed(assigned: Term) -> None:
    text = filed(assigned)
    written(assigned, text=REVIEW.replace("Add one.", "Add two."))
    assigned.at("2026-10-20T10:00:00Z")
    assert "time for late work is over" in assigned.refused("review", "file", "toy", by="@rev-one")
    assigned.zoo("close", "toy", "review", by="@instructor-one")
    assigned.zoo("review", "reveal", "toy", by="@rev-one")
    assert (assigned.root / FILE).read_text() == text


def test_on_hold_nothing_is_filed_and_nothing_is_called_closed(assigned: Term) -> None:
    written(assigned, text=REVIEW)
    assigned.zoo("hold", "toy", "--reason", "x", by="@instructor-one")
    assert assigned.refused("review", "file", "toy", by="@rev-one") == (
        "Error: toy is on hold: wait until the instructor says zoo unhold"
    )


def test_sealed_texts_are_never_printed_to_others(assigned: Term) -> None:
    filed(assigned)
    outputs = [
        assigned.refused("review", "show", "toy"),
        assigned.refused("review", "show", "toy", "@rev-two"),
        assigned.refused("review", "reveal", "toy", "@rev-two", by="@rev-one"),
        assigned.zoo("review", "lint", "toy", by="@rev-one"),
        assigned.zoo("status", "toy"),
    ]
    assert not [text for text in outputs if SECRET in text]
    assert SECRET not in assigned.git("log", "-p")
    assert assigned.state("toy").reviews["@rev-two"].status == "filed"


# ------------------------------------------------------------------------------------- reveal


def test_the_instructor_opens_all_after_the_close(assigned: Term) -> None:
    text = filed(assigned)
    assert "needs reviews-closed" in assigned.refused(
        "review", "reveal", "toy", by="@instructor-one"
    )
    assigned.zoo("close", "toy", "review", by="@instructor-one")
    assigned.zoo("review", "reveal", "toy", by="@instructor-one")
    state = assigned.state("toy")
    assert state.stage == "revising"
    assert state.findings["rev-one/F01"] == "major"
    assert set(state.findings) == {"rev-one/F01", "rev-one/F02", "rev-two/F01", "rev-two/F02"}
    assert assigned.git("show", f"HEAD:{FILE}") + "\n" == text + "\n"
    assert assigned.git("status", "--porcelain") == ""
    assert [f.id for f in load_review(assigned.record, "toy", "rev-one").findings] == ["F01", "F02"]
    said = assigned.zoo("review", "show", "toy", "@rev-one")
    assert "@rev-one: partial, minor-revision, confidence high\nmathematics 3\n" in said
    assert "F01  major     mistake  zoo/toy/model.py:3-4   The mean is taken over pixels\n" in said


def test_an_instructor_is_told_that_nothing_is_filed(assigned: Term) -> None:
    assert assigned.refused("review", "reveal", "toy", by="@instructor-one") == (
        "Error: no review of toy is filed: zoo status toy says who owes one"
    )


def test_before_the_close_it_does_not_matter_where_the_text_is(assigned: Term) -> None:
    filed(assigned)
    digest = assigned.state("toy").reviews["@rev-one"].sha256
    (assigned.root / FILE).unlink()
    assigned.git("update-ref", "-d", f"refs/zoo/sealed/toy/rev-one/{digest}")
    assert assigned.refused("review", "reveal", "toy", by="@rev-one") == (
        "Error: toy is in-review: this needs reviews-closed"
    )


def test_an_edited_or_deleted_file_is_opened_from_the_seal(assigned: Term) -> None:
    text = filed(assigned)
    path = assigned.root / FILE
    path.write_text("edited")
    (assigned.root / "reviews/toy/v1/rev-two.md").unlink()
    assigned.zoo("close", "toy", "review", by="@instructor-one")
    assigned.zoo("review", "reveal", "toy", by="@instructor-one")
    assert path.read_text() == text
    kept = assigned.root / "build/reviews/toy-rev-one-edited-after-filing.md"
    assert kept.read_text() == "edited"
    assert SECRET in (assigned.root / "reviews/toy/v1/rev-two.md").read_text()


def test_a_text_that_is_nowhere_is_one_line_and_stops_no_other(assigned: Term) -> None:
    filed(assigned)
    digest = assigned.state("toy").reviews["@rev-one"].sha256
    (assigned.root / FILE).unlink()
    assigned.git("update-ref", "-d", f"refs/zoo/sealed/toy/rev-one/{digest}")
    assigned.zoo("close", "toy", "review", by="@instructor-one")
    said = assigned.refused("review", "reveal", "toy", by="@instructor-one")
    assert said == (
        "Error: the review of toy by @rev-one that was filed is not in this clone "
        f"(sha256 {digest[:12]}): @rev-one opens it where it was filed"
    )
    statuses = [review.status for review in assigned.state("toy").reviews.values()]
    assert statuses == ["filed", "revealed"]
    assigned.zoo("review", "lose", "toy", "@rev-one", "--reason", "x", by="@instructor-one")
    assert assigned.state("toy").stage == "revising"


def test_a_crash_between_ledger_and_file_is_mended_by_doing_it_again(assigned: Term) -> None:
    text = filed(assigned)
    assigned.zoo("close", "toy", "review", by="@instructor-one")
    digest = assigned.state("toy").reviews["@rev-one"].sha256
    severities = {"F01": "major", "F02": "minor"}
    opened = ev.ReviewRevealed("@rev-one", digest, severities, "partial", "minor-revision")
    assigned.happens("toy", "@rev-one", opened)
    (assigned.root / FILE).unlink()
    assigned.zoo("review", "reveal", "toy", by="@rev-one")
    assert (assigned.root / FILE).read_text() == text
    assert FILE in assigned.git("ls-files", "reviews/toy")


def test_a_published_review_that_was_edited_is_not_read(assigned: Term) -> None:
    filed(assigned)
    with pytest.raises(ZooError, match="the review of toy by @rev-one is filed: it is opened when"):
        load_review(assigned.record, "toy", "@rev-one")
    assigned.zoo("close", "toy", "review", by="@instructor-one")
    assigned.zoo("review", "reveal", "toy", by="@instructor-one")
    path = assigned.root / FILE
    path.write_text(path.read_text().replace("severity: major", "severity: nit"))
    with pytest.raises(
        ZooError, match=r"rev-one.md:1: not the bytes that were filed; git checkout"
    ):
        load_review(assigned.record, "toy", "@rev-one")
