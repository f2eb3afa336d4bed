"""`zoo close`, `extend`, `hold`, `unhold`, `accept`, `reschedule`."""

from __future__ import annotations

from dataclasses import replace

from tools.process.ledger import events as ev
from tools.process.tests.conftest import Term

BOSS = "@instructor-one"
FROZEN, FIXED = "a" * 40, "b" * 40
SEAL = "c" * 64


def in_review(term: Term) -> None:
    """An entry whose review window runs from 12 to 19 October, noon in Zurich."""
    term.approved("vae", "@dev-one")
    term.at("2026-10-12T10:00:00Z")
    term.happens("vae", "@dev-one", ev.Submitted("v1", FROZEN, 9, 0))
    term.happens("vae", BOSS, ev.Assigned("@rev-one"), ev.Assigned("@rev-two"))


def revising(term: Term) -> None:
    """The same after a review with one finding by @rev-one; @rev-two's is missing."""
    in_review(term)
    term.happens("vae", "@rev-one", ev.ReviewFiled(SEAL))
    term.at("2026-10-20T10:00:01Z").zoo("close", "--all")
    opened = ev.ReviewRevealed("@rev-one", SEAL, {"F01": "major"}, "partial", "minor-revision")
    term.happens("vae", "@rev-one", opened)


def test_reviews_close_when_the_late_window_is_over(term: Term) -> None:
    in_review(term)
    term.happens("vae", "@rev-one", ev.ReviewFiled(SEAL))
    term.at("2026-10-20T10:00:00Z")
    assert term.refused("close", "vae", "review", by=BOSS) == (
        "Error: 1 review can still come: until Tue 20 Oct 2026 12:00 CEST (10:00 UTC)"
    )
    assert term.zoo("close", "--all") == "nothing to close: no time is over\n"
    term.at("2026-10-20T10:00:01Z")
    assert term.zoo("close", "vae", by=BOSS) == (
        "the reviews of vae are closed; missing: @rev-two\n"
        "Next, @rev-one: reveal the sealed review (zoo review reveal vae)\n"
    )
    assert term.state("vae").stage == "reviews-closed"
    assert term.git("log", "-1", "--format=%s") == "vae: closed"
    assert term.git("status", "--porcelain") == ""


def test_reviews_close_early_when_all_are_in(term: Term) -> None:
    in_review(term)
    for reviewer in ("@rev-one", "@rev-two"):
        term.happens("vae", reviewer, ev.ReviewFiled(SEAL))
    assert "the reviews of vae are closed; all are in\n" in term.zoo("close", "--all")


def test_the_clock_closes_whatever_is_over_and_once(term: Term) -> None:
    term.approved("vae", "@dev-one")
    term.approved("flow", "@dev-two", paper="1505.05770")
    term.approved("gan", "@dev-three", paper="1406.2661")
    term.zoo("extend", "gan", "@dev-three", "--stage", "v1", "--until", "2026-10-21 12:00", by=BOSS)
    term.at("2026-10-20T22:00:00Z")  # a second after the late window
    assert term.zoo("close", "--all") == (
        "version 1 of flow is declared missing\nversion 1 of vae is declared missing\n"
    )
    assert term.git("log", "-1", "--format=%s") == "flow, vae: closed"
    event = term.record.events("vae")[-1]
    assert (event.actor, event.role) == ("clock", "clock")
    commit = term.git("rev-parse", "HEAD")
    assert term.zoo("close", "--all") == "nothing to close: no time is over\n"
    assert term.git("rev-parse", "HEAD") == commit
    assert [state.stage for state in term.record.states().values()] == [
        "missing",
        "approved",
        "missing",
    ]


def test_version_2_can_be_missing(term: Term) -> None:
    revising(term)
    term.at("2026-11-17T22:59:59Z")  # the last second of the late window
    assert "Error: v2 can still come" in term.refused("close", "vae", by=BOSS)
    term.at("2026-11-17T23:00:00Z")
    assert term.zoo("close", "vae", "v2", by=BOSS) == "version 2 of vae is declared missing\n"
    assert term.state("vae").missing == ("v2",)
    assert term.refused("close", "vae", by=BOSS) == (
        "Error: vae is missing: there is nothing to close"
    )


def test_who_closes_says_what(term: Term) -> None:
    term.approved("vae", "@dev-one")
    assert term.refused("close", "vae") == (
        "Error: who acts? say --as @handle, or once for this clone: git config zoo.handle @handle"
    )
    assert term.refused("close", "vae", by="@dev-one") == (
        "Error: @dev-one is developer in reviews/roster.yaml:"
        " 'declared-missing' is for the instructor or clock"
    )
    assert term.refused("close", "vae", "review", by=BOSS) == (
        "Error: vae is approved: this needs in-review"
    )


def test_an_extension_is_in_course_time_and_for_one_person(term: Term) -> None:
    in_review(term)
    until = ["--until", "2026-10-26 23:59"]  # after the end of summer time
    assert term.zoo("extend", "vae", "rev-ONE", "--stage", "review", *until, by=BOSS) == (
        "@rev-one has until Mon 26 Oct 2026 23:59 CET (22:59 UTC) for the review of vae\n"
    )
    state = term.state("vae")
    assert str(state.due("review", "@rev-one")) == "2026-10-26 22:59:59+00:00"
    assert str(state.due("review", "@rev-two")) == "2026-10-19 10:00:00+00:00"
    assert term.git("status", "--porcelain") == ""


