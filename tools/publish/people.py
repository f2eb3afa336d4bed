"""Under which name a person appears in what is published."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tools.process.rules.roster import HANDLE, Roster

Appears = Literal["name", "handle", "anonymous", "none"]


@dataclass(frozen=True)
class People:
    """Names by consent: real name, handle, a pseudonym, or not at all.

    Attributes:
        roster: the people of the term.
        pseudonyms: by handle in lower case, for who appears anonymously.
    """

    roster: Roster
    pseudonyms: dict[str, str] = field(default_factory=dict)

    def shown(self, handle: str) -> str:
        """How this person is called in public: "Ada L.", "@dev-one", "anonymous-2"."""
        key = "@" + handle.removeprefix("@").lower()
        return self.pseudonyms.get(key, handle)

    def text(self, text: str) -> str:
        """A text in which every handle that must not appear is replaced."""
        return HANDLE.sub(lambda found: self.shown(found.group()), text)
