"""TeX formulas as MathML, which browsers set without a script.

The converter's output is rebuilt from an allow-list of elements and attributes, since formulas come
from other people and TeX has commands for links, classes and styles. Alphabets such as blackboard
bold become the characters that Unicode has for them: browsers no longer obey `mathvariant`.
"""

from __future__ import annotations

import re
import unicodedata
from xml.etree import ElementTree

from markupsafe import Markup, escape

from tools.publish.site.sanitise import visible

LONGEST = 2000  # characters of TeX; a longer formula is shown as it was typed
DEEPEST = 40

_ELEMENT_NAMES = (
    "math mrow mi mn mo mtext mspace ms msub msup msubsup munder mover munderover mmultiscripts "
    "mprescripts mfrac msqrt mroot mstyle mpadded mphantom mtable mtr mtd"
)
_ELEMENTS = frozenset(_ELEMENT_NAMES.split())
_FLAG = re.compile(r"true|false")
_LENGTH = re.compile(r"-?\d*\.?\d+(em|ex|px|%)|0")
_ATTRIBUTES = {
    "stretchy": _FLAG,
    "fence": _FLAG,
    "accent": _FLAG,
    "accentunder": _FLAG,
    "movablelimits": _FLAG,
    "symmetric": _FLAG,
    "separator": _FLAG,
    "largeop": _FLAG,
    "displaystyle": _FLAG,
    "form": re.compile(r"prefix|infix|postfix"),
    "minsize": _LENGTH,
    "maxsize": _LENGTH,
    "lspace": _LENGTH,
    "rspace": _LENGTH,
    "width": _LENGTH,
    "height": _LENGTH,
    "depth": _LENGTH,
    "linethickness": _LENGTH,
    "scriptlevel": re.compile(r"[+-]?\d"),
    "columnspan": re.compile(r"\d{1,2}"),
    "rowspan": re.compile(r"\d{1,2}"),
}
# How Unicode names the letters of an alphabet, before "CAPITAL A", "SMALL A" or "DIGIT ONE".
_ALPHABETS = {
    "bold": "MATHEMATICAL BOLD",
    "italic": "MATHEMATICAL ITALIC",
    "bold-italic": "MATHEMATICAL BOLD ITALIC",
    "double-struck": "MATHEMATICAL DOUBLE-STRUCK",
    "script": "MATHEMATICAL SCRIPT",
    "bold-script": "MATHEMATICAL BOLD SCRIPT",
    "fraktur": "MATHEMATICAL FRAKTUR",
    "sans-serif": "MATHEMATICAL SANS-SERIF",
    "monospace": "MATHEMATICAL MONOSPACE",
}
# Commands that the converter leaves as they are behind \\big and its like.
_SIGNS = {
    "\\|": "‖", "\\Vert": "‖", "\\lVert": "‖", "\\rVert": "‖", "\\vert": "|", "\\{": "{",
    "\\}": "}", "\\langle": "⟨", "\\rangle": "⟩",
}  # fmt: skip
_LIMITS = frozenset({"max", "min", "sup", "inf", "lim", "argmax", "argmin"})
_TAG = re.compile(r"\\tag\*?\s*\{([^{}]*)\}")
# Environments the converter knows under another name.
_ALIGNED = re.compile(r"\\(begin|end)\{(aligned|alignedat|split|gathered|gather\*?)\}")


class _Unknown(ValueError):
    """A formula that is not understood."""


def to_mathml(tex: str, display: bool = False) -> Markup:
    """A formula as a `math` element, its number beside it; as TeX in `code` where that fails."""
    tex = tex.strip()
    number = "".join(found[1] for found in _TAG.finditer(tex))
    try:
        formula = _converted(_TAG.sub("", tex), display)
    except (_Unknown, RecursionError):
        return Markup('<code class="tex">{}</code>').format(visible(tex))
    if not number:
        return formula
    return Markup('{}<span class="equation-number">({})</span>').format(formula, visible(number))


def _converted(tex: str, display: bool) -> Markup:
    from latex2mathml.converter import convert

    if len(tex) > LONGEST or not tex.strip():
        raise _Unknown("length")
    mode = "block" if display else "inline"
    tex = _ALIGNED.sub(r"\\\1{align*}", tex)
    try:
        root = ElementTree.fromstring(convert(tex, display=mode))
    except Exception as error:  # a converter of foreign text raises what it will
        raise _Unknown(str(error)) from None
    body = _row(list(root), 1, display)
    return Markup(f'<math display="{mode}">{body}</math>')


def _row(nodes: list[ElementTree.Element], depth: int, display: bool) -> str:
    """Nodes beside each other; a thin space between a function's name and its argument."""
    made, before = [], None
    for node in nodes:
        if before is not None and _apart(before, node):
            made.append('<mspace width="0.167em"></mspace>')
        made.append(_element(node, depth, display, _form(before, node)))
        before = node
    return "".join(made)


