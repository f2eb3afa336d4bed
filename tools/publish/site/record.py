"""The public review record of an entry: findings, answers, sign-offs, and when it all happened."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from markupsafe import Markup

from tools.process.rules.policy import stamp
from tools.process.times import short
from tools.publish.site.markdown import inline_markdown, render_markdown
from tools.publish.site.outcomes import record_path, summary
from tools.publish.site.pages import Asset, Page
from tools.publish.site.threads import Reviewed, reviews_of
from tools.publish.site.timeline import timeline
from tools.publish.site.zoo import Shown, Zoo

__all__ = ["pages", "record_path", "summary"]

_HEADING = re.compile(r"<h[1-6]([^>]*)>(.*?)</h[1-6]>", re.DOTALL)
# A finding named in a text, or what it is not looked for in: links, code, formulas, and tags.
_NAMED = re.compile(r"<(a|code|pre|math)\b.*?</\1>|<[^>]*>|(?<![\w/-])F\d\d\b", re.DOTALL)
# Why a review cannot be read, by its status.
_UNREAD = {
    "missing": "never came",
    "lost": "was filed, and its text is lost",
    "filed": "is filed, and sealed until the reviews are closed",
    "assigned": "is still being written",
    "agreed": "is still being written",
}


def pages(zoo: Zoo) -> Iterator[Page | Asset]:
    """A record for every entry that has a ledger."""
    ledgers = zoo.record.models()
    for shown in zoo.shown:
        if shown.name in ledgers:
            yield _page(zoo, shown)


def _page(zoo: Zoo, shown: Shown) -> Page:
    state, card, policy = shown.state, shown.entry.card, zoo.record.policy
    assert state is not None
    texts = policy.publication.reviews == "full"
    public = zoo.people.text
    reviews = reviews_of(zoo, shown, texts)
    said = summary(shown)
    anchors = {r.id: {thread.name: thread.id for thread in r.threads} for r in reviews}
    return Page(
        path=record_path(shown.name),
        title=f"Review record of {card.title}",
        template="record.html.j2",
        context={
            "shown": shown,
            "state": state,
            "texts": texts,
            "summary": said,
            "reviews": [review for review in reviews if review.status == "revealed"],
            "unread": _unread(reviews),
            "questions": {item.id: item.question for item in policy.rubric.v1},
            "timeline": timeline(zoo.record.events(shown.name), policy.zone, public),
            "zone": policy.time_zone,
            "team": [zoo.people.shown(handle) for handle in state.team],
            "public": public,
            "prose": lambda text, prefix: _prose(
                public(text), prefix, anchors[prefix.partition("-")[0]]
            ),
            "line": lambda text: inline_markdown(public(text)),
            "when": lambda moment: short(moment, policy.zone),
            "stamp": stamp,
        },
        description=f"{said['sentence']} Every finding with its answer and its sign-off.",
        section="gallery",
        styles=("record.css",),
        search=_search(reviews, public),
    )


def _prose(text: str, prefix: str, anchors: Mapping[str, str]) -> Markup:
    """A reviewer's text, whose headings are paragraphs: the page's outline is not theirs.

    A finding of the same review that it names, as F02, leads there.
    """

    def linked(found: re.Match[str]) -> str:
        anchor = anchors.get(found[0])
        return f'<a href="#{anchor}">{found[0]}</a>' if anchor else found[0]

    html = str(render_markdown(text, prefix=prefix + "-"))
    html = _NAMED.sub(linked, html)
    return Markup(_HEADING.sub(r'<p class="heading"\1>\2</p>', html))


def _unread(reviews: list[Reviewed]) -> list[str]:
    """A line for each kind of review that readers cannot see, without saying whose it is."""
    counts = Counter(_UNREAD[r.status] for r in reviews if r.status in _UNREAD)
    return [f"{number} of {len(reviews)} reviews {words}." for words, number in counts.items()]


def _search(reviews: list[Reviewed], public: Callable[[str], str]) -> str:
    """The titles of the findings, as far as texts are published."""
    titles = [t.finding.title for r in reviews for t in r.threads if t.finding]
    return public(" ".join(titles))
