"""Scores, means and grades by hand, and how they are explained."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tools.process.grading.amounts import exact, plain, rounded
from tools.process.grading.explain import explain_entry, explain_person, grade_table
from tools.process.grading.grades import Part, grade_entries, grade_people, weighted
from tools.process.grading.lock import counts, open_questions
from tools.process.grading.sheets import Override, Rating
from tools.process.grading.whatif import changed_policy
from tools.process.tests.gradebench import (
    POLICY,
    ROSTER,
    VALID,
    entry,
    graded,
    late,
    lost,
    mine,
    review,
    sheet,
    signed,
)
from zoo.core.errors import ZooError


def people(*overrides: Override, policy=POLICY, **pairs):
    """Everybody's grade over pairs of a state and a sheet."""
    states = {name: replace(state, model=name) for name, (state, _) in pairs.items()}
    entries = grade_entries(states, {name: page for name, (_, page) in pairs.items()}, policy)
    return grade_people(entries, ROSTER, policy, overrides)


def parts(grade):
    return {name: part.value for name, part in grade.parts.items()}


def test_numbers_are_those_that_were_written_and_halves_go_up():
    assert exact(0.1) == Fraction(1, 10)
    assert [rounded(Fraction(n, 1000)) for n in (1005, 1004, 0, 99995)] == [
        "1.01",
        "1.00",
        "0.00",
        "100.00",
    ]
    assert [plain(Fraction(n)) for n in ("2.5", "100", "1/3")] == ["2.5", "100", "≈0.3333"]


def test_a_version_by_rubric_and_charges():
    # Mathematics 45 of 60 and tests 40 of 40: 100 × 85 / 100 = 85; a major fault: 85 − 10 = 75.
    scores = graded(entry(review("@rev-one")), sheet((mine("I01"),), v1=(45, 40)))
    assert lost(scores.v1) == [("mathematics", 15), ("I01", 10)]
    assert scores.v1.score == 75


def test_a_late_version_loses_a_quarter_after_all_charges():
    # 100 − 10 = 90, late: 90 × (1 − 0.25) = 67.5; version 2, in time, 100.
    state = late(entry(review("@rev-one")), "v1")
    scores = graded(state, sheet((mine("I01"),)))
    assert scores.v1.losses[-1].points == Fraction("22.5")
    assert (scores.v1.score, scores.v2.score) == (Fraction("67.5"), 100)


def test_no_score_is_below_zero():
    # Rubric 10 of 100, two blockers of 30: 10 − 60 = −50, so 0; late or not.
    state = late(entry(review("@rev-one")), "v1")
    faults = (mine("I01", "blocker"), mine("I02", "blocker"))
    scores = graded(state, sheet(faults, v1=(10, 0)))
    assert scores.v1.score == 0
    assert scores.v1.losses[-1].points == -50
    assert "\n+ 50 given back: no score is below 0\n= 0\n" in explain_entry(scores, {})


def test_a_review_by_quality_recall_precision_and_timeliness():
    # Shares of 100: quality 40, recall 30, precision 20, timeliness 10.
    # Quality: 5 of 10 points, 40 × 5 / 10 = 20 lost. Recall: 10 of 13 found, 30 × 3 / 13 lost.
    # Late: timeliness, 10 lost; then a quarter of what is left.
    # (100 − 20 − 90/13 − 10) × 0.75 = (910 − 90) / 13 × 0.75 = 820 / 13 × 0.75 = 615 / 13
    state = entry(
        review("@rev-one", late=True, F01="major"),
        review("@rev-two", F01="minor"),
        signatures=signed(rev_one__F01="verified", rev_two__F01="verified"),
    )
    ratings = {"rev-one": Rating({"care": 3, "tone": 2}), "rev-two": Rating({"care": 6, "tone": 4})}
    scores = graded(state, sheet(ratings=ratings, rev_one__F01=VALID, rev_two__F01=VALID))
    assert scores.reviews["@rev-one"].score == Fraction(615, 13)


def test_nothing_to_find_and_nothing_reported_is_a_full_score():
    assert graded(entry(review("@rev-one")), sheet()).reviews["@rev-one"].score == 100


def test_a_missing_version_is_a_state_and_no_number():
    state = entry(review("@rev-one"), stage="missing", v2=None, missing=("v2",))
    dev = people(vae=(state, sheet()))["@dev-one"]
    assert [dev.parts[name].status for name in ("v1", "v2", "final")] == [
        "graded",
        "missing",
        "missing",
    ]
    assert parts(dev) == {"v1": 100, "v2": None, "review": None, "final": None}
    assert "v2: missing (vae: v2 did not come)\n" in explain_person(dev, {})
    assert "## vae v2: missing\n\nv2 did not come\n" in explain_person(dev, {})


