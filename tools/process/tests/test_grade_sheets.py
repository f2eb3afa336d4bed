"""Grading sheets: how they grow, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tools.documents import read_yaml
from tools.process.grading.files import SHEET, load_overrides, load_sheet
from tools.process.grading.prepare import add, extended, fresh
from tools.process.grading.sheets import Adjudication, Override, Rating
from tools.process.tests.gradebench import POLICY, ROSTER, entry, review, signed
from zoo.core.errors import ZooError

STATE = entry(
    review("@rev-one", F01="major"),
    review("@rev-two"),
    signatures=signed(rev_one__F01="verified"),
)


def test_a_fresh_sheet_asks_for_everything_and_can_be_read():
    text = extended(
        fresh("vae", Path("schemas")), STATE, POLICY, {"rev-one/F01": "Mask (zoo/vae/model.py:4)"}
    )
    page, _ = read_yaml(SHEET, text, "vae.yaml")
    nothing = {"care": None, "tone": None}
    assert text.startswith("# yaml-language-server: $schema=schemas/sheet.schema.json\n# Grading")
    assert page.rubric.v1 == {"mathematics": None, "tests": None}
    assert page.adjudications == {"rev-one/F01": Adjudication()}
    assert page.ratings == {"rev-one": Rating(nothing), "rev-two": Rating(nothing)}
    assert "  rev-one/F01: # major: Mask (zoo/vae/model.py:4)\n    verdict: null\n" in text
    assert "    mathematics: null # of 60: Right?\n" in text


GROWN = """\
# mine
rubric:
  v1: {mathematics: 50, tests: null}   # in a hurry
  v2:
    answers: 12.5
findings: []
adjudications:   # two so far
  rev-one/F01:
    verdict: valid   # surely
    note: >
      A note
      in two lines.

    # thought about it

# points
ratings:
  "rev-one": {points: {care: 5}, note: ""}
  # the end"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_sheet_grows_without_losing_a_letter(ends):
    state = entry(review("@rev-one", F01="major", F02="nit"), review("@rev-two", F01="minor"))
    old = GROWN.replace("\n", ends)
    new = extended(old, state, POLICY, {})
    assert [line for line in old.split(ends) if line not in new.split(ends)] == [
        '  "rev-one": {points: {care: 5}, note: ""}'  # grew within its braces
    ]
    assert (
        new
        == """\
# mine
rubric:
  v1: {mathematics: 50, tests: null}   # in a hurry
  v2:
    answers: 12.5
findings: []
adjudications:   # two so far
  rev-one/F01:
    verdict: valid   # surely
    note: >
      A note
      in two lines.

    # thought about it
  rev-one/F02: # nit
    verdict: null
  rev-two/F01: # minor
    verdict: null

# points
ratings:
  "rev-one": {points: {care: 5, "tone": null}, note: ""}
  # the end
  rev-two:
    points:
      care: null # of 6: Careful?
      tone: null # of 4: Kind?
    note: ""
""".replace("\n", ends)
    )
    assert extended(new, state, POLICY, {}) == new


def test_keys_that_yaml_would_take_for_something_else_are_quoted():
    text = add("ratings: {} # here\n", ("ratings",), {"no": {"note": ""}, "123": {}})
    assert text == 'ratings: # here\n  "no":\n    note: ""\n  "123": {}\n'
    assert set(yaml.safe_load(text)["ratings"]) == {"no", "123"}


def test_a_sheet_that_cannot_grow_says_where():
    with pytest.raises(ZooError, match="the key 'ratings' is gone: write it again"):
        add("rubric: {}\n", ("ratings",), {"rev-one": None})
    with pytest.raises(ZooError, match="nothing can be added to 'ratings': write there: b"):
        add("ratings: {a: 1, # a comment\n  }\n", ("ratings",), {"b": None})


