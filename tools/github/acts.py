"""From a command to what it does: the function of each row of the table, run once per delivery."""

from __future__ import annotations

from collections.abc import Callable

from tools.github import deciding, developing, judging
from tools.github.authority import allowed, permitted
from tools.github.commands import Command
from tools.github.scene import Done, Scene
from tools.github.sticky import status_text
from tools.process.record import Record
from zoo.core.errors import ZooError


def help_(scene: Scene, command: Command) -> Done:
    """What the asker may say here now."""
    rows = allowed(scene.asker, scene.state)
    lines = [f"- `{row.usage}`: {row.effect.replace('MODEL', scene.model)}" for row in rows]
    stage = f"`{scene.model}` is {scene.state.stage}" if scene.model else scene.subject.why
    return Done(f"{stage}; you may say", "\n".join(lines))


def status(scene: Scene, command: Command) -> Done:
    """Where the entry stands."""
    if not scene.model:
        raise ZooError(scene.subject.why)
    text = status_text(scene.state, scene.record.policy, scene.now)
    return Done("as of now", text.partition("\n")[2].strip())  # without the mark of the sticky one


ACTS: dict[str, Callable[[Scene, Command], Done]] = {
    "check": developing.check,
    "submit": developing.submit,
    "respond": developing.respond,
    "withdraw": developing.withdraw,
    "agree": judging.agree,
    "refuse": judging.refuse,
    "scaffold": judging.scaffold,
    "lint": judging.lint,
    "file": judging.file,
    "verify": judging.verify,
    "approve": deciding.approve,
    "decline_proposal": deciding.decline_proposal,
    "assign": deciding.assign,
    "reassign": deciding.reassign,
    "extend": deciding.extend,
    "hold": deciding.hold,
    "unhold": deciding.unhold,
    "close": deciding.close,
    "accept": deciding.accept,
    "publish": deciding.publish,
    "reconcile": deciding.reconcile,
    "status": status,
    "help": help_,
}
WITHOUT_ENTRY = ("help", "status", "reconcile")


def perform(scene: Scene, command: Command) -> Done:
    """Do what a command says; what was recorded by an earlier delivery is not done again.

    Raises:
        ZooError: the rule that forbids it; nothing was recorded.
    """
    if was_recorded(scene.record, scene.event_id):
        # The job that recorded it may have ended before what comes after the push.
        merges = command.verb == "accept" and scene.state.stage in ("accepted", "published")
        later = deciding.merging(scene) if merges else None
        return Done("recorded already", later=later, recorded=True)
    if not scene.model and command.verb not in WITHOUT_ENTRY:
        _ = scene.asker.handle  # a stranger hears that first
        raise ZooError(scene.subject.why)
    row = permitted(command.verb, scene.asker, scene.state)
    return ACTS[row.act](scene, command)


def was_recorded(record: Record, name: str) -> bool:
    """Whether a ledger has an event of the command of this name."""
    parts = f"{name}-"
    return any(
        name in state.seen or any(one.startswith(parts) for one in state.seen)
        for state in record.states().values()
    )
