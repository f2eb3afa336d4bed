"""The search index: which word occurs on which page, as a script that opens from disk too."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from tools.publish.site.pages import Page
from tools.publish.site.sanitise import visible

PATH = "assets/search-index.js"
_LONGEST = 40  # longer "words" are digests and data


def words(text: str) -> list[str]:
    """The words of a text without case and accents; assets/search.js cuts the same way."""
    plain = unicodedata.normalize("NFKD", text.lower())
    return re.findall(r"[^\W_]+", re.sub(r"[\u0300-\u036f]", "", plain))


def script(pages: Iterable[Page]) -> bytes:
    """The index of all pages with a search text."""
    found = sorted((page for page in pages if page.search), key=lambda page: page.path)
    postings: dict[str, set[int]] = defaultdict(set)
    for number, page in enumerate(found):
        for word in words(f"{page.title} {page.description} {page.search}"):
            if len(word) <= _LONGEST:
                postings[word].add(number)
    index = {
        "pages": [[p.path, visible(p.title), visible(p.description)] for p in found],
        "words": sorted([word, sorted(numbers)] for word, numbers in postings.items()),
    }
    # As JSON inside a script: nothing in it may end or begin a tag.
    text = json.dumps(index, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f"window.zooIndex={text};\n".encode()
