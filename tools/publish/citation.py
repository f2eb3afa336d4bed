"""CITATION.cff and .zenodo.json: who is credited is for each person to say, and cards say for what.

Formats: Citation File Format 1.2.0, and the metadata of Zenodo's deposits as its REST interface
documents them. Both are made from the roster, the ledgers, cards and pyproject.toml alone, so that
the same commit gives the same bytes.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from typing import Any

import yaml

from tools.process.record import Record
from tools.publish.people import People
from tools.publish.site.gather import entries_of
from zoo.core.cards import Card
from zoo.core.registry import Entry

MESSAGE = "If you use this zoo, please cite it and the paper whose reproduction you used."
ABSTRACT = (
    "Reproductions of papers on deep generative models in PyTorch, each with a model card, claims "
    "that can be re-measured from shipped weights, a demo notebook and tests against exact truth."
)
NAMED = ("name", "handle")  # consents with which a person is credited one by one


def citation_files(record: Record, people: People) -> dict[str, bytes]:
    """CITATION.cff and .zenodo.json of the published entries, by path."""
    entries = entries_of(record)
    made = {"CITATION.cff": _cff(record, people, entries)}
    made[".zenodo.json"] = _zenodo(record, people, entries)
    return {path: text.encode() for path, text in made.items()}


def _cff(record: Record, people: People, entries: list[Entry]) -> str:
    """The text of CITATION.cff."""
    project, publication = project_of(record), record.policy.publication
    content = {
        "cff-version": "1.2.0",
        "message": MESSAGE,
        "type": "software",
        "title": _title(project),
        "abstract": ABSTRACT,
        "authors": [{"name": name} for name in _authors(record, people, entries, project)],
        "version": project["version"],
        "date-released": _date(record, entries),
        "license": project["license"],
        "keywords": project["keywords"],
        "repository-code": publication.repository
        and f"https://github.com/{publication.repository}",
        "url": publication.site,
        "references": [_reference(entry.card) for entry in entries],
    }
    return _yaml({key: value for key, value in content.items() if value})


def _reference(card: Card) -> dict[str, Any]:
    """The paper that an entry reproduces."""
    # Full names as they are printed: where one is to be cut in two, only its owner knows.
    return {
        "type": "article",
        "title": card.title,
        "authors": [{"name": name} for name in card.paper.authors],
        "year": card.paper.year,
        "identifiers": [{"type": "other", "value": f"arXiv:{card.paper.arxiv}"}],
        "url": f"https://arxiv.org/abs/{card.paper.arxiv}",
    }


def _zenodo(record: Record, people: People, entries: list[Entry]) -> str:
    """The text of .zenodo.json; Zenodo itself takes version and date from the release."""
    project, publication = project_of(record), record.policy.publication
    papers = [
        {"identifier": f"arXiv:{entry.card.paper.arxiv}", "relation": "references"}
        for entry in entries
    ]
    site = [{"identifier": publication.site, "relation": "isDocumentedBy"}]
    authors = _authors(record, people, entries, project)
    reviewers = [
        name for name in _named(record, people, _reviewers(record, entries)) if name not in authors
    ]
    content = {
        "upload_type": "software",
        "access_right": "open",
        "title": _title(project),
        "description": ABSTRACT,
        "creators": [{"name": name} for name in authors],
        "contributors": [{"name": name, "type": "Other"} for name in reviewers],
        "license": project["license"],
        "keywords": project["keywords"],
        "related_identifiers": papers + (site if publication.site else []),
        "notes": "Contributors of the type 'Other' reviewed the entries." if reviewers else "",
    }
    kept = {key: value for key, value in content.items() if value}
    return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"


def _authors(
    record: Record, people: People, entries: list[Entry], project: dict[str, Any]
) -> list[str]:
    """Developers who want to be named, and all others in one word."""
    developers = [handle for entry in entries for handle in entry.card.developers]
    named = list(_named(record, people, developers))
    if len(named) < len({handle.lower() for handle in developers}) or not named:
        named.append(f"{project['name']} contributors")
    return named


def _reviewers(record: Record, entries: list[Entry]) -> list[str]:
    """Whose reviews of these entries are open."""
    states = [record.state(entry.name) for entry in entries]
    reviews = [review for state in states for review in state.reviews.values()]
    return [review.reviewer for review in reviews if review.status == "revealed"]


def _named(record: Record, people: People, handles: Iterable[str]) -> dict[str, None]:
    """Those who consent to be named, as they want to appear, each once."""
    roster = record.roster.people
    found = [roster.get("@" + handle.removeprefix("@").lower()) for handle in handles]
    return {
        people.shown(person.handle): None for person in found if person and person.consent in NAMED
    }


def _date(record: Record, entries: list[Entry]) -> str:
    """The day of the last publication."""
    moments = [record.state(entry.name).since for entry in entries]
    return max((f"{moment:%Y-%m-%d}" for moment in moments if moment), default="")


def project_of(record: Record) -> dict[str, Any]:
    """What pyproject.toml says of the project."""
    text = (record.root / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]


def _title(project: dict[str, Any]) -> str:
    """Name and description: "genzoo: a peer-reviewed zoo of …"."""
    description = project["description"]
    return f"{project['name']}: {description[:1].lower()}{description[1:]}"


def _yaml(content: dict[str, Any]) -> str:
    """YAML in the order of the keys; years stay numbers and versions text."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
