"""Reading the policy, the people and their bids, with the line of every mistake."""

from __future__ import annotations

import re
import typing
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from tools.documents import build, located, read_text, read_yaml, refuse
from tools.process.findings import SEVERITIES
from tools.process.rules.forms import BIDS, POLICY, ROSTER
from tools.process.rules.policy import Policy, Publication, RubricItem
from tools.process.rules.roster import HANDLE, Bid, Person, Roster
from tools.yamltext import Document, Place, Problem, brief, dotted
from zoo.core.cards import Family
from zoo.core.errors import ZooError, nearest

DAYS = 7  # the least time for a review, in full days
YEAR = 366 * 24  # hours; no window is longer
ITEM_ID = re.compile(r"[a-z][a-z0-9-]*")
_DATE = re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_PRIVATE = re.compile(r"(?i)(?!name$).*(name|mail|identifier|matri[ck]|student).*")


def load_policy(path: Path) -> Policy:
    """The course's rules; ZooError "path:line: rule; fix" for the first mistake."""
    policy, document = read_yaml(POLICY, read_text(path), path)
    refuse(path, list(policy_problems(policy, document)))
    return policy


def load_roster(path: Path) -> Roster:
    """The people, by handle in lower case; ZooError for the first mistake."""
    return parse_roster(read_text(path), path)


def parse_roster(text: str, path: Path) -> Roster:
    """The people of a roster's text; `path` is for messages."""
    with located(path):
        document = Document(text)
    file, problems = build(ROSTER, document)
    problems = [*_private(text, document), *problems]
    people = file.people if file else []
    refuse(path, [*problems, *_roster_problems(people, document)])
    return Roster({person.handle.lower(): person for person in people})


def load_bids(path: Path) -> dict[str, Bid]:
    """Bids by handle in lower case, none where there is no file; ZooError for the first mistake."""
    if not path.exists():
        return {}
    file, document = read_yaml(BIDS, read_text(path), path)
    refuse(path, list(_bid_problems(file.bids, document)))
    return {handle.lower(): bid for handle, bid in file.bids.items()}


def check_people(policy: Policy, roster: Roster, bids: dict[str, Bid]) -> None:
    """Teams have the policy's size, and who bids is in the roster; ZooError says who does not."""
    least, most = policy.group_size.min, policy.group_size.max
    for person in roster.people.values():
        team = roster.team(person.handle)
        if person.role == "developer" and not least <= len(team) <= most:
            what = f"team '{person.team}'" if person.team else person.handle
            raise ZooError(
                f"reviews/roster.yaml: {what} has {len(team)} developers ({', '.join(team)}),"
                f" reviews/policy.yaml allows {least} to {most}; change one of them"
            )
    for handle in bids:
        if handle not in roster.people:
            hint = nearest(handle, roster.people)
            raise ZooError(f"reviews/bids.yaml: '{handle}' is not in reviews/roster.yaml; {hint}")


def policy_problems(policy: Policy, document: Document) -> Iterator[Problem]:
    """Rules on the values of a policy."""
    yield from _dates(policy, document)
    yield from _numbers(policy, document)
    yield from _publication(policy.publication, document)
    for name in ("v1", "v2", "review"):
        yield from _rubric(getattr(policy.rubric, name), name, document)
    for payer in ("developers", "reviewers"):
        charges = [getattr(getattr(policy.severities, name), payer) for name in SEVERITIES]
        for (name, charge), (less, lower) in pairwise(zip(SEVERITIES, charges, strict=True)):
            if charge < lower:
                place = ("severities", less, payer)
                rule = f"for {payer}, {less} costs {lower:g} and {name} only {charge:g}"
                yield document.problem(place, rule, "a graver finding costs at least as much")
        for name, charge in zip(SEVERITIES, charges, strict=True):
            if not 0 <= charge <= 100:
                place = ("severities", name, payer)
                rule = f"a charge of {charge:g} percentage points"
                yield document.problem(place, rule, "write a number from 0 to 100")


def _dates(policy: Policy, document: Document) -> Iterator[Problem]:
    """The time zone exists; dates are readable, exist there, are in order and leave time."""
    try:
        zone = policy.zone
    except (KeyError, ValueError, OSError):
        hint = nearest(policy.time_zone, zoneinfo.available_timezones())
        hint = hint if hint.startswith("did") else "write a name such as Europe/Berlin"
        rule = f"unknown time zone '{brief(policy.time_zone)}'"
        yield document.problem(("time_zone",), rule, hint)
        return
    known: dict[str, datetime] = {}
    for name, local in vars(policy.deadlines).items():
        mistake = None if local is None else _no_time(local, zone)
        if mistake:
            yield document.problem(("deadlines", name), *mistake)
        elif local is not None:
            known[name] = policy.utc(local)
    for earlier, later in pairwise(known):
        if known[earlier] >= known[later]:
            rule = f"the deadline of {later} is not after that of {earlier}"
            yield document.problem(("deadlines", later), rule, "correct one of the two")
    if known.keys() >= {"v1", "v2"} and policy.review.window_hours <= YEAR:
        window = timedelta(hours=policy.review.window_hours)
        if known["v1"] < known["v2"] < known["v1"] + window:
            end = f"{(known['v1'] + window).astimezone(zone):%Y-%m-%d %H:%M}"
            rule = "v2 is due before the reviews of v1 are in"
            yield document.problem(("deadlines", "v2"), rule, f"set it to {end} or later")


