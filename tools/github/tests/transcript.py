"""What was said in a story, as a page that a person can read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tools.github.client import ACTIONS_BOT

COMMENT = re.compile(r".*/issues/(\d+)/comments")
MARK = re.compile(r"<!-- zoo:.*?-->\n?")
HEX = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{12})(?![0-9a-f])")
INTRODUCTION = """\
# A submission, from its proposal to its merge

Written by `test_end_to_end.py`: people and bot on an emulated GitHub. Quotes are comments, whole;
the status comment is edited in place, which is shown by its heading. Names of commits and texts
are replaced by numbers.
"""


@dataclass(frozen=True)
class Seen:
    """A request of the bot, and when its answer was there."""

    method: str
    path: str
    body: dict[str, Any]
    at: float


@dataclass
class Transcript:
    """Lines in the order in which things happened.

    Attributes:
        moment: the present one, as 2026-10-01T10:00:00Z.
    """

    moment: str = ""
    _parts: list[str] = field(default_factory=list)
    _day: str = ""

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._parts.append(f"## {title}")
        self._day = ""

    def does(self, who: str, what: str) -> None:
        """Somebody did something without words."""
        self._parts.append(f"{self._when()}**{who}** {what}.")

    def says(self, who: str, where: str, text: str) -> None:
        """Somebody wrote something."""
        quoted = "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())
        self._parts.append(f"{self._when()}**{who}** {where}:\n\n{quoted}")

    def bot(self, requests: list[Seen]) -> None:
        """What the bot wrote."""
        for one in requests:
            match = COMMENT.fullmatch(one.path)
            if one.method == "POST" and match:
                self.says(ACTIONS_BOT, f"in #{match[1]}", MARK.sub("", one.body["body"]))
            elif one.method == "POST" and one.path.endswith("/reactions"):
                self.does(ACTIONS_BOT, f"reacts: {one.body['content']}")
            elif one.method == "PATCH" and "/issues/comments/" in one.path:
                title = MARK.sub("", one.body["body"]).strip().splitlines()[0]
                self.does(ACTIONS_BOT, f"edits its comment, which says: {title.lstrip('# ')}")
            elif one.method == "PUT" and one.path.endswith("/labels"):
                labels = ", ".join(f"`{name}`" for name in one.body["labels"])
                self.does(ACTIONS_BOT, f"labels #{one.path.split('/')[-2]} {labels}")
            elif one.method == "PUT" and one.path.endswith("/merge"):
                self.does(ACTIONS_BOT, f"merges #{one.path.split('/')[-2]}")

    def page(self) -> str:
        """Markdown."""
        return HEX.sub(Numbers(), "\n".join([INTRODUCTION, "\n\n".join(self._parts), ""]))

    def _when(self) -> str:
        """The day, where it is another; the hour."""
        at = datetime.fromisoformat(self.moment)
        day = f"{at:%A} {at.day} {at:%B}"
        head = "" if day == self._day else f"### {day}\n\n"
        self._day = day
        return f"{head}{at:%H:%M} UTC, "


class Numbers:
    """Replaces each name of a commit or text by a number, so that pages can be compared."""

    def __init__(self) -> None:
        self._known: list[str] = []

    def __call__(self, match: re.Match[str]) -> str:
        """The number of a name; a short one is the beginning of a long one."""
        name = match[0][:12]
        if name not in self._known:
            self._known.append(name)
        return f"‹{self._known.index(name) + 1}›"
