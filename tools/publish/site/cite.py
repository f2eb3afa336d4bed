"""How to cite a paper and the entry that reproduces it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from tools.publish.site.sanitise import visible
from tools.publish.site.zoo import Shown, Zoo

_SPECIAL = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "~": r"\~{}", "^": r"\^{}"}


def bibtex_of_paper(shown: Shown) -> str:
    """The reproduced paper, as arXiv has it."""
    card = shown.entry.card
    fields = {
        "title": f"{{{_tex(card.title)}}}",
        "author": " and ".join(_tex(name) for name in card.paper.authors),
        "year": str(card.paper.year),
        "eprint": re.sub(r"[^0-9A-Za-z./-]", "", card.paper.arxiv),
        "archivePrefix": "arXiv",
    }
    return _record("misc", _key(card.paper.authors, card.paper.year, card.title), fields)


def bibtex_of_entry(zoo: Zoo, shown: Shown, version: str) -> str:
    """The reproduction, by those who wrote it, at a commit."""
    card, publication = shown.entry.card, zoo.record.policy.publication
    names = [zoo.people.shown(handle).removeprefix("@") for handle in card.developers]
    address = publication.site or (
        f"https://github.com/{publication.repository}" if publication.repository else ""
    )
    state = shown.state
    year = next((str(s.at.year) for s in (state and state.v2, state and state.v1) if s), "")
    fields = {
        "title": f"{{{_tex(card.title)}: a peer-reviewed reproduction in genzoo}}",
        "author": " and ".join(f"{{{_tex(name)}}}" for name in names),
        "year": year,
        "version": version,
        "url": f"{address.rstrip('/')}/entries/{shown.name}.html" if publication.site else address,
    }
    return _record("software", f"genzoo-{shown.name}", fields)


def _record(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _key(authors: Iterable[str], year: int, title: str) -> str:
    """First author, year, first word of the title: "kingma2013auto"."""
    last = next((name.split()[-1] for name in authors if name.split()), "anonymous")
    word = re.split(r"[^\w]+", title.strip())[0]
    plain = unicodedata.normalize("NFKD", f"{last}{year}{word}").encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", plain.lower())


def _tex(text: str) -> str:
    """One line of text without what would end a field or begin a command."""
    plain = re.sub(r"[\\{}]", "", " ".join(visible(text).split()))
    return "".join(_SPECIAL.get(character, character) for character in plain)
