"""Looks a finished site over: what a browser, a reader or another server would stumble on.

from tools.publish.site.inspect import inspect
for fault in inspect(Path("build/site")):
    print(fault)  # entries/vae.html:41: no page weights/vae.html
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools.text import one_line

GALLERY = "index.html"
GALLERY_LIMIT = 1_000_000  # bytes that a reader loads before scrolling
_EXECUTED = ("", "text/javascript", "application/javascript", "module")
_LOADING = {"script", "img", "source", "iframe", "embed", "video", "audio", "track", "object"}
_LOADING |= {"image", "use", "input", "frame"}
_LOADED_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "manifest"}
_ADDRESSES = ("src", "href", "xlink:href", "data", "poster")
_URL = re.compile(r"""url\(\s*["']?([^"')]*)["']?\s*\)|@import\s+["']([^"']+)["']""")
Cached = Callable[[str, list[bytes], Callable[[], bytes]], bytes]
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Link:
    """An address in a page: where it stands, and whether the browser loads it by itself."""

    address: str
    line: int
    loads: bool


@dataclass
class Seen:
    """What one page holds.

    Attributes:
        ids: line by id, of the first element with it.
        links: all addresses.
        loads: files that the browser needs at once, for the page's weight.
        faults: (line, what is wrong) that can be seen without other pages.
    """

    ids: dict[str, int] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)


def inspect(out: Path, cached: Cached = lambda kind, parts, make: make()) -> list[str]:
    """Every fault of a site: "page:line: what is wrong", in the order of the pages.

    Args:
        out: folder of the site.
        cached: keeps what was seen on a page, as `Zoo.cached` does.
    """
    code = Path(__file__).read_bytes()
    seen = {}
    for path in sorted(out.rglob("*.html")):
        content = path.read_bytes()
        kept = cached(
            "seen.json", [code, content], lambda text=content: _packed(look(text.decode()))
        )
        seen[path.relative_to(out).as_posix()] = _unpacked(kept)
    faults = [
        f"{name}:{line}: {what}"
        for name, page in seen.items()
        for line, what in sorted([*page.faults, *_links(out, name, seen)])
    ]
    if GALLERY in seen:
        faults += _weight(out, GALLERY, seen[GALLERY])
    return faults + [fault for path in sorted(out.rglob("*.css")) for fault in _sheet(out, path)]


def look(text: str) -> Seen:
    """What one page holds and what is wrong in it."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    page = reader.finish()
    page.faults += _invalid(text)
    return page


def _packed(page: Seen) -> bytes:
    return json.dumps(asdict(page)).encode()


def _unpacked(content: bytes) -> Seen:
    fields = json.loads(content)
    links = [Link(**link) for link in fields.pop("links")]
    faults = [(line, what) for line, what in fields.pop("faults")]
    return Seen(**fields, links=links, faults=faults)


def _invalid(text: str) -> Iterator[tuple[int, str]]:
    """What a strict parser of HTML says."""
    import html5lib
    from html5lib.constants import E

    parser = html5lib.HTMLParser()
    parser.parse(text)
    for (line, _), code, values in parser.errors:
        yield line, f"no valid HTML: {one_line(E[code] % values)}"


