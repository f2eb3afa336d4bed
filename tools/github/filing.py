"""Reviews from pull requests: a file of the reviewer's own, or comments on the entry's lines.

A pull request that touches `reviews/<model>/v1/` files that one file; another one is that of an
entry, and the review is what `inline` makes of the comments on it and of the reviewer's form.
Texts come through GitHub by path and commit, never from a checkout of the pull request. Who may see
the pull request can read them there: sealing only fixes which text counts.
"""

from __future__ import annotations

import hashlib
import re

from tools.github.inline import compile_inline
from tools.github.port import ChangedFile, Comment, Failed, GitHub, Pull
from tools.github.scene import into_default
from tools.github.speech import spoken
from tools.process.ledger.events import ReviewFiled
from tools.process.record import Record
from tools.process.review.lint import Remark
from tools.process.review.reviewdraft import draft_text
from tools.process.review.reviewfile import review_path
from tools.process.review.sealing import reveal_review, seal
from tools.process.review.writing import remarks_on, reviewing
from tools.process.times import both
from tools.text import one_line
from tools.yamltext import LIMIT
from zoo.core.errors import ZooError

_REVIEW = re.compile(r"reviews/(?P<model>[a-z0-9_]+)/v1/[^/]+\.md")
_FENCE = re.compile(r"(`{4,}|~{4,})[^`]*")


def scaffold(record: Record, model: str, actor: str) -> str:
    """The form of a review of the frozen version, and the two ways to hand it in; Markdown."""
    state, reviewer = reviewing(record, model, actor)
    path = review_path(record, model, reviewer).relative_to(record.root).as_posix()
    form = spoken(draft_text(state, record.policy, reviewer, f"the tag {model}/v1"), model)
    longest = max((len(run) for run in re.findall("`+", form)), default=0)
    fence = "`" * max(4, longest + 1)
    due = state.due("review", reviewer)
    until = f" It is due {both(due, record.policy.zone)}." if due else ""
    assert state.v1 is not None
    return "\n".join(
        [
            f"This is the form of your review of `{model}`, frozen at `{state.v1.commit}`.{until}",
            "",
            f"- As a file: open a pull request that adds `{path}` and nothing else, and say "
            "`/zoo file` there.",
            "- Or here: comment on lines of the frozen commit with "
            "`**[major][mathematics]** Title` and the paragraphs `**Expected.**`, "
            "`**Observed.**`, `**Suggestion.**`; submit them with the form, filled in, as the "
            "text of your review; then say `/zoo file` here.",
            "",
            "Either way, who sees the pull request can read your review before the others are in.",
            "",
            f"{fence}markdown",
            form.rstrip("\n"),
            fence,
        ]
    )


def lint(record: Record, model: str, actor: str, text: str) -> list[str]:
    """What a review still lacks, one plain line per broken rule; empty when it may be filed.

    The lines quote the review: whoever puts them into Markdown escapes them.
    """
    state, reviewer = reviewing(record, model, actor)
    return [spoken(_said(remark), model) for remark in remarks_on(record, state, reviewer, text)]


def _said(remark: Remark) -> str:
    advice = " (advice)" if remark.warning else ""
    return one_line(f"line {remark.line}{advice}: {remark.rule}; {remark.fix}")


def review_text(record: Record, github: GitHub, pull: Pull, actor: str) -> tuple[str, str]:
    """(entry, text) of the review that a pull request holds, as a file or in comments.

    Raises:
        ZooError: it holds none of this reviewer's, or more than that; the rule and the fix.
    """
    changes = github.changed_files(pull.base_sha, pull.head_sha)
    if any(re.match("reviews/[^/]*/v1/", change.path) for change in changes):
        return _from_file(record, github, pull, changes, actor)
    touched = {change.path.split("/")[1] for change in changes if change.path.startswith("zoo/")}
    models = sorted(touched & set(record.models()))
    if len(models) != 1:
        named = ", ".join(models) or "no entry with a ledger"
        rule = f"this pull request is that of {named}"
        raise ZooError(f"{rule}: say it in that of one entry, or in one that adds your review")
    head = _form(record, github, pull.number, actor)
    text = compile_inline(record, github, pull.number, models[0], actor, head)
    return models[0], text


