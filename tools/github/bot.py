"""A comment is answered: its commands are read, run in their order, and replied to once.

`handle_comment` works on the record and may run again, when the record's branch has moved;
`answer` comes after the push, and tells people what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tools.github.acts import perform, was_recorded
from tools.github.authority import Asker, asking
from tools.github.commands import Command, Malformed, parse
from tools.github.port import COMMENT_LIMIT, Comment, Failed, GitHub, Reaction
from tools.github.scene import Done, Scene, Subject, subject_of
from tools.github.speech import spoken
from tools.github.writer import made_refs, restore_refs
from tools.process.git import git, head
from tools.process.record import Record
from tools.text import code_span, one_line
from zoo.core.errors import ZooError

GONE = (404, 410)
REPLY = "<!-- zoo:reply "
REPLY_LIMIT = COMMENT_LIMIT - 5_000  # leaves room for the mark, and what is done after the push
SORRY = "something broke here, and nothing more was run; the instructor can see the log"
MUTE = "GitHub did not answer, and nothing more was run: write it again later"
HOPE = timedelta(hours=6)  # after a comment, for which GitHub that does not answer is asked again


@dataclass(frozen=True)
class Reply:
    """What to answer to a comment.

    Attributes:
        text: Markdown; empty for no answer.
        reaction: rocket when all was done, confused when something was not; None for none.
        changed: whether anything was recorded, by an earlier delivery perhaps.
        later: what is done on GitHub once the record is pushed; each gives a line.
        subject: what the comment's place is about, as far as that was looked up.
        comments: those of that place, as they were before.
        broken: what went wrong that is nobody's mistake but ours, for the log.
    """

    text: str = ""
    reaction: Reaction | None = None
    changed: bool = False
    later: tuple[Callable[[GitHub], str], ...] = ()
    subject: Subject | None = None
    comments: tuple[Comment, ...] = ()
    broken: Exception | None = None


SILENCE = Reply()


def mark(comment: Comment) -> str:
    """What a reply begins with, unseen: which comment it answers."""
    return f"{REPLY}comment-{comment.id} -->"


def answered(comment: Comment, comments: Iterable[Comment], github: GitHub) -> bool:
    """Whether the bot itself has replied to a comment, among those of its place."""
    me = github.me().id
    return any(one.author.id == me and one.body.startswith(mark(comment)) for one in comments)


def handle_comment(comment: Comment, github: GitHub, record: Record, now: datetime) -> Reply:
    """Run the commands of a comment that was newly written; the same comment again does nothing.

    Args:
        comment: as it was delivered.
        github: the repository.
        record: the newest one; what is recorded is committed, not pushed.
        now: the present moment.
    """
    if comment.author.is_bot:
        return SILENCE
    commands = parse(comment.body)
    if not commands or comment.author.id == github.me().id:
        return SILENCE
    try:
        comments = tuple(github.comments(comment.number))
        if answered(comment, comments, github):
            return SILENCE
        github.react(comment.id, "eyes")
    except Failed as error:
        if error.status in GONE:  # deleted: its author has thought better of it
            return SILENCE
        raise
    if comment.updated_at != comment.created_at:
        return _refused("this comment was edited, and only new ones act: write it again")
    if isinstance(commands, Malformed):
        return _refused(_malformed(commands))
    return replace(_run_all(commands, comment, github, record, now), comments=comments)


def _refused(text: str) -> Reply:
    return Reply(text, "confused")


def _malformed(wrong: Malformed) -> str:
    """One line: what was written, why it is no command, what to write."""
    line = f"{code_span(wrong.line)}: " if wrong.line else ""
    said = code_span(one_line(f"{wrong.why}; {wrong.fix}"))
    return f"Nothing was run. {line}{said}"


def _run_all(
    commands: list[Command], comment: Comment, github: GitHub, record: Record, now: datetime
) -> Reply:
    """Run commands up to the first that is refused; each is committed, or leaves nothing.

    They count as of the comment's own time, by GitHub's clock: who was in time is not late because
    a job was.
    """
    record.said_at = comment.created_at
    before, broken = head(record.root), None
    results: list[tuple[Command, Done]] = []
    place: tuple[Asker, Subject] | None = None
    for command in commands:
        refs = made_refs(record.root)
        scene, name = None, f"comment-{comment.id}-{command.index}"
        try:
            place = place or (
                asking(comment.author, record.roster, github),
                subject_of(github, record, comment.number),
            )
            asker, subject = place
            scene = Scene(record, github, comment.number, subject, asker, name, now)
            done = perform(scene, command)
            if scene.appended:
                words = f"{scene.model}: /zoo {command.verb} (comment {comment.id})"
                record.commit(words, *scene.written)
        except ZooError as error:
            rule = spoken(str(error), place[1].model if place else "")
            done = Done(f"refused: {code_span(one_line(rule))}", refused=True)
        except Exception as error:
            if isinstance(error, Failed) and _hopeful(error, comment, record, name, now):
                raise  # nothing is pushed: the clock finds the comment, and runs all of it
            broken = error
            done = Done(MUTE if isinstance(error, Failed) else SORRY, refused=True)
        results.append((command, done))
        if done.refused:
            if scene and scene.appended:
                _undo(record, refs)
            break
    return Reply(
        _text(commands, results),
        "confused" if results[-1][1].refused else "rocket",
        head(record.root) != before or any(done.recorded for _, done in results),
        tuple(done.later for _, done in results if done.later),
        place[1] if place else None,
        broken=broken,
    )


def _hopeful(error: Failed, comment: Comment, record: Record, name: str, now: datetime) -> bool:
    """Whether a later delivery does better, and counts as of the same comment."""
    young = error.status not in GONE and now - comment.created_at < HOPE
    return young or was_recorded(record, name)


def _undo(record: Record, refs: dict[str, str]) -> None:
    """Forget what a command wrote and tagged before it failed: the clone is the bot's own."""
    restore_refs(record.root, refs)
    git(record.root, "checkout", "--quiet", "HEAD", "--", "reviews")
    git(record.root, "clean", "-fdq", "--", "reviews")


def _text(commands: list[Command], results: list[tuple[Command, Done]]) -> str:
    """A line per command, then what is longer; what was not run is named."""
    lines = [f"{_said(command)}: {done.text}" for command, done in results]
    lines += [f"{_said(command)}: not run" for command in commands[len(results) :]]
    parts = ["\n".join(f"- {line}" for line in lines) if len(lines) > 1 else lines[0]]
    parts += [done.block for _, done in results if done.block]
    text = "\n\n".join(parts)
    if len(text) > REPLY_LIMIT:
        text = "\n\n".join([parts[0], "The rest is too long for a comment: use the command line."])
    return text


def _said(command: Command) -> str:
    """A command as the reply names it: without its reason, which stands in the comment."""
    return code_span(" ".join(["/zoo", command.verb, *filter(None, command.arguments.values())]))


def answer(comment: Comment, reply: Reply, github: GitHub) -> None:
    """Do what waits for the push, write the reply, and react.

    Raises:
        Exception: what broke, for the log, after the reply is written.
    """
    if reply.text:
        try:
            more = [line(github) for line in reply.later]
            github.create_comment(comment.number, "\n".join([mark(comment), reply.text, *more]))
            if reply.reaction:
                github.react(comment.id, reply.reaction)
        except Failed as error:
            if error.status not in GONE:  # the comment or its issue was deleted meanwhile
                raise
    if reply.broken:
        raise reply.broken