BROKEN = [
    ("{rubric: {v1: {mathematics: 61}}}", "'mathematics' has 61 points; write 0 to 60"),
    ("{rubric: {v1: {maths: 1}}}", "no rubric item 'maths'; did you mean 'mathematics'?"),
    ("{ratings: {rev-on: {}}}", "'rev-on' does not review this; did you mean 'rev-one'?"),
    ("{ratings: {rev-one: {points: {care: -1}}}}", "'care' has -1 points; write 0 to 6"),
    (
        "{adjudications: {rev-one/F09: {}}}",
        "no finding 'rev-one/F09' in the reviews; did you mean 'rev-one/F01'?",
    ),
    (
        "{adjudications: {rev-one/F01: {verdict: duplicate}}}",
        "a duplicate names the other finding; add of: rev-two/F01",
    ),
    (
        "{adjudications: {rev-one/F01: {verdict: duplicate, of: I07}}}",
        "no finding 'I07'; known: rev-one/F01",
    ),
    (
        "{adjudications: {rev-one/F01: {verdict: valid, of: I07}}}",
        "'of' goes with 'verdict: duplicate' only; take it out",
    ),
    (
        "{adjudications: {rev-one/F01: {verdict: invalid, severity: nit}}}",
        "'severity' and 'outcome' go with 'verdict: valid' only; take them out",
    ),
    (
        "{adjudications: {rev-one/F01: {verdict: vald}}}",
        "unknown verdict 'vald'; use one of valid, invalid, duplicate",
    ),
    (
        '{findings: [{id: F01, title: t, severity: nit, place: "a:1", version: v1}]}',
        "'F01' is no id of your own finding; write I01",
    ),
    (
        '{findings: [{id: I01, title: t, severity: nit, place: "a:1", version: v1},'
        ' {id: I01, title: u, severity: nit, place: "a:2", version: v1}]}',
        "the id 'I01' occurs twice; use the next free one",
    ),
    (
        '{findings: [{id: I01, title: t, severity: nit, place: "a:1", version: v2,'
        " outcome: partial}]}",
        "a finding in v2 has no outcome in v2; take the key 'outcome' out",
    ),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_a_broken_sheet_is_one_line_with_its_place(tmp_path, text, message):
    path = tmp_path / "vae.yaml"
    path.write_text("# first\n" + text + "\n")
    with pytest.raises(ZooError) as caught:
        load_sheet(path, STATE, POLICY)
    assert str(caught.value) == f"{path}:2: {message}"


def test_a_duplicate_of_a_finding_in_version_2_is_refused(tmp_path):
    path = tmp_path / "vae.yaml"
    path.write_text(
        'findings: [{id: I01, title: t, severity: nit, place: "a:1", version: v2}]\n'
        "adjudications: {rev-one/F01: {verdict: duplicate, of: I01}}\n"
    )
    with pytest.raises(ZooError, match=r":2: rev-one/F01 is a finding in v1, and I01 one in v2"):
        load_sheet(path, STATE, POLICY)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("who: '@dev-on', part: v1, value: 1, reason: r", "nobody to be graded is '@dev-on'; did"),
        ("who: '@instructor-one', part: v1, value: 1, reason: r", "nobody to be graded is '@instr"),
        ("who: '@dev-one', part: v1, value: 101, reason: r", "101 is no grade; write 0 to 100"),
        ("who: '@dev-one', part: v1, value: 1, reason: ' '", "the reason is empty; say why, for"),
        ("who: '@dev-one', part: v1, value: 1", "the key 'overrides[0].reason' is missing; add re"),
        ("who: '@dev-one', part: v3, value: 1, reason: r", "unknown part 'v3'; use one of v1, v2"),
    ],
)
def test_a_broken_override_is_one_line_with_its_place(tmp_path, row, message):
    path = tmp_path / "overrides.yaml"
    path.write_text(f"overrides:\n  - {{{row}}}\n")
    with pytest.raises(ZooError) as caught:
        load_overrides(path, ROSTER)
    assert str(caught.value).startswith(f"{path}:2: {message}")


def test_a_second_override_of_the_same_grade_is_refused(tmp_path):
    path = tmp_path / "overrides.yaml"
    row = "  - {who: '@dev-one', part: v1, value: 1, reason: r}\n"
    path.write_text("overrides:\n" + row + row)
    with pytest.raises(ZooError, match=r":3: a second override of v1 for @dev-one; keep one"):
        load_overrides(path, ROSTER)


def test_overrides_find_people_whatever_the_case_of_their_handle(tmp_path):
    path = tmp_path / "overrides.yaml"
    path.write_text("overrides: [{who: '@Dev-One', part: v1, value: 81.5, reason: ill}]\n")
    assert load_overrides(path, ROSTER) == [Override("@dev-one", "v1", 81.5, "ill")]
    assert load_overrides(tmp_path / "none.yaml", ROSTER) == []
