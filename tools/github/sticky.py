"""The status of an entry: one comment of the bot's per pull request, edited in place.

It is found by a mark that nobody sees and by its author, so that nobody else's comment is taken
for it. Its text follows from the ledger and the deadlines that have passed, not from the minute:
most of the time there is nothing to edit. People stand in code spans: nobody is notified.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from tools.github.port import Comment, GitHub
from tools.github.speech import spoken
from tools.process.ledger.state import OVER, Submission, Submitted
from tools.process.obligations import TEAM, Obligation, obligations
from tools.process.rules.policy import Policy
from tools.process.times import both
from tools.text import code_span, escape, one_line

MARK = "<!-- zoo:status "
# What to write in a comment, by how the command line says it; the rest is for a terminal only.
COMMANDS = {
    "zoo approve": ("/zoo approve", "/zoo decline -- reason"),
    "zoo submit": ("/zoo submit {version}",),
    "zoo close": ("/zoo close",),
    "zoo assign": ("/zoo assign",),
    "zoo review agree": ("/zoo accept", "/zoo decline -- reason"),
    "zoo review file": ("/zoo scaffold", "/zoo file"),
    "zoo respond": ("/zoo respond",),
    "zoo verify-fix": ("/zoo verify FINDING verified",),
    "zoo accept": ("/zoo accept",),
    "zoo unhold": ("/zoo unhold",),
    "zoo publish entry": ("/zoo publish",),
}


def status_text(state: Submission, policy: Policy, now: datetime) -> str:
    """Where an entry stands, its dates, what was written about it, and who owes what."""
    zone = policy.zone
    since = f", since {both(state.since, zone)}" if state.since else ""
    lines = [f"{MARK}{state.model} -->", f"### {code(state.model)}: {state.stage}", ""]
    if state.proposal:
        title = escape(one_line(state.proposal.title))
        lines += [f"{title}, by {', '.join(map(code, state.team))}.", ""]
    lines += [f"- **Stage**: {state.stage}{since}", *_versions(state, policy), ""]
    # Who wants a grade looked at again is between that person and the instructor.
    owed = [o for o in obligations(state, now) if not o.command.startswith("zoo regrade")]
    if owed:
        lines += ["| who | owes | until | write |", "|---|---|---|---|"]
        lines += [_row(state, item, policy) for item in owed]
    elif state.stage not in OVER:
        lines.append("Nobody owes anything.")
    lines += ["", "`/zoo help` says what you can do here now."]
    return "\n".join(lines) + "\n"


def update_status(
    github: GitHub,
    number: int,
    state: Submission,
    policy: Policy,
    now: datetime,
    known: Sequence[Comment] = (),
) -> bool:
    """Write the status comment, or change it where its text has; whether anything was done."""
    return pin(github, number, status_text(state, policy, now), MARK, known)


def pin(github: GitHub, number: int, text: str, mark: str, known: Sequence[Comment] = ()) -> bool:
    """Keep one comment of the bot's that begins with a mark; whether anything was done.

    It is looked for among comments that are known; where it is not, GitHub is asked.
    """
    here = [one for one in known if one.number == number]
    there = next(own(github, here, mark), None) if here else None
    there = there or next(own(github, github.comments(number), mark), None)
    if there is None:
        github.create_comment(number, text)
    elif _plain(there.body) != _plain(text):
        github.update_comment(there.id, text)
    else:
        return False
    return True


def own(github: GitHub, comments: Iterable[Comment], mark: str) -> Iterator[Comment]:
    """The comments that begin with a mark and that the bot itself has written."""
    me = github.me().id
    return (c for c in comments if c.author.id == me and c.body.startswith(mark))


def code(text: str) -> str:
    """One line of code: nothing in it is markup, and nobody is notified."""
    return code_span(one_line(text))


def commands(item: Obligation) -> list[str]:
    """What to write in a comment, or else in a terminal, to do what is owed."""
    words = item.command.split()
    for said, written in COMMANDS.items():
        if words[: len(said.split())] == said.split():
            return [line.format(version=words[-1]) for line in written]
    return [item.command]


def when(item: Obligation, policy: Policy) -> str:
    """The deadline in both times; when it has passed, until when late work is taken."""
    if item.until is None:
        return ""
    due = both(item.until, policy.zone)
    if not item.late:
        return due
    closing = f"; closes {both(item.closes, policy.zone)}" if item.closes else ""
    return f"**late**, due {due}{closing}"


def who(state: Submission, item: Obligation) -> str:
    """Whom it concerns."""
    people = state.team if item.who == TEAM else [item.who]
    return ", ".join(code(name) if name.startswith("@") else name for name in people)


def _plain(body: str) -> str:
    """A comment's text, however its lines end."""
    return body.replace("\r\n", "\n").strip()


def _row(state: Submission, item: Obligation, policy: Policy) -> str:
    said = " or ".join(map(code, commands(item)))
    what = escape(spoken(item.what, state.model))
    return f"| {who(state, item)} | {what} | {when(item, policy)} | {said} |"


def _versions(state: Submission, policy: Policy) -> Iterator[str]:
    """The dates and counts of what was submitted, reviewed, answered and signed off."""
    if state.rules is None:
        return
    yield from _version("Version 1", state.v1, state.due("v1"), policy)
    if state.reviews:
        filed = sum(r.status in ("filed", "revealed") for r in state.reviews.values())
        due = state.due("review")
        until = f", until {both(due, policy.zone)}" if due and not state.closed_at else ""
        yield f"- **Reviews**: {filed} of {len(state.reviews)} filed{until}{_links(state)}"
    if state.revealed_at:
        count, answered = len(state.findings), len(state.findings) - len(state.unanswered)
        signed = count - len(state.unsigned)
        yield f"- **Findings**: {count}, {answered} answered, {signed} signed off"
    if state.v1:
        yield from _version("Version 2", state.v2, state.due("v2"), policy)


def _version(
    name: str, made: Submitted | None, due: datetime | None, policy: Policy
) -> Iterator[str]:
    if made:
        late = ", late" if made.late else ""
        yield f"- **{name}**: {code(made.commit[:12])}, {both(made.at, policy.zone)}{late}"
    elif due:
        yield f"- **{name}**: due {both(due, policy.zone)}"


def _links(state: Submission) -> str:
    """Links to reviews that are open; they lead from the page of an issue or pull request."""
    names = [r.reviewer.removeprefix("@") for r in state.reviews.values() if r.status == "revealed"]
    folder = f"../blob/HEAD/reviews/{state.model}/v1"
    return "".join(f"; [{code(name)}]({folder}/{name}.md)" for name in names)
