"""Builds the site: pages and files of all sections, written whole or not at all.

    from tools.publish.site.build import build
    report = build(zoo, Path("build/site"))

A site is made beside the old one, where what did not change is linked and so keeps its time, and
then takes the old one's place. A section that fails leaves the old site as it was.
"""

from __future__ import annotations

import filecmp
import importlib
import os
import posixpath
import re
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2
from markupsafe import Markup

from tools.publish.site import index
from tools.publish.site.pages import Asset, Page, Section
from tools.publish.site.sanitise import visible
from tools.publish.site.zoo import Zoo
from zoo.core.errors import ZooError

# Modules with a function `pages(zoo)`; a section is one line here.
SECTIONS = (
    "tools.publish.site.gallery",
    "tools.publish.site.entries",
    "tools.publish.site.source",
    "tools.publish.site.record",
    "tools.publish.play.pages",
    "tools.publish.site.compare",
    "tools.publish.site.lessons",
    "tools.publish.site.about",
)

SITE = "genzoo"
NAVIGATION = (
    ("gallery", "Gallery", "index.html"),
    ("compare", "Compare", "compare.html"),
    ("lessons", "Lessons", "lessons/index.html"),
    ("about", "About", "about.html"),
)
POLICY = {
    "default-src": ["'none'"],
    "img-src": ["'self'", "data:"],
    "style-src": ["'self'"],
    "script-src": ["'self'"],
    "font-src": ["'self'"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
}
MARK = ".zoo-site"  # in the folder of every site: what may be replaced
_HERE = Path(__file__).parent
_HASHED = re.compile(r"[A-Za-z0-9_.+-]+")


@dataclass(frozen=True)
class Report:
    """What was built.

    Attributes:
        out: the site's folder.
        pages: number of HTML pages.
        files: number of files, pages included.
        size: bytes of all files.
        written: paths that are new or changed.
        removed: paths of the old site that are no more.
        seconds: time of rendering and writing.
    """

    out: Path
    pages: int
    files: int
    size: int
    written: list[str]
    removed: list[str]
    seconds: float


def build(
    zoo: Zoo,
    out: Path,
    *,
    sections: Iterable[str | Section] = SECTIONS,
    progress: Callable[[str], None] = lambda line: None,
) -> Report:
    """Make the site of a zoo in the folder `out`.

    Args:
        zoo: what the site is made from.
        out: a site that was built before, an empty folder, or a path where nothing is.
        sections: modules of `pages(zoo)`, or such functions.
        progress: told one line for each stage.

    Raises:
        ZooError: `out` holds something else, two sections make the same path, or a path leaves the
            site; the old site is as it was.
    """
    start = time.perf_counter()
    _refuse_foreign(out)
    pages, assets = _collect(zoo, sections, progress)
    files = {**assets, **_rendered(zoo, pages)}
    progress(f"{len(pages)} pages rendered, {len(files)} files in all")
    written, removed, size = _replace(out, files)
    seconds = time.perf_counter() - start
    return Report(out, len(pages), len(files), size, written, removed, seconds)


def policy_text(further: dict[str, list[str]]) -> str:
    """The content-security policy of a page, with what it needs besides."""
    sources = {name: [*POLICY.get(name, []), *further.get(name, [])] for name in POLICY | further}
    return "; ".join(f"{name} {' '.join(values)}" for name, values in sources.items())


def relative(page: str, path: str) -> str:
    """Link from the page at `page` to `path` of the site, with its fragment; "" is the root."""
    name, hash_, fragment = path.partition("#")
    folder = posixpath.dirname(page)
    link = posixpath.relpath(name or ".", folder or ".") + ("" if name else "/")
    return link + hash_ + fragment


def environment() -> jinja2.Environment:
    """Templates of all sections; every text is escaped that no sanitiser has made."""
    folders = [_HERE / "templates", _HERE.parent / "play" / "templates"]
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_legible,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _legible(value: Any) -> Any:
    """Text without marks that reorder it; what a sanitiser has made has none."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _collect(
    zoo: Zoo, sections: Iterable[str | Section], progress: Callable[[str], None]
) -> tuple[dict[str, Page], dict[str, bytes | Path]]:
    pages: dict[str, Page] = {}
    assets: dict[str, bytes | Path] = {".nojekyll": b"", MARK: b"made by zoo publish site\n"}
    for file in sorted((_HERE / "assets").iterdir()):
        assets[f"assets/{file.name}"] = file
    for section in sections:
        start = time.perf_counter()
        make = importlib.import_module(section).pages if isinstance(section, str) else section
        made = list(make(zoo))
        for item in made:
            _refuse_outside(item.path)
            if isinstance(item, Page):
                if item.path in pages or item.path in assets:
                    raise ZooError(f"two sections make the page {item.path}: rename one")
                pages[item.path] = item
            else:
                known = assets.setdefault(item.path, item.content)
                same = known is item.content or _bytes(known) == _bytes(item.content)
                if item.path in pages or not same:
                    raise ZooError(f"two sections make the file {item.path}: rename one")
        path = section if isinstance(section, str) else section.__name__
        name = path.removesuffix(".pages").rpartition(".")[2]
        progress(f"{name}: {len(made)} pages and files, {time.perf_counter() - start:.1f} s")
    return pages, assets


def _rendered(zoo: Zoo, pages: dict[str, Page]) -> dict[str, bytes]:
    templates = environment()
    navigation = [row for row in NAVIGATION if row[2] in pages]
    files = {index.PATH: index.script(pages.values())}
    for path, page in pages.items():
        frame: dict[str, Any] = {
            "page": page,
            "site": SITE,
            "draft": zoo.draft,
            "navigation": navigation,
            "policy": policy_text(page.policy),
            "link": lambda target, path=path: relative(path, target),
            "has": pages.__contains__,
        }
        if taken := frame.keys() & page.context.keys():  # above all the content-security policy
            raise ZooError(
                f"{path}: '{min(taken)}' is a variable of the frame: name yours otherwise"
            )
        files[path] = templates.get_template(page.template).render(page.context, **frame).encode()
    return files


def _replace(out: Path, files: dict[str, bytes | Path]) -> tuple[list[str], list[str], int]:
    """Put the files in the place of the old site; (written, removed, bytes)."""
    new, old = (out.with_name(f".{out.name}-{end}") for end in ("new", "old"))
    if old.exists() and not out.exists():  # a replacement that was cut off between its two steps
        old.rename(out)
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    written, size = [], 0
    try:
        for path, content in sorted(files.items()):
            target, before = new / path, out / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if _same(before, content):
                os.link(before, target)
            else:
                _write(target, content)
                written.append(path)
            size += target.stat().st_size
        removed = sorted(set(_files_of(out)) - set(files))
        if out.exists():
            out.rename(old)
        new.rename(out)
    except OSError as error:
        raise ZooError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)
    return written, removed, size


def _same(before: Path, content: bytes | Path) -> bool:
    if not before.is_file() or before.is_symlink():
        return False
    if isinstance(content, Path):
        return filecmp.cmp(before, content, shallow=False)
    return before.stat().st_size == len(content) and before.read_bytes() == content


def _write(target: Path, content: bytes | Path) -> None:
    if isinstance(content, Path):
        shutil.copyfile(content, target)
    else:
        target.write_bytes(content)


def _bytes(content: bytes | Path) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content


def _files_of(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _refuse_foreign(out: Path) -> None:
    """A folder is replaced as a whole: only one that this builder has made, or an empty one."""
    if not out.exists() or (out / MARK).is_file():
        return
    if not out.is_dir() or any(out.iterdir()):
        rule = f"{out} is not empty, and no site that zoo publish site has made"
        raise ZooError(f"{rule}: name another folder, or empty it yourself")


def _refuse_outside(path: str) -> None:
    """Links are written as they are, so a path has only letters that need no escape."""
    parts = PurePosixPath(path).parts
    if not parts or not all(_HASHED.fullmatch(part) and part != ".." for part in parts):
        raise ZooError(f"'{path}' is no path of the site: use letters, digits and . _ + - only")


__all__ = ["SECTIONS", "Asset", "Page", "Report", "build", "environment", "policy_text", "relative"]