def _element(node: ElementTree.Element, depth: int, display: bool, form: str = "") -> str:
    """A node of the converter's tree, rebuilt from what is allowed; others leave their content."""
    if depth > DEEPEST:
        raise _Unknown("depth")
    name, children = _name(node), list(node)
    text = _SIGNS.get(node.text or "", node.text or "")
    text = visible(_letters(text, node.get("mathvariant", "")))
    if "\\" in text or text == "&":
        raise _Unknown("a command that the converter does not know")
    if name == "mrow" and _upright(children):
        name, text, children = "mi", "".join(child.text or "" for child in children), []
    if name == "mi" and text == "~":  # how the converter reads "distributed as"
        name, text = "mo", "∼"
    if name == "mo" and text.isalpha() and text not in _LIMITS:
        name = "mi"  # "diag" is a function's name
    if display and name == "msub" and children and (children[0].text or "") in _LIMITS:
        name = "munder"
    if name in ("mrow", "math", "mtd", "mstyle", "msqrt") or name not in _ELEMENTS:
        inside = _row(children, depth + 1, display)
    else:  # the children's number has a meaning
        inside = "".join(_element(child, depth + 1, display) for child in children)
    inside = f"{escape(text)}{inside}"
    if name not in _ELEMENTS or name == "math":
        return f"<mrow>{inside}</mrow>"
    given = "".join(f' {key}="{value}"' for key, value in _attributes(node, name, text, form))
    return f"<{name}{given}>{inside}</{name}>"


def _attributes(
    node: ElementTree.Element, name: str, text: str, form: str
) -> list[tuple[str, str]]:
    kept = [
        (key, value)
        for key, value in sorted(node.attrib.items())
        if key in _ATTRIBUTES and _ATTRIBUTES[key].fullmatch(value) and name != "mi"
    ]
    if name == "mi" and node.get("mathvariant") == "normal" and len(text) == 1:
        kept.append(("mathvariant", "normal"))
    if name == "mo" and text in _LIMITS:
        kept += [("movablelimits", "false"), ("lspace", "0em"), ("rspace", "0.167em")]
    if form == "tight" or (name == "mo" and text == "/"):
        kept += [("lspace", "0em"), ("rspace", "0em")]
    elif form:
        kept.append(("form", form))
    return list(dict(kept).items())


def _form(before: ElementTree.Element | None, node: ElementTree.Element) -> str:
    """A sign with nothing on its left is no operation between two things."""
    text = (node.text or "").strip()
    alone = before is None or (
        _name(before) == "mo" and (before.text or "") not in tuple(")]}|‖∣⟩")
    )
    if _name(node) != "mo" or not alone:
        return ""
    return "prefix" if text in tuple("+-−±∓") else "tight" if text in tuple("<>=≤≥") else ""


def _upright(nodes: list[ElementTree.Element]) -> bool:
    """Whether these are upright letters: one identifier "KL" rather than "K" times "L"."""
    return len(nodes) > 1 and all(
        _name(node) == "mi" and node.get("mathvariant") == "normal" and not len(node)
        for node in nodes
    )


def _apart(left: ElementTree.Element, right: ElementTree.Element) -> bool:
    """Whether TeX sets a thin space here: around "log", but not before its parenthesis."""
    if _function(left):
        return not (_name(right) in ("mo", "mspace") and not _function(right))
    closes = _name(left) == "mo" and (left.text or "").strip() in (")", "]", "}")
    return _function(right) and (closes or _name(left) not in ("mo", "mspace"))


def _function(node: ElementTree.Element) -> bool:
    """Whether this is a function's name, with or without an index."""
    while _name(node) in ("msub", "msup", "msubsup", "mrow") and len(node):
        if _name(node) == "mrow" and (len(node) > 1 and not _upright(list(node))):
            return False
        if _upright(list(node)):
            return True
        node = node[0]
    text = node.text or ""
    return _name(node) in ("mi", "mo") and len(text) > 1 and text.isalpha() and text.isascii()


def _name(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


def _letters(text: str, variant: str) -> str:
    """Letters and digits in an alphabet that has characters of its own."""
    if variant not in _ALPHABETS:
        return text
    return "".join(_letter(character, _ALPHABETS[variant]) for character in text)


def _letter(character: str, alphabet: str) -> str:
    name = unicodedata.name(character, "")
    short = re.sub(r"^(LATIN|GREEK) (CAPITAL|SMALL) LETTER ", r"\2 ", name)
    for candidate in (f"{alphabet} {short}", f"{alphabet.split()[-1]} {short}"):
        try:  # some letters are older than their alphabet: "DOUBLE-STRUCK CAPITAL R"
            return unicodedata.lookup(candidate)
        except KeyError:
            continue
    return character
