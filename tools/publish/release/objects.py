"""Git's objects: read by one process, written as loose objects, without any clock or user."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tools.process.git import ELSEWHERE
from zoo.core.errors import ZooError

FOLDER = "40000"


class Objects:
    """The objects of a clone; a context, since a git process answers."""

    def __init__(self, root: Path) -> None:
        ours = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        self._git = subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**ours, "LC_ALL": "C"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._git.stdin is not None
        assert self._git.stdout is not None
        self._git.stdin.close()
        self._git.wait()
        self._git.stdout.close()

    def get(self, name: str) -> bytes:
        """The content of an object; ZooError where it is not there."""
        assert self._git.stdin is not None
        assert self._git.stdout is not None
        self._git.stdin.write(name.encode() + b"\n")
        self._git.stdin.flush()
        header = self._git.stdout.readline().split()
        if len(header) != 3:
            raise ZooError(f"git has no object {name}: git fetch --unshallow --tags")
        content = self._git.stdout.read(int(header[2]))
        self._git.stdout.read(1)
        return content

    def tree(self, name: str) -> list[tuple[str, str, str]]:
        """(mode, name, id) of a folder's items."""
        data, items = self.get(name), []
        while data:
            head, _, rest = data.partition(b"\0")
            mode, _, item = head.partition(b" ")
            items.append((mode.decode(), item.decode(errors="surrogateescape"), rest[:20].hex()))
            data = rest[20:]
        return items

    def files(self, tree: str, folder: str = "") -> dict[str, tuple[str, str]]:
        """(mode, id) by path, of everything below a tree."""
        found: dict[str, tuple[str, str]] = {}
        for mode, name, key in self.tree(tree):
            if mode == FOLDER:
                found |= self.files(key, f"{folder}{name}/")
            else:
                found[folder + name] = (mode, key)
        return found

    def commit(self, name: str) -> Commit:
        """A commit."""
        head, _, message = self.get(name).decode(errors="replace").partition("\n\n")
        rows = [line.partition(" ") for line in head.split("\n") if not line.startswith(" ")]
        authored, committed = (
            next(int(rest.rsplit(" ", 2)[1]) for key, _, rest in rows if key == who)
            for who in ("author", "committer")
        )
        parents = tuple(rest for key, _, rest in rows if key == "parent")
        tree = next(rest for key, _, rest in rows if key == "tree")
        return Commit(tree, parents, authored, committed, message)


@dataclass(frozen=True)
class Commit:
    """A commit without its people: their names and addresses are nobody's business.

    Attributes:
        tree: id of its tree.
        parents: ids.
        authored: seconds since 1970.
        committed: the same, of the commit.
        message: with its last newline.
    """

    tree: str
    parents: tuple[str, ...]
    authored: int
    committed: int
    message: str

    def data(self, identity: str) -> bytes:
        """As git keeps it, by one identity, in UTC."""
        lines = [f"tree {self.tree}", *(f"parent {parent}" for parent in self.parents)]
        lines += [f"author {identity} {self.authored} +0000"]
        lines += [f"committer {identity} {self.committed} +0000", "", self.message]
        return "\n".join(lines).encode()


class Store:
    """Writes objects into a repository and remembers their ids.

    Args:
        root: of the repository.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / ".git" / "objects"
        self._written: set[str] = set()

    def add(self, kind: str, data: bytes) -> str:
        """Write a blob, tree or commit; its id."""
        whole = f"{kind} {len(data)}".encode() + b"\0" + data
        key = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        if key not in self._written:
            path = self._folder / key[:2] / key[2:]
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(whole, 1))
            self._written.add(key)
        return key

    def add_tree(self, items: list[tuple[str, str, str]]) -> str:
        """Write a folder of (mode, name, id) in git's order; its id."""

        def order(item: tuple[str, str, str]) -> bytes:
            return (item[1] + "/" * (item[0] == FOLDER)).encode(errors="surrogateescape")

        rows = (
            f"{mode} {name}".encode(errors="surrogateescape") + b"\0" + bytes.fromhex(key)
            for mode, name, key in sorted(items, key=order)
        )
        return self.add("tree", b"".join(rows))

    def add_files(self, files: Mapping[str, tuple[str, str]]) -> str:
        """Write the folders of (mode, id) by path; the id of the outermost."""
        items: list[tuple[str, str, str]] = []
        below: dict[str, dict[str, tuple[str, str]]] = {}
        for path, (mode, key) in files.items():
            first, slash, rest = path.partition("/")
            if slash:
                below.setdefault(first, {})[rest] = (mode, key)
            else:
                items.append((mode, first, key))
        items += [(FOLDER, name, self.add_files(inside)) for name, inside in below.items()]
        return self.add_tree(items)
