"""From a comment to the ledger and the reply, once."""

from __future__ import annotations

import pytest

from tools.github.bot import answer, handle_comment, mark
from tools.github.port import Failed, User
from tools.github.tests.scenes import Scenes
from tools.process import clock
from tools.process.rules.policy import moment
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term
from zoo.core.errors import ZooError

HOLD = "/zoo hold -- the cluster is down"


@pytest.fixture
def scenes(term: Term) -> Scenes:
    return Scenes(term)


def test_a_command_acts_and_is_answered(scenes: Scenes) -> None:
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "Fine.\n\n/zoo approve")
    reply = scenes.deliver(comment)
    assert reply.text.startswith("`/zoo approve`: `toy` is approved; version 1 is due Mon 19 Oct")
    assert (reply.reaction, reply.changed) == ("rocket", True)
    event = scenes.events()[-1]
    assert event.id == f"comment-{comment.id}-0"
    assert (event.actor, event.role, event.payload.TYPE) == (
        "@instructor-one",
        "instructor",
        "approved",
    )
    assert scenes.github.said(scenes.pull) == [f"{mark(comment)}\n{reply.text}"]
    reactions = [content for _, content in scenes.github.reaction_table[comment.id]]
    assert reactions == ["eyes", "rocket"]
    assert scenes.term.git("status", "--porcelain") == ""
    assert scenes.term.git("log", "-1", "--format=%s") == (
        f"toy: /zoo approve (comment {comment.id})"
    )


def test_the_same_delivery_twice_is_once(scenes: Scenes) -> None:
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo approve")
    scenes.deliver(comment)
    before, writes = scenes.events(), list(scenes.github.writes)
    again = scenes.deliver(comment)
    assert (again.text, again.changed) == ("", False)
    assert scenes.events() == before
    assert scenes.github.writes == writes


def test_a_delivery_whose_reply_was_lost_is_answered_and_changes_nothing(scenes: Scenes) -> None:
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo approve")
    handle_comment(comment, scenes.github, scenes.term.record, clock.now())  # the job dies here
    before = scenes.events()
    reply = scenes.deliver(comment)
    assert reply.text == "`/zoo approve`: recorded already"
    assert (reply.reaction, reply.changed) == ("rocket", True)  # labels may be wanting, too
    assert scenes.events() == before
    assert len(scenes.github.said(scenes.pull)) == 1


def test_a_forged_mark_silences_nobody(scenes: Scenes) -> None:
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo approve")
    scenes.github.say(scenes.pull, scenes.user("stranger"), f"{mark(comment)}\ndone")
    assert "is approved" in scenes.deliver(comment).text


def test_none_runs_when_one_is_malformed(scenes: Scenes) -> None:
    text = scenes.say("instructor-one", "/zoo approve\n/zoo hodl -- wait")
    assert text == (
        "Nothing was run. `/zoo hodl -- wait`: `there is no verb 'hodl'; did you mean 'hold'?`"
    )
    assert scenes.types() == ["proposed"]


def test_a_command_counts_as_of_its_comment(scenes: Scenes) -> None:
    """By GitHub's clock, within what the ledger and the present allow; for others' time by ours."""
    term, github = scenes.term, scenes.github
    scenes.approve()
    github.add_check(scenes.head.head_sha, "Verdict", "success")
    said = github.say(scenes.pull, scenes.user("dev-one"), "/zoo submit v1")
    plan = github.say(scenes.pull, scenes.user("instructor-one"), "/zoo assign @rev-one")
    early = github.say(scenes.pull, scenes.user("rev-one"), "/zoo agree")
    term.at("2026-10-21T10:00:00Z")  # version 1 was due on the 19th, and late work on the 20th
    text = scenes.deliver(said).text
    assert "submitted Thu 1 Oct 2026 12:00 CEST (10:00 UTC)" in text
    assert "late" not in text
    scenes.deliver(plan)
    scenes.deliver(early)
    ahead = moment("2026-10-21T10:00:01Z")
    scenes.deliver(github.say(scenes.pull, scenes.user("instructor-one"), HOLD, at=ahead))
    at = {event.payload.TYPE: f"{event.at:%d %H:%M:%S}" for event in scenes.events()}
    assert at == {
        "proposed": "01 10:00:00",
        "approved": "01 10:00:00",
        "submitted": "01 10:00:00",
        "assigned": "21 10:00:00",  # a reviewer learns of it only now
        "review-agreed": "21 10:00:00",  # a ledger's times never go back
        "held": "21 10:00:00",
    }


