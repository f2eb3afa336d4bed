"""What an instructor sets once in a repository, so that the bot can work and nobody goes round it.

Looked at first, changed only where it differs. It takes a token that may administer the repository;
the bot's own never may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tools.github.labels import LABELS, milestones
from tools.github.port import MAINTAINERS, Failed, GitHub
from tools.github.transport import Transport
from tools.process.record import Record
from tools.process.rules.roster import Person
from zoo.core.errors import ZooError

REPO = "/repos/{owner}/{repo}"
PROPOSAL = ("proposal", "c5def5", "Somebody proposes a paper")  # the form sets it
# Neither rule has exceptions, and the bot needs none. A rule that every change comes by a pull
# request would stop it: GitHub lets no workflow's own token past such a rule. Whoever may push is
# an instructor, and the bot itself looks at the verdict of CI.
RULESETS: tuple[dict[str, Any], ...] = (
    {
        "name": "The record only grows",
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": [],
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [{"type": "deletion"}, {"type": "non_fast_forward"}],
    },
    {
        "name": "Versions stay frozen",
        "target": "tag",
        "enforcement": "active",
        "bypass_actors": [],
        "conditions": {
            "ref_name": {"include": ["refs/tags/*/v1", "refs/tags/*/v2"], "exclude": []}
        },
        "rules": [{"type": "deletion"}, {"type": "update"}],
    },
)
GENERAL = {"has_issues": True, "allow_merge_commit": True}
RIGHTS = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
# GitHub makes an environment that nobody has set up without any protection, on its first use.
ENVIRONMENT = "publish"
APPROVERS = 6  # as many as GitHub takes


@dataclass(frozen=True)
class Setting:
    """Something that is to be so.

    Attributes:
        name: what it is.
        by_hand: where to click, and what to choose.
        fits: whether it is so.
        make: makes it so.
    """

    name: str
    by_hand: str
    fits: Callable[[], bool]
    make: Callable[[], object]


def settings(github: GitHub, api: Transport, record: Record) -> Iterator[Setting]:
    """Everything that is to be set, in the order in which it is made."""
    yield from _projections(github, milestones(record.policy))
    place = _Repository(github.repository, api)
    yield Setting(
        "issues, and merging with a merge commit",
        "Settings → General → Features and Pull Requests",
        lambda: contains(place.get(""), GENERAL),
        lambda: place.write("PATCH", "", GENERAL),
    )
    rights = "/actions/permissions/workflow"
    yield Setting(
        "workflows only read unless their file says more, and approve nothing",
        "Settings → Actions → General → Workflow permissions: read; no approving",
        lambda: contains(place.get(rights), RIGHTS),
        lambda: place.write("PUT", rights, RIGHTS),
    )
    yield from (place.ruleset(wanted) for wanted in RULESETS)
    people = record.roster.people.values()
    approvers = [p.github_id for p in people if p.role == "instructor" and p.active and p.github_id]
    yield place.environment(approvers[:APPROVERS])


def _projections(github: GitHub, dates: Mapping[str, datetime | None]) -> Iterator[Setting]:
    """Labels and milestones, which the bot keeps up to date afterwards."""
    labels = [PROPOSAL, *((x.name, x.colour, x.description) for x in LABELS)]
    for label in labels:
        yield Setting(
            f"label {label[0]}",
            "Issues → Labels",
            lambda label=label: not github.ensure_label(*label, dry_run=True),
            lambda label=label: github.ensure_label(*label),
        )
    for date in dates.items():
        yield Setting(
            f"milestone {date[0]}",
            "Issues → Milestones",
            lambda date=date: not github.ensure_milestone(*date, dry_run=True),
            lambda date=date: github.ensure_milestone(*date),
        )


class _Repository:
    """The settings of one repository, as GitHub's REST interface has them."""

    def __init__(self, repository: str, api: Transport) -> None:
        owner, _, repo = repository.partition("/")
        self._api, self._names = api, {"owner": owner, "repo": repo}

    def get(self, path: str, **names: object) -> Any:
        return self._api.get(REPO + path, **self._names, **names)

    def write(self, method: str, path: str, data: Mapping[str, Any], **names: object) -> object:
        return self._api.write(method, REPO + path, data, **self._names, **names)

    def ruleset(self, wanted: dict[str, Any]) -> Setting:
        """A set of rules for branches or tags, known by its name."""

        def number() -> int | None:
            listed: Iterator[Any] = self._api.pages(REPO + "/rulesets{?per_page}", **self._names)
            return next((found["id"] for found in listed if found["name"] == wanted["name"]), None)

        def fits() -> bool:
            known = number()
            return known is not None and contains(self.get("/rulesets/{id}", id=known), wanted)

        def make() -> object:
            known = number()
            if known is None:
                return self.write("POST", "/rulesets", wanted)
            return self.write("PUT", "/rulesets/{id}", wanted, id=known)

        what = " and ".join(rule["type"].replace("_", " ") for rule in wanted["rules"])
        where = ", ".join(wanted["conditions"]["ref_name"]["include"])
        by_hand = f"Settings → Rules → Rulesets: for {where} forbid {what}, nobody bypasses"
        return Setting(f"rule '{wanted['name']}' for {where}", by_hand, fits, make)

    def environment(self, approvers: list[int]) -> Setting:
        """The environment in which things are published, after an instructor's consent."""
        wanted = {"reviewers": [{"type": "User", "id": number} for number in approvers]}

        def fits() -> bool:
            path = REPO + "/environments/{name}"
            found: Any = self._api.find(path, **self._names, name=ENVIRONMENT)
            rules = (found or {}).get("protection_rules") or []
            people = [one["reviewer"]["id"] for rule in rules for one in rule.get("reviewers", [])]
            return found is not None and sorted(people) == sorted(approvers)

        return Setting(
            f"environment {ENVIRONMENT}, which waits for an instructor",
            f"Settings → Environments → {ENVIRONMENT}: required reviewers are the instructors",
            fits,
            lambda: self.write("PUT", "/environments/{name}", wanted, name=ENVIRONMENT),
        )


