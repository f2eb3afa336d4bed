"""What instructors command, from the approval to the publication."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from tools.github import filing
from tools.github.commands import Command
from tools.github.port import Failed, GitHub
from tools.github.scene import Done, Scene, into_default
from tools.process.assignment.assigning import by_hand, changes, problem_of
from tools.process.decisions import closing, extension
from tools.process.history import work
from tools.process.ledger.events import (
    Accepted,
    Approved,
    Held,
    ProposalDeclined,
    Published,
    Released,
    ReviewsClosed,
    Unassigned,
)
from tools.process.projections import rebuild
from tools.process.rules.policy import moment
from tools.process.times import both
from tools.publish.standing import problems
from tools.text import code_block, code_span, one_line
from zoo.core.errors import ZooError


def approve(scene: Scene, command: Command) -> Done:
    """Approve the proposal, with the present dates and quotas."""
    state = scene.append(Approved(asdict(scene.record.policy.rules())))
    due = state.due("v1")
    until = f"; version 1 is due {both(due, scene.record.policy.zone)}" if due else ""
    return Done(f"`{scene.model}` is approved{until}")


def decline_proposal(scene: Scene, command: Command) -> Done:
    """Decline the proposal."""
    scene.append(ProposalDeclined(command.reason))
    return Done(f"`{scene.model}` is declined; its paper and its name are free again")


def assign(scene: Scene, command: Command) -> Done:
    """Assign one reviewer, or the best plan of all entries that wait."""
    handle = command.arguments["reviewer"]
    if handle:
        assigned = by_hand(scene.record, scene.model, handle)
        scene.append(assigned)
        return Done(f"{code_span(assigned.reviewer)} reviews `{scene.model}`")
    from tools.process.assignment import assign as best_plan  # scipy: only when it is needed

    plan = best_plan(problem_of(scene.record))
    events = list(changes(plan))
    for part, (model, payload) in enumerate(events, start=1):
        scene.append(payload, part=part, model=model)
    here = [pair.reviewer for pair in plan.pairs if pair.entry == scene.model]
    others = len({model for model, _ in events} - {scene.model})
    also = f"; {others} other entries changed, too" if others else ""
    return Done(f"`{scene.model}` is reviewed by {_people(here) or 'nobody yet'}{also}")


def reassign(scene: Scene, command: Command) -> Done:
    """Take a reviewer off, and assign another."""
    old = scene.record.roster.find(command.arguments["old"]).handle
    new = command.arguments["new"]
    # Found out first, so that nobody is taken off for somebody who cannot come.
    assigned = by_hand(scene.record, scene.model, new) if new else None
    scene.append(Unassigned(old, command.reason), part=1)
    if assigned is None:
        return Done(f"{code_span(old)} does not review `{scene.model}` any more")
    scene.append(assigned, part=2)
    return Done(f"{code_span(assigned.reviewer)} reviews `{scene.model}` for {code_span(old)}")


def extend(scene: Scene, command: Command) -> Done:
    """Give one person more time."""
    words = command.arguments
    until = f"{words['date']} {words['time']}"
    extended = extension(scene.record, words["who"], words["stage"], until)  # type: ignore[arg-type]
    state = scene.append(extended)
    due = state.due(extended.stage, extended.who) or moment(extended.until)
    when = both(due, scene.record.policy.zone)
    return Done(f"{code_span(extended.who)} has until {when} for {work(extended.stage)}")


def hold(scene: Scene, command: Command) -> Done:
    """Stop the clocks."""
    scene.append(Held(command.reason))
    return Done("the entry is on hold; its clocks run again with `/zoo unhold`")


def unhold(scene: Scene, command: Command) -> Done:
    """Let them run again."""
    state = scene.append(Released())
    return Done(f"the entry is {state.stage} again")


def close(scene: Scene, command: Command) -> Done:
    """Close reviews or a version whose time is over; what was filed is opened."""
    event = closing(scene.state, command.arguments["what"] or None)
    state = scene.append(event)
    if not isinstance(event, ReviewsClosed):
        return Done(f"version {event.version[1]} is declared missing")  # type: ignore[attr-defined]
    absent = [one.reviewer for one in state.reviews.values() if one.status == "missing"]
    waiting = filing.reveal_from_pulls(scene.record, scene.model, scene.asker.handle)
    words = [f"missing: {_people(absent)}" if absent else "all are in"]
    words += [f"to be opened where they were filed: {_people(waiting)}"] if waiting else []
    return Done(f"the reviews are closed; {'; '.join(words)}")


def accept(scene: Scene, command: Command) -> Done:
    """Accept the entry; what was reviewed is what is merged."""
    frozen, pull = scene.state.v2, scene.pull
    assert frozen is not None
    if pull.head_sha != frozen.commit:
        rule = f"the newest commit is {pull.head_sha[:12]}, version 2 is {frozen.commit[:12]}"
        raise ZooError(f"{rule}: only what was reviewed is merged, take the branch back to it")
    scene.append(Accepted())
    return Done(f"`{scene.model}` is accepted", later=merging(scene))


def merging(scene: Scene) -> Callable[[GitHub], str]:
    """The merge of the accepted version, for when the acceptance is pushed; twice is once."""
    frozen, title = scene.state.v2, f"{scene.model}: accepted after review"
    root = scene.record.root
    assert frozen is not None

    def merge(github: GitHub) -> str:
        try:
            pull = github.pull(scene.number)
            if pull is not None and not pull.merged and not into_default(root, pull):
                # What was there at the acceptance may have been changed since.
                return "It is not merged: its branch is not into the default one. Merge it by hand."
            if pull is None or not pull.merged:
                github.merge(scene.number, frozen.commit, title)
        except Failed as error:
            return f"It could not be merged ({code_span(one_line(error))}): merge it by hand."
        return f"It is merged at `{frozen.commit[:12]}`."

    return merge


def publish(scene: Scene, command: Command) -> Done:
    """Record the publication, if nothing stands in its way."""
    wrong = problems(scene.record, scene.model)
    if wrong:
        reasons = code_block("\n".join(map(one_line, wrong)), "text")
        return Done("refused: it cannot be published", reasons, refused=True)
    scene.append(Published())
    return Done(f"`{scene.model}` is published")


def reconcile(scene: Scene, command: Command) -> Done:
    """Make everything again that follows from the ledgers."""
    done = rebuild(scene.record)
    block = code_block("\n".join(map(one_line, done)), "text") if done else ""
    return Done("done again:" if done else "everything is as the ledgers say", block)


def _people(handles: list[str]) -> str:
    """Handles, nobody of whom is mentioned."""
    return ", ".join(map(code_span, handles))
