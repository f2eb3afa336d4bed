"""Markdown from other people: cards, notebooks and reviews, as HTML that cannot run anything.

HTML in it is shown as text. Formulas between dollar signs become MathML. A link leads to the web,
to a heading of the same text, or to a file that the caller names; others lose their link.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from markupsafe import Markup

from tools.publish.site.code import highlighted
from tools.publish.site.mathml import to_mathml
from tools.publish.site.sanitise import safe_image, safe_link, visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

LONGEST = 200_000  # characters of one text; what is longer is cut with a note
_LONG = 24  # signs of a formula in a line that, in a narrow window, has a line of its own
_RESERVED = ("main", "search")  # ids of every page of the site
_HEADING = re.compile(r'<h([1-6]) id="([^"]+)">(.*?)</h\1>', re.DOTALL)


@dataclass(frozen=True)
class Heading:
    """A heading of rendered text.

    Attributes:
        level: 1 to 6, as in the page.
        id: of the element.
        text: plain text.
    """

    level: int
    id: str
    text: str


def render_markdown(
    text: str,
    *,
    shift: int = 0,
    least: int = 1,
    prefix: str = "",
    files: Mapping[str, str] | None = None,
    images: Mapping[str, str] | None = None,
) -> Markup:
    """Markdown as HTML.

    Args:
        text: CommonMark with tables, strikethrough and formulas.
        shift: by how much headings are lowered: 1 makes `#` an `h2`.
        least: no heading stands above this level, where the text is a part of a page.
        prefix: of the ids of headings, where a page shows several texts.
        files: link by relative path, for files that have a page.
        images: address (relative, or of data) by the name that the text uses.
    """
    if len(text) > LONGEST:
        text = text[:LONGEST] + f"\n\n… ({len(text) - LONGEST:,} characters left out)"
    parser = _parser()
    environment: dict[str, Any] = {"files": files or {}, "images": images or {}}
    tokens = parser.parse(visible(text), environment)
    _name_headings(tokens, shift, least, prefix)
    _settle_addresses(tokens, environment, prefix)
    return Markup(parser.renderer.render(tokens, parser.options, environment))


def inline_markdown(text: str) -> Markup:
    """One line of Markdown, without a paragraph around it."""
    parser, environment = _parser(), {"files": {}, "images": {}}
    tokens = parser.parseInline(visible(text[:LONGEST]), environment)
    _settle_addresses(tokens, environment, "")
    return Markup(parser.renderer.render(tokens, parser.options, environment))


def split_sections(text: str) -> tuple[str, dict[str, str]]:
    """(text before the first `##`, text by heading) of a card; `##` in code is no heading."""
    lines = text.splitlines(keepends=True)
    tokens = _parser().parse(text, {})
    starts = [
        (token.map[0], token.map[1], _plain(tokens[place + 1]))
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h2" and token.level == 0 and token.map
    ]
    ends = [start for start, _, _ in starts[1:]] + [len(lines)]
    before = "".join(lines[: starts[0][0]] if starts else lines)
    parts = {}
    for (_, first, title), end in zip(starts, ends, strict=False):
        parts[title] = parts.get(title, "") + "".join(lines[first:end])
    return before, parts


def headings(markup: Markup | str) -> list[Heading]:
    """The headings of what `render_markdown` made, in their order."""
    return [
        Heading(int(level), name, Markup(inside).striptags())
        for level, name, inside in _HEADING.findall(str(markup))
    ]


def slug(text: str) -> str:
    """An id made of a heading: "What this is" gives "what-this-is"."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"


def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 30})
    parser.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    parser.validateLink = lambda address: True  # judged in `_settle_addresses`, in one place
    parser.inline.ruler.before("escape", "formula", _inline_formula)
    alternatives = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("fence", "formula", _block_formula, alternatives)
    parser.add_render_rule("formula", _render_formula)
    parser.add_render_rule("fence", _render_code)
    parser.add_render_rule("code_block", _render_code)
    parser.add_render_rule("image", _render_image)
    parser.add_render_rule("th_open", _render_cell)
    parser.add_render_rule("td_open", _render_cell)
    parser.add_render_rule("table_open", lambda *_: '<div class="table-wrap" tabindex="0"><table>')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return parser


def _inline_formula(state: StateInline, silent: bool) -> bool:
    """`$x$` and `$$x$$`; a dollar sign beside a space, or before a digit, is money."""
    text, start = state.src, state.pos
    if text[start] != "$":
        return False
    mark = "$$" if text.startswith("$$", start) else "$"
    first = start + len(mark)
    end = first
    while True:
        end = text.find(mark, end, state.posMax)
        if end < 0:
            return False
        if text[end - 1] != "\\":
            break
        end += 1
    after = end + len(mark)
    inside = text[first:end]
    if not inside.strip() or "`" in inside:
        return False
    if mark == "$" and (inside != inside.strip() or text[after : after + 1].isdigit()):
        return False
    if not silent:
        token = state.push("formula", "math", 0)
        token.content, token.meta = inside, {"display": mark == "$$"}
    state.pos = after
    return True