def _no_time(local: str, zone: ZoneInfo) -> tuple[str, str] | None:
    """(rule, fix) where text is no moment of course time."""
    try:
        naive = datetime.strptime(local, "%Y-%m-%d %H:%M")
    except ValueError:
        naive = None
    if naive is None or not _DATE.fullmatch(local):
        return f"'{brief(local)}' is no date and time", 'write it as in "2026-10-19 23:59"'
    back = naive.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    if back.replace(tzinfo=None) != naive:
        rule = f"there is no {local} in {zone.key}: the clock is set forward over it"
        return rule, "choose a time an hour earlier or later"
    return None


def _numbers(policy: Policy, document: Document) -> Iterator[Problem]:
    """Every number lies in its range."""
    ranges = {
        ("review", "reviewers_per_entry"): (1, 20),
        ("review", "reviews_per_person"): (1, 100),
        ("review", "window_hours"): (24 * DAYS, YEAR),
        ("review", "practice_recall"): (0, 1),
        ("group_size", "min"): (1, 3),
        ("group_size", "max"): (1, 3),
        ("late", "grace_hours"): (0, YEAR),
        ("late", "penalty"): (0, 1),
        ("mutation", "required"): (0, 1),
        ("revision_days",): (1, YEAR // 24),
        ("sign_off_days",): (1, YEAR // 24),
        ("regrade_days",): (0, YEAR // 24),
    }
    for place, (low, high) in ranges.items():
        value = policy
        for name in place:
            value = getattr(value, name)
        if not low <= value <= high:
            rule = f"'{'.'.join(place)}' is {value:g}"
            yield document.problem(place, rule, f"write a number from {low} to {high}")
    if policy.group_size.min > policy.group_size.max:
        rule = f"a group has at least {policy.group_size.min} and at most {policy.group_size.max}"
        yield document.problem(("group_size", "min"), f"{rule} developers", "swap the two numbers")
    for name in ("weights", "review_weights"):
        shares = vars(getattr(policy, name))
        for share, value in shares.items():
            if value < 0:
                rule = f"'{name}.{share}' is {value:g}"
                yield document.problem((name, share), rule, "a weight is at least 0")
        if not any(shares.values()):
            yield document.problem((name,), f"all {name} are 0", "give one of them a share")


def _rubric(items: list[RubricItem], name: str, document: Document) -> Iterator[Problem]:
    """A rubric has items, each with an id of its own, a question and points."""
    if not items:
        rule = f"the rubric of {name} is empty"
        yield document.problem(("rubric", name), rule, "ask at least one question")
    seen: set[str] = set()
    for number, item in enumerate(items):
        place = ("rubric", name, number)
        if not ITEM_ID.fullmatch(item.id):
            rule = f"'{item.id}' is no id of a rubric item"
            yield document.problem((*place, "id"), rule, "write lower-case words with hyphens")
        if item.id in seen:
            rule = f"the rubric of {name} has two items '{item.id}'"
            yield document.problem((*place, "id"), rule, "give each an id of its own")
        if not item.question.strip():
            yield document.problem((*place, "question"), f"'{item.id}' asks nothing", "ask")
        if item.points <= 0:
            rule = f"'{item.id}' is worth {item.points:g} points"
            yield document.problem((*place, "points"), rule, "write a number above 0")
        seen.add(item.id)


def _publication(publication: Publication, document: Document) -> Iterator[Problem]:
    """Addresses are whole, the pattern can be searched for, exceptions have reasons."""
    repository, site, pattern = publication.repository, publication.site, publication.student_id
    if repository is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        rule = f"'{brief(repository)}' is no repository on GitHub"
        yield document.problem(("publication", "repository"), rule, "write owner/name, or null")
    if site is not None and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", site):
        rule = f"'{brief(site)}' is no address of a site"
        yield document.problem(("publication", "site"), rule, "write https://…, or null")
    if pattern is not None:
        place, fix = (
            ("publication", "student_id"),
            "write one such as 's[0-9]{7}', in single quotes",
        )
        try:
            if re.search(pattern, ""):
                rule = f"the pattern '{brief(pattern)}' is found in every text"
                yield document.problem(place, rule, fix)
        except re.error as error:
            rule = f"'{brief(pattern)}' is no regular expression: {brief(str(error))}"
            yield document.problem(place, rule, fix)
    for number, item in enumerate(publication.allow):
        place = ("publication", "allow", number)
        if len(item.text.strip()) < 3:
            rule = f"'{brief(item.text)}' would let too much pass"
            yield document.problem((*place, "text"), rule, "write exactly what the gate found")
        if not item.reason.strip():
            rule = f"no reason why '{brief(item.text)}' may be published"
            yield document.problem((*place, "reason"), rule, "say why it is not private")


def _private(text: str, document: Document) -> Iterator[Problem]:
    """No key and no text, comments included, that tells who somebody is outside GitHub."""
    rule = "no names, no e-mails in the public roster"
    for line, content in enumerate(text.splitlines(), 1):
        if _EMAIL.search(content):
            yield Problem(line, "", rule, f"delete '{_EMAIL.search(content)[0]}'")
    people, _ = document.find(("people",))
    for number, person in enumerate(people.value if people.tag == "seq" else []):
        for key, _ in person.value if person.tag == "map" else []:
            if _PRIVATE.fullmatch(key.value):
                place = ("people", number, key.value)
                yield Problem(key.line, dotted(place), rule, f"delete the key '{brief(key.value)}'")


def _roster_problems(people: list[Person], document: Document) -> Iterator[Problem]:
    """Rules on people: who they are is unambiguous, and what they refer to exists."""
    handles = {person.handle.lower(): person.handle for person in people}
    teams: dict[str, str] = {}
    seen: set[str | int | None] = set()
    for number, person in enumerate(people):
        place = ("people", number)
        yield from _handle(person.handle, (*place, "handle"), document)
        for key, value in (("handle", person.handle.lower()), ("github_id", person.github_id)):
            if value is not None and value in seen:
                rule = f"{key} {getattr(person, key)} occurs twice"
                yield document.problem((*place, key), rule, "keep one of the two people")
            seen.add(value)
        if person.github_id is not None and person.github_id <= 0:
            rule = f"github_id {person.github_id} is no account's number"
            yield document.problem((*place, "github_id"), rule, "write a positive number, or null")
        yield from _name(person, place, document)
        for conflict in person.conflicts:
            if conflict.lower() == person.handle.lower():
                rule = f"{person.handle} has a conflict with themselves"
                yield document.problem(
                    (*place, "conflicts"), rule, "delete it: nobody reviews own work"
                )
            elif conflict.lower() not in handles:
                rule = f"conflict with '{brief(conflict)}', who is not in the roster"
                yield document.problem(
                    (*place, "conflicts"), rule, nearest(conflict, handles.values())
                )
        if person.team is None:
            continue
        if person.role != "developer":
            rule = f"{person.handle} is a {person.role} and in a team"
            yield document.problem(
                (*place, "team"), rule, "write team: null; developers have teams"
            )
        same = teams.setdefault(person.team.strip().lower(), person.team)
        if same != person.team or not person.team.strip():
            rule = f"team '{person.team}' is also written '{same}'"
            yield document.problem((*place, "team"), rule, "write it the same way everywhere")


def _name(person: Person, place: Place, document: Document) -> Iterator[Problem]:
    """A name is there exactly when the person wants to appear with it."""
    if person.name is None and person.consent == "name":
        rule = f"{person.handle} consents to appear by name, and there is none"
        yield document.problem((*place, "consent"), rule, 'add name: "…", or say consent: handle')
    if person.name is not None and person.consent != "name":
        rule = f"no names in the public roster but by consent, and {person.handle} gives none"
        fix = "delete the key 'name', or say consent: name"
        yield document.problem((*place, "name"), rule, fix)
    if person.name is not None and not (person.name.strip() and person.name.isprintable()):
        rule = f"'{brief(person.name)}' is no name"
        yield document.problem((*place, "name"), rule, "write it on one line, as it is to appear")


def _bid_problems(bids: dict[str, Bid], document: Document) -> Iterator[Problem]:
    """Rules on bids: clear handles, known families, nothing both wanted and avoided."""
    seen: set[str] = set()
    for handle, bid in bids.items():
        place = ("bids", handle)
        yield from _handle(handle, place, document)
        if handle.lower() in seen:
            yield document.problem(place, f"{handle} bids twice", "keep one of the two")
        seen.add(handle.lower())
        for family in bid.families:
            if family not in typing.get_args(Family):
                rule = f"unknown family '{brief(family)}'"
                fix = nearest(family, typing.get_args(Family))
                yield document.problem((*place, "families"), rule, fix)
        for model in sorted(set(bid.wants) & set(bid.avoids)):
            rule = f"{handle} wants and avoids '{brief(model)}'"
            yield document.problem((*place, "avoids"), rule, "keep it in one of the lists")


def _handle(handle: str, place: Place, document: Document) -> Iterator[Problem]:
    """A handle looks like one."""
    if not HANDLE.fullmatch(handle):
        rule = f"'{brief(handle)}' is no handle"
        yield document.problem(place, rule, 'write it as on GitHub, with @: "@dev-one"')
