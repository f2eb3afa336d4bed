"""Annotated tags `<model>/v1` and `<model>/v2` of frozen versions: projections of the ledger."""

from __future__ import annotations

from pathlib import Path

from tools.process.git import git, require_commit
from tools.process.ledger.state import Submitted
from tools.process.rules.policy import stamp
from zoo.core.errors import ZooError


def make_tag(root: Path, model: str, version: str, submitted: Submitted) -> bool:
    """Tag a frozen version; whether the tag is new. The same ledger makes the same tag everywhere.

    Raises:
        ZooError: the tag names another commit, or the frozen commit is not here.
    """
    name, reference = f"{model}/{version}", f"refs/tags/{model}/{version}"
    there = git(root, "rev-parse", "--verify", "--quiet", f"{reference}^{{}}", check=False)
    if there == submitted.commit:
        return False
    if there:
        rule = f"the tag {name} names {there[:12]}, the ledger {submitted.commit[:12]}"
        raise ZooError(f"{rule}: remove it, git tag -d {name}, then run zoo reconcile")
    require_commit(root, submitted.commit)
    handle = submitted.by.removeprefix("@")
    lines = [
        f"object {submitted.commit}",
        "type commit",
        f"tag {name}",
        f"tagger {handle} <{handle}> {int(submitted.at.timestamp())} +0000",
        "",
        f"Version {version[1]} of {model}, submitted by {submitted.by}",
        "",
        f"Event 'submitted' of {stamp(submitted.at)} in reviews/{model}/events.jsonl.",
    ]
    tag = git(root, "mktag", stdin=("\n".join(lines) + "\n").encode())
    git(root, "update-ref", reference, tag, "")  # "": refuse where the reference exists by now
    return True
