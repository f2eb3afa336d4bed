"""Under which name a person appears in what is published."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass, field

from tools.process.rules.roster import HANDLE, Roster

# What makes of a bare word a handle: it stands in a key, "dev-two/F01", or names a file.
_KEY = re.compile(r"/F\d|\.md\b")


@dataclass(frozen=True)
class People:
    """Names by consent: real name, handle, or a pseudonym.

    Who consents to the name appears with it on pages, and with the handle in files that need one.
    Who consents to nothing is no part of a publication; a draft shows such people by a pseudonym.

    Attributes:
        roster: the people of the term.
        pseudonyms: "anonymous-1" by handle in lower case, for who must not be recognised.
    """

    roster: Roster
    pseudonyms: dict[str, str] = field(default_factory=dict)

    def shown(self, handle: str) -> str:
        """How this person is called in public: "Ada L.", "@dev-one", "anonymous-2"."""
        key = _key(handle)
        if key in self.pseudonyms:
            return self.pseudonyms[key]
        person = self.roster.people.get(key)
        return person.name if person and person.name else handle

    def handle(self, handle: str) -> str:
        """The same as a handle, for ledgers and cards: "@dev-one", "@anonymous-2"."""
        pseudonym = self.pseudonyms.get(_key(handle))
        return f"@{pseudonym}" if pseudonym else handle

    def text(self, text: str) -> str:
        """A text for a page: names and pseudonyms instead of handles."""
        return HANDLE.sub(lambda found: self.shown(found.group()), self._replaced(text, ""))

    def file(self, text: str) -> str:
        """A text for a file that tools read again: a pseudonym keeps the "@" of its handle."""
        return self._replaced(text, "@")

    def leftover(self, text: str) -> re.Match[str] | None:
        """A hidden handle that `file` leaves, since it may be an ordinary word."""
        return self._hidden.search(text) if self.pseudonyms else None

    def _replaced(self, text: str, at: str) -> str:
        """With "@", in keys and file names every hidden handle is replaced.

        Elsewhere it is replaced where it cannot be a word, since it has a digit or a hyphen: "max"
        stays in "max pooling".
        """

        def pseudonym(found: re.Match[str]) -> str:
            sign, name = found.groups()
            if sign or re.search(r"[0-9-]", name) or _KEY.match(found.string, found.end()):
                return at * bool(sign) + self.pseudonyms["@" + name.lower()]
            return found.group()

        return self._hidden.sub(pseudonym, text) if self.pseudonyms else text

    @functools.cached_property
    def _hidden(self) -> re.Pattern[str]:
        """("@" or nothing, handle) of everybody who must not be recognised; no part of a word."""
        names = sorted((re.escape(key[1:]) for key in self.pseudonyms), key=len, reverse=True)
        after = r"(?![A-Za-z0-9]|-[A-Za-z0-9])"
        return re.compile(rf"(?<![A-Za-z0-9-])(@?)({'|'.join(names)}){after}", re.IGNORECASE)


def people_of(roster: Roster, commit: str) -> People:
    """Everybody under the name of their consent.

    Pseudonyms are numbered in an order that handles alone do not tell, and that is the same
    wherever the same commit is published.
    """

    def order(key: str) -> str:
        return hashlib.sha256(f"{commit}{key}".encode()).hexdigest()

    hidden = [key for key, who in roster.people.items() if who.consent in ("anonymous", "none")]
    numbers = enumerate(sorted(hidden, key=order), start=1)
    return People(roster, {key: f"anonymous-{number}" for number, key in numbers})


def _key(handle: str) -> str:
    return "@" + handle.removeprefix("@").lower()
