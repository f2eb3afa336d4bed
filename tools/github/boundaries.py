"""What a submission may change: its own entry, and nothing that judges it.

Continuous integration runs the pull request's own copy of workflows, checks and laws, so that its
verdict on a pull request that changes them says nothing. This is looked at from the default branch,
before anything is believed or merged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.github.port import MAINTAINERS, ChangedFile, Permission
from tools.text import one_line

_ENTRY = re.compile(r"zoo/(?!core/)([a-z][a-z0-9_]*)/.")
_SHARED = ("README.md",)  # lists the entries: written by a tool, and any entry changes it


def entries(changed: Sequence[ChangedFile]) -> list[str]:
    """Names of the entries that a pull request touches, sorted."""
    found = (_ENTRY.match(path) for path in _paths(changed))
    return sorted({match[1] for match in found if match})


def trespasses(changed: Sequence[ChangedFile]) -> list[str]:
    """Paths that a submission changes beside its entries; none for a change of the library."""
    names = entries(changed)
    allowed = tuple(f"zoo/{name}/" for name in names)
    files = {*_SHARED, *(f"reviews/{name}/v2/response.md" for name in names)}
    if not names:
        return []
    return [p for p in _paths(changed) if p not in files and not p.startswith(allowed)]


def refusal(changed: Sequence[ChangedFile], author: Permission) -> str:
    """The rule that a pull request breaks and the fix, in one line; empty where it breaks none.

    Args:
        changed: what it changes.
        author: what its author may do in the repository; maintainers may change everything.
    """
    outside = trespasses(changed)
    if not outside or author in MAINTAINERS:
        return ""
    shown = ", ".join(one_line(path, 80) for path in outside[:5])
    more = f" and {len(outside) - 5} more" if len(outside) > 5 else ""
    rule = f"a submission changes only its own folder zoo/{entries(changed)[0]}/"
    return f"{rule}, this one also {shown}{more}: take that out, into a pull request of its own"


def _paths(changed: Sequence[ChangedFile]) -> list[str]:
    """Every path that is there before or after, each once."""
    both = (path for file in changed for path in (file.previous_path, file.path) if path)
    return list(dict.fromkeys(both))
