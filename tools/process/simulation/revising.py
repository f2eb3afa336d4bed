"""Three weeks towards the end: answers, version 2, sign-offs, and acceptance."""

from __future__ import annotations

from datetime import timedelta

from tools.process.simulation.entries import repair
from tools.process.simulation.faults import ABSENT, IMAGINED, Fault
from tools.process.simulation.people import Cast, Team
from tools.process.simulation.reviewing import Desk, Pair, reported
from tools.process.simulation.texts import Reply, filled_in
from tools.process.simulation.world import World


def revise(world: World, cast: Cast, desk: Desk) -> None:
    """Most versions are in time, some late, one does not come."""
    teams = [team for team in cast.teams if world.state(team.model).stage == "revising"]
    due = {team.model: world.state(team.model).due("v2") for team in teams}
    tardy = [team for team in teams if team.fate in ("held", "late-v2")]
    prompt = [team for team in teams if team not in tardy and team.fate != "revived"]
    regular = min(filter(None, due.values()))
    world.expect(regular.hour == 22, "23:59 in November is winter time")
    world.at("2026-11-06 10:00")
    stubborn = _stubborn(world, desk, prompt)
    for team in prompt:
        world.before("2026-11-09 20:00", len(prompt))
        _answer(world, desk, team, stubborn)
        world.zoo("submit", team.model, "v2", by=team.speaker)
    world.note(f"version 2 of {len(prompt)} entries is in")
    world.at("2026-11-09 23:00")
    for team in sorted(tardy, key=lambda team: due[team.model] or world.now):
        if (due[team.model] or world.now) > regular:
            sign_off(world, cast, desk)
        world.until((due[team.model] or world.now) + timedelta(hours=3))
        _answer(world, desk, team, stubborn)
        said = world.zoo("submit", team.model, "v2", by=team.speaker)
        world.expect("late: the penalty" in said, f"version 2 of {team.model} is late")
        world.note(f"version 2 of {team.model} comes three hours late")
    world.until(max(filter(None, due.values())) + timedelta(hours=24, seconds=1))
    world.note(world.zoo("close", "--all", by="").splitlines()[0])
    sign_off(world, cast, desk)


def _stubborn(world: World, desk: Desk, teams: list[Team]) -> str:
    """The finding that a team will say is fixed, and leave as it was."""
    for team in teams:
        for key, fault in reported(desk, world.state(team.model).findings, team.model):
            if fault in team.faults and fault.severity != "nit":
                return f"{team.model}/{key}"
    world.expect(False, "a review found a fault")
    return ""


def _answer(world: World, desk: Desk, team: Team, stubborn: str) -> None:
    """Repair what was reported, and answer every finding."""
    findings = dict(reported(desk, world.state(team.model).findings, team.model))
    left = next((f for key, f in findings.items() if f"{team.model}/{key}" == stubborn), None)
    mine = [key for key, fault in findings.items() if fault == left]
    if mine:
        over = "without an answer"
        world.refused("submit", team.model, "v2", by=team.speaker, because=over)
    replies = {key: _reply(fault) for key, fault in findings.items()}
    team.answers = {key: reply.answer for key, reply in replies.items()}
    fixed = [findings[key] for key, answer in team.answers.items() if answer == "fixed"]
    for fault in team.faults:
        unseen = fault not in findings.values()
        stays = fault not in fixed and not (unseen and world.random.random() < 0.3)
        if stays or fault == left:
            team.kept.append(fault)
    folder = world.root / "zoo" / team.model
    repair(folder, [fault for fault in team.faults if fault not in team.kept])
    card = folder / "README.md"
    card.write_text(card.read_text(encoding="utf-8") + "\nVersion 2 answers the reviews.\n")
    world.commit(f"{team.model}: version 2", f"zoo/{team.model}")
    if findings:
        _respond(world, team, replies, mine)


def _reply(fault: Fault) -> Reply:
    """What a team says of a finding."""
    if fault == IMAGINED:
        return Reply("disputed", "A logistic regression is convex: it may begin anywhere.")
    if fault == ABSENT or fault.severity == "nit":
        return Reply("wont-fix", "True, and more than an entry of this size needs.")
    return Reply("fixed", f"We wrote `{fault.right}`, and the tests hold it down.")


