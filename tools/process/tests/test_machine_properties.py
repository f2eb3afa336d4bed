"""No sequence of events reaches an illegal state; deliveries may be repeated, late or lost."""

import dataclasses
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tools.process.ledger import events as ev
from tools.process.ledger.machine import Rejection, apply, replay
from tools.process.ledger.state import Submission
from tools.process.rules.policy import stamp
from tools.process.tests.walk import PROPOSAL, RULES, SHA, START, TEACHER, TEAM

# Written down a second time, from the description of the process rather than from the code.
EDGES = {
    "none": {"proposed"},
    "proposed": {"approved", "declined", "on-hold", "withdrawn"},
    "declined": {"proposed"},
    "approved": {"v1-submitted", "on-hold", "withdrawn", "missing"},
    "v1-submitted": {"in-review", "on-hold", "withdrawn"},
    "in-review": {"reviews-closed", "revising", "on-hold", "withdrawn"},
    "reviews-closed": {"revising", "on-hold", "withdrawn"},
    "revising": {"v2-submitted", "missing", "on-hold", "withdrawn"},
    "v2-submitted": {"accepted", "on-hold", "withdrawn"},
    "accepted": {"published"},
    "published": set(),
    "withdrawn": {"proposed"},
    "missing": {"approved", "revising", "withdrawn"},
    "on-hold": {
        *("proposed", "approved", "v1-submitted", "in-review"),
        *("reviews-closed", "revising", "v2-submitted", "withdrawn"),
    },
}
AFTER_V1 = ("v1-submitted", "in-review", "reviews-closed", "revising", "v2-submitted", "accepted")
PEOPLE = [*TEAM, "@rev-one", "@rev-two", "@rev-three", TEACHER, "clock"]


def candidates(state: Submission, now) -> list[tuple[str, str, ev.Payload]]:
    """Events worth trying in a state, sensible ones and nonsense; the machine must sort them."""
    soon, rules = stamp(now + timedelta(days=3)), dataclasses.asdict(RULES)
    found = {"F01": "blocker", "F02": "nit"}
    answers = dict.fromkeys(state.findings, "fixed")
    acts: list[tuple[str, str, ev.Payload]] = [
        ("@dev-one", "developer", PROPOSAL),
        (TEACHER, "instructor", ev.Approved(rules)),
        (TEACHER, "instructor", ev.ProposalDeclined("no")),
        (TEACHER, "instructor", ev.RulesChanged({**rules, "reviewers": 1})),
        (TEACHER, "instructor", ev.ReviewsClosed()),
        ("clock", "clock", ev.ReviewsClosed()),
        ("@dev-two", "developer", ev.Answered(SHA, answers)),
        ("@dev-two", "developer", ev.Answered(SHA, {"rev-nobody/F01": "fixed"})),
        (TEACHER, "instructor", ev.Accepted()),
        (TEACHER, "instructor", ev.Published()),
        ("@dev-two", "developer", ev.Addendum("2, not 3")),
        (TEACHER, "instructor", ev.Held("x")),
        (TEACHER, "instructor", ev.Released()),
        (TEACHER, "instructor", ev.GradesReleased()),
        ("@dev-one", "developer", ev.RegradeAsked()),
        (TEACHER, "instructor", ev.RegradeAnswered("@dev-one")),
        ("@dev-one", "developer", ev.Withdrawn("x")),
    ]
    for version in ("v1", "v2"):
        acts.append(("@dev-one", "developer", ev.Submitted(version, f"c-{version}", 9, 0)))
        acts.append(("clock", "clock", ev.DeclaredMissing(version)))
        acts.append((TEACHER, "instructor", ev.Extended("@dev-one", version, soon)))
    for who in ("@rev-one", "@rev-two", "@rev-three", "@dev-one"):
        acts += [
            (TEACHER, "instructor", ev.Assigned(who)),
            (TEACHER, "instructor", ev.Unassigned(who, "x")),
            (TEACHER, "instructor", ev.Extended(who, "review", soon)),
            (TEACHER, "instructor", ev.ReviewLost(who, "x")),
            (who, "reviewer", ev.ReviewAgreed()),
            (who, "reviewer", ev.ReviewRefused("x")),
            (who, "reviewer", ev.ReviewFiled(SHA)),
            (who, "reviewer", ev.ReviewRevealed(who, SHA, found, "partial", "accept")),
            (who, "reviewer", ev.SignedOff(f"{who[1:]}/F01", "verified")),
            (who, "reviewer", ev.SignedOff(f"{who[1:]}/F02", "partial", "half")),
        ]
    return acts


def fits(state: Submission, act: tuple[str, str, ev.Payload], now) -> bool:
    trial = ev.Event("trial", "toy", now, act[0], act[1], "", act[2])
    return not isinstance(apply(state, trial, now), Rejection)


