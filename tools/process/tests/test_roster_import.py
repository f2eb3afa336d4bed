"""`zoo roster`: what a classroom's CSV adds and changes, what it never tells, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.process.rules.classroom import HEAD, Classroom, Row, head_of, merge, roster_text
from tools.process.rules.config import load_roster, parse_roster
from tools.process.rules.roster import Person, Roster
from tools.process.tests.conftest import Term

CLASSROOM = """\
"identifier","github_username","github_id","name"
"s1-0815","dev-one","11","Doe, Jane"
"s2-4711","dev-four","14","Roe
Richard"
"jane@uni.example.org","",,"No Account"
"""
ROSTER = """\
# Our people.
# Two lines of comment.
people:
  - {handle: "@dev-one", role: developer, conflicts: ["@dev-two"], team: red, consent: handle}
  - {handle: "@dev-two", role: developer, github_id: 12, conflicts: ["@dev-one"]}
  - {handle: "@instructor-one", role: instructor}
"""


@pytest.fixture
def roster(term: Term) -> Path:
    path = term.root / "reviews" / "roster.yaml"
    path.write_text(ROSTER, encoding="utf-8")
    return path


def export(term: Term, text: str | bytes) -> str:
    """A CSV's path."""
    path = term.root / "classroom.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_a_classroom_is_merged_without_names(term: Term, roster: Path) -> None:
    said = term.zoo("roster", "import", export(term, CLASSROOM))
    assert said.splitlines() == [
        "+ @dev-four (developer)",
        "~ @dev-one: github_id null → 11",
        "? @dev-two is not in the CSV; kept",
        "? @instructor-one is not in the CSV; kept",
        "? line 5 of the CSV has no GitHub account; left out",
        "Columns not taken: identifier, name",
        "4 people, 1 new, 1 changed; next: zoo roster check, then commit it",
    ]
    people = load_roster(roster).people
    assert people == {
        "@dev-one": Person("@dev-one", "developer", 11, "red", ["@dev-two"], "handle"),
        "@dev-two": Person("@dev-two", "developer", 12, None, ["@dev-one"]),
        "@instructor-one": Person("@instructor-one", "instructor"),
        "@dev-four": Person("@dev-four", "developer", 14),
    }
    text = roster.read_text(encoding="utf-8")
    assert text.startswith("# Our people.\n# Two lines of comment.\npeople:\n")
    assert not any(word in text for word in ("Doe", "Roe", "0815", "uni.example", "Account"))


def test_a_second_import_changes_no_byte(term: Term, roster: Path) -> None:
    file = export(term, CLASSROOM)
    term.zoo("roster", "import", file)
    before = roster.read_bytes()
    assert "0 new, 0 changed" in term.zoo("roster", "import", file)
    assert roster.read_bytes() == before


def test_a_renamed_account_is_the_same_person(term: Term, roster: Path) -> None:
    before = roster.read_bytes()
    said = term.zoo("roster", "import", export(term, "handle,github_id\ndev-zwei,12\n"))
    assert "~ @dev-two: now @dev-zwei on GitHub; ledgers keep the old" in said
    assert roster.read_bytes() == before


@pytest.mark.parametrize("word", ["yes", "True", "1", "handle"])
def test_a_yes_is_consent_to_the_handle(term: Term, roster: Path, word: str) -> None:
    term.zoo("roster", "import", export(term, f"handle,consent\ndev-two,{word}\n"))
    assert load_roster(roster).find("@dev-two").consent == "handle"


def test_a_name_is_taken_of_who_wants_to_appear_with_it(term: Term, roster: Path) -> None:
    rows = 'name,handle,consent\n"Roe, Richard",dev-two,Name\nJane,dev-one,anonymous\n'
    assert "Columns not taken" not in term.zoo("roster", "import", export(term, rows))
    people = load_roster(roster)
    assert people.find("@dev-two").name == "Roe, Richard"
    assert (people.find("@dev-one").consent, people.find("@dev-one").name) == ("anonymous", None)
    assert "Jane" not in roster.read_text(encoding="utf-8")
    term.zoo("roster", "import", export(term, "handle,consent\ndev-two,none\n"))
    assert "Roe" not in roster.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffHANDLE;Group_Name;Role;Consent\r\n@dev-one;blue;Developer;No\r\n\r\n",
        "GitHub\tTeam\trole\tconsent\n dev-one \tblue\tdeveloper\tfalse\n",
        "\n\nUsername,group,role,consent\nDev-One,blue,,0\n",
    ],
)
def test_other_columns_and_separators(term: Term, roster: Path, text: str) -> None:
    term.zoo("roster", "import", export(term, text))
    person = load_roster(roster).find("@dev-one")
    assert (person.team, person.role, person.consent) == ("blue", "developer", "none")


def test_empty_cells_and_short_rows_change_nothing(term: Term, roster: Path) -> None:
    text = "handle,team,role,consent\ndev-one,,,\ndev-two\n"
    assert "0 new, 0 changed" in term.zoo("roster", "import", export(term, text))
    assert roster.read_text(encoding="utf-8") == ROSTER


