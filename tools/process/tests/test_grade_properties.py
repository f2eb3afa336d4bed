"""Whatever was found, missed, late and fixed: every lost point is accounted for, in any order."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tools.process.findings import SEVERITIES
from tools.process.grading.explain import explain_entry, grade_table
from tools.process.grading.grades import grade_people
from tools.process.grading.sheets import Adjudication, Rating, Sheet
from tools.process.tests.gradebench import POLICY, ROSTER, entry, graded, late, mine, review, sheet

POINTS = st.integers(0, 40)
OUTCOMES = st.sampled_from(["verified", "partial", "not-fixed"])
SEVERITY = st.sampled_from(SEVERITIES)
VERDICTS = st.sampled_from(["valid", "invalid", "duplicate"])


@st.composite
def cases(draw):
    """A state and a complete sheet, whatever was found, missed, late and fixed."""
    found = {
        who: {f"F{n:02d}": draw(SEVERITY) for n in range(1, draw(st.integers(0, 3)) + 1)}
        for who in ("@rev-one", "@rev-two")
    }
    state = entry(*(review(who, draw(st.booleans()), **names) for who, names in found.items()))
    for version in ("v1", "v2"):
        state = late(state, version) if draw(st.booleans()) else state
    own = tuple(
        mine(f"I{n:02d}", draw(SEVERITY), outcome=draw(OUTCOMES))
        for n in range(1, draw(st.integers(0, 3)) + 1)
    )
    words, earlier = {}, [item.id for item in own]
    for key in state.findings:
        verdict = draw(VERDICTS)
        if verdict == "duplicate" and earlier:
            words[key] = Adjudication("duplicate", of=draw(st.sampled_from(earlier)))
        elif verdict == "invalid":
            words[key] = Adjudication("invalid")
        else:
            words[key] = Adjudication("valid", outcome=draw(OUTCOMES))
        earlier.append(key)
    ratings = {
        name: Rating({"care": draw(st.integers(0, 6)), "tone": draw(st.integers(0, 4))})
        for name in ("rev-one", "rev-two")
    }
    page = sheet(own, (draw(POINTS), draw(POINTS)), draw(st.integers(0, 20)), ratings)
    return state, replace(page, adjudications=words)


@given(cases())
def test_lost_points_add_up_to_the_loss_exactly(case):
    scores = graded(*case)
    for part in (scores.v1, scores.v2, *scores.reviews.values()):
        assert part.status == "graded"
        assert 0 <= part.score <= 100
        assert sum(loss.points for loss in part.losses) == 100 - part.score


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_what_was_written_changes_no_byte(case, chance: random.Random):
    state, page = case

    def shuffled(mapping):
        return dict(chance.sample(list(mapping.items()), len(mapping)))

    own = chance.sample(page.findings, len(page.findings))
    other = Sheet(page.rubric, own, shuffled(page.adjudications), shuffled(page.ratings))
    mixed = replace(
        state,
        reviews={
            who: replace(item, findings=shuffled(item.findings))
            for who, item in shuffled(state.reviews).items()
        },
    )
    assert explain_entry(graded(mixed, other), {}) == explain_entry(graded(state, page), {})
    once, again = (
        grade_people({"vae": graded(*pair)}, ROSTER, POLICY)
        for pair in ((state, page), (mixed, other))
    )
    assert grade_table(once) == grade_table(again)
