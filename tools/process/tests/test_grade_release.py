"""The private directory: sheets that grow, what they refuse, and what a release hands out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml

from tools.documents import read_yaml
from tools.process.git import git
from tools.process.grading.files import SHEET, load_overrides, load_sheet
from tools.process.grading.gradebook import Student, canvas_text, harmless, load_people, moodle_text
from tools.process.grading.grades import grade_entries, grade_people
from tools.process.grading.prepare import add, extended, fresh
from tools.process.grading.private import private_folder
from tools.process.grading.release import changes, locked_by, publish, release_files
from tools.process.grading.sheets import Adjudication, Override, Rating
from tools.process.tests.gradebench import (
    POLICY,
    ROSTER,
    VALID,
    entry,
    mine,
    review,
    sheet,
    signed,
)
from zoo.core.errors import ZooError

STATE = entry(
    review("@rev-one", F01="major"),
    review("@rev-two"),
    signatures=signed(rev_one__F01="verified"),
)


def test_a_fresh_sheet_asks_for_everything_and_can_be_read():
    text = extended(fresh("vae"), STATE, POLICY, {"rev-one/F01": "Mask (zoo/vae/model.py:4)"})
    page, _ = read_yaml(SHEET, text, "vae.yaml")
    nothing = {"care": None, "tone": None}
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


def test_overrides_find_people_whatever_the_case_of_their_handle(tmp_path):
    path = tmp_path / "overrides.yaml"
    path.write_text("overrides: [{who: '@Dev-One', part: v1, value: 81.5, reason: ill}]\n")
    assert load_overrides(path, ROSTER) == [Override("@dev-one", "v1", 81.5, "ill")]
    assert load_overrides(tmp_path / "none.yaml", ROSTER) == []


def test_the_private_directory_lies_outside_every_clone_and_worktree(tmp_path, monkeypatch):
    monkeypatch.delenv("ZOO_PRIVATE", raising=False)
    root, other, clone = (tmp_path / name for name in ("repository", "worktree", "clone"))
    git(tmp_path, "init", "--quiet", str(root))
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    git(root, *identity, "commit", "--quiet", "--allow-empty", "-m", "Begin")
    git(root, "worktree", "add", "--quiet", "--detach", str(other))
    (clone / "reviews").mkdir(parents=True)
    (clone / "reviews" / "policy.yaml").touch()
    (tmp_path / "link").symlink_to(root)
    for inside in (root, root / "a" / "b", root / ".git" / "x", other / "grades", clone / "grades"):
        with pytest.raises(ZooError, match="choose a folder outside"):
            private_folder(str(inside), root)
    with pytest.raises(ZooError, match="choose a folder outside"):
        private_folder(str(tmp_path / "link" / "grades"), root)
    with pytest.raises(ZooError, match="say --private DIR, or set ZOO_PRIVATE once"):
        private_folder(None, root)
    monkeypatch.setenv("ZOO_PRIVATE", str(tmp_path / "grades"))
    assert private_folder(None, root) == (tmp_path / "grades").resolve()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("handle,nam\n", ":1: unknown column 'nam'; did you mean 'name'?"),
        ("name\n", ":1: the column 'handle' is missing; add it"),
        ("", ":1: the column 'handle' is missing; add it"),
        ("handle,name\n@dev-on,A\n", ":2: '@dev-on' is not in reviews/roster.yaml; did you mean"),
        ("handle,name\n@dev-one,A\n@Dev-One,B\n", ":3: @dev-one occurs twice; keep one row"),
        ("handle,name\n@dev-one,B, A\n", ":2: 3 cells in 2 columns; quote a cell that holds a"),
        ('handle,name\n@dev-one,"A\n', ":2: not CSV: unexpected end of data; mend the quotes"),
    ],
)
def test_a_broken_list_of_people_is_one_line_with_its_place(tmp_path, text, message):
    path = tmp_path / "people.csv"
    path.write_text(text)
    with pytest.raises(ZooError) as caught:
        load_people(path, ROSTER)
    assert str(caught.value).startswith(f"{path}{message}")


STUDENTS = {
    "@dev-one": Student("@dev-one", '=HYPERLINK("x")', "7", "+12", "-one", "@A", "a@x.org", "=1"),
    "@dev-two": Student("@dev-two", "Two, T.", email="b@x.org", id_number="2"),
    "@rev-one": Student("@rev-one", "\tThree"),
    "@rev-two": Student("@rev-two", "Four"),
}


def graded_term(page=None, overrides=()):
    page = page or sheet((mine("I01"),), rev_one__F01=VALID)
    entries = grade_entries({"vae": STATE}, {"vae": page}, POLICY)
    return entries, grade_people(entries, ROSTER, POLICY, overrides)


def test_gradebooks_have_the_columns_that_are_read_and_run_no_formula():
    # @dev-one: v1 100 − 10 − 10 = 80, v2 100; final (0.4 × 80 + 0.3 × 100) / 0.7 = 88.571…
    # @rev-one found one of two alike: 100 − 30 / 2 − 8 = 77; @rev-two none: 100 − 30 − 8 = 62.
    people = graded_term()[1]
    assert canvas_text(people, STUDENTS) == (
        "Student,ID,SIS User ID,SIS Login ID,Section,v1,v2,review,final\n"
        "    Points Possible,,,,,100,100,100,100\n"
        '"\'=HYPERLINK(""x"")",7,\'+12,\'-one,\'@A,80.00,100.00,,88.57\n'
        '"Two, T.",,,,,,,,\n'
        "'\tThree,,,,,,,77.00,77.00\n"
        "Four,,,,,,,62.00,62.00\n"
    )
    assert moodle_text(people, STUDENTS).splitlines()[:2] == [
        "ID number,Email address,v1,v2,review,final",
        "'=1,a@x.org,80.00,100.00,,88.57",
    ]
    assert [harmless(text) for text in ("=1", "+1", "-1", "@a", "\r=1", "a=1")] == [
        "'=1",
        "'+1",
        "'-1",
        "'@a",
        "'\r=1",
        "a=1",
    ]


def test_a_page_shows_a_person_everything_of_theirs_and_nothing_of_others():
    words = {"rev_one__F01": Adjudication("valid", note="Well seen.")}
    ratings = {
        "rev-one": Rating({"care": 5, "tone": 4}, "Careful work."),
        "rev-two": Rating({"care": 1, "tone": 4}, "Too short."),
    }
    ill = Override("@rev-one", "review", 90, "a day of illness")
    people = graded_term(sheet((mine("I01"),), ratings=ratings, **words), [ill])[1]
    wording = {"vae": {"I01": "Fault I01 (zoo/vae/model.py:4)"}}
    files = release_files(people, STUDENTS, wording, POLICY)
    page = files["feedback/rev-one.md"]
    # Quality 40 × 1 / 10 = 4 lost, recall 15, the miss 8: 73.
    assert (
        page
        == """\