def _block_formula(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """`$$ … $$` over several lines, in which a line that begins with + is no list."""
    start = state.bMarks[first] + state.tShift[first]
    if state.is_code_block(first) or not state.src.startswith("$$", start):
        return False
    lines = []
    for line in range(first, last):
        begin = state.bMarks[line] + state.tShift[line] + (2 if line == first else 0)
        content = state.src[begin : state.eMarks[line]]
        if line > first and not content.strip():
            return False
        if "$$" not in content:
            lines.append(content)
            continue
        head, _, tail = content.partition("$$")
        if tail.strip(" .,;:"):
            return False
        if not silent:
            token = state.push("formula", "math", 0)
            token.content, token.block = "\n".join([*lines, head]), True
            token.meta = {"display": True, "after": tail.strip()}
            token.map = [first, line + 1]
        state.line = line + 1
        return True
    return False


def _name_headings(tokens: list[Token], shift: int, least: int, prefix: str) -> None:
    """Lower the headings, and give each an id of its own."""
    taken = set(_RESERVED)
    for place, token in enumerate(tokens):
        if token.type not in ("heading_open", "heading_close"):
            continue
        token.tag = f"h{min(6, max(least, int(token.tag[1]) + shift))}"
        if token.type == "heading_open":
            base = name = prefix + slug(_plain(tokens[place + 1]))
            number = 2
            while name in taken:
                name, number = f"{base}-{number}", number + 1
            taken.add(name)
            token.attrs = {"id": name}


def _plain(token: Token) -> str:
    """The text of an inline token without its markup."""
    kept = ("text", "code_inline", "formula")
    return "".join(child.content for child in token.children or [] if child.type in kept)


def _settle_addresses(tokens: list[Token], environment: dict[str, Any], prefix: str) -> None:
    """Keep links that lead where they may; the others become their text."""
    ids = {token.attrs["id"] for token in tokens if token.type == "heading_open"}
    for token in tokens:
        kept, dropping = [], False
        for child in token.children or []:
            if child.type == "link_open":
                href = _link(str(child.attrs.get("href", "")), environment["files"], ids, prefix)
                dropping = href is None
                child.attrs = {"href": href or ""}
                if href and safe_link(href):
                    child.attrs["rel"] = "noopener noreferrer nofollow"
            if child.type not in ("link_open", "link_close") or not dropping:
                kept.append(child)
            dropping = dropping and child.type != "link_close"
        if token.children is not None:
            token.children = kept


def _link(address: str, files: Mapping[str, str], ids: set[Any], prefix: str) -> str | None:
    """Where a link leads: the web, a heading of this text, a file that has a page; else None."""
    address = unquote(address) if not safe_link(address) else address
    if address.startswith("#"):
        name = prefix + slug(address[1:])
        return f"#{name}" if name in ids else None
    return files.get(address.removeprefix("./")) or safe_link(address)


def _render_formula(
    renderer: Any, tokens: list[Token], place: int, options: Any, environment: Any
) -> str:
    token = tokens[place]
    formula = to_mathml(token.content, token.meta["display"])
    if not token.block:  # it does not break, and may be too wide for a phone
        long = len(formula.striptags()) > _LONG
        return str(Markup('<span class="formula">{}</span>').format(formula) if long else formula)
    return Markup('<div class="equation" tabindex="0">{}{}</div>\n').format(
        formula, token.meta["after"]
    )


def _render_code(
    renderer: Any, tokens: list[Token], place: int, options: Any, environment: Any
) -> str:
    token = tokens[place]
    return str(highlighted(token.content, token.info.strip().split(" ")[0]))


def _render_cell(
    renderer: Any, tokens: list[Token], place: int, options: Any, environment: Any
) -> str:
    """A cell whose alignment is a class, since style attributes are not obeyed."""
    token = tokens[place]
    side = str(token.attrs.get("style", "")).removeprefix("text-align:")
    name = {"right": ' class="number"', "center": ' class="centre"'}.get(side, "")
    scope = ' scope="col"' if token.tag == "th" else ""
    return f"<{token.tag}{scope}{name}>"


def _render_image(
    renderer: Any, tokens: list[Token], place: int, options: Any, environment: Any
) -> str:
    token = tokens[place]
    named = str(token.attrs.get("src", ""))
    source = environment["images"].get(unquote(named)) or safe_image(named)
    if source is None:
        return Markup('<span class="muted">[{}]</span>').format(f"picture: {token.content}")
    return str(Markup('<img src="{}" alt="{}">').format(source, token.content))
