"""GitHub's JSON as records of the port; a KeyError or TypeError for what is not as described."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tools.github.port import (
    Artifact,
    ChangedFile,
    Check,
    Comment,
    InlineComment,
    Issue,
    Permission,
    Pull,
    Run,
    User,
)

GHOST = User(10137, "ghost")
"""Whom GitHub shows in the place of a deleted account."""

# The older field knows four permissions; the newer one names roles, an organisation's own too.
STANDS_FOR: dict[str, Permission] = {
    "admin": "admin",
    "maintain": "write",
    "write": "write",
    "triage": "read",
    "read": "read",
    "none": "none",
}


def user(data: Any) -> User:
    """An account; null is a deleted one."""
    if data is None:
        return GHOST
    return User(_number(data["id"]), _text(data["login"]), data.get("type") == "Bot")


def permission(data: Any) -> Permission:
    """What a collaborator may do: the role where it fits the older field, else that field."""
    old, role = data["permission"], data.get("role_name")
    if role in STANDS_FOR and STANDS_FOR[role] == old:
        return role
    return old if old in ("admin", "write", "read") else "none"


def comment(data: Any) -> Comment:
    """A comment in a conversation."""
    return Comment(
        id=_number(data["id"]),
        number=int(data["issue_url"].rsplit("/", 1)[1]),
        author=user(data["user"]),
        body=_text(data.get("body")),
        created_at=moment(data["created_at"]),
        updated_at=moment(data["updated_at"]),
        url=_text(data["html_url"]),
    )


def issue(data: Any) -> Issue:
    """An issue, or the conversation of a pull request."""
    milestone = data.get("milestone")
    return Issue(
        number=_number(data["number"]),
        author=user(data["user"]),
        title=_text(data["title"]),
        body=_text(data.get("body")),
        labels=tuple(x if isinstance(x, str) else _text(x["name"]) for x in data["labels"]),
        is_open=data["state"] == "open",
        is_pull="pull_request" in data,
        created_at=moment(data["created_at"]),
        updated_at=moment(data["updated_at"]),
        milestone=_text(milestone["title"]) if milestone else None,
    )


def pull(data: Any) -> Pull:
    """A pull request."""
    base, head = data["base"], data["head"]
    return Pull(
        number=_number(data["number"]),
        author=user(data["user"]),
        base_sha=_text(base["sha"]),
        base_branch=_text(base["ref"]),
        head_sha=_text(head["sha"]),
        head_branch=_text(head["ref"]),
        is_open=data["state"] == "open",
        is_draft=bool(data.get("draft")),
        merged=bool(data.get("merged", data.get("merged_at"))),
    )


def changed_file(data: Any) -> ChangedFile:
    """A file of a comparison."""
    return ChangedFile(
        path=_text(data["filename"]),
        status=_text(data["status"]),
        previous_path=data.get("previous_filename"),
        blob=_text(data.get("sha")),
    )


def comparison(data: Any) -> list[ChangedFile]:
    """The files of a comparison."""
    return [changed_file(file) for file in data["files"]]


def content(data: Any) -> dict[str, Any] | None:
    """A file; None for a folder, a submodule, a link that leads nowhere."""
    return data if isinstance(data, dict) and data["type"] == "file" else None


def inline_comment(data: Any) -> InlineComment:
    """A comment on lines, where it was written.

    `line` and `commit_id` move on as commits follow, and become null; the original ones stay.
    A comment on a whole file, or on a line that the pull request removes, has no lines in it.
    """
    on_head = data.get("subject_type", "line") == "line" and data.get("side") != "LEFT"
    written = "original_" if data.get("original_line") else ""
    last = data.get(f"{written}line")
    first = data.get(f"{written}start_line") or last
    return InlineComment(
        id=_number(data["id"]),
        review_id=_number(data.get("pull_request_review_id") or 0),
        author=user(data["user"]),
        body=_text(data.get("body")),
        path=_text(data["path"]),
        first=first if on_head else None,
        last=last if on_head else None,
        commit=_text(data.get("original_commit_id") or data["commit_id"]),
    )


def review(number: int, data: Any) -> Comment | None:
    """What a reviewer submitted above the lines; None for nothing, or for a draft."""
    if not data["body"] or data.get("submitted_at") is None:
        return None
    at = moment(data["submitted_at"])
    url = _text(data["html_url"])
    return Comment(
        _number(data["id"]), number, user(data["user"]), _text(data["body"]), at, at, url
    )


def reaction(data: Any) -> tuple[User, str]:
    """Who reacted how."""
    return user(data["user"]), _text(data["content"])


def check_run(data: Any) -> tuple[int, Check | None]:
    """Number of a check run; how it ended, None while it has not."""
    ended = data["status"] == "completed" and data["completed_at"]
    check = Check(_text(data["conclusion"]), moment(ended)) if ended else None
    return _number(data["id"]), check


def label(data: Any) -> tuple[str, str, str]:
    """Name, colour, description."""
    return _text(data["name"]), _text(data["color"]).lower(), _text(data["description"])


def milestone(data: Any) -> tuple[str, int, datetime | None]:
    """Title, number, due date."""
    due = data["due_on"] and moment(data["due_on"])
    return _text(data["title"]), _number(data["number"]), due or None


def run(data: Any) -> Run:
    """A workflow run."""
    return Run(
        id=_number(data["id"]),
        workflow=_text(data.get("name")),
        event=_text(data["event"]),
        head_sha=_text(data["head_sha"]),
        conclusion=data["conclusion"],
    )


def artifact(data: Any) -> Artifact:
    """What a run left behind."""
    size, expired = _number(data["size_in_bytes"]), bool(data["expired"])
    return Artifact(_number(data["id"]), _text(data["name"]), size, expired)


def moment(text: str) -> datetime:
    """A moment as GitHub writes it: 2026-10-19T21:59:59Z."""
    return datetime.fromisoformat(text)


def _text(value: Any) -> str:
    """A string; null is the empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(value)
    return value
