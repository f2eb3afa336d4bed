"""The people of a term: `reviews/roster.yaml`, and what they would like to review."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from zoo.core.errors import ZooError, nearest

Role = Literal["developer", "reviewer", "instructor"]
Consent = Literal["name", "handle", "anonymous", "none"]
HANDLE = re.compile(r"@[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")


@dataclass(frozen=True)
class Person:
    """One person or group account; no e-mail address, and a name only by consent.

    Attributes:
        handle: "@handle", for the whole term, since ledgers hold it; compared without regard to
            case, as GitHub does.
        role: "developer" (a student: develops and reviews), "reviewer" (reviews only), or
            "instructor".
        github_id: numeric account id, which survives a renaming; null for who never acts on GitHub.
        team: name of the team, or null for who works alone or does not develop.
        conflicts: handles whose work this person must not review, nor they theirs.
        consent: how this person appears beside code and reviews that are published: with the name,
            with the handle, anonymously, or not at all, so that nothing of theirs is published.
        name: as it is to appear; only together with consent "name".
        active: whether this person takes part; false for people of earlier terms, whom ledgers
            still name.
    """

    handle: str
    role: Role
    github_id: int | None = None
    team: str | None = None
    conflicts: list[str] = field(default_factory=list)
    consent: Consent = "none"
    name: str | None = None
    active: bool = True


@dataclass(frozen=True)
class Bid:
    """What a person would like to review: `reviews/bids.yaml`, by handle.

    Attributes:
        wants: entries the person would like to review.
        avoids: entries the person would rather not review.
        families: families of models the person knows.
    """

    wants: list[str] = field(default_factory=list)
    avoids: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Roster:
    """All people of a term, by handle in lower case."""

    people: dict[str, Person]

    def find(self, handle: str) -> Person:
        """The person with a handle, with or without "@"; ZooError names the nearest."""
        key = "@" + handle.removeprefix("@").lower()
        if key not in self.people:
            hint = nearest(key, self.people)
            raise ZooError(f"'{handle}' is not in reviews/roster.yaml: {hint}")
        return self.people[key]

    def team(self, handle: str) -> list[str]:
        """Handles of everybody in this person's team, the person included, in roster order."""
        person = self.find(handle)
        if person.team is None:
            return [person.handle]
        return [other.handle for other in self.people.values() if other.team == person.team]
