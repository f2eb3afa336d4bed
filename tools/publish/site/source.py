"""Highlighted source of an entry: as it is now, and as it was frozen for the reviewers.

Every line has an anchor, so that a finding leads to the lines it speaks of. A notebook is shown as
its cells, each with an anchor of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Literal

from markupsafe import Markup

from tools.process.findings import Place
from tools.process.git import file_at, git, has_commit
from tools.process.response.responsefile import load_response
from tools.process.review.reviewfile import load_review
from tools.publish.site.code import highlighted, numbered
from tools.publish.site.pages import Asset, Page
from tools.publish.site.zoo import Shown, Zoo
from zoo.core.errors import ZooError

Version = Literal["v1", "v2"]
VERSIONS: tuple[Version, ...] = ("v1", "v2")

# Files that are shown, in this order; weights and pictures have their own places in the site.
_LANGUAGES = {".py": "python", ".ipynb": "", ".md": "markdown", ".yaml": "yaml", ".json": "json"}
_LARGEST = 400_000  # bytes of a file that is shown


def source_href(model: str, version: Version, path: str, line: int | str | None = None) -> str:
    """Where a file's page lies in the site: "entries/vae/source/v1/model.py.html#L12".

    Args:
        model: name of the entry.
        version: "v1" is the frozen version 1; "v2" the frozen version 2 or, before there is one,
            the working tree.
        path: path from the repository's root, with forward slashes.
        line: number of a line from 1, or the id of a notebook's cell.
    """
    inside = re.sub(r"[^A-Za-z0-9_.+/-]", "_", path.removeprefix(f"zoo/{model}/"))
    page = f"entries/{model}/source/{version}/{inside}.html"
    return page if line is None else f"{page}#{anchor(line)}"


def anchor(line: int | str) -> str:
    """The id of a line ("L12") or of a notebook's cell ("cell-idea")."""
    if isinstance(line, int):
        return f"L{line}"
    return "cell-" + re.sub(r"[^A-Za-z0-9_-]", "-", line)


def commit_of(shown: Shown, version: Version) -> str:
    """The frozen commit of a version; "" where it is not frozen."""
    submitted = shown.state and getattr(shown.state, version)
    return submitted.commit if submitted else ""


def files_of(zoo: Zoo, shown: Shown, version: Version) -> dict[str, bytes]:
    """Content by path of what is shown of a version: the entry, and what a finding speaks of.

    Empty for a version that does not exist, or whose commit this clone lacks.
    """
    commit, folder = commit_of(shown, version), f"zoo/{shown.name}"
    if commit and not has_commit(zoo.root, commit):
        return {}
    if not commit and version == "v1":
        return {}
    if commit:
        listed = git(zoo.root, "ls-tree", "-r", "-z", "--name-only", commit, f"{folder}/")
        paths = listed.split("\0")
    else:
        paths = [path.relative_to(zoo.root).as_posix() for path in (zoo.root / folder).rglob("*")]
    spoken = {p.path for p in _places(zoo, shown, version) if p.path.startswith("zoo/")}
    found: dict[str, bytes] = {}
    for path in sorted({path for path in (*paths, *spoken) if _is_shown(path)}, key=_order):
        content = file_at(zoo.root, commit, path) if commit else _read(zoo, path)
        if content is not None and len(content) <= _LARGEST:
            found[path] = content
    return found


def pages(zoo: Zoo) -> Iterator[Page | Asset]:
    """A page for each file of each version of each entry."""
    for shown in zoo.shown:
        for version in VERSIONS:
            files = files_of(zoo, shown, version)
            listed = [(path, source_href(shown.name, version, path)) for path in files]
            for path, content in files.items():
                yield _page(zoo, shown, version, path, content, listed)


def _page(
    zoo: Zoo,
    shown: Shown,
    version: Version,
    path: str,
    content: bytes,
    listed: list[tuple[str, str]],
) -> Page:
    text = zoo.people.file(content.decode("utf-8", errors="replace"))
    frozen = commit_of(shown, version)
    name = path.removeprefix(f"zoo/{shown.name}/")
    other: Version = "v2" if version == "v1" else "v1"
    return Page(
        path=source_href(shown.name, version, path),
        title=f"{name} ({shown.name}, {version})",
        template="source.html.j2",
        context={
            "shown": shown,
            "version": version,
            "commit": frozen,
            "path": path,
            "name": name,
            "files": [(p.removeprefix(f"zoo/{shown.name}/"), href) for p, href in listed],
            "other": (other, source_href(shown.name, other, path)),
            "github": blob_address(zoo, frozen, path),
            "body": _body(path, text),
            "lines": text.count("\n") + (not text.endswith("\n")),
        },
        description=f"Source of {path}, {version} of the entry {shown.name}.",
        section="gallery",
        styles=("prose.css", "source.css"),
    )


def blob_address(zoo: Zoo, commit: str, path: str) -> str:
    """The file on GitHub at a commit; "" where the policy names no repository."""
    repository = zoo.record.policy.publication.repository
    return f"https://github.com/{repository}/blob/{commit}/{path}" if repository and commit else ""


def _body(path: str, text: str) -> Markup:
    if path.endswith(".ipynb"):
        try:
            return _cells(json.loads(text)["cells"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return numbered(text, "text")
    return numbered(text, _LANGUAGES.get(PurePosixPath(path).suffix, "text"))


def _cells(cells: list[dict[str, Any]]) -> Markup:
    """The cells of a notebook as they were written."""
    taken: set[str] = set()
    made = Markup("")
    for cell in cells:
        source = cell.get("source", "")
        source = source if isinstance(source, str) else "".join(source)
        base = name = anchor(str(cell.get("id", "")))
        while name in taken:
            name += "-"
        taken.add(name)
        language = "python" if cell.get("cell_type") == "code" else "markdown"
        made += Markup(
            '<section class="cell" id="{0}" aria-label="{1} cell {2}">'
            '<a class="cell-name" href="#{0}">{2}</a>{3}</section>\n'
        ).format(name, str(cell.get("cell_type")), base[5:], highlighted(source, language))
    return made


def _places(zoo: Zoo, shown: Shown, version: Version) -> Iterator[Place]:
    """The places of a version that reviews, or answers to them, speak of."""
    if shown.state is None:
        return
    try:
        if version == "v1":
            for review in shown.state.reviews.values():
                if review.status == "revealed":
                    file = load_review(zoo.record, shown.name, review.reviewer)
                    yield from (finding.place for finding in file.findings)
        elif shown.state.response_sha256:
            response = load_response(zoo.record, shown.name)
            yield from (place for reply in response.replies.values() for place in reply.where)
    except ZooError:  # the record's page says what is wrong with it
        return


def _is_shown(path: str) -> bool:
    pure = PurePosixPath(path)
    return pure.suffix in _LANGUAGES and "curves" not in pure.parts and ".." not in pure.parts


def _order(path: str) -> tuple[int, bool, str]:
    """The model first, then the recipe and other code, tests after it, texts at the end."""
    pure = PurePosixPath(path)
    first = ["model.py", "recipe.py"]
    rank = first.index(pure.name) if pure.name in first else len(first)
    tested = pure.name.startswith("test_") or pure.name == "__init__.py"
    return rank + 10 * list(_LANGUAGES).index(pure.suffix), tested, path


def _read(zoo: Zoo, path: str) -> bytes | None:
    file = zoo.root / path
    return file.read_bytes() if file.is_file() and not file.is_symlink() else None
