"""What reviewers command: accept, decline, scaffold, lint, file, verify."""

from __future__ import annotations

from tools.github import filing
from tools.github.commands import Command
from tools.github.scene import Done, Scene
from tools.process.ledger.events import ReviewAgreed, ReviewRefused
from tools.process.response.signing import sign
from tools.process.times import both
from tools.text import code_block, code_span

LINES_SHOWN = 40


def agree(scene: Scene, command: Command) -> Done:
    """Take the review on."""
    state = scene.append(ReviewAgreed())
    due = state.due("review", scene.asker.handle)
    until = f", due {both(due, scene.record.policy.zone)}" if due else ""
    return Done(f"you review `{scene.model}`{until}; next: `/zoo scaffold`")


def refuse(scene: Scene, command: Command) -> Done:
    """Do not take the review on."""
    scene.append(ReviewRefused(command.reason))
    return Done(f"you do not review `{scene.model}`; the instructor finds somebody else")


def scaffold(scene: Scene, command: Command) -> Done:
    """Show the form of the review."""
    return Done("here it is", filing.scaffold(scene.record, scene.model, scene.asker.handle))


def lint(scene: Scene, command: Command) -> Done:
    """Say what the review of this pull request still lacks."""
    handle = scene.asker.handle
    model, text = filing.review_text(scene.record, scene.github, scene.pull, handle)
    lines = filing.lint(scene.record, model, handle, text)
    if not lines:
        return Done("nothing is missing; next: `/zoo file`")
    shown = lines[:LINES_SHOWN] + (["…"] if len(lines) > LINES_SHOWN else [])
    return Done(f"{len(lines)} to look at", code_block("\n".join(shown), "text"))


def file(scene: Scene, command: Command) -> Done:
    """File the review of this pull request."""
    handle = scene.asker.handle
    text = filing.file_review(scene.record, scene.github, scene.pull, handle, scene.event_id)
    return Done("done", text)


def verify(scene: Scene, command: Command) -> Done:
    """Sign off a finding."""
    words = command.arguments
    scene.appended = True
    key, state, page = sign(
        scene.record,
        scene.state,
        scene.asker.handle,
        words["finding"],
        words["outcome"],
        command.reason,
        event_id=scene.event_id,
    )
    scene.written.append(page)
    prefix = scene.asker.handle.removeprefix("@") + "/"
    left = [one.removeprefix(prefix) for one in state.unsigned if one.startswith(prefix)]
    rest = f"; {len(left)} of yours to go: {', '.join(left[:5])}" if left else ""
    return Done(f"{code_span(key)} is {words['outcome']}{rest or '; all of yours are signed off'}")
