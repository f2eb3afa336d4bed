"""What each command does to the record, and what the bot says of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from tools.github.bot import answer, handle_comment
from tools.github.tests.scenes import Scenes
from tools.process import clock
from tools.process.fsck import examine
from tools.process.ledger import events as ev
from tools.process.record import Record
from tools.process.review.sealing import seal
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term
from tools.process.tests.revision import review


@pytest.fixture
def scenes(term: Term) -> Scenes:
    return Scenes(term)


def test_submit_freezes_the_head_that_passed(scenes: Scenes) -> None:
    scenes.approve()
    assert "has not come yet" in scenes.say("dev-one", "/zoo submit v1")
    scenes.github.add_check(scenes.head.head_sha, "Verdict", "failure")
    assert "is 'failure'" in scenes.say("dev-one", "/zoo submit v1")
    scenes.github.add_check(scenes.head.head_sha, "Verdict", "success")
    assert "version 1 is frozen at" in scenes.say("dev-one", "/zoo submit v1")
    state = scenes.term.state("toy")
    assert state.v1 is not None
    assert state.v1.commit == scenes.head.head_sha
    assert scenes.term.git("rev-parse", "toy/v1^{}") == scenes.head.head_sha
    assert scenes.events()[-1].payload == ev.Submitted("v1", scenes.head.head_sha, 1, 0)


def test_only_the_commit_that_its_developer_saw_is_frozen(scenes: Scenes) -> None:
    term, github = scenes.approve().term, scenes.github
    github.add_check(scenes.head.head_sha, "Verdict", "success")
    seen, meant = scenes.head.head_sha, "/zoo submit v1"
    plain = github.say(scenes.pull, scenes.user("dev-one"), meant)
    named = github.say(scenes.pull, scenes.user("dev-one"), f"{meant} {seen[:9].upper()}")
    term.at("2026-10-01T10:00:01Z")
    newest = scenes.push({"zoo/toy/model.py": "x = 1\n"})
    refused = scenes.deliver(plain).text
    assert f"the verdict of CI on {newest[:12]} came after your comment" in refused
    refused = scenes.deliver(named).text
    assert f"you named {seen[:9]}, the newest commit is {newest[:12]}" in refused
    assert scenes.types() == ["proposed", "approved"]
    early = github.say(scenes.pull, scenes.user("dev-one"), f"{meant} {newest[:7]}")
    github.add_check(newest, "Verdict", None)
    assert "has not come yet" in scenes.deliver(early).text
    again = github.say(scenes.pull, scenes.user("dev-one"), f"{meant} {newest}")
    term.at("2026-10-01T10:00:02Z")
    github.add_check(newest, "Verdict", "success")  # after the comment that names it
    assert f"version 1 is frozen at `{newest[:12]}`" in scenes.deliver(again).text


@pytest.mark.parametrize(
    "path", [".github/workflows/ci.yml", "tools/x.py", "reviews/policy.yaml", "zoo/core/data.py"]
)
def test_a_submission_that_touches_its_judge_is_refused(scenes: Scenes, path: str) -> None:
    scenes.approve()
    scenes.push({path: "x\n"})
    assert f"this one also {path}" in scenes.say("dev-one", "/zoo submit v1")
    assert scenes.types() == ["proposed", "approved"]


def test_a_commit_that_cannot_be_fetched_is_not_frozen(scenes: Scenes) -> None:
    scenes.approve()
    sha = "e" * 40
    scenes.github.push(scenes.head.head_branch, {"zoo/toy/a.py": "x"}, sha=sha)
    scenes.github.add_check(sha, "Verdict", "success")
    assert "cannot be fetched" in scenes.say("dev-one", "/zoo submit v1")


def test_only_a_pull_request_of_the_team_is_frozen(scenes: Scenes) -> None:
    """Its author could push between the comment and the command."""
    scenes.approve()
    scenes.github.add_check(scenes.head.head_sha, "Verdict", "success")
    for login in ("dev-three", "mallory"):
        stranger = replace(scenes.head, author=scenes.user(login))
        scenes.github.pull_table[scenes.pull] = stranger
        assert "is not by the team of toy" in scenes.say("dev-one", "/zoo submit v1")
    assert scenes.types() == ["proposed", "approved"]


def test_only_the_default_branch_has_a_record(scenes: Scenes) -> None:
    """CI judges a pull request into another branch with that branch's workflows."""
    scenes.approve()
    scenes.github.add_check(scenes.head.head_sha, "Verdict", "success")
    scenes.github.pull_table[scenes.pull] = replace(scenes.head, base_branch="side")
    assert "not into the default branch" in scenes.say("dev-one", "/zoo submit v1")
    assert "not into the default branch" in scenes.say("instructor-one", "/zoo approve")
    assert scenes.types() == ["proposed", "approved"]


