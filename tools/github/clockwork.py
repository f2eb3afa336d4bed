"""What time brings: stages that are over, reminders, the list of what is late, missed comments.

A workflow runs this every half hour with the clock as an argument. Runs may be missed, doubled or
cut off: the next one does what is left, and nothing twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tools.github.bot import GONE, REPLY, answered, mark
from tools.github.boundaries import entries
from tools.github.commands import parse
from tools.github.filing import merge_revealed, reveal_from_pulls
from tools.github.labels import OVERDUE, PREFIX, close_proposal, is_settled, project
from tools.github.overdue import overdue_text
from tools.github.port import Comment, Failed, GitHub, Issue
from tools.github.proposing import PROPOSAL_MARK
from tools.github.reminding import announce, remind
from tools.github.setup import PROPOSAL
from tools.github.sticky import own, pin
from tools.process.decisions import closing
from tools.process.ledger.events import DeclaredMissing
from tools.process.ledger.state import Submission
from tools.process.obligations import closes, time_is_up
from tools.process.record import Record
from tools.process.rules.roster import Roster
from zoo.core.errors import ZooError

SETTLING = timedelta(minutes=10)  # a younger comment has a job of its own on its way
PUT_OFF = timedelta(hours=1)  # what is over is closed when all comments of before are answered
MERGING = timedelta(days=1)  # after reviews were opened, their pull requests are looked for
OVERDUE_MARK, OVERDUE_TITLE = "<!-- zoo:overdue -->", "Overdue"
_PROPOSAL = re.compile(r"issue-(\d+)")


@dataclass
class Report:
    """What a run of the clock did, and what it could not do: one line each.

    Attributes:
        done: what was done.
        faults: what broke.
        waiting: comments that could not be answered, and wait for the next run.
    """

    done: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    waiting: list[Comment] = field(default_factory=list)

    def attempt(self, what: str, act: Callable[[], object]) -> bool:
        """Do something that must not keep the rest from being done; whether nothing broke."""
        try:
            if act():
                self.done.append(what)
        except (Failed, ZooError) as error:
            self.faults.append(f"{what}: {error}")
        except Exception as error:
            self.faults.append(f"{what}: {type(error).__name__}: {error}")
        else:
            return True
        return False


def close_over(record: Record, now: datetime, waiting: Sequence[Comment] = ()) -> list[str]:
    """Close, in the name of the clock, what is over, and open the reviews of what is closed.

    A deadline is over for the clock an hour later, so that the jobs of comments of before are done;
    and an entry of which a comment still waits is left alone. Everything is committed.

    Args:
        record: the newest one.
        now: the present moment.
        waiting: comments that could not be answered yet.

    Returns:
        Names of the entries of which something was closed.
    """
    states = record.states().values()
    over = [state for state in states if time_is_up(state, now - PUT_OFF)]
    over = [state for state in over if not _awaited(state, record.roster, waiting)]
    for state in over:
        payload = closing(state)
        what = payload.version if isinstance(payload, DeclaredMissing) else "review"
        end = closes(state, what)
        assert end is not None
        # A version that is extended after it was missing can be missing a second time.
        identity = f"clock-{state.model}-{what}-{end:%Y-%m-%dT%H:%M}"
        record.append(state.model, "clock", payload, event_id=identity)
    names = [state.model for state in over]
    if names:
        record.commit(f"{', '.join(names)}: closed")
    for state in record.states().values():
        if state.stage == "reviews-closed":
            reveal_from_pulls(record, state.model, "clock")
    return names


def _awaited(state: Submission, roster: Roster, waiting: Sequence[Comment]) -> bool:
    """Whether a comment waits that was said in time, by somebody of the entry or an instructor."""
    # Where a comment belongs, GitHub would have to say, which has just not answered.
    ids = {
        one.github_id
        for one in roster.people.values()
        if one.handle in (*state.team, *state.reviews) or one.role == "instructor"
    }
    return any(
        comment.author.id in ids and not time_is_up(state, comment.created_at)
        for comment in waiting
    )


def strike(github: GitHub, record: Record, now: datetime) -> Report:
    """Bring GitHub up to date with the record: reminders, projections, the list of what is late."""
    report, states = Report(), record.states()
    listed = {issue.number: issue for issue in github.issues()}
    numbers = conversations(github, record, listed.values(), report)
    for model, places in numbers.items():
        state = states[model]
        report.attempt(
            f"{model}: told that reviews are open",
            lambda s=state, n=places: announce(github, record, n, s, now),
        )
        report.attempt(
            f"{model}: reminded", lambda s=state, n=places: remind(github, record, n, s, now)
        )
        for issue in (listed[number] for number in places if number in listed):
            report.attempt(
                f"{model}: labels, milestone or status of {issue.number}",
                lambda i=issue, s=state: project(github, i, s, record.policy, now),
            )
            if is_settled(state, issue):
                name = f"{model}: proposal {issue.number} closed"
                report.attempt(name, lambda i=issue: close_proposal(github, i))
    for issue, state in _left_behind(github, states, now):
        report.attempt(
            f"{state.model}: labels, milestone or status of {issue.number}",
            lambda i=issue, s=state: project(github, i, s, record.policy, now),
        )
    if any(s.revealed_at and now - s.revealed_at < MERGING for s in states.values()):
        report.attempt("opened reviews: merged", lambda: merge_revealed(record, github))
    first = {model: places[0] for model, places in numbers.items()}
    text = overdue_text(states, first, record.policy, now)
    report.attempt("overdue list", lambda: _list_overdue(github, text))
    return report


def _left_behind(
    github: GitHub, states: Mapping[str, Submission], now: datetime
) -> Iterator[tuple[Issue, Submission]]:
    """Merged pull requests whose labels are those of before, since GitHub failed just then."""
    before = {"accepted": ["v2-submitted"], "published": ["v2-submitted", "accepted"]}
    merged: dict[str, Submission] = {}
    labels: set[str] = set()
    for state in states.values():
        if state.v2 and state.since and state.stage in before and now - state.since < MERGING:
            merged[state.v2.commit] = state
            labels.update(PREFIX + stage for stage in before[state.stage])
    for label in sorted(labels):
        for issue in github.issues([label], only_open=False):
            pull = github.pull(issue.number) if issue.is_pull and not issue.is_open else None
            state = merged.get(pull.head_sha) if pull else None
            if state is not None and PREFIX + state.stage != label:
                yield issue, state


def conversations(
    github: GitHub, record: Record, listed: Iterable[Issue], report: Report
) -> dict[str, list[int]]:
    """Where each entry is talked about: open pull requests of its team, then its proposal.

    Args:
        github: the repository.
        record: of the term.
        listed: open issues and pull requests, newest first.
        report: takes what GitHub did not tell. An entry of which a conversation may be unknown is
            left out, lest its people are reminded twice.

    Returns:
        Numbers by the entry's name, the one to talk in first.
    """
    states = record.states()
    people = record.roster.people.values()
    ids = {one.github_id: one.handle for one in people if one.github_id is not None}
    found: dict[str, list[int]] = {model: [] for model in states}
    for issue in listed:
        author = ids.get(issue.author.id)
        own = [state.model for state in states.values() if author in state.team]
        if not issue.is_pull or not own:
            continue
        try:
            names = _entries(github, issue.number)
        except ZooError:  # more files than an entry has
            continue
        except Failed as error:
            report.faults.append(f"pull request {issue.number}: {error}")
            found = {model: numbers for model, numbers in found.items() if model not in own}
            continue
        if len(names) == 1 and names[0] in own and names[0] in found:
            found[names[0]].append(issue.number)
    for model, numbers in found.items():
        proposed = filter(None, map(_PROPOSAL.fullmatch, states[model].seen))
        numbers += [int(match[1]) for match in proposed]
    return {model: numbers for model, numbers in found.items() if numbers}


def _entries(github: GitHub, number: int) -> list[str]:
    pull = github.pull(number)
    return entries(github.changed_files(pull.base_sha, pull.head_sha)) if pull else []


def sweep(
    github: GitHub,
    comments: Sequence[Comment],
    since: datetime,
    now: datetime,
    handle: Callable[[Comment], object],
) -> Report:
    """Answer the commands that nobody answered, because Actions was down for example.

    Args:
        github: the repository.
        comments: all that changed since then.
        since: how far to look back.
        now: the present moment.
        handle: answers a comment with a reply that is marked as one.
    """
    report = Report()
    # Answers to these comments are among them: who is busy need not ask for every conversation.
    replies = {reply.body.split("\n")[0].rstrip() for reply in own(github, comments, REPLY)}
    for comment in comments:
        timely = since <= comment.created_at <= now - SETTLING and mark(comment) not in replies
        if timely and not comment.author.is_bot and parse(comment.body):
            name = f"comment {comment.id}: answered"
            if not report.attempt(name, lambda c=comment: _answer(github, c, handle)):
                report.waiting.append(comment)
    return report


def _answer(github: GitHub, comment: Comment, handle: Callable[[Comment], object]) -> bool:
    """Whether a comment had to be answered, and was."""
    try:
        mine = comment.author.id == github.me().id
        if mine or answered(comment, github.comments(comment.number), github):
            return False
    except Failed as error:
        if error.status in GONE:  # deleted meanwhile, with all around it
            return False
        raise
    handle(comment)
    return True


def missed_proposals(
    github: GitHub, comments: Sequence[Comment], since: datetime, now: datetime
) -> Iterator[Issue]:
    """Open proposals of late that have no answer, even if they are recorded.

    Args:
        github: the repository.
        comments: all that changed since then.
        since: how far to look back.
        now: the present moment.
    """
    answered_ones = {one.number for one in own(github, comments, PROPOSAL_MARK)}
    for issue in github.issues([PROPOSAL[0]]):
        timely = since <= issue.created_at <= now - SETTLING
        if timely and not (issue.is_pull or issue.author.is_bot or issue.number in answered_ones):
            yield issue


def _list_overdue(github: GitHub, text: str) -> bool:
    """Keep the one list; nothing is opened while nothing is late."""
    me = github.me().id
    found = (i for i in github.issues([OVERDUE], only_open=False) if i.author.id == me)
    issue = next(found, None)
    if issue is None:
        if not text:
            return False
        body = "What is late in this term; the comment below is kept up to date."
        issue = github.create_issue(OVERDUE_TITLE, body, [OVERDUE])
    return pin(
        github, issue.number, f"{OVERDUE_MARK}\n{text or 'Nothing is late.'}\n", OVERDUE_MARK
    )
