"""Four weeks in the middle: who reviews what, reviews, and how they are opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tools.process.git import git
from tools.process.simulation.entries import place_of
from tools.process.simulation.faults import ABSENT, IMAGINED, Fault
from tools.process.simulation.opening import checked_in_full
from tools.process.simulation.people import Cast, Team
from tools.process.simulation.texts import Report, review_text
from tools.process.simulation.world import World
from tools.process.times import both

Pair = tuple[str, str]  # reviewer, entry
# What happens to one review each; it is drawn which. The first four exclude one another.
TROUBLES = ("missing", "lost", "late", "edited", "bad", "replaced", "started")


@dataclass
class Desk:
    """Reviews of a rehearsal.

    Attributes:
        reports: what is reported, by pair.
        trouble: pairs to which something happens.
        forgotten: the pair that forgets to sign off, once that is known.
    """

    reports: dict[Pair, list[Report]] = field(default_factory=dict)
    trouble: dict[str, Pair] = field(default_factory=dict)
    forgotten: Pair | None = None


def pairs_of(world: World) -> list[Pair]:
    """Who reviews what now, by the ledgers."""
    states = world.record.states()
    return [(who, model) for model, state in states.items() for who in state.reviews]


# ------------------------------------------------------------------------------ assignment


def bid(world: World, cast: Cast) -> None:
    """People say what they would like to review."""
    world.at("2026-10-08 12:00")
    models = [team.model for team in cast.teams]
    for team in cast.teams:
        for handle in team.members:
            others = [model for model in models if model != team.model]
            wants = world.random.sample(others, 2)
            avoids = world.random.choice([model for model in others if model not in wants])
            words = ["--want", wants[0], "--want", wants[1], "--avoid", avoids]
            world.zoo("bid", *words, by=handle)
    world.note(f"{len(cast.students)} people have said what they would like to review")


def assign(world: World, cast: Cast) -> Desk:
    """Reviewers are found, two drop out, and little changes."""
    world.at("2026-10-21 11:00")
    world.note(_summary(world.zoo("assign", "--seed", "7")))
    before = pairs_of(world)
    _check_pairs(world, cast, before)
    _check_window(world, cast)
    gone = world.random.sample(_ordinary(cast, before), 2)
    world.at("2026-10-22 09:00")
    for handle, model in before:
        if (handle, model) not in gone:
            world.zoo("review", "agree", model, by=handle)
    _drop_out(world, *gone)
    after = pairs_of(world)
    world.expect(len(after) == len(before), "everybody who dropped out is replaced")
    moved = [pair for pair in before if pair not in after and pair not in gone]
    world.expect(not moved, f"all other pairs stay, and {moved} did not")
    for handle, model in [pair for pair in after if pair not in before]:
        world.zoo("review", "agree", model, by=handle)
        world.note(f"{handle} reviews {model} instead")
    leaving = cast.by_fate("withdrawn").members  # who will review no more
    staying = [pair for pair in _ordinary(cast, after) if pair[0] not in leaving]
    return Desk(trouble=_troubles(world, staying))


def _summary(text: str) -> str:
    """The line of a plan that says how good it is."""
    return text.strip().splitlines()[-2]


def _ordinary(cast: Cast, pairs: list[Pair]) -> list[Pair]:
    """Reviews of entries that nothing stops in between."""
    special = [cast.by_fate(fate).model for fate in ("withdrawn", "held")]
    return [pair for pair in pairs if pair[1] not in special]


def _drop_out(world: World, refusing: Pair, ill: Pair) -> None:
    """One reviewer has a conflict, another falls ill; the plan is made again."""
    handle, model = refusing
    world.zoo("review", "refuse", model, "--reason", "We share a flat.", by=handle)
    world.note(f"{handle} refuses {model}: a conflict of interest")
    world.at("2026-10-22 10:00")
    handle, model = ill
    world.zoo("assign", model, "--remove", handle, "--reason", "illness")
    world.note(f"{handle} is ill and taken off {model}")
    world.note(_summary(world.zoo("assign", "--seed", "7")))


def _troubles(world: World, pairs: list[Pair]) -> dict[str, Pair]:
    """A pair for each trouble; no entry loses both of its reviews."""
    drawn = world.random.sample(pairs, len(pairs))
    lost = next(pair for pair in drawn[1:] if pair[1] != drawn[0][1])
    four = [drawn[0], lost, *[pair for pair in drawn[1:] if pair != lost][:2]]
    filing = [pair for pair in pairs if pair != four[0]]
    more = [world.random.choice(filing) for _ in TROUBLES[4:]]
    return dict(zip(TROUBLES, [*four, *more], strict=True))


def _check_pairs(world: World, cast: Cast, pairs: list[Pair]) -> None:
    """Nobody reviews their team, a person of conflict, or a team that reviews them."""
    bars = {frozenset(pair) for pair in cast.conflicts}
    team_of = {who: team.model for team in cast.teams for who in team.members}
    directed = {(team_of[who], model) for who, model in pairs if who in team_of}
    for who, model in pairs:
        others = cast.author(model).members
        world.expect(team_of.get(who) != model, f"{who} does not review their own {model}")
        clash = [one for one in others if frozenset((who, one)) in bars]
        world.expect(not clash, f"{who} has no conflict with {model}")
        back = who in team_of and (model, team_of[who]) in directed
        world.expect(not back, f"nobody of {model} reviews {who} in turn")


def _check_window(world: World, cast: Cast) -> None:
    """Seven full days over the end of summer time are 168 hours, and end an hour earlier."""
    state = world.state(cast.by_fate("first").model)
    opened, due = state.window_opened_at, state.due("review")
    assert opened is not None
    assert due is not None
    world.expect(due - opened >= timedelta(hours=7 * 24), "a window of 7 × 24 hours")
    zone = world.record.policy.zone
    hours = [moment.astimezone(zone).hour for moment in (opened, due)]
    world.expect(hours == [11, 10], "the clock is set back in the review window")
    world.note(f"reviews are due {both(due, zone)}: 168 hours over the end of summer time")


# --------------------------------------------------------------------------------- reviews


def draw_reports(world: World, cast: Cast, desk: Desk) -> None:
    """What every reviewer finds in version 1: some of the faults, and now and then none."""
    for handle, model in pairs_of(world):
        if (handle, model) in desk.reports:
            continue
        found: list[Fault] = [f for f in cast.author(model).faults if world.random.random() < 0.6]
        careless = world.random.random() < 0.2
        if careless or (handle, model) == desk.trouble["edited"]:
            found.append(IMAGINED)
        if world.random.random() < 0.2:
            found.append(ABSENT)
        folder = world.root / "zoo" / model
        desk.reports[handle, model] = [Report(fault, place_of(folder, fault)) for fault in found]


def review(world: World, cast: Cast, desk: Desk) -> None:
    """Most reviews are filed in time; one entry is on hold, one is withdrawn."""
    draw_reports(world, cast, desk)
    held, gone = cast.by_fate("held").model, cast.by_fate("withdrawn")
    later = {desk.trouble["late"], desk.trouble["missing"]}
    world.at("2026-10-23 10:00")
    world.zoo("hold", held, "--reason", "A question of copyright.")
    world.note(f"{held} is on hold: a question of copyright")
    waiting = [pair for pair in pairs_of(world) if pair[1] == held]
    _write(world, desk, *waiting[0])
    world.refused("review", "file", held, by=waiting[0][0], because="on hold")
    _deliver_twice(world, held)
    world.at("2026-10-24 09:00")
    todo = [pair for pair in pairs_of(world) if pair[1] != held and pair not in later]
    for handle, model in todo:
        if model != gone.model:
            world.before("2026-10-25 18:00", len(todo))
            _file(world, desk, (handle, model))
    world.note(f"{len(todo)} reviews are filed, sealed")
    _withdraw(world, desk, gone, cast.by_fate("first").speaker)
    _resume(world, cast, desk, held, waiting)
    _peek(world, desk)


def _write(world: World, desk: Desk, handle: str, model: str, draft: str = "") -> None:
    """The review as a file of the reviewer's."""
    state = world.state(model)
    assert state.v1 is not None
    path = world.record.folder(model) / "v1" / f"{handle.removeprefix('@')}.md"
    path.parent.mkdir(exist_ok=True)
    text = review_text(model, state.v1.commit, handle, desk.reports[handle, model], draft)
    path.write_text(text, encoding="utf-8")