def test_what_follows_a_refused_command_is_not_run(scenes: Scenes) -> None:
    text = scenes.say("instructor-one", "/zoo approve\n/zoo unhold\n/zoo hold -- later")
    lines = text.splitlines()
    assert lines[0].startswith("- `/zoo approve`: `toy` is approved")
    assert lines[1] == "- `/zoo unhold`: refused: `toy is approved: unhold needs on-hold`"
    assert lines[2] == "- `/zoo hold`: not run"
    assert scenes.types() == ["proposed", "approved"]


def test_an_edited_comment_is_told_so_when_it_is_found_later(scenes: Scenes) -> None:
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo approve")
    scenes.term.at("2026-10-01T11:00:00Z")
    edited = scenes.github.edit(comment.id, "/zoo decline -- no")
    assert "only new ones act" in scenes.deliver(edited).text
    assert scenes.types() == ["proposed"]


def test_a_deleted_comment_does_nothing(scenes: Scenes) -> None:
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo approve")
    scenes.github.delete(comment.id)
    assert scenes.deliver(comment).text == ""
    assert scenes.types() == ["proposed"]


@pytest.mark.parametrize("login", ["some-app[bot]", "github-actions[bot]"])
def test_bots_are_not_obeyed(scenes: Scenes, login: str) -> None:
    known = scenes.github.users.get(login)
    bot = known or scenes.github.add_user(login, "admin", user_id=9, is_bot=True)
    comment = scenes.github.say(scenes.pull, bot, "/zoo approve")
    assert scenes.deliver(comment).text == ""
    assert scenes.types() == ["proposed"]


def test_a_bot_under_an_account_of_its_own_does_not_obey_itself(scenes: Scenes) -> None:
    scenes.github.bot = User(101, "instructor-one")
    assert scenes.say("instructor-one", "/zoo approve") == ""


def test_strangers_are_told_about_the_roster(scenes: Scenes) -> None:
    scenes.github.add_user("stranger", user_id=77)
    text = scenes.say("stranger", "/zoo approve")
    assert "no account number 77 in reviews/roster.yaml: ask the instructor" in text


def test_talk_costs_no_call(scenes: Scenes) -> None:
    scenes.github.calls.clear()
    scenes.say("dev-one", "I like zoo/vae, and `/zoo submit v1` is how it goes.")
    assert scenes.github.calls == []


