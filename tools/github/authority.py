"""Who is asking, and whether they may: by the roster's numeric ids, and GitHub's permissions.

GitHub's own "author association" plays no part: it calls everybody a contributor who once had a
pull request merged. What cannot be found out is taken for a no.
"""

from __future__ import annotations

from dataclasses import dataclass

from tools.github.grammar import Verb, Who
from tools.github.port import MAINTAINERS, Failed, GitHub, User
from tools.github.verbs import VERBS, rows
from tools.process.ledger.state import Submission
from tools.process.rules.roster import Person, Roster
from zoo.core.errors import ZooError


@dataclass(frozen=True)
class Asker:
    """Who wrote a comment.

    Attributes:
        user: the account.
        person: of the roster, by the account's numeric id; None for strangers.
        doubt: why an instructor of the roster is not taken for one.
    """

    user: User
    person: Person | None
    doubt: str = ""

    @property
    def handle(self) -> str:
        """As the roster and the ledgers spell it; ZooError for strangers."""
        if self.person is None:
            rule = f"no account number {self.user.id} in reviews/roster.yaml"
            raise ZooError(f"{rule}: ask the instructor to write your github_id there")
        return self.person.handle

    def roles(self, state: Submission) -> set[Who]:
        """What the asker is at an entry."""
        found: set[Who] = {"anyone"}
        if self.person is None:
            return found
        if self.person.role == "instructor" and not self.doubt:
            found.add("instructor")
        if self.person.handle in state.team:
            found.add("developer")
        if self.person.handle in state.reviews:
            found.add("reviewer")
        return found


def asking(user: User, roster: Roster, github: GitHub) -> Asker:
    """Find a person by the account's numeric id, and confirm instructors with GitHub."""
    people = [one for one in roster.people.values() if one.github_id == user.id]
    if len(people) != 1:  # the same id twice says nothing about who this is
        return Asker(user, None)
    doubt = _doubt(user, github) if people[0].role == "instructor" else ""
    return Asker(user, people[0], doubt)


def _doubt(user: User, github: GitHub) -> str:
    """Why an account may not run a term; empty if it may."""
    try:
        # GitHub is asked by login: whose it is by now, after a renaming, is asked first.
        account = github.user(user.login)
        if account is None or account.id != user.id:
            return f"`{user.login}` is another account by now: comment again"
        permission = github.permission(user.login)
    except Failed:
        return "GitHub did not say what you may do in this repository: try again"
    if permission in MAINTAINERS:
        return ""
    needed = " or ".join(MAINTAINERS)
    return f"an instructor has the permission {needed} in the repository, you have {permission}"


def permitted(verb: str, asker: Asker, state: Submission) -> Verb:
    """The row of the table by which the asker may say a verb at an entry now.

    Raises:
        ZooError: the rule that forbids it.
    """
    roles = asker.roles(state)
    mine = [row for row in rows(verb) if roles & set(row.who)]
    if not mine:
        raise ZooError(_no_role(verb, asker, state, roles))
    timely = [row for row in mine if state.stage in row.stages]
    if not timely:
        stages = " or ".join(stage for row in mine for stage in row.stages)
        where = f"{state.model} is {state.stage}" if state.model else "there is no entry here"
        raise ZooError(f"{where}: {verb} needs {stages}")
    row = timely[0]
    own = state.reviews[asker.handle].status if row.statuses else None
    if own is not None and own not in row.statuses:
        raise ZooError(f"your review is {own}: {verb} needs {' or '.join(row.statuses)}")
    return row


def allowed(asker: Asker, state: Submission) -> list[Verb]:
    """The rows by which the asker may act at an entry now."""
    found = []
    for row in VERBS:
        try:
            if permitted(row.verb, asker, state) == row:
                found.append(row)
        except ZooError:
            continue
    return found


def _no_role(verb: str, asker: Asker, state: Submission, roles: set[Who]) -> str:
    """The rule by which a verb is for others."""
    who = list(dict.fromkeys(role for row in rows(verb) for role in row.who))
    handle = asker.handle  # strangers are told where they are missing
    if asker.doubt and "instructor" in who:
        return asker.doubt
    if "developer" in roles and verb in ("approve", "accept", "agree", "file", "scaffold", "lint"):
        act = "approves" if verb == "approve" else "reviews or accepts"
        return f"nobody {act} their own entry: {handle} is in the team of {state.model}"
    known = {"developer": state.team, "reviewer": list(state.reviews)}
    people = [name for role in who for name in known.get(role, ())]
    entry = f" of {state.model}" if state.model and who != ["instructor"] else ""
    said = f"{verb} is for the {' or '.join(who)}{entry}"
    return f"{said}: {', '.join(people)}" if people else f"{said}: that is not you"