def test_version_1_missing_makes_both_missing_and_needs_no_sheet():
    state = entry(stage="missing", v1=None, v2=None, missing=("v1",))
    assert open_questions(state, None, POLICY) == []
    dev = people(vae=(state, None))["@dev-one"]
    assert [dev.parts[name].status for name in ("v1", "v2")] == ["missing", "missing"]


def test_the_final_grade_weighs_what_applies():
    # @dev-one: versions 75 and 100, review of made 100: 0.4 × 75 + 0.3 × 100 + 0.3 × 100 = 90.
    # @dev-two: versions only, (0.4 × 100 + 0.3 × 100) / 0.7 = 100. @rev-one: review only,
    # recall 0 and the miss: 100 − 30 − 8 = 62. Project of @dev-one: 60 / 0.7 = 600 / 7.
    grades = people(
        vae=(entry(review("@rev-one")), sheet((mine("I01"),), v1=(45, 40))),
        made=(
            entry(review("@dev-one"), team=("@dev-two",)),
            sheet(ratings={"dev-one": Rating({"care": 6, "tone": 4})}),
        ),
    )
    assert parts(grades["@dev-one"]) == {"v1": 75, "v2": 100, "review": 100, "final": 90}
    assert grades["@dev-one"].project.score == Fraction(600, 7)
    assert parts(grades["@dev-two"]) == {"v1": 100, "v2": 100, "review": None, "final": 100}
    assert parts(grades["@rev-one"]) == {"v1": None, "v2": None, "review": 62, "final": 62}
    assert "@instructor-one" not in grades


def test_reviews_are_averaged_and_a_missing_one_makes_the_part_missing():
    # Reviews 100 and 62: mean 81.
    good, poor = (
        (entry(review("@rev-one")), sheet()),
        (entry(review("@rev-one")), sheet((mine("I01"),))),
    )
    assert people(vae=good, made=poor)["@rev-one"].parts["review"].score == 81
    absent = entry(replace(review("@rev-one"), status="missing"))
    part = people(vae=good, made=(absent, sheet(ratings={})))["@rev-one"].parts["review"]
    assert (part.status, part.score) == ("missing", None)
    assert part.why == "made: the review by @rev-one was not filed"


def test_a_withdrawn_entry_counts_for_the_reviewers_who_were_read_only():
    agreed = replace(review("@rev-two"), status="agreed")
    state = entry(review("@rev-one"), agreed, stage="withdrawn", v2=None)
    page = sheet((mine("I01", outcome=None),), v1=(None, None), v2=None)
    assert open_questions(state, page, POLICY) == []
    grades = people(vae=(state, page))
    assert grades["@rev-one"].parts["review"].score == 62
    assert grades["@rev-two"].parts["review"].status == "none"
    assert grades["@dev-one"].parts["v1"].why == "no entry that is graded"
    assert not counts(entry(stage="withdrawn"))


def test_an_override_counts_and_the_computed_grade_stays_beside_it():
    # v1 set to 80: 0.4 × 80 + 0.3 × 100 over 0.7 = 620 / 7 = 88.57; missing parts can be set too.
    page = sheet((mine("I01"),), v1=(45, 40))
    ill = Override("@dev-one", "v1", 80, "ill for a week")
    grades = people(ill, vae=(entry(review("@rev-one")), page))
    part = grades["@dev-one"].parts["v1"]
    assert (part.value, part.score) == (80, 75)
    assert grades["@dev-one"].parts["final"].score == Fraction(620, 7)
    row = grade_table(grades).splitlines()[2]
    assert row.split() == ["@dev-one", "80.00", "(computed:", "75.00)", "100.00", "–", "88.57"]
    absent = entry(stage="missing", v1=None, v2=None, missing=("v1",))
    saved = people(Override("@dev-one", "final", 50, "agreed"), vae=(absent, None))["@dev-one"]
    assert (saved.parts["final"].value, saved.parts["final"].status) == (50, "missing")


