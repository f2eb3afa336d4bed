"""The one exception for things a user can mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ZooError(Exception):
    """A mistake or a missing precondition that the user can mend.

    The message is one line that names the rule and the fix; the command line prints it without a
    traceback and exits with status 1.
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: "did you mean 'x'?" or the list of what exists."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known: " + (", ".join(known) or "none")
