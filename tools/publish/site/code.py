"""Code as highlighted HTML: classes only, coloured by assets/code.css for light and dark."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup, escape

from tools.publish.site.sanitise import visible

LONGEST = 200_000  # characters; longer code is shown without colours
WIDEST = 2_000  # characters of a line; longer lines make lexers slow
_LANGUAGES = (
    "python python3 ipython ipython3 py pycon bash sh shell console yaml json toml text tex latex "
    "markdown md diff ini css html javascript js makefile"
)
LANGUAGES = frozenset(_LANGUAGES.split())
_ALIASES = {"ipython": "python", "ipython3": "python", "": "text"}


def highlighted(text: str, language: str = "python") -> Markup:
    """A block of code, which scrolls by keyboard too."""
    code = Markup("\n").join(highlighted_lines(text, language))
    return Markup('<pre class="code" tabindex="0"><code>{}</code></pre>\n').format(code)


def numbered(text: str, language: str = "python") -> Markup:
    """Code with an anchor for each line: "#L12"; the numbers are no part of what is copied."""
    rows = [
        Markup(
            '<span class="line" id="L{0}"><a class="at" href="#L{0}" data-line="{0}" tabindex="-1" '
            'aria-label="Line {0}"></a>{1}\n</span>'
        ).format(number, line)
        for number, line in enumerate(highlighted_lines(text, language), start=1)
    ]
    return Markup('<pre class="code source" tabindex="0"><code>{}</code></pre>\n').format(
        Markup("").join(rows)
    )


def highlighted_lines(text: str, language: str) -> list[Markup]:
    """Each line with its classes; plain where the language is not known, or the text too long."""
    text = visible(text).rstrip("\n")
    lines = text.split("\n")
    language = language.lower()
    language = _ALIASES.get(language, language if language in LANGUAGES else "text")
    if language == "text" or len(text) > LONGEST or max(map(len, lines)) > WIDEST:
        return [escape(line) for line in lines]
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    options: dict[str, Any] = {"stripnl": False, "ensurenl": False}
    made = highlight(text, get_lexer_by_name(language, **options), HtmlFormatter(nowrap=True))
    return [Markup(line) for line in made.removesuffix("\n").split("\n")]