@st.composite
def histories(draw, steps: int = 40) -> list[ev.Event]:
    """Deliveries in the order of arrival: mostly what fits, now and then what does not."""
    state, now, deliveries = Submission("toy"), START, []
    for number in range(draw(st.integers(5, steps))):
        now += timedelta(hours=draw(st.sampled_from([0, 1, 1, 5, 30, 200])))
        acts = candidates(state, now)
        fitting = [act for act in acts if fits(state, act, now)]
        # Withdrawing and holding are always possible: without a bias few histories get far.
        forward = [a for a in fitting if not isinstance(a[2], ev.Withdrawn | ev.Held)]
        pool = draw(st.sampled_from([forward or acts, forward or acts, forward or acts, acts]))
        actor, role, payload = draw(st.sampled_from(pool))
        if draw(st.integers(0, 20)) == 0:
            actor, role = draw(st.sampled_from(PEOPLE)), draw(st.sampled_from(ev.ROLES))
        event = ev.Event(f"e{number}", "toy", now, actor, role, "", payload)
        deliveries.append(event)
        after = apply(state, event, now)
        state = state if isinstance(after, Rejection) else after
    return deliveries


def accepted(deliveries: list[ev.Event]) -> tuple[list[ev.Event], Submission]:
    """Those that a ledger would hold, and the state they make."""
    state, kept = Submission("toy"), []
    for event in deliveries:
        after = apply(state, event, event.at)
        if not isinstance(after, Rejection) and after is not state:
            kept.append(event)
            state = after
    return kept, state


def check(state: Submission) -> None:
    """What is true of every state."""
    reviews, stage = state.reviews.values(), state.held_from
    stage = stage if state.stage == "on-hold" else state.stage
    assert (state.stage == "on-hold") == (state.held_since is not None)
    if stage in AFTER_V1:
        assert state.v1 is not None
    if stage in ("v2-submitted", "accepted", "published"):
        assert state.v2 is not None
        assert state.unanswered == []
    assert state.v2 is None or state.v1 is not None
    assert not set(state.reviews) & set(state.team)
    assert set(state.answers) <= set(state.findings)
    assert set(state.signatures) <= set(state.findings)
    for review in reviews:
        assert (review.filed_at is not None) == (review.status in ("filed", "revealed", "lost"))
        assert not review.findings or review.status == "revealed"
        assert review.status != "missing" or review.filed_at is None
    assert not state.addenda or stage in ("accepted", "published")
    if stage in ("revising", "v2-submitted", "accepted", "published"):
        assert {review.status for review in reviews} <= {"revealed", "missing", "lost"}
    if stage in ("v1-submitted", "in-review"):  # nobody's text is open while others still write
        assert all(review.status in ("assigned", "agreed", "filed") for review in reviews)
    if stage in ("in-review", "reviews-closed"):
        due = state.due("review")
        assert due - state.window_opened_at >= timedelta(hours=168)


@given(histories())
@settings(max_examples=80, deadline=None)
def test_no_history_reaches_an_illegal_state(deliveries):
    state = Submission("toy")
    for event in deliveries:
        after = apply(state, event, event.at)
        if isinstance(after, Rejection):
            assert after.rule
            assert after.fix
            continue
        if after.stage != state.stage:
            assert after.stage in EDGES[state.stage], (state.stage, after.stage, event)
        check(after)
        state = after


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_replays_agree_and_disorder_is_harmless(deliveries, random):
    kept, state = accepted(deliveries)
    assert replay("toy", kept) == state
    # Every delivery comes twice or thrice, the repetitions at any later place.
    noisy = list(deliveries)
    for event in deliveries:
        for _ in range(random.randint(0, 2)):
            noisy.insert(random.randint(noisy.index(event) + 1, len(noisy)), event)
    repeated = Submission("toy")
    now = deliveries[-1].at
    for event in noisy:
        # A repetition arrives later; the ledger's clock gives it that time.
        at = max(event.at, repeated.last_at or event.at)
        after = apply(repeated, dataclasses.replace(event, at=at), now)
        if event.id in repeated.seen:
            assert after is repeated
        elif not isinstance(after, Rejection):
            repeated = after
            check(repeated)
    # Any order and any loss leave a legal state, too.
    shuffled = random.sample(deliveries, random.randint(0, len(deliveries)))
    check(accepted(shuffled)[1])


@given(histories(steps=60))
@settings(max_examples=15, deadline=None)
def test_a_rejection_leaves_no_trace(deliveries):
    state = Submission("toy")
    for event in deliveries:
        before = dataclasses.asdict(state)
        after = apply(state, event, event.at)
        assert dataclasses.asdict(state) == before  # nothing is changed in place
        state = state if isinstance(after, Rejection) else after


def test_the_histories_above_get_far():
    """The properties would be empty if hardly any history went beyond the proposal."""
    reached: set[str] = set()

    @given(histories(steps=60))
    @settings(max_examples=80, deadline=None, derandomize=True, database=None)
    def look(deliveries):
        state = Submission("toy")
        for event in deliveries:
            after = apply(state, event, event.at)
            state = state if isinstance(after, Rejection) else after
            reached.add(state.stage)

    look()
    assert reached >= {"in-review", "reviews-closed", "revising", "missing", "on-hold", "withdrawn"}