def test_what_if_changes_a_number_of_the_policy_and_nothing_else():
    # 0.3 × 75 + 0.3 × 100 over 0.6 = 87.5 instead of 600 / 7.
    pair = (entry(review("@rev-one")), sheet((mine("I01"),), v1=(45, 40)))
    for path in ("weights.v1", "weight.v1"):
        other = changed_policy(POLICY, {path: "0.3"})
        assert people(vae=pair, policy=other)["@dev-one"].parts["final"].score == Fraction("87.5")
    other = changed_policy(POLICY, {"severities.major.developers": "20", "late.penalty": "0.5"})
    assert people(vae=pair, policy=other)["@dev-one"].parts["v1"].score == 65
    assert changed_policy(POLICY, {"rubric.v1.tests.points": "50"}).rubric.v1[1].points == 50
    assert POLICY.weights.v1 == 0.4


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("weights.v3", "1", "--what-if weights.v3: the policy has no 'v3' there; did you mean 'v"),
        ("weights", "1", "--what-if weights: this is no number of the policy"),
        ("time_zone", "1", "--what-if time_zone: this is no number of the policy"),
        ("weights.v1", "much", "--what-if weights.v1=much: write a number, as in weights.v1=0.3"),
        ("weights.v1", "nan", "--what-if weights.v1=nan: write a number, as in weights.v1=0.3"),
        (
            "late.penalty",
            "1.5",
            "--what-if: 'late.penalty' is 1.5; write a number",
        ),
    ],
)
def test_what_if_refuses_what_no_policy_says(path, text, message):
    with pytest.raises(ZooError) as caught:
        changed_policy(POLICY, {path: text})
    assert str(caught.value).startswith(message)


def test_parts_without_weight_do_not_hold_the_final_grade_up():
    given_parts = {"v1": Part("graded", Fraction(70)), "review": Part("missing", why="absent")}
    assert weighted(given_parts, {"v1": Fraction(1), "review": Fraction(0)}).score == 70
    assert weighted(given_parts, {"v1": Fraction(1), "review": Fraction(1)}).status == "missing"


def test_what_is_open_is_listed_once_per_thing():
    state = entry(
        review("@rev-one", F01="major", F02="minor"), replace(review("@rev-two"), status="filed")
    )
    page = sheet(
        (mine("I01", outcome=None),), v1=(None, 40), v2=None, ratings={}, rev_one__F01=VALID
    )
    unknown = "has no outcome in v2 (signed off by nobody, or not alike): write its 'outcome'"
    assert [item.text for item in open_questions(state, page, POLICY)] == [
        "the review by @rev-two is filed: close and reveal the reviews",
        "v1: 'mathematics' has no points yet",
        "v2: 'answers' has no points yet",
        f"I01 {unknown}",
        f"rev-one/F01 {unknown}",
        "rev-one/F02 is not adjudicated",
        "review by @rev-one: 'care' has no points yet",
        "review by @rev-one: 'tone' has no points yet",
    ]
    scores = graded(state, page)
    assert {scores.v1.status, scores.v2.status, scores.reviews["@rev-one"].status} == {"open"}
    assert open_questions(state, None, POLICY)[-1].text.startswith("there is no grading sheet")


def test_entries_under_way_are_open():
    state = entry(review("@rev-one"), stage="v2-submitted")
    texts = [item.text for item in open_questions(state, sheet(), POLICY)]
    assert texts == ["not accepted: run zoo accept vae"]
    assert graded(state, sheet()).v2.score == 100
    held = entry(stage="on-hold", v1=None, v2=None)
    assert [item.text for item in open_questions(held, None, POLICY)] == [
        "v1 is neither submitted nor declared missing",
        "v2 is neither submitted nor declared missing",
        "on hold: run zoo unhold vae",
    ]


def test_an_explanation_can_be_followed_with_a_calculator():
    state = late(entry(review("@rev-one")), "v1")
    page = sheet((mine("I01", outcome="partial"),), v1=(45, 40), v2=15)
    wording = {"vae": {"I01": "Fault I01 (zoo/vae/model.py:4)"}}
    assert (
        explain_entry(graded(state, page), wording)
        == """\
# vae

## vae v1: 56.25

100 at first
- 15 mathematics, 45 of 60 points: 100 × (60 − 45) / 100 = 15
- 10 I01 (major), “Fault I01 (zoo/vae/model.py:4)”
- 18.75 late, within the grace period: 0.25 × 75 = 18.75
= 56.25

## vae v2: 70.00

100 at first
- 25 answers, 15 of 20 points: 100 × (20 − 15) / 20 = 25
- 5 I01 (major), partly fixed, “Fault I01 (zoo/vae/model.py:4)”: 10 / 2 = 5
= 70

## review of vae by @rev-one: 62.00

100 at first
- 30 recall: I01 (major) was not reported, “Fault I01 (zoo/vae/model.py:4)”: 30 × 10 / 10 = 30
- 8 I01 (major), found by the instructor and by no reviewer, “Fault I01 (zoo/vae/model.py:4)”
= 62
"""
    )
    text = explain_person(people(vae=(state, page))["@dev-one"], wording)
    assert text.startswith("""\
# @dev-one: 62.14

final: (0.4 × 56.25 + 0.3 × 70) / 0.7 = ≈62.1429, that is 62.14
""")
