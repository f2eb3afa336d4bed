"""CITATION.cff and .zenodo.json: who is named is for each person to say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from tools.process.ledger.state import Submission
from tools.process.record import Record
from tools.process.rules.policy import Publication
from tools.publish.citation import citation_files
from tools.publish.people import people_of
from tools.publish.tests.conftest import add_entry, reviewed
from zoo.core.registry import ZOO_FOLDER

ROSTER = """\
people:
  - {handle: "@dev-one", role: developer, consent: name, name: "Ada van One"}
  - {handle: "@dev-two", role: developer, consent: handle}
  - {handle: "@dev-three", role: developer, consent: anonymous}
  - {handle: "@rev-one", role: reviewer, consent: handle}
"""
PROJECT = """\
[project]
name = "genzoo"
version = "0.1.0"
description = "A zoo of models"
license = "MIT"
keywords = ["reproducibility"]
"""
# What Zenodo's interface documents for the metadata of software, and no key beside.
ZENODO = {
    "upload_type", "access_right", "title", "description", "creators", "contributors", "license",
    "keywords", "related_identifiers", "notes",
}  # fmt: skip
RELATIONS = {"references", "isDocumentedBy"}


class Told(Record):
    """A record in which these entries are published, whatever its ledgers say."""

    published: tuple[str, ...] = ("alpha", "beta")

    def states(self) -> dict[str, Submission]:
        return {name: reviewed(name) for name in self.published}

    def state(self, model: str) -> Submission:
        return self.states()[model]


@pytest.fixture
def record(clone: Path) -> Told:
    """Two published entries of three developers, and one that is not published."""
    (clone / "pyproject.toml").write_text(PROJECT)
    (clone / "reviews/roster.yaml").write_text(ROSTER)
    add_entry(clone, "alpha", developers=["@dev-two", "@Dev-One"])
    add_entry(clone, "beta", title="Beta: <b>flows</b> & more", developers=["@dev-one"])
    add_entry(clone, "gamma", developers=["@dev-three"])
    return Told(clone)


def made(record: Told) -> tuple[dict[str, Any], dict[str, Any]]:
    files = citation_files(record, people_of(record.roster, "c" * 40))
    assert sorted(files) == [".zenodo.json", "CITATION.cff"]
    return yaml.safe_load(files["CITATION.cff"]), json.loads(files[".zenodo.json"])


def names(rows: list[dict[str, str]]) -> list[str]:
    return [row["name"] for row in rows]


def valid(content: dict[str, Any]) -> None:
    schema = get_builtin_schema("vendor.citation-file-format")
    jsonschema.validate(content, schema, format_checker=jsonschema.FormatChecker())


def test_who_consents_is_named_as_they_want(record: Told) -> None:
    citation, zenodo = made(record)
    assert names(citation["authors"]) == ["@dev-two", "Ada van One"]
    assert names(zenodo["creators"]) == ["@dev-two", "Ada van One"]
    assert zenodo["contributors"] == [{"name": "@rev-one", "type": "Other"}]


@pytest.mark.parametrize("consent", ["anonymous", "none"])
def test_who_does_not_is_one_of_the_contributors(record: Told, consent: str) -> None:
    record.published = ("alpha", "gamma")
    path = record.reviews / "roster.yaml"
    path.write_text(ROSTER.replace("consent: anonymous", f"consent: {consent}"))
    citation, zenodo = made(record)
    assert names(citation["authors"]) == ["@dev-two", "Ada van One", "genzoo contributors"]
    text = json.dumps([citation, zenodo])
    assert "dev-three" not in text
    assert "anonymous" not in text


def test_before_the_first_publication_the_contributors_are_the_authors(record: Told) -> None:
    record.published = ()
    citation, zenodo = made(record)
    assert names(citation["authors"]) == names(zenodo["creators"]) == ["genzoo contributors"]
    assert "references" not in citation
    assert "date-released" not in citation
    valid(citation)


def test_a_reviewer_who_also_develops_is_named_once(record: Told) -> None:
    path = record.reviews / "roster.yaml"
    path.write_text(ROSTER.replace('"@rev-one", role: reviewer', '"@rev-one", role: developer'))
    add_entry(record.root, "delta", developers=["@rev-one"])
    record.published = ("delta",)
    _, zenodo = made(record)
    assert names(zenodo["creators"]) == ["@rev-one"]
    assert "contributors" not in zenodo
    assert "notes" not in zenodo


def test_the_citation_fits_its_schema_and_credits_the_papers(record: Told) -> None:
    citation, _ = made(record)
    valid(citation)
    assert citation["title"] == "genzoo: a zoo of models"
    assert (citation["version"], citation["license"]) == ("0.1.0", "MIT")
    assert citation["date-released"] == "2026-03-02"
    assert [paper["title"] for paper in citation["references"]] == [
        "The alpha model",
        "Beta: <b>flows</b> & more",
    ]
    assert names(citation["references"][0]["authors"]) == ["Ada One", "Bea Two"]
    assert citation["references"][0]["identifiers"][0]["value"] == "arXiv:1312.6114"
    with pytest.raises(jsonschema.ValidationError):
        valid(citation | {"authors": []})


def test_zenodo_gets_what_it_documents(record: Told) -> None:
    publication = Publication("zoo-course/zoo", "https://zoo-course.example/zoo")
    record.policy = replace(record.policy, publication=publication)
    citation, zenodo = made(record)
    assert set(zenodo) <= ZENODO
    assert {"title", "description", "creators"} <= set(zenodo)
    assert (zenodo["upload_type"], zenodo["access_right"]) == ("software", "open")
    assert zenodo["license"] == "MIT"
    for row in zenodo["related_identifiers"]:
        assert set(row) == {"identifier", "relation"}
        assert row["relation"] in RELATIONS
    assert zenodo["related_identifiers"][-1]["identifier"] == "https://zoo-course.example/zoo"
    assert citation["url"] == "https://zoo-course.example/zoo"
    assert citation["repository-code"] == "https://github.com/zoo-course/zoo"
    valid(citation)


def test_the_same_commit_gives_the_same_bytes(record: Told) -> None:
    people = people_of(record.roster, "c" * 40)
    assert citation_files(record, people) == citation_files(Told(record.root), people)


def test_the_repositorys_own_citation_fits_the_schema() -> None:
    valid(yaml.safe_load((ZOO_FOLDER.parent / "CITATION.cff").read_text()))