def _respond(world: World, team: Team, replies: dict[str, Reply], stubborn: list[str]) -> None:
    """Fill the response in and file it; what is claimed fixed must have been touched."""
    world.zoo("respond", team.model, by=team.speaker)
    path = world.record.folder(team.model) / "v2" / "response.md"
    skeleton = path.read_text(encoding="utf-8")
    path.write_text(filled_in(skeleton, replies), encoding="utf-8")
    if stubborn:
        because = "to mend before it can be filed"
        world.refused("respond", team.model, "--file", by=team.speaker, because=because)
        for key in stubborn:
            there = f"zoo/{team.model}/__init__.py:1"
            replies[key] = Reply("fixed", replies[key].reason, there)
        path.write_text(filled_in(skeleton, replies), encoding="utf-8")
        said = world.zoo("respond", team.model, "--file", "--hunks", by=team.speaker)
        world.expect("is claimed fixed, and" in said, "lines untouched are warned of")
        world.note(f"{team.speaker} claims {stubborn[0]} of {team.model} fixed, lines untouched")
        return
    world.zoo("respond", team.model, "--file", by=team.speaker)


# -------------------------------------------------------------------------------- sign-off


def sign_off(world: World, cast: Cast, desk: Desk) -> None:
    """Reviewers look at every answer; one forgets, and the entry waits for the time to pass."""
    states = world.record.states()
    waiting = [model for model, state in states.items() if state.stage == "v2-submitted"]
    for model in waiting:
        unsigned = states[model].unsigned
        findings = dict(reported(desk, states[model].findings, model))
        for owner in {f"@{key.partition('/')[0]}": None for key in unsigned}:
            if _forgets(desk, world, (owner, model), unsigned):
                continue
            world.zoo("verify-fix", model, by=owner)
            for key in [key for key in unsigned if key.startswith(f"{owner[1:]}/")]:
                there = findings[key] in cast.author(model).kept
                _sign(world, model, owner, key, there)
        if not world.state(model).unsigned:
            world.zoo("accept", model)
    if waiting:
        accepted = [m for m in waiting if world.state(m).stage == "accepted"]
        world.note(f"{len(accepted)} entries are signed off and accepted")


def _forgets(desk: Desk, world: World, pair: Pair, unsigned: list[str]) -> bool:
    """Whether this is the reviewer who forgets; the first one with a finding is."""
    if desk.forgotten is None:
        desk.forgotten = pair
        key = next(key for key in unsigned if key.startswith(f"{pair[0][1:]}/"))
        stranger = world.state(pair[1]).team[0]
        arguments = ("verify-fix", pair[1], key, "--outcome", "verified")
        world.refused(*arguments, by=stranger, because="only its reviewers sign off")
        world.refused("accept", pair[1], because="without sign-off")
    return pair == desk.forgotten


def _sign(world: World, model: str, owner: str, key: str, there: bool) -> None:
    """One sign-off; `there` says whether the fault still is."""
    if world.state(model).answers.get(key) != "fixed":
        said = ("--outcome", "not-fixed", "--reason", "Nothing changed there.")
    elif not there:
        partly = world.random.random() < 0.15
        reason = ("--reason", "The test does not hold it down.")
        said = ("--outcome", "partial", *reason) if partly else ("--outcome", "verified")
    else:
        said = ("--outcome", "not-fixed", "--reason", "The lines are as they were.")
    world.zoo("verify-fix", model, key.partition("/")[2], *said, by=owner)


def accept_rest(world: World, desk: Desk) -> None:
    """What nobody signed off in time is accepted without."""
    assert desk.forgotten is not None
    owner, model = desk.forgotten
    due = world.state(model).due("sign-off", owner)
    assert due is not None
    world.until(due + timedelta(seconds=1))
    world.zoo("accept", model)
    world.note(f"{owner} has signed nothing off; {model} is accepted all the same")
    open_ = [m for m, s in world.record.states().items() if s.stage == "v2-submitted"]
    world.expect(not open_, f"every version 2 is accepted, and not {', '.join(open_)}")
