"""What the zoo is, how entries are reviewed and numbers measured, licence and citation."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from tools.publish.site.gallery import STATUS
from tools.publish.site.pages import Page
from tools.publish.site.zoo import Zoo
from zoo.core.errors import ZooError
from zoo.core.evidence import PARTIAL_MARGIN
from zoo.core.metrics import METRICS


def pages(zoo: Zoo) -> Iterator[Page]:
    """One page."""
    citation = yaml.safe_load(_text(zoo, "CITATION.cff", "zoo publish citation writes it"))
    licence = _text(zoo, "LICENSE", "nobody may use what has no licence; add one")
    used = {claim.metric for shown in zoo.shown for claim in shown.entry.card.claims}
    yield Page(
        path="about.html",
        title="About",
        template="about.html.j2",
        context={
            "citation": citation,
            "cite": _bibtex(citation),
            "licence": licence.strip().splitlines()[0],
            "licence_text": licence,
            "metrics": [metric for metric in METRICS.values() if metric.id in used],
            "status": STATUS,
            "margin": f"{100 * PARTIAL_MARGIN:g}",
            "rules": zoo.record.policy.review,
            "repository": zoo.record.policy.publication.repository,
            "commit": zoo.commit,
        },
        description="How entries are reviewed, how their numbers are measured, and how to cite.",
        section="about",
        search="about review process measured protocol metric licence cite citation reproduce "
        + " ".join(f"{metric} {METRICS[metric].summary}" for metric in used & METRICS.keys()),
    )


def _text(zoo: Zoo, name: str, fix: str) -> str:
    """A file at the top of the repository, which the page needs."""
    path = zoo.root / name
    if not path.is_file():
        raise ZooError(f"{name} is missing: {fix}")
    return path.read_text(encoding="utf-8")


def _bibtex(citation: dict) -> str:
    """The record of CITATION.cff for BibTeX."""
    names = [
        person.get("name") or f"{person.get('family-names', '')}, {person.get('given-names', '')}"
        for person in citation.get("authors", [])
    ]
    fields = {
        "title": citation["title"],
        "author": " and ".join(f"{{{name}}}" for name in names),
        "version": str(citation.get("version", "")),
        "year": str(citation.get("date-released", ""))[:4],
        "url": str(citation.get("url") or citation.get("repository-code") or ""),
    }
    rows = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return "@software{genzoo,\n" + ",\n".join(rows) + "\n}"
