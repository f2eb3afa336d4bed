"""The private directory, gradebooks, and what a release hands out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tools.process.git import git
from tools.process.grading.gradebook import Student, canvas_text, harmless, load_people, moodle_text
from tools.process.grading.grades import grade_entries, grade_people
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
    "@dev-one": Student(
        "@dev-one", '=HYPERLINK("x")', "7", "+12", "-one", "@A", "a@example.org", "=1"
    ),
    "@dev-two": Student("@dev-two", "Two, T.", email="b@example.org", id_number="2"),
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
        "'=1,a@example.org,80.00,100.00,,88.57",
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
    assert "Well seen." not in files["feedback/rev-two.md"]
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