def test_assignments(scenes: Scenes) -> None:
    scenes.submit()
    assert "`@rev-one` reviews `toy`" in scenes.say("instructor-one", "/zoo assign rev-one")
    assert "reviews it already" in scenes.say("instructor-one", "/zoo assign @rev-one")
    assert "@dev-one is in its team" in scenes.say("instructor-one", "/zoo assign @dev-one")
    text = scenes.say("instructor-one", "/zoo assign")
    assert text.startswith("`/zoo assign`: `toy` is reviewed by `@")
    assert len(scenes.term.state("toy").reviews) == 2
    before = scenes.types()
    refused = scenes.say("instructor-one", "/zoo reassign @rev-one @nobody -- ill")
    assert "'@nobody' is not in reviews/roster.yaml" in refused
    assert scenes.types() == before
    (other,) = {"@rev-one", "@rev-two", "@rev-three", "@dev-three"} & set(
        scenes.term.state("toy").reviews
    ) - {"@rev-one"}
    new = next(name for name in ("@rev-two", "@rev-three") if name != other)
    said = scenes.say("instructor-one", f"/zoo reassign @rev-one {new} -- ill")
    assert said.endswith(f"`{new}` reviews `toy` for `@rev-one`")
    assert set(scenes.term.state("toy").reviews) == {other, new}


def test_a_plan_is_recorded_once(scenes: Scenes) -> None:
    scenes.submit()
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo assign")
    handle_comment(comment, scenes.github, scenes.term.record, clock.now())
    before = scenes.events()
    assert [event.id for event in before[-2:]] == [
        f"comment-{comment.id}-0-1",
        f"comment-{comment.id}-0-2",
    ]
    assert scenes.deliver(comment).text == "`/zoo assign`: recorded already"
    assert scenes.events() == before


def test_the_index_of_a_command_is_no_prefix_of_another(scenes: Scenes) -> None:
    """The second command is not taken for the eleventh when a comment comes again."""
    body = "/zoo help\n" * 10 + "/zoo approve"
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), body)
    handle_comment(comment, scenes.github, scenes.term.record, clock.now())
    text = scenes.deliver(comment).text
    assert text.count("recorded already") == 1
    assert scenes.types() == ["proposed", "approved"]


def test_reviewers_agree_or_not(scenes: Scenes) -> None:
    scenes.assign()
    assert "you review `toy`, due" in scenes.say("rev-one", "/zoo accept")
    assert "your review is agreed: agree needs assigned" in scenes.say("rev-one", "/zoo agree")
    assert "you do not review" in scenes.say("rev-two", "/zoo decline -- I know them")
    assert list(scenes.term.state("toy").reviews) == ["@rev-one"]
    assert "verdict: TODO" in scenes.say("rev-one", "/zoo scaffold")


def test_time_and_holds(scenes: Scenes) -> None:
    scenes.approve()
    text = scenes.say("instructor-one", "/zoo extend @dev-one v1 2026-10-26 23:59")
    assert "`@dev-one` has until Mon 26 Oct 2026 23:59" in text
    assert "is no time" in scenes.say("instructor-one", "/zoo extend @dev-one v1 2026-13-26 23:59")
    assert "is on hold" in scenes.say("instructor-one", "/zoo hold -- the cluster is down")
    assert scenes.events()[-1].payload == ev.Held("the cluster is down")
    assert "is approved again" in scenes.say("instructor-one", "/zoo unhold")
    assert "can still come" in scenes.say("instructor-one", "/zoo close")
    assert "is withdrawn" in scenes.say("dev-two", "/zoo withdraw -- no time")


def test_help_is_what_may_be_said_now(scenes: Scenes) -> None:
    assert "/zoo approve" in scenes.say("instructor-one", "/zoo help")
    scenes.assign()
    text = scenes.say("rev-one", "/zoo help")
    said = [line.split("`")[1].split()[1] for line in text.splitlines() if line.startswith("- ")]
    assert said == ["accept", "agree", "decline", "scaffold", "lint", "file", "status", "help"]
    stranger = scenes.say("stranger", "/zoo help")
    assert "/zoo status" in stranger
    assert "/zoo accept" not in stranger


def test_status_is_not_taken_for_the_sticky_one(scenes: Scenes) -> None:
    text = scenes.say("stranger", "/zoo status")
    assert "`toy`: proposed" in text
    assert "<!-- zoo:status" not in text