def _file(world: World, desk: Desk, pair: Pair) -> None:
    """Write, lint and file a review, with what happens to this one."""
    handle, model = pair
    path = world.record.folder(model) / "v1" / f"{handle.removeprefix('@')}.md"
    draft = ""
    if desk.trouble["started"] == pair:
        with checked_in_full(world):
            said = world.zoo("review", "start", model, by=handle).splitlines()
        draft = path.read_text(encoding="utf-8")
        world.note(f"{handle} runs {model}: {'; '.join(said[-3:-1])}")
    _write(world, desk, handle, model, draft)
    if desk.trouble["bad"] == pair:
        good = path.read_text(encoding="utf-8")
        path.write_text(good.replace("### tests: 3", "### tests: "), encoding="utf-8")
        world.refused("review", "file", model, by=handle, because="was not filed")
        path.write_text(good, encoding="utf-8")
    if desk.trouble["replaced"] == pair:
        world.zoo("review", "file", model, by=handle)
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("I read all", "I read and ran all"), encoding="utf-8")
        world.note(f"{handle} files the review of {model} again, before the close")
    world.zoo("review", "lint", model, by=handle)
    world.zoo("review", "file", model, by=handle)
    if desk.trouble["edited"] == pair:
        path.write_text("I have thought better of it.\n", encoding="utf-8")
    if desk.trouble["lost"] == pair:  # the reviewer's laptop is stolen, and with it what is sealed
        path.unlink()
        listing = git(world.root, "for-each-ref", "--format=%(refname)", f"refs/zoo/sealed/{model}")
        for reference in listing.splitlines():
            if f"/{handle.removeprefix('@')}/" in reference:
                git(world.root, "update-ref", "-d", reference)


