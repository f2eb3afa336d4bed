"""What a release holds: which entries, which people, which files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tools.process.git import git, head
from tools.process.ledger.events import Proposed
from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.publish.people import People, people_of
from zoo.core.errors import ZooError

IDENTITY = "The zoo <zoo@zoo.invalid>"  # of all commits of a release
_OWN = re.compile(r"reviews/([^/]+)/(events\.jsonl|v1/[^/]+\.md|v2/response\.md)")


@dataclass(frozen=True)
class Plan:
    """A release of a commit.

    Attributes:
        record: the clone.
        commit: what is released.
        published: states of the entries that go out, by name.
        left_out: stage of every other entry.
        people: everybody under their public name.
    """

    record: Record
    commit: str
    published: dict[str, Submission]
    left_out: dict[str, str]
    people: People

    @property
    def summary(self) -> bool:
        """Whether reviews go out as their findings and answers only."""
        return self.record.policy.publication.reviews == "summary"

    @cached_property
    def appearing(self) -> set[str]:
        """Handles, in lower case, of everybody whom a published ledger names."""
        found: set[str] = set()
        for model, state in self.published.items():
            found |= {who.lower() for who in (*state.team, *state.reviews, *state.refused)}
            found |= {event.actor.lower() for event in self.record.events(model)}
        return found & self.people.roster.people.keys()

    @cached_property
    def teams(self) -> dict[str, str]:
        """A public name for every team that appears: that of its first entry."""
        names: dict[str, str] = {}
        for model in sorted(self.published):
            for event in self.record.events(model):
                if isinstance(event.payload, Proposed):
                    team = self.people.roster.find(event.payload.team[0]).team
                    if team is not None:
                        names.setdefault(team, model)
        return names

    def missed(self, path: str, text: str) -> Iterator[str]:
        """A line for each entry that a lesson or an entry's code uses and that stays behind."""
        if self.left_out and path.startswith(("notebooks/", "zoo/")):
            names = "|".join(map(re.escape, self.left_out))
            use = rf"\bzoo(?:\.| import )({names})\b|\bload\(\\?[\"']({names})\\?[\"']"
            for found in re.finditer(use, text):
                line, name = text.count("\n", 0, found.start()) + 1, found[1] or found[2]
                rule = f"it uses '{name}', which is not published"
                yield f"{path}:{line}: {rule}; zoo publish entry {name}, or take it out"

    def goes_out(self, path: str) -> bool:
        """Whether a file is part of the release; projections of the ledgers are made anew."""
        top, _, rest = path.partition("/")
        if top == "zoo":
            folder, slash, _ = rest.partition("/")
            return not slash or folder == "core" or folder in self.published
        if top != "reviews":
            return True
        own = _OWN.fullmatch(path)
        if own is None:
            return path in ("reviews/policy.yaml", "reviews/roster.yaml")
        state = self.published.get(own[1])
        if state is None or not own[2].startswith("v1/"):
            return state is not None
        revealed = (r.reviewer for r in state.reviews.values() if r.status == "revealed")
        return own[2] in {f"v1/{who.removeprefix('@')}.md" for who in revealed}


def plan_of(record: Record) -> Plan:
    """The release of the present commit.

    Raises:
        ZooError: nothing is published, or there is work that is not committed.
    """
    commit = head(record.root)
    if git(record.root, "status", "--porcelain", "--untracked-files=no"):
        rule = "there are changes that are not committed, and a release is of a commit"
        raise ZooError(f"{rule}: commit them, or git restore them")
    states = record.states()
    published = {model: state for model, state in states.items() if state.stage == "published"}
    if not published:
        raise ZooError("no entry is published: zoo publish entry --all comes first")
    left_out = {model: s.stage for model, s in states.items() if model not in published}
    folders = git(record.root, "ls-files", "--", "zoo/*/recipe.py").splitlines()
    strangers = {path.split("/")[1] for path in folders} - states.keys() - {"core"}
    left_out |= dict.fromkeys(strangers, "without a ledger")
    people = people_of(record.roster, commit)
    return Plan(record, commit, published, dict(sorted(left_out.items())), people)
