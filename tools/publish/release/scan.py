"""Looking at everything that goes out, once, and saying where what is private stands."""

from __future__ import annotations

from pathlib import Path

from tools.process.git import git
from tools.process.rules.policy import Allowed
from tools.publish.release.objects import Objects
from tools.publish.release.reading import Piece, pickled, pieces
from tools.publish.release.rules import Found, Private


class Scanner:
    """Collects problems, each "path:line: rule; fix" and once per path and text.

    Attributes:
        problems: in the order in which they were found.
    """

    def __init__(self, private: Private, allowed: list[Allowed]) -> None:
        self._rules, self._people = private.rules(), private.people
        self._allowed = [item.text for item in allowed]
        self._seen: set[tuple[str, str, str]] = set()
        self.problems: list[str] = []

    def look(self, path: str, data: bytes, commit: str = "") -> None:
        """Look at a file as it goes out; `commit` is where it comes from, if not the present."""
        place = f"{commit[:12]}:{path}" if commit else path
        if pickled(data):
            fix = "zoo train writes safetensors; a pickle runs code when it is loaded"
            self._add(path, f"{place}:1", Found(0, "pickle", "a pickle", fix))
        name = Piece(self._people.file(path), flat=True, where="its name")
        for text in (name, *pieces(data)):
            self._read(path, place, text)

    def look_at_message(self, commit: str, message: str) -> None:
        """Look at a commit's message."""
        self._read(commit, f"message of {commit[:12]}", Piece(message))

    def look_again(self, folder: Path) -> None:
        """Look at every object of a finished repository, whatever refers to it."""
        options = ("--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")
        with Objects(folder) as objects:
            for line in git(folder, "cat-file", *options).splitlines():
                name, kind = line.split()
                data = objects.get(name)
                if kind == "tree":
                    data = "\n".join(item for _, item, _ in objects.tree(name)).encode(
                        "utf-8", "replace"
                    )
                if kind == "blob":
                    self.look(f"object {name[:12]} of the release", data)
                else:
                    self._read(
                        name,
                        f"{kind} {name[:12]} of the release",
                        Piece(data.decode(errors="replace")),
                    )

    def _read(self, path: str, place: str, piece: Piece) -> None:
        everything = (found for rule in self._rules for found in rule(piece.text))
        for found in sorted(everything, key=lambda found: found.start):
            if not self._is_allowed(piece.text, found):
                what = f" ({piece.where})" if piece.where else ""
                self._add(path, f"{place}:{piece.line_at(found.start)}", found, what)

    def _is_allowed(self, text: str, found: Found) -> bool:
        """Whether the policy lets exactly this pass."""
        return any(
            found.text in allowed
            and (found.text == allowed or allowed in text[max(0, found.start - 500) :][:1000])
            for allowed in self._allowed
        )

    def _add(self, path: str, place: str, found: Found, what: str = "") -> None:
        if (path, found.rule, found.text) not in self._seen:
            self._seen.add((path, found.rule, found.text))
            self.problems.append(f"{place}: {found.rule}{what}; {found.fix}")