def _deliver_twice(world: World, model: str) -> None:
    """A bot's delivery that comes twice changes the ledger once."""
    ledger = world.record.ledger(model).path
    before = ledger.read_bytes()
    last = world.record.events(model)[-1]
    world.record.append(model, last.actor, last.payload, event_id=last.id)
    world.expect(ledger.read_bytes() == before, "a second delivery changes nothing")
    world.note(f"the hold of {model} is delivered twice and recorded once")


def _withdraw(world: World, desk: Desk, team: Team, stranger: str) -> None:
    """A team gives up while its entry is in review; one review is filed already."""
    pair = next(pair for pair in pairs_of(world) if pair[1] == team.model)
    _file(world, desk, pair)
    reason = ("--reason", "Two of us have left the course.")
    world.refused("withdraw", team.model, *reason, by=stranger, because="is not a developer of")
    world.zoo("withdraw", team.model, *reason, by=team.speaker)
    world.note(f"{team.model} is withdrawn, in the midst of its reviews")


def _resume(world: World, cast: Cast, desk: Desk, held: str, waiting: list[Pair]) -> None:
    """The hold ends after three days; the deadline has moved by as much."""
    first = world.state(held).window_opened_at
    join(world, cast, desk)
    world.at("2026-10-26 09:00")
    world.zoo("unhold", held)
    due = world.state(held).due("review")
    assert first is not None
    assert due is not None
    world.expect(due - first == timedelta(days=10), f"the window of {held} has moved by the hold")
    world.note(f"{held} goes on; its reviews are due {both(due, world.record.policy.zone)}")
    for pair in waiting:
        _file(world, desk, pair)


