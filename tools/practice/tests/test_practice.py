"""`zoo review practice`: list, start, score; what matches and what does not."""

from __future__ import annotations

import dataclasses

import pytest

from tools.practice import cases
from tools.practice.cases import load_case
from tools.practice.exhibits import Exhibit, exhibit
from tools.practice.scoring import NEAR, WIDEST, distance
from tools.practice.scoring import score as match
from tools.practice.tests.conftest import CASE, HEAD, REV, finding, from_key, here, score, write
from tools.process.findings import Finding, Place
from tools.process.tests.conftest import Term
from zoo.core.errors import ZooError

pytestmark = pytest.mark.skipif(not here("vae", "gpt"), reason="an entry is not in this zoo")
FORM = f"build/practice/{CASE}/review.md"


def test_the_list_names_cases_and_gives_nothing_away(term: Term) -> None:
    said = term.zoo("review", "practice")
    for name in cases.case_names():
        assert name in said
        assert not any(fault.id in said for fault in load_case(name).faults)
    assert said.endswith("next: zoo review practice start CASE\n")


def test_an_unknown_case_names_the_nearest(term: Term) -> None:
    for command in ("start", "score"):
        said = term.refused("review", "practice", command, "vae-bound", by=REV)
        assert said == "Error: no practice case 'vae-bound': did you mean 'vae-bounds'?"


def test_start_writes_a_submission_and_the_real_form(term: Term, made: Exhibit) -> None:
    said = term.zoo("review", "practice", "start", CASE, by=REV)
    folder = term.root / "build/practice" / CASE
    form = (folder / "review.md").read_text()
    assert f'commit: "{made.digest}"' in form
    assert 'reviewer: "@rev-one"' in form
    assert "### mathematics:" in form
    assert f"`zoo review practice score {CASE}` says what is still" in form
    assert f"cd build/practice/{CASE} && python -m pytest zoo/vae" in said
    for fault in made.case.faults:
        file = (folder / "zoo" / "vae" / fault.file).read_text()
        assert fault.new in file
        assert fault.old not in file
    names = {path.name for path in (folder / "zoo" / "vae").iterdir()}
    assert {"model.py", "recipe.py", "README.md", "demo.ipynb", "test_vae.py"} <= names
    assert names.isdisjoint({"mistakes.yaml", "mutants.json", "test_edges.py", "weights"})
    everything = "".join(p.read_text() for p in folder.rglob("*") if p.suffix in (".md", ".py"))
    assert not any(fault.what in everything for fault in made.case.faults)
    assert term.git("status", "--porcelain") == ""  # ignored by git


def test_a_second_start_keeps_the_review_and_renews_the_submission(
    term: Term, made: Exhibit
) -> None:
    text = write(term, made, from_key(made))
    model = term.root / "build/practice" / CASE / "zoo/vae/model.py"
    model.write_text("")
    term.zoo("review", "practice", "start", CASE, by=REV)
    assert (term.root / FORM).read_text() == text
    assert model.read_text() == made.files["zoo/vae/model.py"]


def test_the_empty_form_is_linted_as_a_real_one(term: Term) -> None:
    term.zoo("review", "practice", "start", CASE, by=REV)
    result = term.run("review", "practice", "score", CASE, by=REV)
    assert result.exit_code == 1
    assert f"✖ {FORM}:" in result.stdout
    assert "the section '## Summary' says nothing yet" in result.stdout
    assert result.stderr.endswith("is not scored yet: mend what is listed above\n")


def test_a_quote_that_is_not_there_is_refused(term: Term, made: Exhibit) -> None:
    one = finding(made, 1, Place("zoo/vae/model.py", 1, 1))
    write(term, made, [one.replace('quote: "', 'quote: "not here ')])
    said = term.run("review", "practice", "score", CASE, by=REV)
    assert said.exit_code == 1
    assert "F01: the quote is not found at zoo/vae/model.py:1" in said.stdout


def test_a_form_that_is_not_there_says_what_writes_it(term: Term) -> None:
    said = term.refused("review", "practice", "score", CASE, by=REV)
    assert said == f"Error: {FORM} is missing: zoo review practice start {CASE} writes it"


