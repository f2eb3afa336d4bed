"""The whole history, every commit rewritten: private files dropped, people under public names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from tools.process.git import git
from tools.publish.release.building import Builder, is_record
from tools.publish.release.ledgers import Renaming, rewritten
from tools.publish.release.objects import FOLDER
from tools.publish.release.texts import with_commits

GONE = "0" * 40  # a commit that is in no history: it was rebased, or lost
SILENT = "About what is not published\n"  # of a commit of which nothing goes out
NAMES = ("co-authored-by:", "signed-off-by:", "reviewed-by:", "acked-by:", "tested-by:")


def filtered(builder: Builder) -> str:
    """Write the history and, on top, the release as it is now; the last commit."""
    now = builder.base()
    history = _History(builder)
    for commit in history.order:
        if commit not in history.new:
            history.write(commit)
    end = builder.source.commit(builder.plan.commit).committed
    now |= builder.reviews(
        lambda model, name: history.renamed(name), lambda model: history.commits()
    )
    now |= builder.pages(now)
    parents = (history.new[builder.plan.commit],)
    return builder.commit(now, parents, end, "Release: what the ledgers say\n")


class _History:
    """The commits of the clone and what became of them.

    Attributes:
        order: all commits that lead to the release and to frozen versions, parents first.
        new: id by old id.
    """

    def __init__(self, builder: Builder) -> None:
        self.builder, self.source, self.plan = builder, builder.source, builder.plan
        states = self.plan.published.values()
        frozen = [v.commit for state in states for v in (state.v1, state.v2) if v is not None]
        root, tips = self.plan.record.root, [self.plan.commit, *sorted(set(frozen))]
        self.order = git(root, "rev-list", "--topo-order", "--reverse", *tips).split()
        self.new: dict[str, str] = {}
        self._known = set(self.order)
        self._roots: dict[str, str] = {}
        self._blobs: dict[tuple[str, str], str] = {}
        self._trees: dict[tuple[str, str], str | None] = {}
        self._texts = self._texts_by_digest(tips)

    def rewrite(self, old: str) -> str:
        """The new id of a commit that a text or a ledger names, whatever branch it is on."""
        if old not in self.new:
            root = self.plan.record.root
            for commit in git(root, "rev-list", "--topo-order", "--reverse", old).split():
                if commit not in self.new:
                    self.write(commit)
        return self.new[old]

    def write(self, old: str) -> None:
        """Write a commit whose parents are written."""
        before = self.source.commit(old)
        parents = tuple(self.new[parent] for parent in before.parents)
        tree = self._tree(before.tree, "", old) or self.builder.store.add_tree([])
        self._roots[old] = tree
        same = any(tree == self._roots[parent] for parent in before.parents[:1])
        message = SILENT if same else self._message(before.message)
        self.builder.scanner.look_at_message(old, message)
        commit = replace(before, tree=tree, parents=parents, message=message)
        self.new[old] = self.builder.add_commit(commit)

    def _message(self, text: str) -> str:
        """A commit's message without the people at its end."""
        kept = (line for line in text.split("\n") if not line.lower().startswith(NAMES))
        return self.plan.people.file(with_commits("\n".join(kept), self.renamed))

    def renamed(self, name: str) -> str | None:
        """The new id of a commit that is named in full or in part; None for what is none."""
        if len(name) == 40:
            return self.rewrite(name) if name in self._known else None
        found = [commit for commit in self.order if commit.startswith(name)]
        return self.rewrite(found[0]) if len(found) == 1 else None

    def commits(self) -> tuple[Callable[[str], str], Callable[[str, str], str]]:
        """What becomes of commits in a ledger."""
        return self._commit, lambda version, name: self._commit(name)

    def _commit(self, name: str) -> str:
        return self.rewrite(name) if name in self._known else GONE * bool(name)

    def _tree(self, tree: str, folder: str, commit: str) -> str | None:
        """A rewritten folder; None where nothing of it goes out."""
        if (tree, folder) not in self._trees:
            items: list[tuple[str, str, str]] = []
            for mode, name, key in self.source.tree(tree):
                path, public = folder + name, self.plan.people.file(name)
                if mode == FOLDER:
                    below = self._tree(key, f"{path}/", commit)
                    items += [(mode, public, below)] if below else []
                elif self._goes_out(path):
                    items.append((mode, public, self._blob(path, key, commit)))
            self._trees[tree, folder] = self.builder.store.add_tree(items) if items else None
        return self._trees[tree, folder]

    def _goes_out(self, path: str) -> bool:
        """Pictures of all entries show those that are left out, too."""
        hidden = path == "zoo/samples.png" and bool(self.plan.left_out)
        return self.plan.goes_out(path) and not hidden

    def _blob(self, path: str, key: str, commit: str) -> str:
        if (path, key) not in self._blobs:
            data = self.source.get(key)
            if not is_record(path):
                new = self.builder.public(path, data, past=True)
            elif path.endswith(".jsonl"):
                new = rewritten(data, self._renaming())
            else:
                new = self.builder.review(path, data, self.renamed)
            self._blobs[path, key] = self.builder.blob(path, new, commit)
        return self._blobs[path, key]

    def _renaming(self) -> Renaming:
        return Renaming(self.plan.people, *self.commits(), self._sha256, self.plan.summary)

    def _sha256(self, old: str) -> str:
        """The digest of a text as it goes out, which a ledger names before the text is open."""
        if old not in self._texts:
            return old
        path, key = self._texts[old]
        new = self.builder.review(path, self.source.get(key), self.renamed)
        return hashlib.sha256(new).hexdigest()

    def _texts_by_digest(self, tips: list[str]) -> dict[str, tuple[str, str]]:
        """(path, id) of all reviews and responses that ever were, by sha256."""
        listing = git(self.plan.record.root, "rev-list", "--objects", *tips, "--", "reviews")
        found: dict[str, tuple[str, str]] = {}
        for line in listing.splitlines():
            key, _, path = line.partition(" ")
            if path.endswith(".md") and is_record(path) and self.plan.goes_out(path):
                found[hashlib.sha256(self.source.get(key)).hexdigest()] = (path, key)
        return found
