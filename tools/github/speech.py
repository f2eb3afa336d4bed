"""What rules and forms say for a terminal, said for a comment.

The rules of the process name commands of the command line; who reads them on GitHub writes `/zoo`.
"""

from __future__ import annotations

import re

# Commands of the command line, and what is said in a comment; the rest is for a terminal only.
SPOKEN = {
    "review start": "scaffold",
    "review lint": "lint",
    "review file": "file",
    "review agree": "accept",
    "review refuse": "decline",
    "verify-fix": "verify",
    "history": "status",
    **{
        verb: verb
        for verb in (
            *("submit", "respond", "withdraw", "approve", "decline", "assign", "reassign"),
            *("extend", "hold", "unhold", "close", "accept", "reconcile", "status"),
        )
    },
}


def spoken(text: str, model: str) -> str:
    """A text in which commands are those of comments; the entry is the one talked about."""
    verbs = "|".join(SPOKEN)
    entry = rf"(?: {re.escape(model)}\b)?" if model else ""
    pattern = rf"(?<![/\w])zoo ({verbs})\b(?!-){entry}(?! --\w)"
    return re.sub(pattern, lambda found: f"/zoo {SPOKEN[found[1]]}", text)
