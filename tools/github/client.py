"""GitHub's REST interface behind the port, for one repository and one token."""

from __future__ import annotations

import base64
import contextlib
import functools
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from tools.github import reading
from tools.github.port import (
    Artifact,
    ChangedFile,
    Check,
    Comment,
    Failed,
    InlineComment,
    Issue,
    Permission,
    Pull,
    Reaction,
    Run,
    User,
)
from tools.github.retry import TRIES, Patience, Unheard, pause
from tools.github.transport import SENSELESS, Transport
from tools.text import one_line
from zoo.core.errors import ZooError

T = TypeVar("T")

API = "https://api.github.com"
REPO = "/repos/{owner}/{repo}"
COMPARED = 300  # files at most, and no sign of more
SKEW = timedelta(minutes=1)  # between GitHub's clock and ours
# The token of a workflow acts as this account and may not ask who it is.
ACTIONS_BOT = "github-actions[bot]"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Client:
    """The port over HTTP.

    Faults and rate limits are waited for, some minutes in all; then `Failed`. What must not be
    written twice is looked for before it is written again.

    Attributes:
        repository: "owner/name".
    """

    def __init__(
        self,
        repository: str,
        token: str,
        *,
        base_url: str = API,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII):
            raise ZooError(f"'{one_line(repository)}' is no repository: write owner/name")
        self.repository = repository
        owner, repo = repository.split("/")
        self._names = {"owner": owner, "repo": repo}
        self._patience = Patience(sleep, now)
        self._api = Transport(token, base_url, self._patience, transport)

    @property
    def calls(self) -> int:
        """Requests sent so far, repeated ones included."""
        return self._api.calls

    def me(self) -> User:
        return self._me

    def permission(self, login: str) -> Permission:
        path = "/collaborators/{login}/permission"
        return self._find(reading.permission, path, login=login) or "none"

    def user(self, login: str) -> User | None:
        data = self._api.find("/users/{login}", login=login)
        return None if data is None else _read(reading.user, data)

    def issue(self, number: int) -> Issue | None:
        return self._find(reading.issue, "/issues/{number}", number=number)

    def issues(self, labels: Sequence[str] = (), *, only_open: bool = True) -> Iterator[Issue]:
        wanted = {"labels": ",".join(labels)} if labels else {}
        state = "open" if only_open else "all"
        return self._list(reading.issue, "/issues{?state,labels,per_page}", state=state, **wanted)

    def pull(self, number: int) -> Pull | None:
        return self._find(reading.pull, "/pulls/{number}", number=number)

    def pulls_with_head(self, sha: str) -> list[Pull]:
        # A run of a fork does not name its pull request, and commits do not know those of forks.
        pulls = self._list(reading.pull, "/pulls{?state,per_page}", state="open")
        return [pull for pull in pulls if pull.head_sha == sha]

    def changed_files(self, base_sha: str, head_sha: str) -> list[ChangedFile]:
        # The files come whole with the first page of commits, and only with that.
        data = self._api.get(
            REPO + "/compare/{base}...{head}{?per_page}",
            **self._names,
            base=base_sha,
            head=head_sha,
            per_page=1,
        )
        files = _read(reading.comparison, data)
        if len(files) >= COMPARED:
            rule = f"this pull request changes {COMPARED} files or more, and GitHub lists no more"
            raise ZooError(f"{rule}: leave out what is generated, or split it")
        return files

    def file_text(self, path: str, ref: str) -> str | None:
        parts = path.split("/")
        if {"", ".", ".."} & set(parts):
            return None
        content = self._find(reading.content, "/contents{/parts*}{?ref}", parts=parts, ref=ref)
        if content is None:
            return None
        place = f"{one_line(path)} at {one_line(ref)}"
        if content.get("encoding") != "base64":
            raise Failed(f"{place} is larger than 1 MB")
        try:
            return base64.b64decode(content["content"]).decode()
        except (KeyError, TypeError, ValueError):
            raise Failed(f"{place} is not UTF-8 text") from None

    def comment(self, comment_id: int) -> Comment | None:
        return self._find(reading.comment, "/issues/comments/{id}", id=comment_id)

    def comments(self, number: int) -> Iterator[Comment]:
        path = "/issues/{number}/comments{?per_page}"
        return self._list(reading.comment, path, number=number)

    def comments_since(self, moment: datetime) -> Iterator[Comment]:
        return self._list(
            reading.comment,
            "/issues/comments{?sort,direction,since,per_page}",
            sort="updated",
            direction="asc",
            since=_stamp(moment),
        )

    def create_comment(self, number: int, body: str) -> Comment:
        since = _stamp(self._patience.now() - SKEW)

        def post() -> Comment:
            data = self._write("POST", "/issues/{number}/comments", {"body": body}, number=number)
            return _read(reading.comment, data, kind=Unheard)

        def look() -> Comment | None:
            path = "/issues/{number}/comments{?since,per_page}"
            late = self._list(reading.comment, path, number=number, since=since)
            return next((c for c in late if self._is_ours(c.author, c.body, body)), None)

        return self._create(post, look)

    def create_issue(self, title: str, body: str, labels: Sequence[str]) -> Issue:
        since = _stamp(self._patience.now() - SKEW)

        def post() -> Issue:
            new = {"title": title, "body": body, "labels": list(labels)}
            return _read(reading.issue, self._write("POST", "/issues", new), kind=Unheard)

        def look() -> Issue | None:
            path = "/issues{?state,since,per_page}"
            late = self._list(reading.issue, path, state="all", since=since)
            ours = (i for i in late if i.title == title and self._is_ours(i.author, i.body, body))
            return next(ours, None)

        return self._create(post, look)

    def update_comment(self, comment_id: int, body: str) -> None:
        self._write("PATCH", "/issues/comments/{id}", {"body": body}, id=comment_id)

    def react(self, comment_id: int, reaction: Reaction) -> None:
        # GitHub keeps one reaction of a kind per account, so that this may simply be repeated.
        def post() -> object:
            path = "/issues/comments/{id}/reactions"
            return self._write("POST", path, {"content": reaction}, id=comment_id)

        self._create(post, lambda: None)

    def reactions(self, comment_id: int) -> list[tuple[User, str]]:
        path = "/issues/comments/{id}/reactions{?per_page}"
        return list(self._list(reading.reaction, path, id=comment_id))

    def set_labels(self, number: int, labels: Sequence[str]) -> None:
        # The address for labels alone takes no empty list, so its description says.
        method, path = (
            ("PUT", "/issues/{number}/labels") if labels else ("PATCH", "/issues/{number}")
        )
        self._write(method, path, {"labels": list(labels)}, number=number)

    def set_milestone(self, number: int, title: str | None) -> None:
        known = None if title is None else self._milestone(title)
        if title is not None and known is None:
            raise Failed(f"there is no milestone '{one_line(title)}'", 404)
        chosen = {"milestone": known and known[0]}
        self._write("PATCH", "/issues/{number}", chosen, number=number)

    def inline_comments(self, number: int) -> list[InlineComment]:
        path = "/pulls/{number}/comments{?per_page}"
        return list(self._list(reading.inline_comment, path, number=number))

    def review_bodies(self, number: int) -> list[Comment]:
        path = "/pulls/{number}/reviews{?per_page}"
        reviews = self._list(functools.partial(reading.review, number), path, number=number)
        return [review for review in reviews if review is not None]

    def check(self, sha: str, name: str) -> Check | None:
        path = "/commits/{sha}/check-runs{?check_name,filter,per_page}"
        runs = self._list(
            reading.check_run, path, "check_runs", sha=sha, check_name=name, filter="latest"
        )
        return max(runs, default=(0, None), key=lambda run: run[0])[1]

    def merge(self, number: int, sha: str, title: str) -> None:
        # Not a squash: the commits that reviews were written against stay in the history.
        wish = {"sha": sha, "commit_title": title, "merge_method": "merge"}
        try:
            self._write("PUT", "/pulls/{number}/merge", wish, number=number)
        except Failed:
            # An earlier attempt may have done it while its answer was lost.
            pull = self.pull(number)
            if pull is None or not pull.merged or pull.head_sha != sha:
                raise

    def close_issue(self, number: int) -> None:
        self._write("PATCH", "/issues/{number}", {"state": "closed"}, number=number)

    def run(self, run_id: int) -> Run | None:
        return self._find(reading.run, "/actions/runs/{id}", id=run_id)

    def artifacts(self, run_id: int) -> list[Artifact]:
        path = "/actions/runs/{id}/artifacts{?per_page}"
        return list(self._list(reading.artifact, path, "artifacts", id=run_id))

    def download_artifact(self, artifact_id: int, limit: int) -> bytes:
        path = REPO + "/actions/artifacts/{id}/zip"
        return self._api.download(path, limit, **self._names, id=artifact_id)

    def ensure_label(
        self, name: str, colour: str, description: str, *, dry_run: bool = False
    ) -> bool:
        def look() -> tuple[str, str, str] | None:
            return self._find(reading.label, "/labels/{name}", name=name)

        wanted = (name, colour.removeprefix("#").lower(), description)
        fields = {"color": wanted[1], "description": description}
        found = look()
        if dry_run:
            return found != wanted
        if found is None:
            new = {"name": name, **fields}
            self._create(lambda: self._write("POST", "/labels", new), look)
        elif found != wanted:
            # GitHub finds a label whatever its case.
            self._write("PATCH", "/labels/{name}", {"new_name": name, **fields}, name=name)
        return found != wanted

    def ensure_milestone(self, title: str, due: datetime | None, *, dry_run: bool = False) -> bool:
        fields = {} if due is None else {"due_on": _stamp(due)}
        found = self._milestone(title)
        if found is None:
            if dry_run:
                return True
            new = {"title": title, **fields}
            self._create(
                lambda: self._write("POST", "/milestones", new), lambda: self._milestone(title)
            )
            return True
        # GitHub keeps the beginning of the day in California.
        number, known = found
        if due is None or (known and timedelta(0) <= due - known <= timedelta(hours=24)):
            return False
        if not dry_run:
            self._write("PATCH", "/milestones/{number}", fields, number=number)
        return True

    @functools.cached_property
    def _me(self) -> User:
        try:
            return _read(reading.user, self._api.get("/user"))
        except Failed as failure:
            bot = self.user(ACTIONS_BOT) if failure.status == 403 else None
            if bot is None:
                raise
            return bot

    def _is_ours(self, author: User, found: str, written: str) -> bool:
        return author.id == self.me().id and _plain(found) == _plain(written)

    def _milestone(self, title: str) -> tuple[int, datetime | None] | None:
        """Number and due date of a milestone."""
        listed = self._list(reading.milestone, "/milestones{?state,per_page}", state="all")
        return next(((number, due) for name, number, due in listed if name == title), None)

    def _find(self, read: Callable[[Any], T], path: str, **names: object) -> T | None:
        data = self._api.find(REPO + path, **self._names, **names)
        return None if data is None else _read(read, data)

    def _list(
        self, read: Callable[[Any], T], path: str, key: str | None = None, **names: object
    ) -> Iterator[T]:
        for data in self._api.pages(REPO + path, key, **self._names, **names):
            yield _read(read, data)

    def _write(self, method: str, path: str, data: dict[str, Any], **names: object) -> object:
        return self._api.write(method, REPO + path, data, **self._names, **names)

    def _create(self, post: Callable[[], T], look: Callable[[], T | None]) -> T:
        """Write what must be there once: after silence it is looked for, then written again."""
        for attempt in range(1, TRIES + 1):
            try:
                return post()
            except Unheard as failure:
                lost = failure
            self._patience.wait(pause(attempt), lost)
            found = look()
            if found is not None:
                return found
        raise lost


def _read(read: Callable[[Any], T], data: object, kind: type[Failed] = Failed) -> T:
    """An answer as a record."""
    with contextlib.suppress(*SENSELESS):
        return read(data)
    raise kind("GitHub's answer is not what its documentation says")


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _plain(body: str) -> str:
    return body.replace("\r\n", "\n").strip()