def contains(present: Any, wanted: Any) -> bool:
    """Whether what GitHub says has all that is wanted; it says more, and lists in any order."""
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(
            key in present and contains(present[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(present, list)
            and len(present) == len(wanted)
            and all(any(contains(item, value) for item in present) for value in wanted)
        )
    return present == wanted


def require_administrator(github: GitHub, api: Transport) -> None:
    """ZooError unless the token may administer the repository."""
    data = _Repository(github.repository, api).get("")
    if not contains(data, {"permissions": {"admin": True}}):
        rule = f"the token may not administer {github.repository}"
        raise ZooError(f"{rule}: take one of an owner's, GITHUB_TOKEN=$(gh auth token)")


def faults(github: GitHub, record: Record) -> Iterator[str]:
    """What is wrong with accounts and their rights, and with the owners of rules; a line each.

    These are an instructor's to mend: nobody gains or loses a right by a command.
    """
    people = list(record.roster.people.values())
    instructors = {person.handle.lower() for person in people if person.role == "instructor"}
    for person in people:
        try:
            yield from _person(github, person)
        except Failed as failure:
            yield f"{person.handle}: {failure}"
    path = record.root / ".github" / "CODEOWNERS"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    owners = {word for line in lines for word in line.partition("#")[0].split()[1:]}
    for owner in sorted(owner for owner in owners if owner.lower() not in instructors):
        yield f".github/CODEOWNERS: {owner} is no instructor of reviews/roster.yaml: put yours"


def _person(github: GitHub, person: Person) -> Iterator[str]:
    """What is wrong with one account."""
    if person.github_id is None:
        yield f"{person.handle} has no github_id in reviews/roster.yaml: the bot does not know them"
        return
    login = person.handle.removeprefix("@")
    account = github.user(login)
    if account is None or account.id != person.github_id:
        found = f"account {account.id}" if account else "no account"
        yield f"{person.handle} is {found} on GitHub, {person.github_id} in reviews/roster.yaml"
        return
    permission = github.permission(login)
    if person.role == "instructor" and permission not in MAINTAINERS:
        yield f"{person.handle} is instructor and has {permission}: give them maintain"
    if person.role != "instructor" and permission in (*MAINTAINERS, "write"):
        yield f"{person.handle} has {permission} and could go round the bot: give them read"
