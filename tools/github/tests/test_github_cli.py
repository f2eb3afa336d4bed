"""`zoo github …` as the workflows call it: an event file, a clone, and a remote to push to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tools.cli import main
from tools.github.bot import handle_comment
from tools.github.port import Comment
from tools.github.tests.job import Job
from tools.github.tests.test_proposing import body
from tools.github.tests.test_report import artifact
from tools.process.git import git
from tools.process.tests.conftest import Term
from tools.process.tests.conftest import term as term


@pytest.fixture
def job(term: Term, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    return Job(term, tmp_path, monkeypatch)


def test_a_comment_ends_in_the_ledger_on_the_remote_and_is_answered(job: Job) -> None:
    job.world.approved()
    job.begin()
    number = job.world.pull()
    said = job.github.say(number, job.github.users["dev-one"], "/zoo withdraw -- no time")
    done = job.comment(said)
    assert done.output == f"zoo: comment {said.id}: rocket\n"
    assert job.recorded().state("vae").stage == "withdrawn"
    assert len(job.recorded().events("vae")) == 3
    assert job.github.issue(number).labels == ("zoo:withdrawn",)
    assert [body[:21] for body in job.github.said(number)] == [
        "<!-- zoo:reply commen",
        "<!-- zoo:status vae -",
    ]
    tip, written = git(job.remote, "rev-parse", "main"), len(job.github.writes)
    again = job.comment(said)
    assert again.exit_code == 0
    assert (git(job.remote, "rev-parse", "main"), len(job.github.writes)) == (tip, written)


def test_a_version_is_the_head_of_a_pull_request_that_nobody_checked_out(job: Job) -> None:
    job.world.approved()
    job.begin()
    fork = job.world.term
    fork.git("switch", "--quiet", "-c", "theirs")
    fork.write("zoo/vae/model.py", "x = 1\n")
    head = fork.git("rev-parse", "HEAD")
    pull = job.github.add_pull(job.github.users["dev-one"], {"zoo/vae/model.py": "x"}, sha=head)
    fork.git("push", "--quiet", str(job.remote), f"HEAD:refs/pull/{pull.number}/head")
    job.github.add_check(head, "Verdict", "success")
    done = job.comment(job.github.say(pull.number, pull.author, "/zoo submit v1"))
    assert done.output.endswith(": rocket\n"), job.github.said(pull.number)
    assert git(job.remote, "rev-parse", "vae/v1^{}") == head
    assert job.recorded().state("vae").v1.commit == head
    assert not (job.recorded().root / "zoo/vae").exists()  # frozen, not merged


def test_a_comment_is_not_answered_when_it_could_not_be_recorded(job: Job) -> None:
    job.world.approved()
    job.begin()
    said = job.github.say(job.world.pull(), job.github.users["dev-one"], "/zoo withdraw -- no time")
    hook = job.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    job.patch.setattr("tools.github.writer.random.uniform", lambda low, high: 0)
    done = job.comment(said)
    assert done.exit_code == 1
    assert "Error: the record could not be written to origin in 10 attempts" in done.output
    assert job.github.said(said.number) == []
    hook.unlink()
    job.world.term.at("2026-10-01T12:00:00Z")
    assert f"zoo: comment {said.id}: answered" in job.run("clock").output  # nothing is lost
    assert job.recorded().state("vae").stage == "withdrawn"


def test_a_proposal_is_mended_in_place_and_recorded_once(job: Job) -> None:
    job.begin()
    author = job.github.users["dev-one"]
    issue = job.github.add_issue(author, "Proposal", body(entry="No Name"), ["proposal"])
    assert job.issue(issue).output == "zoo: issue 1: not recorded\n"
    (answer,) = job.github.said(1)
    begin = "<!-- zoo:proposal -->\nNot recorded. Edit this issue until nothing is left of:\n\n"
    assert answer.startswith(f"{begin}- `Entry: ")
    job.github.change(1, body=body())
    stranger = job.github.add_user("stranger")
    assert "left alone" in job.issue(issue, by=stranger, action="edited").output
    assert job.recorded().models() == []
    assert job.issue(issue, action="edited").output == "zoo: issue 1: proposal recorded\n"
    assert job.recorded().state("vae").stage == "proposed"
    answer, status = job.github.said(1)
    next_one = "- `vae is proposed by @dev-one; next, the instructor approves`\n"
    assert answer == f"<!-- zoo:proposal -->\n{next_one}"
    assert status.startswith("<!-- zoo:status vae -->")
    assert job.github.issue(1).labels == ("proposal", "zoo:proposed")
    tip = git(job.remote, "rev-parse", "main")
    job.issue(issue, action="edited")
    assert git(job.remote, "rev-parse", "main") == tip


def test_a_proposal_that_is_declined_is_closed(job: Job) -> None:
    job.begin()
    issue = job.github.add_issue(job.github.users["dev-one"], "P", body(), ["proposal"])
    job.issue(issue)
    assert job.github.issue(1).is_open
    job.github.permissions["instructor-one"] = "admin"
    teacher = job.github.users["instructor-one"]
    job.comment(job.github.say(1, teacher, "/zoo decline -- no public data"))
    assert not job.github.issue(1).is_open
    assert job.github.issue(1).labels == ("proposal", "zoo:declined")


def test_what_a_command_costs(job: Job) -> None:
    """What was looked up to obey is not asked for again to bring the status up to date."""
    job.world.approved()
    job.begin()
    number = job.world.pull()
    job.comment(job.github.say(number, job.github.users["dev-two"], "/zoo withdraw -- ill"))
    job.github.calls.clear()
    job.comment(job.github.say(number, job.github.users["dev-one"], "/zoo status"))
    read = [name for name in job.github.calls if name != "me"]
    assert read == ["comments", "react", "pull", "changed_files", "create_comment", "react"]
    other = job.world.pull("zoo/made/model.py")
    job.github.calls.clear()
    job.comment(job.github.say(other, job.github.users["dev-one"], "/zoo status"))
    assert "update_comment" not in job.github.calls


def test_the_status_is_found_among_the_comments_that_were_read(job: Job) -> None:
    job.world.approved()
    job.begin()
    number, github = job.world.pull(), job.github
    job.run("clock")  # writes the status
    github.calls.clear()
    job.comment(github.say(number, github.users["dev-one"], "/zoo withdraw -- ill"))
    names = [name for name in github.calls if name != "me"]
    assert names == [
        *("comments", "react", "pull", "changed_files", "create_comment", "react"),
        *("issue", "set_labels", "set_milestone", "update_comment"),
    ]


def test_a_run_of_ci_is_reported(job: Job) -> None:
    job.begin()
    number = job.world.pull()
    run = job.github.add_run(job.github.pull(number).head_sha)
    job.github.add_artifact(run, "report-vae", artifact())
    assert job.report(run).output == f"zoo: run {run.id} reported on #{number}\n"
    assert "zoo check: 1 passed, 1 failed" in job.github.said(number)[0]


def test_a_run_is_what_github_says_not_what_the_event_says(job: Job) -> None:
    job.begin()
    number = job.world.pull()
    push = job.github.add_run(job.github.pull(number).head_sha, event="push")
    refused = job.report(push, event="pull_request", name="CI")
    assert "is no run of CI on a pull request" in refused.output
    assert "there is no run 5 in" in job.report(push, id=5).output
    assert job.github.writes == []


@pytest.mark.parametrize(
    ("command", "event", "payload", "why"),
    [
        ("comment", "issue_comment", {"action": "edited"}, "is not for this command"),
        ("comment", "issues", {"action": "opened"}, "is not as GitHub describes it"),
        ("comment", "pull_request_target", {"action": "opened"}, "is not for this command"),
        ("report", "issue_comment", {"action": "created", "comment": {}}, "not as GitHub"),
        ("issue", "", {}, "GITHUB_EVENT_NAME is not set"),
    ],
)
def test_an_event_that_is_not_for_a_command_does_nothing(
    job: Job, command: str, event: str, payload: dict[str, Any], why: str
) -> None:
    job.begin()
    done = job.run(command, event=event, **payload)
    assert (done.exit_code, job.github.calls) == (1, [])
    assert why in done.output


def test_a_comment_is_no_proposal(job: Job) -> None:
    job.begin()
    job.comment(job.github.say(job.world.pull(), job.github.users["dev-one"], "no command"))
    job.github.calls.clear()
    job.patch.setenv("GITHUB_EVENT_NAME", "issue_comment")
    for command in ("issue", "report"):
        done = CliRunner().invoke(main, ["github", command])
        assert "the event 'issue_comment' is not for this command" in done.output
    assert job.github.calls == []


def test_an_event_of_another_repository_does_nothing(job: Job) -> None:
    job.begin()
    said = job.github.say(job.world.pull(), job.github.users["dev-one"], "/zoo help")
    job.github.calls.clear()
    job.patch.setenv("GITHUB_REPOSITORY", "zoo-course/other")
    done = job.comment(said)
    assert "of another repository than GITHUB_REPOSITORY: refused" in done.output
    assert job.github.calls == []


def test_an_unreadable_event_is_one_line(job: Job) -> None:
    job.begin()
    job.patch.setenv("GITHUB_EVENT_NAME", "issue_comment")
    for text in ("{", "[" * 100_000, ""):
        Path(job.event).write_text(text)
        done = CliRunner().invoke(main, ["github", "comment"])
        assert done.output == "Error: GITHUB_EVENT_PATH: event.json cannot be read as JSON\n"


def test_nothing_in_the_log_begins_as_a_command_of_the_runner(job: Job) -> None:
    job.world.approved()
    job.begin()
    text = "/zoo help\n::set-output name=a::b\n##[error]x\n::stop-commands::y\n"
    said = job.github.say(job.world.pull(), job.github.users["dev-one"], text)

    def broken(comment: Comment, *rest: Any) -> Any:
        handle_comment(comment, *rest)
        raise RuntimeError(comment.body)

    job.patch.setattr("tools.github.serving.handle_comment", broken)
    done = job.comment(said)
    assert done.exit_code == 1
    assert "zoo: ::set-output name=a::b\n" in done.output  # in the trace, behind our own word
    assert not re.search(r"^\s*::|##\[", done.output, re.MULTILINE)
    assert all(line.startswith("zoo: ") for line in done.output.splitlines())


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GITHUB_EVENT_PATH", "GITHUB_REPOSITORY"])
def test_what_the_workflow_forgot_is_named(job: Job, name: str) -> None:
    job.begin()
    said = job.github.say(job.world.pull(), job.github.users["dev-one"], "/zoo help")
    job.patch.setenv(name, "")
    done = job.comment(said)
    assert f"Error: {name} is not set: the workflow sets it, or you do\n" in done.output
