"""Card validation: line, rule and fix of every error, and the schema for editors."""

from __future__ import annotations

import jsonschema
import pytest

from tools.cards import CARD
from tools.documents import build
from tools.process.simulation.toy import replace
from tools.schemas import schema
from tools.tests.conftest import Repository
from tools.yamltext import Broken, Markdown, Problem

GOOD = """\
---
title: A title
paper: {arxiv: "1312.6114", authors: [A, B], year: 2013}
family: flow
developers: ["@a"]
claims:
  - id: a-claim
    dataset: mnist
    metric: nll-nats
    paper: {value: 1.5, where: Table 2}
    accept: "<= 2"
    recipe: mnist
ai_assistance: none
---
# Prose
"""


def shape_problems(card: Markdown) -> list[Problem]:
    return build(CARD, card)[1]


def test_a_good_card_has_no_problem() -> None:
    assert shape_problems(Markdown(GOOD)) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "rule", "fix"),
    [
        ("title: A title", "title: no", 2, "YAML reads an unquoted no as False", 'quote it: "no"'),
        ('"1312.6114"', "1312.6114", 3, "an unquoted 1312.6114 as a number", 'it: "1312.6114"'),
        ('"1312.6114"', "1502.03510", 3, "drops the last zero", 'quote it: "1502.03510"'),
        ("[A, B]", "[A, off]", 3, "'paper.authors[1]' is true or false, not text", '"off"'),
        ("year: 2013", 'year: "2013"', 3, "'paper.year' is text, not a whole number", "year: 2013"),
        ("year: 2013", "year: yes", 3, "not a whole number", "year: 2013"),
        ("family: flow", "family: flows", 4, "unknown family 'flows'", "autoregressive"),
        ("family: flow", "familly: flow", 2, "the key 'family' is missing", "add family: "),
        ("title: A", "titel: x\ntitle: A", 2, "unknown key 'titel'", "did you mean 'title'?"),
        ('["@a"]', '"@a"', 5, "'developers' is text, not a list", '["@handle"]'),
        ("value: 1.5", "value: 2e-4", 10, "YAML reads 2e-4 as text", "write 2.0e-4"),
        ("value: 1.5", "value: 1e5", 10, "YAML reads 1e5 as text", "write 1.0e+5"),
        ("Table 2", "2020-01-01", 10, "an unquoted 2020-01-01 as a date", '"2020-01-01"'),
        ("Table 2", "1:30", 10, "an unquoted 1:30 as a number", 'quote it: "1:30"'),
        (
            "    recipe: mnist\n",
            "",
            7,
            "the key 'claims[0].recipe' is missing",
            "add recipe: mnist",
        ),
        (
            "    recipe:",
            "    recepe: x\n    recipe:",
            12,
            "unknown key 'claims[0].recepe'",
            "'recipe'",
        ),
        (
            "ai_assistance: none",
            "ai_assistance:",
            13,
            "is nothing, not text",
            "ai_assistance: none",
        ),
    ],
)
def test_a_problem_has_its_line_its_rule_and_its_fix(
    old: str, new: str, line: int, rule: str, fix: str
) -> None:
    assert GOOD.count(old) == 1
    problems = shape_problems(Markdown(GOOD.replace(old, new)))
    match = [p for p in problems if rule in p.rule]
    assert len(match) == 1, problems
    assert fix in match[0].fix
    assert match[0].line == line


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        ("", 1, "does not begin with YAML"),
        ("# Title\n", 1, "does not begin with YAML"),
        ("---\ntitle: [\n---\n", 2, "not valid YAML"),
        ("---\ntitle: a: b\n---\n", 2, "not valid YAML"),
        ("---\ntitle: a\ntitle: b\n---\n", 3, "the key 'title' occurs twice"),
        ("---\n[a]: 1\n---\n", 2, "a key is one word"),
        ("---\na: &x [1]\nb: *x\n---\n", 3, "there are no aliases"),
        ("---\n- 1\n---\n", 2, "not a mapping"),
        ("---\n# nothing\n---\n", 2, "there is no YAML"),
        ("---\na: !!python/name:os.system\n---\n", 2, "not valid YAML"),
        ("---\na: \x07\n---\n", 2, "invisible character U+0007"),
    ],
)
def test_an_unreadable_card_is_one_problem(text: str, line: int, rule: str) -> None:
    with pytest.raises(Broken) as caught:
        Markdown(text)
    assert rule in caught.value.problem.rule
    assert caught.value.problem.line == line


def test_windows_line_ends_and_a_byte_order_mark_do_not_move_the_lines() -> None:
    text = "\ufeff" + GOOD.replace("family: flow", "family: x").replace("\n", "\r\n")
    assert [problem.line for problem in shape_problems(Markdown(text))] == [4]


def test_the_schema_for_editors_judges_as_we_do() -> None:
    good = Markdown(GOOD).data
    jsonschema.validate(good, schema(CARD))
    for change in ({"extra": 1}, {"family": "flows"}, {"title": 3}, {"claims": [{"id": "x"}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, **change}, schema(CARD))


@pytest.mark.parametrize(
    ("old", "new", "rule", "fix"),
    [
        ('"1502.03509"', '"arXiv:1502"', "is no arXiv identifier", "1312.6114"),
        ('["@octocat"]', '["octocat"]', "'octocat' is no account name", "@handle"),
        ('["@octocat"]', "[]", "'developers' is empty", "@handle"),
        ("metric: nll-nats", "metric: nll-nat", "unknown metric 'nll-nat'", "'nll-nats'?"),
        ("dataset: binarized-digits", "dataset: digit", "unknown dataset 'digit'", "'digits'?"),
        ("recipe: digits", "recipe: mnist", "unknown recipe 'mnist'", "known: digits, tiny"),
        ('"<= 25"', '"< 25"', "'< 25' is no range of values", ">= 25"),
        ("id: digits-nll", "id: Digits NLL", "is not lower-case-with-hyphens", "mnist-nll-bound"),
        ("builds_on: []", "builds_on: [toys]", "builds_on names 'toys'", "known: none"),
        ("ai_assistance: none", 'ai_assistance: "TODO"', "still the skeleton's", "none, or what"),
        ("## Limitations", "## Limits", "the section '## Limitations' is missing", "add it"),
        ("A toy.", "", "the section '## What this is' is not written", "the idea of the paper"),
        ("1. No hidden", "- No hidden", "0 numbered deviations in the prose, 1 in", "number each"),
        (
            "acknowledgements: []",
            "acknowledgements: [{what: a, source: b, licence: c, files: [gone.py]}]",
            "there is no file gone.py",
            "name files of this entry",
        ),
    ],
)
def test_what_a_card_refers_to_exists(
    repository: Repository, old: str, new: str, rule: str, fix: str
) -> None:
    replace(repository.toy / "README.md", {old: new})
    results = {result.check: result for result in repository.check().results}
    found = results["card"].findings
    assert [rule in finding.rule and fix in finding.fix for finding in found] == [True], found
    if ":" in new:  # a key: the line is the one that holds it
        line = (repository.toy / "README.md").read_text().splitlines()[found[0].line - 1]
        assert new.partition(":")[0] in line