# @rev-one: 90.00

final: 90.00

review: 90.00, set by the instructor (a day of illness); computed: 73.00

## review of vae by @rev-one: 73.00

100 at first
- 4 quality: care, 5 of 6 points: 40 × (6 − 5) / 10 = 4
- 15 recall: I01 (major) was not reported, “Fault I01 (zoo/vae/model.py:4)”: 30 × 10 / 20 = 15
- 8 I01 (major), found by the instructor and by no reviewer, “Fault I01 (zoo/vae/model.py:4)”
= 73

## Rating of the review of vae

- care: 5
- tone: 4
- Careful work.

## Your findings in vae

- rev-one/F01: valid: Well seen.

---
Numbers are exact until the end, then rounded to two decimals, halves up. This page is for
@rev-one alone. Something wrong? Within 14 days: zoo regrade ask ENTRY --reason "…"
"""
    )
    assert "Too short." in files["feedback/rev-two.md"]
    assert (
        "## Notes on findings in vae\n\n- rev-one/F01: Well seen." in files["feedback/dev-one.md"]
    )
    assert "Careful work." not in files["feedback/dev-one.md"]
    assert json.loads(files["grades.json"])["@rev-one"]["review"] == {
        "grade": "90.00",
        "computed": "73.00",
        "reason": "a day of illness",
    }


def test_the_lock_names_everything_by_entry():
    page = sheet(v1=(None, 40))
    nameless = {**STUDENTS, "@rev-two": Student("@rev-two")}
    assert locked_by(*graded_term(page), nameless) == [
        "vae: v1: 'mathematics' has no points yet",
        "vae: rev-one/F01 is not adjudicated",
        "people.csv: no name of @rev-two",
    ]
    assert locked_by(*graded_term(), STUDENTS) == []


def test_every_release_is_kept_and_the_next_says_what_changed(tmp_path):
    first = release_files(graded_term()[1], STUDENTS, {}, POLICY)
    again = release_files(graded_term()[1], STUDENTS, {}, POLICY)
    assert first == again
    assert publish(tmp_path, first).new
    assert not publish(tmp_path, again).new
    regraded = sheet((mine("I01", "minor"),), rev_one__F01=VALID)
    # v1: 100 − 10 − 3 = 87. @rev-one: recall 30 × 3 / 13, the miss 2. @rev-two: 100 − 30 − 2 = 68.
    second = publish(tmp_path, release_files(graded_term(regraded)[1], STUDENTS, {}, POLICY))
    assert second.new
    assert (
        second.changes
        == """\
# Changes since the last release

- @dev-one v1: 80.00 → 87.00
- @dev-one final: 88.57 → 92.57
- @rev-one review: 77.00 → 91.08
- @rev-one final: 77.00 → 91.08
- @rev-two review: 62.00 → 68.00
- @rev-two final: 62.00 → 68.00
"""
    )
    assert (tmp_path / "changes.md").read_text() == second.changes
    kept = tmp_path / "releases" / "001"
    assert {name: (kept / name).read_text() for name in first} == first
    assert "87.00" in (tmp_path / "gradebook-canvas.csv").read_text()
    assert not list(tmp_path.rglob(".*"))


def test_a_release_that_cannot_be_written_leaves_the_last_one(tmp_path, monkeypatch):
    publish(tmp_path, {"grades.json": "{}\n", "gradebook-canvas.csv": "a\n"})

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(ZooError, match=r"releases/002: No space left on device"):
        publish(tmp_path, {"grades.json": "{}\n", "gradebook-canvas.csv": "b\n"})
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == ["001"]
    assert (tmp_path / "gradebook-canvas.csv").read_text() == "a\n"


def test_changes_name_people_who_came_or_went():
    one = json.dumps({"@dev-one": {"v1": {"grade": "80.00"}}})
    assert "- @dev-one v1: 80.00 → –\n" in changes(one, "{}")
    assert changes(one, one).endswith("\nNo grade.\n")


def test_a_lost_review_is_explained():
    state = replace(
        STATE, reviews={**STATE.reviews, "@rev-two": replace(review("@rev-two"), status="lost")}
    )
    page = sheet((mine("I01"),), rev_one__F01=VALID)
    entries = grade_entries({"vae": state}, {"vae": page}, POLICY)
    assert entries["vae"].reviews["@rev-two"].why.endswith("was filed, but its text is lost")