def test_a_perfect_review(term: Term, made: Exhibit) -> None:
    write(term, made, from_key(made))
    found = score(term, CASE)
    assert (found["recall"], found["precision"], found["severities_agree"]) == (1, 1, 5)
    assert found["missed"] == found["unmatched"] == []
    said = term.zoo("review", "practice", "score", CASE, by=REV)
    assert (
        "\nrecall 5 of 5 faults, precision 5 of 5 findings, severity as in the key 5 of 5\n" in said
    )
    assert "cells   0 of " in said  # what the review does not touch, as the real linter says
    for fault in made.case.faults:
        assert fault.what[:60] in said


def test_an_empty_review_has_every_fault_explained(term: Term, made: Exhibit) -> None:
    write(term, made, [])
    found = score(term, CASE)
    assert (found["recall"], found["precision"]) == (0, None)
    said = " ".join(term.zoo("review", "practice", "score", CASE, by=REV).split())
    assert "precision 0 of 0 findings" in said
    for fault in made.case.faults:
        for words in (fault.what, fault.why, fault.notice):
            assert " ".join(words.split()) in said


def test_padding_costs_precision(term: Term) -> None:
    made = exhibit(load_case("gpt-attention"))
    lines = range(1, 41, 2)
    padding = [finding(made, at, Place("zoo/gpt/model.py", line, line)) for at, line in
               enumerate(lines, 2)]  # fmt: skip
    padding = [text for text in padding if '""' not in text]
    write(term, made, [*from_key(made), *padding])
    found = score(term, "gpt-attention")
    assert found["recall"] == 1
    assert found["precision"] == 1 / (1 + len(padding))
    assert len(padding) > 8
    assert {one["note"] for one in found["unmatched"]} == {"not in the key: it may still be true"}


def test_a_finding_elsewhere_matches_nothing(term: Term, made: Exhibit) -> None:
    at = made.places["variance-for-deviation"]
    assert at.first is not None
    far = Place(at.path, at.first + NEAR + 1, at.first + NEAR + 1)
    other = Place("zoo/vae/recipe.py", at.first, at.first + 2)
    write(term, made, [finding(made, 1, far), finding(made, 2, other)])
    found = score(term, CASE)
    assert found["recall"] == 0
    assert [one["id"] for one in found["unmatched"]] == ["F01", "F02"]


def test_two_findings_of_one_fault_count_once_and_the_nearer_is_it(
    term: Term, made: Exhibit
) -> None:
    at = made.places["no-bound"]
    assert at.first is not None
    near = Place(at.path, at.first - 1, at.first - 1)
    write(term, made, [finding(made, 1, near), finding(made, 2, at, severity="blocker")])
    found = score(term, CASE)
    assert [(one["fault"]["id"], one["finding"]["id"]) for one in found["found"]] == [
        ("no-bound", "F02")
    ]
    assert found["severities_agree"] == 1
    assert (found["recall"], found["precision"]) == (0.2, 0.5)


def test_another_severity_is_said(term: Term, made: Exhibit) -> None:
    write(term, made, [finding(made, 1, made.places["no-bound"], severity="nit")])
    said = term.zoo("review", "practice", "score", CASE, by=REV)
    assert "severity as in the key 0 of 1" in said
    assert "by F01 (nit, the key says blocker)" in said


@pytest.mark.parametrize(
    ("first", "last", "apart"),
    [(50, 50, 0), (40, 60, None), (41, 60, 0), (46, 46, None), (47, 47, 3), (55, 55, 3),
     (56, 56, None)],
)  # fmt: skip
def test_the_rule_of_matching(made: Exhibit, first: int, last: int, apart: int | None) -> None:
    fault, at = made.case.faults[0], Place("zoo/vae/model.py", 50, 52)
    assert (NEAR, WIDEST) == (3, 20)
    place = Place("zoo/vae/model.py", first, last)
    one = Finding("F01", "t", "mistake", "code", "nit", place, "", "", "", "")
    assert distance(fault, at, one) == apart
    elsewhere = dataclasses.replace(one, place=Place("zoo/vae/recipe.py", 50, 52))
    assert distance(fault, at, elsewhere) is None
    cell = dataclasses.replace(one, place=Place("zoo/vae/model.py", cell="a"))
    assert distance(fault, at, cell) is None