def file_review(record: Record, github: GitHub, pull: Pull, actor: str, event_id: str) -> str:
    """File the review that a pull request holds, sealed; what to answer, in Markdown.

    A later filing before the close replaces it. The same delivery again changes nothing.

    Raises:
        ZooError: the rule that it breaks and the fix; nothing was recorded.
    """
    for model, before in record.states().items():
        if event_id in before.seen:
            return _filed(record, model, actor)
    model, text = review_text(record, github, pull, actor)
    state, reviewer = reviewing(record, model, actor)
    wrong = [_said(r) for r in remarks_on(record, state, reviewer, text) if not r.warning]
    if wrong:
        more = f" (and {len(wrong) - 1} more: /zoo lint)" if len(wrong) > 1 else ""
        raise ZooError(f"your review was not filed: {wrong[0]}{more}")
    digest = seal(record, model, reviewer, text.encode())
    record.append(model, reviewer, ReviewFiled(digest), event_id=event_id)
    record.commit(f"{model}: a review was filed, sealed")
    return _filed(record, model, actor)


def _filed(record: Record, model: str, actor: str) -> str:
    """What the ledger says about a filed review."""
    review = record.state(model).reviews[record.roster.find(actor).handle]
    late = ", late: the penalty of the policy applies" if review.late else ""
    return (
        f"Your review of `{model}` is filed{late}; sha256 `{review.sha256}`.\n\n"
        "The text can be read by whoever sees this pull request: the seal only fixes which text "
        "counts. What you change here from now on counts when you say `/zoo file` again, before "
        "reviews are closed."
    )


def _from_file(
    record: Record, github: GitHub, pull: Pull, changes: list[ChangedFile], actor: str
) -> tuple[str, str]:
    """(entry, text) of the one file of a pull request, which must be its author's own review."""
    person = record.roster.find(actor)
    if person.github_id is None or person.github_id != pull.author.id:
        rule = f"this pull request is not by {person.handle}"
        raise ZooError(f"{rule}: a review is filed by its reviewer, from an own pull request")
    if len(changes) != 1:
        rule = f"this pull request changes {len(changes)} files"
        raise ZooError(f"{rule}: one with a review changes reviews/<model>/v1/<you>.md alone")
    change = changes[0]
    match = _REVIEW.fullmatch(change.path)
    model = match["model"] if match else ""
    mine = review_path(record, model, actor).relative_to(record.root).as_posix() if model else ""
    if model not in record.models() or change.path != mine:
        name = person.handle.removeprefix("@")
        rule = f"{one_line(change.path)} is not the file of your review"
        raise ZooError(f"{rule}: that is reviews/<model>/v1/{name}.md, of an entry you review")
    if change.status not in ("added", "modified"):
        raise ZooError(f"{mine} is {one_line(change.status)}: add it, or change its text")
    try:
        text = github.file_text(mine, pull.head_sha)
    except Failed as error:
        raise ZooError(f"{mine} cannot be read: {one_line(error)}; mend it, or try again") from None
    size = len(text.encode()) if text is not None else 0
    if size > LIMIT:
        raise ZooError(f"{mine} has {size} bytes: the limit is {LIMIT}, keep data out of it")
    if text is None or change.blob != _blob(text.encode()):
        rule = f"{mine} is no text file in UTF-8 of at most {LIMIT} bytes"
        raise ZooError(f"{rule}: commit it as an ordinary file, not as a link or a submodule")
    return model, text


