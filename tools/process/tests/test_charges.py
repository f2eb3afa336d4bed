"""What each finding costs, one worked example per rule."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tools.process.grading.charges import merge
from tools.process.grading.sheets import Adjudication
from tools.process.tests.gradebench import (
    INVALID,
    VALID,
    entry,
    graded,
    lost,
    mine,
    review,
    sheet,
    signed,
)
from zoo.core.errors import ZooError


def dup(key: str) -> Adjudication:
    return Adjudication("duplicate", of=key)


def test_a_valid_finding_of_a_reviewer_costs_the_developers_once():
    # major: 100 − 10 = 90 for version 1; it was verified in version 2, which keeps its 100.
    state = entry(review("@rev-one", F01="major"), signatures=signed(rev_one__F01="verified"))
    scores = graded(state, sheet(rev_one__F01=VALID))
    assert lost(scores.v1) == [("rev-one/F01", 10)]
    assert (scores.v1.score, scores.v2.score) == (90, 100)
    assert scores.reviews["@rev-one"].score == 100


def test_the_instructor_corrects_a_severity():
    # major became minor: 100 − 3 = 97.
    state = entry(review("@rev-one", F01="major"), signatures=signed(rev_one__F01="verified"))
    scores = graded(state, sheet(rev_one__F01=Adjudication("valid", severity="minor")))
    assert scores.v1.score == 97


def test_duplicates_are_charged_once_and_count_as_reported_by_both():
    # One major fault, reported by both: 100 − 10 = 90, and nobody's recall or precision suffers.
    state = entry(
        review("@rev-one", F01="major"),
        review("@rev-two", F03="minor"),
        signatures=signed(rev_one__F01="verified", rev_two__F03="verified"),
    )
    scores = graded(state, sheet(rev_one__F01=VALID, rev_two__F03=dup("rev-one/F01")))
    assert scores.v1.score == 90
    assert [scores.reviews[who].score for who in ("@rev-one", "@rev-two")] == [100, 100]


def test_a_chain_of_duplicates_ends_at_its_canonical_finding():
    state = entry(review("@rev-one", F01="nit", F02="minor"), review("@rev-two", F01="blocker"))
    words = sheet(
        rev_one__F01=dup("rev-one/F02"), rev_one__F02=dup("rev-two/F01"), rev_two__F01=VALID
    )
    (flaw,) = merge(state, words)
    assert (flaw.key, flaw.severity) == ("rev-two/F01", "blocker")
    assert flaw.reporters == ("@rev-one", "@rev-two")


def test_a_circle_of_duplicates_is_named():
    state = entry(review("@rev-one", F01="nit", F02="minor", F03="minor"))
    words = sheet(
        rev_one__F01=dup("rev-one/F02"),
        rev_one__F02=dup("rev-one/F03"),
        rev_one__F03=dup("rev-one/F02"),
    )
    circle = "vae: duplicates go round in a circle: rev-one/F02 → rev-one/F03 → rev-one/F02"
    with pytest.raises(ZooError, match=f"^{circle}; call one of them valid$"):
        graded(state, words)


def test_an_invalid_finding_is_free_for_all_but_its_writers_precision():
    # Own findings: major valid (weight 10), major invalid (10). Precision is worth 20 of 100:
    # 20 × 10 / 20 = 10 lost.
    state = entry(
        review("@rev-one", F01="major", F02="major"), signatures=signed(rev_one__F01="verified")
    )
    scores = graded(state, sheet(rev_one__F01=VALID, rev_one__F02=INVALID))
    assert scores.v1.score == 90
    assert lost(scores.reviews["@rev-one"]) == [("rev-one/F02", 10)]


def test_an_invalid_nit_weighs_one_in_precision():
    # Major valid (10), nit invalid (0, so 1): 20 × 1 / 11.
    state = entry(
        review("@rev-one", F01="major", F02="nit"), signatures=signed(rev_one__F01="verified")
    )
    scores = graded(state, sheet(rev_one__F01=VALID, rev_one__F02=INVALID))
    assert lost(scores.reviews["@rev-one"]) == [("rev-one/F02", Fraction(20, 11))]


def test_what_one_of_two_reviewers_missed_costs_the_developers_and_that_reviewers_recall():
    # Faults: major (10) by @rev-one, minor (3) by @rev-two. v1: 100 − 10 − 3 = 87.
    # Recall is worth 30 of 100: @rev-two misses 30 × 10 / 13, @rev-one 30 × 3 / 13.
    state = entry(
        review("@rev-one", F01="major"),
        review("@rev-two", F01="minor"),
        signatures=signed(rev_one__F01="verified", rev_two__F01="verified"),
    )
    scores = graded(state, sheet(rev_one__F01=VALID, rev_two__F01=VALID))
    assert scores.v1.score == 87
    assert lost(scores.reviews["@rev-two"]) == [("rev-one/F01", Fraction(300, 13))]
    assert lost(scores.reviews["@rev-one"]) == [("rev-two/F01", Fraction(90, 13))]


def test_what_only_the_instructor_found_costs_every_reviewer_too():
    # v1: 100 − 10 = 90. Each reviewer: recall 0 of one fault, 30 lost, and 8 for the miss:
    # 100 − 30 − 8 = 62.
    scores = graded(entry(review("@rev-one"), review("@rev-two")), sheet((mine("I01"),)))
    assert lost(scores.v1) == [("I01", 10)]
    for who in ("@rev-one", "@rev-two"):
        assert lost(scores.reviews[who]) == [("I01", 30), ("I01", 8)]
        assert scores.reviews[who].score == 62


def test_a_reviewers_duplicate_of_the_instructors_finding_makes_it_reported():
    # @rev-one reported it: only the developers are charged. @rev-two's recall is 0: 100 − 30.
    state = entry(
        review("@rev-one", F01="minor"),
        review("@rev-two"),
        signatures=signed(rev_one__F01="verified"),
    )
    scores = graded(state, sheet((mine("I01"),), rev_one__F01=dup("I01")))
    assert lost(scores.v1) == [("I01", 10)]
    assert scores.reviews["@rev-one"].score == 100
    assert lost(scores.reviews["@rev-two"]) == [("I01", 30)]


def test_a_reviewer_who_filed_nothing_is_missing_not_charged():
    absent = replace(review("@rev-two"), status="missing")
    scores = graded(entry(review("@rev-one"), absent), sheet((mine("I01"),)))
    assert scores.reviews["@rev-two"].status == "missing"
    assert scores.reviews["@rev-two"].score is None


@pytest.mark.parametrize(
    ("outcome", "charge"), [("verified", 0), ("partial", 5), ("not-fixed", 10)]
)
def test_version_2_pays_again_for_what_was_not_fixed(outcome, charge):
    # A major fault costs 10 again if it was not fixed, half of that if partly: 100 − charge.
    state = entry(review("@rev-one", F01="major"), signatures=signed(rev_one__F01=outcome))
    scores = graded(state, sheet(rev_one__F01=VALID))
    assert (scores.v1.score, scores.v2.score) == (90, 100 - charge)


def test_the_sheet_corrects_a_sign_off():
    state = entry(review("@rev-one", F01="major"), signatures=signed(rev_one__F01="verified"))
    scores = graded(state, sheet(rev_one__F01=Adjudication("valid", outcome="not-fixed")))
    assert scores.v2.score == 90


def test_the_instructors_own_findings_in_version_2_cost_version_2_only():
    scores = graded(entry(review("@rev-one")), sheet((mine("I01", "minor", version="v2"),)))
    assert (scores.v1.score, scores.v2.score) == (100, 97)
    assert scores.reviews["@rev-one"].score == 100


def test_merged_findings_whose_reviewers_sign_off_differently_wait_for_the_instructor():
    state = entry(
        review("@rev-one", F01="major"),
        review("@rev-two", F01="major"),
        signatures=signed(rev_one__F01="verified", rev_two__F01="not-fixed"),
    )
    words = sheet(rev_one__F01=VALID, rev_two__F01=dup("rev-one/F01"))
    assert merge(state, words)[0].outcome is None
    assert graded(state, words).v2.status == "open"


def test_nits_that_cost_nothing_count_alike_where_there_is_nothing_else():
    # Two nits (cost 0 each, so each counts one); @rev-two found one of two: 30 × 1 / 2 = 15.
    state = entry(
        review("@rev-one", F01="nit"),
        review("@rev-two", F01="nit"),
        signatures=signed(rev_one__F01="verified", rev_two__F01="verified"),
    )
    scores = graded(state, sheet(rev_one__F01=VALID, rev_two__F01=VALID))
    assert scores.v1.score == 100
    assert lost(scores.reviews["@rev-two"]) == [("rev-one/F01", 15)]