def test_one_finding_over_two_faults_counts_for_one(made: Exhibit) -> None:
    places = {fault.id: Place("zoo/vae/model.py", 99, 99) for fault in made.case.faults}
    first, second = made.case.faults[:2]
    places |= {first.id: Place("zoo/vae/model.py", 50, 50)}
    places |= {second.id: Place("zoo/vae/model.py", 60, 60)}
    at = Place("zoo/vae/model.py", 50, 60)
    one = Finding("F01", "t", "mistake", "code", "nit", at, "", "", "", "")
    two = dataclasses.replace(one, id="F02", place=Place("zoo/vae/model.py", 62, 62))
    found = match(dataclasses.replace(made, places=places), [one])
    assert [(fault.id, finding.id) for fault, finding in found.found] == [(first.id, "F01")]
    found = match(dataclasses.replace(made, places=places), [one, two])
    assert [(fault.id, finding.id) for fault, finding in found.found] == [
        (first.id, "F01"),
        (second.id, "F02"),
    ]


def test_what_is_missing_matches_by_its_category_anywhere_in_the_file() -> None:
    fault = next(fault for fault in load_case("ddpm-chains").faults if fault.kind == "missing")
    at, place = Place("zoo/ddpm/recipe.py", 85, 85), Place("zoo/ddpm/recipe.py", 1, 120)
    one = Finding("F01", "t", "missing", "reproducibility", "nit", place, "", "", "", "")
    assert distance(fault, at, one) == 0
    assert distance(fault, at, dataclasses.replace(one, category="code")) is None
    assert distance(fault, at, dataclasses.replace(one, kind="mistake")) is None
    there = dataclasses.replace(one, kind="mistake", place=Place(at.path, 84, 84))
    assert distance(fault, at, there) == 1


def test_hostile_findings_are_shown_as_text(term: Term, made: Exhibit) -> None:
    title = "a\u202e\u200b ##[error] `x` <b> [red]"
    write(term, made, [finding(made, 1, Place("zoo/vae/model.py", 1, 1), title=title)])
    said = term.zoo("review", "practice", "score", CASE, by=REV)
    line = next(line for line in said.splitlines() if line.startswith("? F01"))
    assert "a ## [error] `x` <b> [red]" in line
    assert line.isprintable()


def test_a_review_of_another_state_is_not_scored(term: Term, made: Exhibit) -> None:
    write(term, made, from_key(made))
    old = HEAD.format(entry="vae", commit="0" * 40)
    (term.root / FORM).write_text(old)
    for command in ("start", "score"):
        said = term.refused("review", "practice", command, CASE, by=REV)
        assert said == (
            f"Error: {FORM} is not about this submission: the entry or the case changed; "
            f"move it away and zoo review practice start {CASE}"
        )
    assert (term.root / FORM).read_text() == old


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("entry: vae", "entry: vea", "is made from vea, which is not here"),
        ("0.5 * log_var", "0.7 * log_var", "occurs 0 times in zoo/vae/model.py, not once"),
        ("return Independent(Normal(mean, (0.5 * log_var).exp()), 1)", "return", "8 times"),
        ("file: model.py", "file: modle.py", "zoo/vae/modle.py is no file of a submission"),
        ("test_diverged_weights_give_nan", "test_x", "has no test 'test_x' any more"),
        ("id: no-bound", "id: No bound", "'No bound' is no id of its own"),
        ("law: importance-weighted bound\n", "\n", "nothing proves that 'no-bound' is a fault"),
        ("law: elbo terms", "lawe: elbo terms", "unknown key 'faults[0].lawe'"),
        ("title:", "hours: 3\ntitle:", "unknown key 'hours'"),
        ("*at least* what", "*at most* what", "'bound-turned-round' replaces nothing"),
    ],
)
def test_a_case_that_does_not_fit_is_one_line(
    term: Term, tmp_path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    text = (cases.FOLDER / f"{CASE}.yaml").read_text()
    assert old in text
    (tmp_path / "vae-bounds.yaml").write_text(text.replace(old, new, 1))
    monkeypatch.setattr(cases, "FOLDER", tmp_path)
    monkeypatch.setattr("tools.practice.exhibits.FOLDER", tmp_path)
    said = term.refused("review", "practice", "start", CASE, by=REV)
    assert message in said
    assert not (term.root / "build").exists()


def test_overlapping_faults_are_refused(made: Exhibit) -> None:
    first = made.case.faults[0]
    inner = dataclasses.replace(first, id="inner", old="Independent(Normal(mean,", new="x")
    case = dataclasses.replace(made.case, faults=(first, inner), lines=(1, 2))
    with pytest.raises(ZooError, match="'inner' does not fit: it overlaps"):
        exhibit(case)