def test_the_first_import_makes_the_file(term: Term, roster: Path) -> None:
    roster.unlink()
    term.zoo("roster", "import", export(term, CLASSROOM))
    assert roster.read_text(encoding="utf-8") == HEAD + (
        "people:\n"
        '  - {handle: "@dev-one", role: "developer", github_id: 11, team: null,'
        ' conflicts: [], consent: "none"}\n'
        '  - {handle: "@dev-four", role: "developer", github_id: 14, team: null,'
        ' conflicts: [], consent: "none"}\n'
    )


@pytest.mark.parametrize(
    ("text", "line", "rule", "fix"),
    [
        ("", 1, "no column with GitHub accounts", "handle or github_username"),
        ("name,email\nA,b\n", 1, "no column with GitHub accounts", "or username"),
        ("handle,username\na,b\n", 1, "'handle' and 'username' both hold the handle", "delete"),
        ("handle\ndev-one\n\nDEV-ONE\n", 4, "@DEV-ONE stands in line 2 already", "keep one"),
        ("handle,github_id\na,5\nb,5\n", 3, "5 stands in line 2 already", "keep one"),
        ('handle,name\na,"x\ny"\nb c,\n', 4, "'@b c' is no handle", "as on GitHub"),
        ("handle,github_id\na,1.2E+07\n", 2, "'1.2E+07' is no GitHub id", "digits only"),
        ("handle,github_id\na,0\n", 2, "'0' is no GitHub id", "or nothing"),
        ("handle,role\na,student\n", 2, "unknown role 'student'", "developer, reviewer"),
        ("handle,consent\na,maybe\n", 2, "consent is 'maybe'", "anonymous, none, yes or no"),
        ("handle,consent\na,name\n", 2, "@a consents to appear by name, and", "a column name"),
        ("handle,name\na,Doe, Jane\n", 2, "3 cells below 2 column names", "quote"),
        ('handle,name\na,"Doe\n', 2, "not a CSV", "export the file again"),
        ("handle,github_id\ndev-two,13\n", 2, "@dev-two has another github_id", "correct"),
        ("handle,github_id\nnew,12\ndev-two,\n", 3, "@dev-two has another github_id", "correct"),
        ("handle,github_id\ndev-one,12\n", 2, "@dev-one is somebody else in reviews", "first"),
        (b"handle\nd\xe9v\n", 2, "not UTF-8", "save the file as UTF-8"),
        (b"handle\na\x00b\n", 2, "the invisible character U+0000", "delete it"),
        (b"handle\n" + b"x" * 2**20, 1, "1.0 MiB is too long", "the limit is 1 MiB"),
    ],
)
def test_what_a_classroom_may_not_say(
    term: Term, roster: Path, text: str | bytes, line: int, rule: str, fix: str
) -> None:
    message = term.refused("roster", "import", export(term, text))
    assert f"classroom.csv:{line}: " in message
    assert rule in message
    assert fix in message
    assert roster.read_text(encoding="utf-8") == ROSTER
    left = {path.name for path in roster.parent.iterdir()} - {".lock"}
    assert left == {"policy.yaml", "roster.yaml"}


def test_what_the_public_roster_may_not_say_is_not_imported(term: Term, roster: Path) -> None:
    text = "handle,team\ndev-one,jane@uni.example.org\n"
    assert "no names, no e-mails" in term.refused("roster", "import", export(term, text))
    assert roster.read_text(encoding="utf-8") == ROSTER


def test_a_broken_roster_is_not_overwritten(term: Term, roster: Path) -> None:
    roster.write_text("people: [", encoding="utf-8")
    message = term.refused("roster", "import", export(term, CLASSROOM))
    assert "roster.yaml:1: not valid YAML" in message
    assert roster.read_text(encoding="utf-8") == "people: ["


def test_check_says_who_there_is(term: Term, roster: Path) -> None:
    (roster.parent / "bids.yaml").write_text('bids: {"@dev-one": {wants: [vae]}}\n')
    assert term.zoo("roster", "check") == (
        "3 people (2 developers, 1 instructor), 1 team, 1 bid; 2 without consent to publication\n"
    )
    (roster.parent / "bids.yaml").write_text('bids: {"@dev-none": {}}\n')
    assert "'@dev-none' is not in reviews/roster.yaml" in term.refused("roster", "check")
    roster.write_text(ROSTER.replace("role: instructor", "role: x"), encoding="utf-8")
    assert "roster.yaml:6: unknown role 'x'" in term.refused("roster", "check")


handles = st.sampled_from([f"@dev-{letter}" for letter in "abcdefg"])
some_people = st.lists(
    st.builds(
        Person,
        handles,
        st.just("developer"),
        st.none(),
        st.none() | st.text("abé:#'\" -", min_size=1).map(str.strip).filter(bool),
        st.just([]),
        st.sampled_from(["handle", "anonymous", "none"]),
    ),
    unique_by=lambda person: person.handle,
)


@settings(max_examples=100, deadline=None)
@given(some_people, st.lists(st.builds(Row, st.just(1), handles), unique_by=lambda r: r.handle))
def test_what_is_written_is_read_again_and_nobody_is_lost(people: list, rows: list) -> None:
    roster = Roster({person.handle: person for person in people})
    merged = merge(roster, Classroom(Path("c.csv"), rows, [], []))
    text = roster_text(merged.people)
    assert head_of(text) == HEAD
    assert list(parse_roster(text, Path("r")).people.values()) == merged.people
    assert merged.people[: len(people)] == people
    assert {person.handle for person in merged.people} == {
        *roster.people,
        *(row.handle for row in rows),
    }
