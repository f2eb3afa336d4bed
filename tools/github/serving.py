"""What a workflow does with an event: act on the record, push it, and only then speak of it.

Each of these may be run again for the same event and then changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tools.github.bot import Reply, answer, handle_comment
from tools.github.boundaries import entries
from tools.github.clockwork import close_over, missed_proposals, strike, sweep
from tools.github.labels import apply_projections
from tools.github.port import Comment, GitHub, Issue
from tools.github.proposing import PROPOSAL_MARK, propose_from_issue
from tools.github.scene import Subject, subject_of
from tools.github.sticky import pin
from tools.github.writer import with_record
from tools.process import clock
from tools.process.record import Record
from tools.text import code_span

LOOK_BACK = timedelta(days=7)  # for comments and proposals that nobody has answered


@dataclass(frozen=True)
class Desk:
    """Where the bot works.

    Attributes:
        github: the repository.
        root: a clone of its default branch, the bot's alone.
        token: what git pushes with.
    """

    github: GitHub
    root: Path
    token: str = ""

    def comment(self, comment: Comment) -> str:
        """Answer a comment, then bring labels and status up to date; what was done, in a line."""
        github = self.github

        def act(record: Record) -> Reply:
            return handle_comment(comment, github, record, clock.now())

        # Where the record cannot be written there is no answer either: the clock finds that out.
        also = head_of(comment.number)
        reply = with_record(self.root, act, token=self.token, also=also)
        answer(comment, reply, github)
        if reply.changed:
            self._project(comment.number, reply.subject, reply.comments)
        return f"comment {comment.id}: {reply.reaction or 'no command for the bot'}"

    def proposal(self, issue: Issue, *, found: bool = False) -> str:
        """Take the proposal in an issue that was delivered or found; what became of it."""

        def act(record: Record) -> tuple[str, tuple[str, ...]]:
            outcome = propose_from_issue(record, issue, clock.now(), found=found)
            return outcome.model, outcome.lines

        model, lines = with_record(self.root, act, token=self.token)
        said = "\n".join(f"- {code_span(line)}" for line in lines)
        if not model:
            said = f"Not recorded. Edit this issue until nothing is left of:\n\n{said}"
        pin(self.github, issue.number, f"{PROPOSAL_MARK}\n{said}\n", PROPOSAL_MARK)
        if model:
            self._project(issue.number)
        return f"issue {issue.number}: {'proposal recorded' if model else 'not recorded'}"

    def clock(self) -> tuple[list[str], list[str]]:
        """Do what is due: (what was done, what could not be), a line for each.

        What people asked for in time comes before what is closed because they did not.
        """
        now = clock.now()
        since = now - LOOK_BACK
        comments = list(self.github.comments_since(since))
        missed = sweep(self.github, comments, since, now, self.comment)
        for issue in missed_proposals(self.github, comments, since, now):
            name = f"issue {issue.number}: answered"
            missed.attempt(name, lambda issue=issue: self.proposal(issue, found=True))
        closed: list[str] = []
        missed.attempt(
            "closing what is over",
            lambda: closed.extend(
                with_record(
                    self.root, lambda r: close_over(r, now, missed.waiting), token=self.token
                )
            ),
        )
        struck = strike(self.github, Record(self.root), now)
        done = [*missed.done, *(f"{model}: closed" for model in closed), *struck.done]
        return done, [*missed.faults, *struck.faults]

    def _project(
        self, number: int, subject: Subject | None = None, known: Sequence[Comment] = ()
    ) -> None:
        """Bring labels, milestone and status up to date, where the entry is talked about.

        A pull request with a review gets none of these: they belong to that of the entry, and
        nobody would keep them up to date.
        """
        record = Record(self.root)
        if subject is None or not subject.model:  # what it was about is recorded only now
            subject = subject_of(self.github, record, number)
        if not subject.model:
            return
        state, numbers = record.state(subject.model), [number]
        if subject.pull and not entries(subject.changes):
            frozen = state.v2 or state.v1
            pulls = self.github.pulls_with_head(frozen.commit) if frozen else []
            numbers = [pull.number for pull in pulls]
        for one in numbers:
            apply_projections(self.github, one, state, record.policy, clock.now(), known)


def head_of(number: int) -> str:
    """A refspec that fetches the head of a pull request, and nothing for an issue."""
    return f"+refs/pull/{number}/hea*:refs/remotes/origin/pull/{number}/hea*"