def _peek(world: World, desk: Desk) -> None:
    """Sealed is sealed: before the close nobody opens a review, and none is in git."""
    _, model = desk.trouble["edited"]
    world.refused("review", "reveal", model, because="is in-review")
    listed = git(world.root, "ls-files", "reviews/*/v1/*.md")
    world.expect(not listed, "no sealed review is in git")


def join(world: World, cast: Cast, desk: Desk) -> None:
    """The entry that came after its extension finds its reviewers."""
    team = cast.by_fate("revived")
    world.at("2026-10-25 21:00")
    world.zoo("submit", team.model, "v1", by=team.speaker)
    world.expect(not world.state(team.model).v1.late, f"{team.model} is in its extended time")
    world.note(f"{team.model} is in after all")
    world.until(world.now + timedelta(hours=1))
    world.note(_summary(world.zoo("assign", "--seed", "7")))
    draw_reports(world, cast, desk)
    for handle in world.state(team.model).reviews:
        world.zoo("review", "agree", team.model, by=handle)


# ----------------------------------------------------------------------------------- close


def close(world: World, cast: Cast, desk: Desk) -> None:
    """A late review, one that never comes; then the clock closes what is over."""
    world.at("2026-10-28 08:00")
    revived = cast.by_fate("revived").model
    for handle in world.state(revived).reviews:
        _file(world, desk, (handle, revived))
    handle, model = desk.trouble["late"]
    world.until(_due(world, desk.trouble["late"]) + timedelta(hours=5))
    _file(world, desk, (handle, model))
    world.expect(world.state(model).reviews[handle].late, f"{handle} is late")
    world.note(f"{handle} files the review of {model} late")
    handle, model = desk.trouble["missing"]
    world.until(_due(world, desk.trouble["missing"]) + timedelta(hours=24, seconds=1))
    _write(world, desk, handle, model)
    over = "the time for late work is over"
    world.refused("review", "file", model, by=handle, because=over)
    world.at("2026-10-30 12:00")
    for line in world.zoo("close", "--all", by="").splitlines():
        if "; missing" in line:
            world.note(line)
    waiting = [m for m, s in world.record.states().items() if s.stage == "in-review"]
    world.expect(not waiting, f"all reviews are closed, and not those of {', '.join(waiting)}")
    _open(world, desk)


def _due(world: World, pair: Pair) -> datetime:
    """When a review is due."""
    due = world.state(pair[1]).due("review", pair[0])
    assert due is not None
    return due


def _open(world: World, desk: Desk) -> None:
    """Filed texts are opened: from files, or from what was sealed; one is lost."""
    lost, model = desk.trouble["lost"]
    states = world.record.states()
    for name in [name for name, state in states.items() if state.stage == "reviews-closed"]:
        if name == model:
            world.refused("review", "reveal", name, because="was filed is not in this clone")
            reason = ("--reason", "The laptop was stolen.")
            world.zoo("review", "lose", name, lost, *reason)
            world.note(f"the review of {name} by {lost} is lost with a laptop")
        else:
            world.zoo("review", "reveal", name)
    opened = [s for s in world.record.states().values() if s.stage == "revising"]
    findings = sum(len(state.findings) for state in opened)
    world.note(f"the reviews of {len(opened)} entries are open: {findings} findings")
    handle, name = desk.trouble["edited"]
    review = world.state(name).reviews[handle]
    world.expect(review.status == "revealed", f"what {handle} filed was opened")


def reported(desk: Desk, state_findings: dict[str, str], model: str) -> Iterator[tuple[str, Fault]]:
    """(key, fault) of every finding of an entry that was opened."""
    for (handle, name), reports in desk.reports.items():
        for number, report in enumerate(reports, 1):
            key = f"{handle.removeprefix('@')}/F{number:02d}"
            if name == model and key in state_findings:
                yield key, report.fault