class _Reader(HTMLParser):
    """Walks through a page; html5lib knows the rules, and this one the lines."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Seen()
        self.level, self.titled, self.lang, self.title = 0, False, False, ""
        self.in_title, self.policy, self.svg = False, "", 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line, values = self.getpos()[0], {name: value or "" for name, value in attrs}
        self.svg += tag == "svg"
        self._element(tag, values, line)
        self._addresses(tag, values, line)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.svg -= tag == "svg"

    def handle_endtag(self, tag: str) -> None:
        self.svg -= tag == "svg"
        self.in_title = False

    def handle_data(self, data: str) -> None:
        if self.in_title:
            self.title += data

    def finish(self) -> Seen:
        """The page, with what is missing in it."""
        for present, what in (
            (self.lang, "no lang on <html>"),
            (self.title.strip(), "no title"),
            (self.titled, "no h1"),
            (self.policy, "no content-security policy"),
        ):
            if not present:
                self._fault(1, what)
        if self.policy and not self.policy.startswith("default-src 'none'"):
            self._fault(1, "the content-security policy does not begin with default-src 'none'")
        for word in ("unsafe-inline", "http:", "https:", "'unsafe-eval'"):
            if word in self.policy:
                self._fault(1, f"the content-security policy allows {word}")
        return self.page

    def _fault(self, line: int, what: str) -> None:
        self.page.faults.append((line, what))

    def _element(self, tag: str, values: dict[str, str], line: int) -> None:
        if "id" in values:
            self._id(values["id"], line)
        if tag == "html":
            self.lang = bool(values.get("lang", "").strip())
        elif tag == "title" and not self.svg:
            self.in_title = True
        elif re.fullmatch("h[1-6]", tag):
            self._heading(int(tag[1]), line)
        elif tag == "img" and "alt" not in values:
            self._fault(line, f"an image without alt: {one_line(values.get('src', ''), 60)}")
        elif tag == "style":
            self._fault(line, "a style sheet in the page: the policy refuses it")
        elif tag == "script" and "src" not in values and values.get("type", "") in _EXECUTED:
            self._fault(line, "a script in the page: the policy refuses it")
        elif tag == "meta" and values.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = values.get("content", "")
        elif tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            self._fault(line, "a page that leads elsewhere by itself")
        for name in values:
            if name == "style":
                self._fault(line, f"a style attribute on <{tag}>: the policy refuses it")
            elif name.startswith("on"):
                self._fault(line, f"a handler {name} on <{tag}>: the policy refuses it")

    def _id(self, name: str, line: int) -> None:
        if not name or re.search(r"\s", name):
            self._fault(line, f"the id '{one_line(name)}' is empty or has a space")
        elif name in self.page.ids:
            self._fault(line, f"the id {one_line(name)} is already in line {self.page.ids[name]}")
        else:
            self.page.ids[name] = line

    def _heading(self, level: int, line: int) -> None:
        if level == 1 and self.titled:
            self._fault(line, "a second h1")
        elif level > self.level + 1:
            before = f"h{self.level}" if self.level else "nothing"
            self._fault(line, f"h{level} after {before}: a level is skipped")
        self.level, self.titled = level, self.titled or level == 1

    def _addresses(self, tag: str, values: dict[str, str], line: int) -> None:
        relation = set(values.get("rel", "").lower().split())
        loads = tag in _LOADING or (tag == "link" and bool(relation & _LOADED_LINKS))
        found = [values[name] for name in _ADDRESSES if name in values]
        candidates = values.get("srcset", "") + "," + values.get("imagesrcset", "")
        found += [part.split()[0] for part in candidates.split(",") if part.split()]
        self.page.links += [Link(address.strip(), line, loads) for address in found]
        if loads and values.get("loading") != "lazy" and "prefetch" not in relation:
            self.page.loads += [address.strip() for address in found]
        for name in ("action", "formaction", "ping"):
            if values.get(name):
                self._fault(line, f"<{tag} {name}> sends something elsewhere")


def _links(out: Path, name: str, seen: dict[str, Seen]) -> Iterator[tuple[int, str]]:
    """Addresses of a page that lead nowhere, or out of the site by themselves."""
    for link in seen[name].links:
        what = _address(out, name, link, seen)
        if what:
            yield link.line, what


def _address(out: Path, name: str, link: Link, seen: dict[str, Seen]) -> str:
    """What is wrong with one address; "" where nothing is."""
    shown = one_line(link.address, 120)
    try:
        parts = urlsplit(link.address)
    except ValueError:
        return f"no address: {shown}"
    scheme = parts.scheme.lower()
    if scheme == "data":
        return "" if link.loads else f"a link to data: {shown[:40]}"
    if scheme or parts.netloc:
        if link.loads:
            return f"loaded from another server: {shown}"
        return "" if scheme in ("http", "https", "mailto") else f"a link that may not be: {shown}"
    if parts.path.startswith("/"):
        return f"an address that holds at the root of a server only: {shown}"
    target = _target(name, parts.path)
    if target.startswith(".."):
        return f"an address that leaves the site: {shown}"
    if not (out / target).is_file():
        folder = (out / target).is_dir()
        return (
            f"a folder, which does not open from disk: {shown}" if folder else f"no file {target}"
        )
    anchor = unquote(parts.fragment)
    if anchor and anchor != "top" and target in seen and anchor not in seen[target].ids:
        return f"no #{one_line(anchor, 80)} in {target}"
    return ""


def _target(page: str, path: str) -> str:
    """The file of a relative address, as a path of the site."""
    if not path:
        return page
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(path)))


def _weight(out: Path, name: str, page: Seen) -> list[str]:
    """The page and everything it loads before anybody scrolls."""
    needed = {name} | {_target(name, urlsplit(a).path) for a in page.loads if ":" not in a}
    files = [(out / path).stat().st_size for path in needed if (out / path).is_file()]
    if sum(files) <= GALLERY_LIMIT:
        return []
    weight = f"{sum(files) / 1e6:.2f} MB before its lazy pictures"
    return [f"{name}:1: the page weighs {weight}, at most {GALLERY_LIMIT / 1e6:g} MB"]


def _sheet(out: Path, path: Path) -> Iterator[str]:
    """Addresses in a style sheet."""
    name = path.relative_to(out).as_posix()
    text = path.read_text(encoding="utf-8")
    plain = _CSS_COMMENT.sub(lambda comment: "\n" * comment.group().count("\n"), text)
    for found in _URL.finditer(plain):
        address = (found[1] or found[2] or "").strip()
        line = plain.count("\n", 0, found.start()) + 1
        if address.startswith(("data:", "#")):
            continue
        if urlsplit(address).scheme or address.startswith("/"):
            yield f"{name}:{line}: loaded from another server: {one_line(address, 120)}"
        elif not (out / _target(name, urlsplit(address).path)).is_file():
            yield f"{name}:{line}: no file {_target(name, urlsplit(address).path)}"
