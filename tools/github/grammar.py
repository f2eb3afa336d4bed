"""What a row of the table of commands consists of, and what a word in a command must be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from tools.process.ledger.state import ReviewStatus, StageName
from tools.process.rules.roster import HANDLE

Who = Literal["anyone", "developer", "reviewer", "instructor"]


@dataclass(frozen=True)
class Argument:
    """One word after a verb.

    Attributes:
        name: under which its command has it.
        shown: as help shows it; "|" stands between choices.
        example: a word that fits.
        pattern: what the whole word must match; upper and lower case count alike.
        optional: whether it may be left out.
        choices: the words of which it is one, in lower case; empty for any that fits.
    """

    name: str
    shown: str
    example: str
    pattern: str
    optional: bool = False
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"[{self.shown}]" if self.optional else self.shown

    def fits(self, word: str) -> bool:
        """Whether a word can stand for this argument."""
        return re.fullmatch(self.pattern, word, re.IGNORECASE | re.ASCII) is not None


@dataclass(frozen=True)
class Verb:
    """One row.

    Attributes:
        verb: as it is written.
        who: the roles at the entry that may say it.
        stages: stages of the entry in which it may be said.
        effect: one sentence for help.
        examples: comments that use it.
        act: name of its function in `acts.ACTS`.
        arguments: the words after it.
        reason: whether "-- reason" is refused, may follow, or must.
        statuses: what the reviewer's own review must be; empty for any.
    """

    verb: str
    who: tuple[Who, ...]
    stages: tuple[StageName, ...]
    effect: str
    examples: tuple[str, ...]
    act: str
    arguments: tuple[Argument, ...] = ()
    reason: Literal["none", "optional", "required"] = "none"
    statuses: tuple[ReviewStatus, ...] = ()

    @property
    def usage(self) -> str:
        """How it is written: "/zoo verify FINDING verified|partial|not-fixed [-- reason]"."""
        reason = {"none": (), "optional": ("[-- reason]",), "required": ("-- reason",)}[self.reason]
        return " ".join(["/zoo", self.verb, *map(str, self.arguments), *reason])


def choice(name: str, kind: object, *, optional: bool = False) -> Argument:
    """One of the words of a Literal."""
    words = get_args(kind)
    return Argument(name, "|".join(words), words[0], "|".join(words), optional, words)


def handle(name: str, shown: str, *, optional: bool = False) -> Argument:
    """The handle of a person, with "@" or without."""
    pattern = f"@?{HANDLE.pattern.removeprefix('@')}"
    return Argument(name, shown, "@rev-one", pattern, optional)
