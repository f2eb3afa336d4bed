"""A rehearsal: a whole term in a temporary clone, through the commands that people type.

`world` holds the clone, its clock and its diary; `people` draws who takes part and what happens to
whom; `toy`, `faults` and `entries` make tiny entries with faults in them; `texts` are what people
write. The term itself is told by `opening`, `reviewing`, `revising`, `grading` and `ending`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.process.simulation.ending import Outcome
from tools.process.simulation.people import draw_cast
from tools.process.simulation.world import World

__all__ = ["Outcome", "rehearse"]


def rehearse(
    folder: Path, people: int, seed: int, say: Callable[[str], None], *, full: bool = True
) -> Outcome:
    """Rehearse a term.

    Args:
        folder: an empty folder outside any clone; `clone/` and `private/` are made in it.
        people: how many take part, beside the instructor.
        seed: everything that is drawn follows from it.
        say: told every line of the diary.
        full: check one entry in full and run one frozen version again, which takes half a minute.

    Raises:
        ZooError: something failed that must work, or worked that must be refused.
    """
    from tools.process.simulation import ending, grading, opening, reviewing, revising

    world = World(folder, seed, say, full)
    cast = draw_cast(people, world.random)
    with world.entered():
        opening.begin(world, cast)
        opening.propose(world, cast)
        reviewing.bid(world, cast)
        opening.reschedule(world)
        opening.submit_v1(world, cast)
        opening.revive(world, cast.by_fate("revived"))
        desk = reviewing.assign(world, cast)
        reviewing.review(world, cast, desk)
        reviewing.close(world, cast, desk)
        revising.revise(world, cast, desk)
        revising.accept_rest(world, desk)
        grading.grade(world, cast, desk)
        grading.regrade(world, cast)
        grading.publish(world, cast)
        return ending.conclude(world)