def _blob(content: bytes) -> str:
    """What git calls this content: GitHub follows links, and the content of a link is another."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _form(record: Record, github: GitHub, number: int, actor: str) -> str:
    """The newest form that the reviewer posted, in a review's own text or in a comment."""
    account = record.roster.find(actor).github_id
    posted = [*github.review_bodies(number), *github.comments(number)]
    mine = [post for post in posted if account is not None and post.author.id == account]
    mine.sort(key=lambda post: (post.created_at, post.id))
    forms = [form for form in map(_form_in, mine) if form]
    if not forms:
        rule = "you have not posted the form of your review here"
        raise ZooError(f"{rule}: /zoo scaffold shows it; post it, filled in, and say /zoo file")
    return forms[-1]


def _form_in(post: Comment) -> str:
    """The form in a post, fenced or as it is, without the commands around it; or nothing."""
    lines = post.body.replace("\r\n", "\n").split("\n")
    for at, line in enumerate(lines[:-1]):
        fence = _FENCE.fullmatch(line)
        if fence and lines[at + 1].rstrip() == "---":
            rest = [line.rstrip() for line in lines[at + 1 :]]
            lines = rest[: rest.index(fence[1])] if fence[1] in rest else rest
            break
    said = [at for at, line in enumerate(lines) if line.strip() and not _is_command(line)]
    kept = lines[said[0] : said[-1] + 1] if said else [""]
    return "\n".join([*kept, ""]) if kept[0].rstrip() == "---" else ""


def _is_command(line: str) -> bool:
    return line.lower().startswith("/zoo")


def reveal_from_pulls(record: Record, model: str, actor: str) -> list[str]:
    """Open every filed review of a closed round whose text is here; handles of the rest.

    Texts filed on GitHub are here, since the record's writer carries them along; one that was
    filed elsewhere is opened by its reviewer.
    """
    opened, waiting = [], []
    for name, review in record.state(model).reviews.items():
        if review.status != "filed":
            continue
        try:
            opened.append(reveal_review(record, model, name, actor))
        except ZooError:
            waiting.append(name)
    if opened:
        names = ", ".join(f"@{path.stem}" for path in opened)
        record.commit(f"{model}: open the reviews of {names}", *opened)
    return waiting


def merge_revealed(record: Record, github: GitHub) -> list[int]:
    """Merge pull requests that only add an opened review, once the record has it; their numbers.

    The merge changes no byte: one whose file is another than was filed is closed instead.
    """
    done = []
    for issue in list(github.issues()):
        by = [p.handle for p in record.roster.people.values() if p.github_id == issue.author.id]
        pull = github.pull(issue.number) if issue.is_pull and len(by) == 1 else None
        if pull is None or not pull.is_open or not into_default(record.root, pull):
            continue
        try:
            changes = github.changed_files(pull.base_sha, pull.head_sha)
        except ZooError:  # more files than GitHub lists: no review
            continue
        if len(changes) == 1 and _REVIEW.fullmatch(changes[0].path):
            done += _finish(record, github, pull, changes, by[0])
    return done


def _finish(
    record: Record, github: GitHub, pull: Pull, changes: list[ChangedFile], reviewer: str
) -> list[int]:
    """Merge or close one pull request with a review, if that review is open."""
    try:
        model, text = _from_file(record, github, pull, changes, reviewer)
    except ZooError:
        return []
    review = record.state(model).reviews.get(reviewer)
    if review is None or review.status != "revealed":
        return []
    if hashlib.sha256(text.encode()).hexdigest() == review.sha256:
        try:
            github.merge(pull.number, pull.head_sha, f"{model}: the review of {reviewer}")
            return [pull.number]
        except Failed:
            pass  # rules of the branch, or a conflict: the record has the text all the same
    github.create_comment(
        pull.number,
        f"The review of `{model}` is open: the text that was filed (sha256 `{review.sha256}`) is "
        f"in the record, at `{changes[0].path}`. Nothing here is left to merge.",
    )
    github.close_issue(pull.number)
    return [pull.number]
