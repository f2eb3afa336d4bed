"""Text and HTML from other people, as what cannot run, load or deceive.

`visible` is for text, `clean_html` for HTML that a notebook printed, `safe_link` and `safe_image`
for addresses. Nothing else in the site makes `Markup` from foreign text but by escaping it.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import urlsplit

from markupsafe import Markup

DEEPEST = 60  # nested elements; beyond this, only their text is kept
SCHEMES = frozenset({"http", "https", "mailto"})

_TAG_NAMES = (
    "a abbr b blockquote br caption code col colgroup dd del div dl dt em figcaption figure "
    "h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub summary "
    "sup table tbody td tfoot th thead time tr u ul var"
)
_TAGS = frozenset(_TAG_NAMES.split())
_CONTENT_NAMES = (
    "script style iframe object embed applet noscript template svg math head title textarea select "
    "noembed noframes audio video canvas form button"
)
_WITH_CONTENT = frozenset(_CONTENT_NAMES.split())
_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "col": {"span"},
    "colgroup": {"span"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_NUMBERS = frozenset({"span", "width", "height", "start", "colspan", "rowspan"})
_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,([A-Za-z0-9+/=\s]*)", re.I)
# Marks that reorder text, and control characters: what is read would not be what is there.
_DECEIVING = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)((?:[^>\"]|\"[^\"]*\")*)>")
_NAMES = re.compile(r' ([a-z]+)="[^"]*"')
_VOID = frozenset({"br", "col", "hr", "img"})


def visible(text: str) -> str:
    """`text` with marks that reorder it, and control characters, written out: "⟨U+202E⟩"."""
    text = _SURROGATE.sub("\ufffd", text.replace("\r\n", "\n"))
    return _DECEIVING.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)


def safe_link(address: str) -> str | None:
    """An address of the web or of mail as it was given; None for any other scheme, or none."""
    address = address.strip()
    if _DECEIVING.search(address) or re.search(r"[\\⟨]", address):  # ⟨: such a mark, made visible
        return None
    try:
        parts = urlsplit(address)
        whole = parts.scheme == "mailto" or bool(parts.hostname)
    except ValueError:
        return None
    return address if parts.scheme.lower() in SCHEMES and whole else None


def safe_image(address: str) -> str | None:
    """A picture inside the page, whose scripts an `img` element never runs; None for any other."""
    found = _IMAGE.fullmatch(address.strip())
    if found is None:
        return None
    try:
        content = base64.b64decode(re.sub(r"\s", "", found[2]), validate=True)
    except binascii.Error:
        return None
    return data_address(f"image/{found[1].lower()}", content)


def data_address(mime: str, content: bytes) -> str:
    """The address of a picture that is in the page itself."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def clean_html(markup: str) -> Markup:
    """HTML with presentational elements only: no script, style, id, class, or foreign address.

    Headings become paragraphs, so that an output cannot pose as a part of the page.
    """
    import nh3

    cleaned = nh3.clean(
        visible(markup),
        tags=set(_TAGS),
        clean_content_tags=set(_WITH_CONTENT),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_attribute,
        url_schemes={*SCHEMES, "data"},
        link_rel="noopener noreferrer nofollow",
    )
    cleaned = re.sub(r"<(/?)h[1-6]>", r"<\1p>", cleaned)
    return Markup(_shallow(cleaned))


def _attribute(tag: str, name: str, value: str) -> str | None:
    """The value to keep, or None."""
    if name == "href":
        return safe_link(value)
    if name == "src":
        return safe_image(value)
    if name in _NUMBERS:
        return value if re.fullmatch(r"[0-9]{1,4}", value) else None
    if name == "scope":
        return value if value in ("row", "col", "rowgroup", "colgroup") else None
    return value


def _shallow(markup: str) -> str:
    """Well-formed markup without the tags of elements that are nested too deeply."""
    depth = 0

    def tag(found: re.Match[str]) -> str:
        nonlocal depth
        if found[2] == "img":  # one whose address was refused is no picture
            names = _NAMES.findall(found[3])
            described = found[3] if "alt" in names else found[3] + ' alt=""'
            return f"<img{described}>" if "src" in names else ""
        if found[2] in _VOID:
            return found.group()
        if found[1]:
            depth -= 1
            return found.group() if depth < DEEPEST else ""
        depth += 1
        return found.group() if depth <= DEEPEST else ""

    return _TAG.sub(tag, markup)