def test_from_reviews_to_acceptance(scenes: Scenes) -> None:
    """Respond, submit again, sign off, accept and merge; the record is whole at the end."""
    scenes.assign()
    term, v1 = scenes.term, scenes.head.head_sha
    sha256 = seal(term.record, "toy", "@rev-one", review(v1).encode())
    scenes.happens("@rev-one", ev.ReviewFiled(sha256))
    term.at("2026-10-12T10:00:00Z")
    assert "missing: `@rev-two`" in scenes.say("instructor-one", "/zoo close")
    assert list(term.state("toy").findings) == ["rev-one/F01", "rev-one/F02", "rev-one/F03"]

    form = scenes.say("dev-one", "/zoo respond")
    assert "commit this form" in form
    response = form.split("```markdown\n")[1].rsplit("\n```", 1)[0] + "\n"
    assert "3 things to mend" not in form
    path = "reviews/toy/v2/response.md"
    scenes.push({path: response})
    refused = scenes.say("dev-one", "/zoo respond")
    assert "to mend before the response can be recorded" in refused
    response = response.replace("ai_use: TODO", "ai_use: none").replace(
        "answer: TODO", "answer: disputed"
    )
    response = response.replace("TODO: the reason", "Equation 3 has it so.")
    scenes.push({path: response, "zoo/toy/model.py": "another\n"})
    unanswered = scenes.say("dev-one", "/zoo submit v2")
    assert "is not the one that was recorded: say /zoo respond first" in unanswered
    assert "recorded 3 answers" in scenes.say("dev-one", "/zoo respond")
    assert (term.root / path).read_text() == response
    assert term.state("toy").response_sha256 == hashlib.sha256(response.encode()).hexdigest()

    scenes.push({path: response + "\nmore\n"})
    assert "is not the one that was recorded" in scenes.say("dev-one", "/zoo submit v2")
    head = scenes.push({path: response})
    assert "version 2 is frozen" in scenes.say("dev-one", "/zoo submit v2")
    said = scenes.say("rev-one", "/zoo verify F01 verified")
    assert said.endswith("`rev-one/F01` is verified; 2 of yours to go: F02, F03")
    assert "needs a reason" in scenes.say("rev-one", "/zoo verify f02 not-fixed")
    said = scenes.say(
        "rev-one", "/zoo verify f02 partial -- half\n/zoo verify rev-one/F03 verified"
    )
    assert said.endswith("all of yours are signed off")

    scenes.push({"zoo/toy/model.py": "slipped in\n"})
    assert "only what was reviewed is merged" in scenes.say("instructor-one", "/zoo accept")
    pull = scenes.head
    scenes.github.branches[pull.head_branch] = head
    scenes.github.pull_table[scenes.pull] = type(pull)(**{**vars(pull), "head_sha": head})
    scenes.say("instructor-one", "/zoo accept")
    assert scenes.head.merged
    assert scenes.github.said(scenes.pull)[-1].endswith(f"It is merged at `{head[:12]}`.")
    refused = scenes.say("instructor-one", "/zoo publish", at=scenes.issue)
    assert "zoo/toy/model.py: not what was frozen as toy/v2" in refused
    scenes.merge()
    assert "is published" in scenes.say("instructor-one", "/zoo publish", at=scenes.issue)
    assert examine(Record(term.root))[0] == []
    assert term.git("status", "--porcelain") == ""


@pytest.fixture
def signed(scenes: Scenes) -> Scenes:
    """Version 2 is in, and there is nothing to sign off."""
    scenes.assign()
    for who in ("@rev-one", "@rev-two"):
        scenes.happens(who, ev.ReviewFiled("a" * 64))
    scenes.happens("@instructor-one", ev.ReviewsClosed())
    for who in ("@rev-one", "@rev-two"):
        opened = ev.ReviewRevealed(who, "a" * 64, {}, "reproduced", "accept")
        scenes.happens("@instructor-one", opened)
    scenes.push({"zoo/toy/model.py": "two\n"})
    assert "version 2 is frozen" in scenes.say("dev-one", "/zoo submit v2")
    return scenes


def test_a_merge_that_github_refuses_is_told(signed: Scenes) -> None:
    signed.github.fail(method="merge", status=405)
    signed.say("instructor-one", "/zoo accept")
    assert signed.term.state("toy").stage == "accepted"
    assert "It could not be merged (`GitHub answered 405`)" in signed.github.said(signed.pull)[-1]


def test_a_pull_request_that_was_turned_to_another_branch_is_not_merged(signed: Scenes) -> None:
    comment = signed.github.say(signed.pull, signed.user("instructor-one"), "/zoo accept")
    reply = handle_comment(comment, signed.github, signed.term.record, clock.now())
    signed.github.pull_table[signed.pull] = replace(signed.head, base_branch="side")
    answer(comment, reply, signed.github)
    assert signed.github.said(signed.pull)[-1].endswith("the default one. Merge it by hand.")
    assert not signed.head.merged


def test_a_merge_that_was_not_come_to_is_made_up_for(signed: Scenes) -> None:
    comment = signed.github.say(signed.pull, signed.user("instructor-one"), "/zoo accept")
    handle_comment(comment, signed.github, signed.term.record, clock.now())  # the job dies here
    assert not signed.head.merged
    for _ in range(2):
        signed.deliver(comment)
    assert signed.head.merged
    merges = [write for write in signed.github.writes if write.method == "merge"]
    assert len(merges) == 1
    assert signed.types().count("accepted") == 1


def test_it_is_made_up_for_after_the_publication_too(signed: Scenes) -> None:
    comment = signed.github.say(signed.pull, signed.user("instructor-one"), "/zoo accept")
    handle_comment(comment, signed.github, signed.term.record, clock.now())  # the job dies here
    signed.happens("@instructor-one", ev.Published())
    assert not signed.head.merged
    signed.deliver(comment)
    assert signed.head.merged