def test_our_own_mistake_is_told_and_raised(
    scenes: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_(*_: object) -> None:
        raise KeyError("secret path /home/bot")

    monkeypatch.setattr("tools.github.deciding.Approved", break_)
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo approve")
    reply = handle_comment(comment, scenes.github, scenes.term.record, clock.now())
    with pytest.raises(KeyError):
        answer(comment, reply, scenes.github)
    said = scenes.github.said(scenes.pull)[0]
    assert "something broke here" in said
    assert "secret" not in said
    assert [content for _, content in scenes.github.reaction_table[comment.id]][-1] == "confused"


def test_a_command_that_fails_half_way_leaves_nothing(
    scenes: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_tag(*_: object) -> None:
        raise ZooError("no tag today: wait")

    monkeypatch.setattr("tools.github.developing.make_tag", no_tag)
    scenes.submit()
    assert scenes.types() == ["proposed", "approved"]
    assert scenes.term.git("status", "--porcelain") == ""


def test_a_tag_does_not_stay_without_its_event(
    scenes: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes.approve()
    scenes.github.add_check(scenes.head.head_sha, "Verdict", "success")
    with monkeypatch.context() as patch:
        patch.setattr("tools.process.record.commit_paths", no_commit)
        refused = scenes.say("dev-one", "/zoo submit v1")
    assert "no commit today" in refused
    assert scenes.term.git("tag", "--list") == ""
    assert scenes.types() == ["proposed", "approved"]
    assert "is frozen" in scenes.say("dev-one", "/zoo submit v1")
    assert scenes.term.git("tag", "--list") == "toy/v1"


def no_commit(*_: object) -> None:
    raise ZooError("no commit today: wait")


def test_a_pull_request_of_too_many_files(scenes: Scenes, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_many(*_: object) -> None:
        raise ZooError("this pull request changes 300 files or more")

    monkeypatch.setattr(scenes.github, "changed_files", too_many)
    reply = scenes.say("instructor-one", "/zoo approve")
    assert reply == "`/zoo approve`: refused: `this pull request changes 300 files or more`"


def test_no_entry_is_said(scenes: Scenes) -> None:
    author = scenes.user("dev-one")
    number = scenes.github.add_pull(author, {"README.md": "x"}).number
    assert "touches no entry" in scenes.say("dev-one", "/zoo submit v1", at=number)
    files = {"zoo/toy/a.py": "x", "zoo/vae/a.py": "x"}
    number = scenes.github.add_pull(author, files).number
    assert "touches toy, vae" in scenes.say("dev-one", "/zoo submit v1", at=number)
    number = scenes.github.add_pull(author, {"zoo/vae/a.py": "x"}).number
    assert "nobody has proposed vae" in scenes.say("dev-one", "/zoo submit v1", at=number)


def test_the_issue_of_the_proposal_is_about_its_entry(scenes: Scenes) -> None:
    assert "is approved" in scenes.say("instructor-one", "/zoo approve", at=scenes.issue)


def test_when_github_does_not_answer_nothing_is_half_done(scenes: Scenes) -> None:
    scenes.github.fail(method="changed_files", status=502)
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo approve")
    with pytest.raises(Failed):
        scenes.deliver(comment)
    assert (scenes.github.said(scenes.pull), scenes.types()) == ([], ["proposed"])
    assert "is approved" in scenes.deliver(comment).text  # the clock has found it


def test_github_is_not_asked_for_ever(scenes: Scenes) -> None:
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo approve")
    scenes.term.at("2026-10-01T16:00:00Z")
    scenes.github.fail(method="changed_files", status=502)
    with pytest.raises(Failed):
        scenes.deliver(comment)
    assert "GitHub did not answer" in scenes.github.said(scenes.pull)[0]
    assert scenes.types() == ["proposed"]


def test_what_was_recorded_is_not_said_to_be_lost_when_github_does_not_answer(
    scenes: Scenes,
) -> None:
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo approve")
    handle_comment(comment, scenes.github, scenes.term.record, clock.now())  # the job dies here
    scenes.github.fail(method="changed_files", status=502)
    with pytest.raises(Failed):
        scenes.deliver(comment)
    assert scenes.github.said(scenes.pull) == []
    assert scenes.deliver(comment).text == "`/zoo approve`: recorded already"
    assert scenes.types() == ["proposed", "approved"]


@pytest.mark.parametrize("method", ["comments", "react", "me"])
def test_a_comment_that_cannot_be_looked_at_is_left_to_the_next_delivery(
    scenes: Scenes, method: str
) -> None:
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo approve")
    scenes.github.fail(method=method, status=502)
    with pytest.raises(Failed):
        scenes.deliver(comment)
    assert scenes.types() == ["proposed"]
    assert "is approved" in scenes.deliver(comment).text


def test_a_lost_answer_is_written_by_the_next_delivery(scenes: Scenes) -> None:
    comment = scenes.github.say(scenes.pull, scenes.user("instructor-one"), "/zoo approve")
    scenes.github.fail(method="create_comment", status=502)
    with pytest.raises(Failed):
        scenes.deliver(comment)
    assert scenes.types() == ["proposed", "approved"]
    scenes.deliver(comment)
    assert scenes.types() == ["proposed", "approved"]
    assert len(scenes.github.said(scenes.pull)) == 1


def test_calls_of_a_command(scenes: Scenes) -> None:
    """What a command costs: seven calls for a developer's, two more for an instructor's."""
    scenes.github.calls.clear()
    scenes.say("instructor-one", "/zoo approve")
    assert scenes.github.calls == [
        *("me", "comments", "me", "react"),
        *("user", "permission", "pull", "changed_files"),
        *("create_comment", "react"),
    ]