def test_a_missing_version_can_come_again(term: Term) -> None:
    term.approved("vae", "@dev-one")
    term.at("2026-10-25T10:00:00Z").zoo("close", "--all")
    assert term.state("vae").stage == "missing"
    words = ["extend", "vae", "@dev-one", "--stage", "v1", "--until"]
    assert term.zoo(*words, "2026-10-28 12:00", by=BOSS) == (
        "@dev-one has until Wed 28 Oct 2026 12:00 CET (11:00 UTC) for version 1 of vae\n"
    )
    assert term.state("vae").stage == "approved"
    assert term.zoo("close", "--all") == "nothing to close: no time is over\n"


def test_an_extension_names_a_time_a_person_and_a_stage_of_theirs(term: Term) -> None:
    in_review(term)

    def refused(who: str, stage: str, until: str) -> str:
        words = ("extend", "vae", who, "--stage", stage, "--until", until)
        return term.refused(*words, by=BOSS).removeprefix("Error: ")

    assert refused("@rev-one", "review", "tomorrow") == (
        "'tomorrow' is no time: write course time as 2026-10-26 23:59"
    )
    assert refused("@rev-one", "review", "2026-10-01 12:00") == (
        "Thu 1 Oct 2026 12:00 CEST (10:00 UTC) is past: extend into the future"
    )
    assert refused("@rev-three", "review", "2026-10-26 23:59") == (
        "@rev-three reviews no vae: name one of its reviewers"
    )
    assert refused("@rev-one", "v2", "2026-10-26 23:59") == (
        "@rev-one is not in the team: it is @dev-one"
    )
    assert refused("@rev-ones", "review", "2026-10-26 23:59") == (
        "'@rev-ones' is not in reviews/roster.yaml: did you mean '@rev-one'?"
    )


def test_a_hold_moves_the_running_deadline(term: Term) -> None:
    term.approved("vae", "@dev-one")
    before = term.state("vae").due("v1")
    assert term.zoo("hold", "vae", "--reason", "the cluster is down", by=BOSS) == (
        "vae is on hold; its clocks run again with: zoo unhold vae\n"
    )
    term.at("2026-11-01T10:00:00Z")
    assert term.zoo("close", "--all") == "nothing to close: no time is over\n"
    length = term.record.events("vae")[-1].at
    assert term.zoo("unhold", "vae", by=BOSS) == (
        "vae is approved again\nNext, team: submit version 1 (zoo submit vae v1)\n"
    )
    after = term.record.events("vae")[-1].at
    assert term.state("vae").due("v1") - before == after - length
    assert "vae is approved: this needs on-hold" in term.refused("unhold", "vae", by=BOSS)


def test_an_entry_is_accepted_after_its_sign_offs(term: Term) -> None:
    revising(term)
    term.happens("vae", "@dev-one", ev.Answered(SEAL, {"rev-one/F01": "fixed"}))
    term.happens("vae", "@dev-one", ev.Submitted("v2", FIXED, 9, 0))
    assert term.refused("accept", "vae", by=BOSS) == (
        "Error: 1 finding without sign-off: rev-one/F01:"
        " zoo verify-fix, or wait until the time for it is over"
    )
    term.happens("vae", "@rev-one", ev.SignedOff("rev-one/F01", "verified"))
    assert term.zoo("accept", "vae", by=BOSS) == "vae is accepted\n"
    assert term.state("vae").stage == "accepted"


def test_an_edited_policy_reaches_running_entries_when_asked(term: Term) -> None:
    term.approved("vae", "@dev-one")
    term.propose("flow", "@dev-two", paper="1505.05770")
    policy = (term.root / "reviews" / "policy.yaml").read_text()
    policy = policy.replace("2026-10-19 23:59", "2026-10-26 23:59")
    term.write("reviews/policy.yaml", policy.replace("window_hours: 168", "window_hours: 192"))
    before = term.state("vae").rules
    changes = (
        "vae: v1_due Mon 19 Oct 2026 23:59 CEST (21:59 UTC)"
        " → Mon 26 Oct 2026 23:59 CET (22:59 UTC); window_hours 168 → 192\n"
    )
    assert term.zoo("reschedule", "--dry-run", by=BOSS) == changes
    assert term.state("vae").rules == before
    assert term.zoo("reschedule", by=BOSS) == changes
    new = replace(before, v1_due="2026-10-26T22:59:59Z", window_hours=192)
    assert term.state("vae").rules == new
    assert term.git("status", "--porcelain") == ""
    nothing = "nothing changes: running entries have the dates and quotas of the policy\n"
    assert term.zoo("reschedule", "vae", by=BOSS) == nothing
    assert term.refused("reschedule", "vae", "flow", by=BOSS) == (
        "Error: flow is proposed: its dates and quotas stand"
    )
