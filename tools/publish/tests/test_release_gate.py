"""What must not go out does not: each kind of it, in a file, in an output, in an old commit."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import pytest

from tools.process.rules.policy import Allowed
from tools.process.rules.roster import Person, Roster
from tools.process.tests.conftest import Term, term  # noqa: F401
from tools.publish.people import People
from tools.publish.release.reading import PNG
from tools.publish.release.rules import Private, known_people
from tools.publish.release.scan import Scanner
from tools.publish.tests.published import occurs, publish
from zoo.core.errors import ZooError

MAIL = "jane@" + "uni.edu"  # in two parts, since this file is released, too
JOE = MAIL.replace("jane", "joe")
NUMBER = "12345" + "67"
CSV = 'name,identifier,github_username\n"Doe, Jane",k-4711,dev-three\nAda L.,k-1,dev-two\n'
PLANTED = {  # text: rule
    "The grade of @dev-one is 85.": "what looks like the grade of @dev-one: 85",
    f"Write to {MAIL} now": f"the e-mail address {MAIL}",
    f"Matriculation no. {NUMBER}": f"the student number {NUMBER}",
    f"our s{NUMBER} did it": f"the student number s{NUMBER}",
    "thanks to Jane  Doe": "the name of a person, Jane Doe",
    "see K-4711.": "the student number of a person, K-4711",
    "ghp_" + "a1" * 18: "an access token or key, ghp_a1a1…",
}


@pytest.fixture
def published(term: Term, tmp_path: Path) -> Term:  # noqa: F811
    (tmp_path / "people.csv").write_text(CSV)
    return publish(term, student_id="s[0-9]{7}")


def stopped(term: Term, out: Path, *options: str) -> list[str]:  # noqa: F811
    """The problems that a release names; nothing is left of it."""
    people = ("--people", str(out.parent / "people.csv"))
    result = term.run("publish", "release", str(out), *people, *options)
    assert result.exit_code == 1, result.output
    assert not out.exists()
    assert not list(out.parent.glob(".release-*"))
    return result.stderr.splitlines()[:-1]


def notebook(text: str) -> str:
    output = {"output_type": "stream", "name": "stdout", "text": ["fine\n", f"{text}\n"]}
    cell = {"id": "a", "cell_type": "code", "source": ["x"], "metadata": {}, "outputs": [output]}
    return json.dumps(
        {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1
    )


def test_everything_planted_is_found_at_once(published: Term, tmp_path: Path) -> None:
    published.write("notes.md", "\n" + "\n".join(PLANTED))
    published.write("zoo/core/notes.py", "\n".join(f"# {text}" for text in PLANTED))
    for number, text in enumerate(PLANTED):
        published.write(f"notebooks/{number}.ipynb", notebook(text))
    for history in ("fresh", "filtered"):
        found = stopped(published, tmp_path / "out", "--history", history)
        assert len(found) == 3 * len(PLANTED)
        for line, rule in enumerate(PLANTED.values()):
            places = (f"notes.md:{line + 2}", f"zoo/core/notes.py:{line + 1}")
            for place in (*places, f"notebooks/{line}.ipynb:16"):
                assert [said for said in found if said.startswith(f"{place}: {rule}")]
        assert all("; delete it" in line or "; revoke it" in line for line in found)


def test_what_was_deleted_is_in_no_fresh_history(published: Term, tmp_path: Path) -> None:
    published.write("notes.md", "\n".join(PLANTED))
    published.write("demo.ipynb", notebook(MAIL))
    for name in ("notes.md", "demo.ipynb"):
        published.git("rm", "--quiet", name)
        published.git("commit", "--quiet", "-m", f"Deleted, said {JOE}")
    commits = published.git("log", "--format=%h", "--abbrev=12").split()
    found = stopped(published, tmp_path / "out", "--history", "filtered")
    assert len(found) == len(PLANTED) + 2 + 1  # the message stands there twice, under two ids
    notes = f"{commits[3]}:notes.md:2: the e-mail address {MAIL}; "
    assert any(line.startswith(notes) for line in found)
    assert any(line.startswith(f"{commits[2]}:demo.ipynb:16: the e-mail") for line in found)
    assert any(line.startswith(f"message of {commits[0]}:1: the e-mail") for line in found)
    published.zoo("publish", "release", str(tmp_path / "fresh"))
    for word in ("85.", "uni.edu", "1234567", "Jane", "4711", "ghp_"):
        assert not occurs(tmp_path / "fresh", word), word


def test_a_handle_that_may_be_a_word_stops_it(term: Term, tmp_path: Path) -> None:  # noqa: F811
    people = People(Roster({}), {"@max": "anonymous-1"})
    scanner = Scanner(Private(people, None, {}), [])
    scanner.look("notes.md", people.file("@max\nmax pooling").encode())
    assert scanner.problems == [
        "notes.md:2: 'max' is the handle of somebody who appears anonymously;"
        " write it with @, reword it, or allow it as an ordinary word"
    ]


def chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def looked(data: bytes | str, *allowed: str, path: str = "file") -> list[str]:
    """Problems of a file; @dev-one is a student, @instructor-one is none."""
    roster = Roster(
        {
            "@dev-one": Person("@dev-one", "developer", consent="handle"),
            "@instructor-one": Person("@instructor-one", "instructor", consent="handle"),
        }
    )
    private = Private(People(roster), "s[0-9]{7}", {"jane doe": "name"})
    scanner = Scanner(private, [Allowed(text, "a reason") for text in allowed])
    scanner.look(path, data.encode() if isinstance(data, str) else data)
    return scanner.problems


BYTES = MAIL.encode()
SECRET = b"Author\0" + BYTES
HIDDEN = {
    "tEXt": PNG + chunk(b"IHDR", b"") + chunk(b"tEXt", SECRET),
    "zTXt": PNG + chunk(b"zTXt", b"Author\0\0" + zlib.compress(BYTES)),
    "iTXt": PNG + chunk(b"iTXt", b"Author\0\0\0en\0\0" + BYTES),
    "packed iTXt": PNG + chunk(b"iTXt", b"A\0\1\0en\0\0" + zlib.compress(BYTES)),
    "eXIf": PNG + chunk(b"eXIf", b"MM\0*" + BYTES),
    "weights": struct.pack("<Q", 46) + b'{"__metadata__": {"by": "%s"}, "x":0}\0' % BYTES,
    "binary": b"\0\1\2 %s \0" % BYTES,
    "latin": f"Müller {MAIL}".encode("latin-1"),
    "ledger": b'{"schema": 1, "reason": "%s"}\n' % BYTES,
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_it_is_found_where_nobody_looks(kind: str) -> None:
    (line,) = looked(HIDDEN[kind])
    assert line.startswith(f"file:1: the e-mail address {MAIL}")


def test_the_name_of_a_file_is_read_and_pictures_in_notebooks() -> None:
    assert "s7654321 (its name)" in looked("", path="work/s7654321.md")[0]
    import base64

    picture = base64.b64encode(HIDDEN["tEXt"]).decode()
    document = {"outputs": [{"data": {"image/png": picture}}], "nbformat": 4}
    (line,) = looked(json.dumps(document))
    assert line.startswith(f"file:1: the e-mail address {MAIL} (outputs: PNG metadata); ")


def test_numbers_of_weights_are_no_text() -> None:
    assert looked(struct.pack("<Q", 7) + b'{"x":0}' + BYTES + b"\0") == []


GRADES = {
    "Student,ID,SIS User ID,SIS Login ID,Section,v1\n": "a gradebook",
    "ID number,Email address,v1\n": "a gradebook",
    "handle,name,canvas_id,sis_user_id\n": "the list of who is who",
    'name,"handle",email\n': "the list of who is who",
    '{\n  "@dev-two": {\n    "v1": {\n      "grade": "80"\n': "grades",
    "# @x\n\nThis page is for\n@dev-two alone. Something wrong?": "a private page of grades",
    "# Changes since the last release\n\n- @dev-two v1: 80 → 85\n": "changes of grades",
    '# by hand\noverrides:\n- {who: "@dev-two", part: v1}\n': "grades set by hand",
    '- at: "2026"\n  entry: "toy"\n  who: "@dev-two"\n': "requests for regrading",
    "# x\n\nrubric:\n  v1: {}\nfindings: []\nadjudications: {}\n": "a grading sheet",
}


@pytest.mark.parametrize("text", GRADES)
def test_files_of_the_private_directory_are_known(text: str) -> None:
    (line,) = looked(text, path="anywhere/at-all.txt")
    assert (
        line
        == f"anywhere/at-all.txt:1: this is {GRADES[text]}; "
        + ("private files live outside the repository: git rm it")
        or f"this is {GRADES[text]}; " in line
    )


@pytest.mark.parametrize(
    "text",
    [
        "@dev-one got 85 points",
        "@dev-one: grade 85,5",
        "85 of 100 points for @Dev-One",
        "| @dev-one | 85 | mark |",
    ],
)
def test_a_grade_in_a_sentence(text: str) -> None:
    (line,) = looked(text)
    assert "of @" in line
    assert "85" in line


@pytest.mark.parametrize(
    "text",
    [
        "name@example.org, x@cs.example.com, a@zoo.invalid, me@localhost.test",
        "12+dev-one@users.noreply.github.com, git@github.com:owner/name.git",
        "uses: actions/checkout@v4.1, bids.@dev-one.wants, functools@3.11",
        "@instructor-one gives 85 points",
        "@dev-one found 3 faults",
        "@stranger has 85 points",
        "the grade 85 of somebody" + " " * 90 + "@dev-one",
        "seed 1234567, s12345678, xs1234567, model.s1234567x",
        "-----BEGIN PRIVATE KEY-----",
        "rubric: in a sentence, ratings: too",
        "Jane Doering, mary jane does",
    ],
)
def test_what_is_not_private(text: str) -> None:
    assert looked(text) == []


def test_what_is_allowed_passes_and_nothing_else() -> None:
    text = f"{MAIL}\n{JOE}"
    assert len(looked(text)) == 2
    assert looked(text, MAIL) == ["file:2: " + looked(JOE)[0][8:]]
    assert looked("seed s1234567 of a run", "seed s1234567") == []
    assert len(looked("seed: s1234567 of a run", "seed s1234567")) == 1


@pytest.mark.parametrize("data", [b"\x80\x04\x95abc.", b"PK\x03\x04 archive/data.pkl"])
def test_weights_that_are_programs(data: bytes) -> None:
    (line,) = looked(data, path="zoo/toy/weights/digits.safetensors")
    assert line.startswith("zoo/toy/weights/digits.safetensors:1: a pickle; zoo train writes")


def test_the_list_of_people(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(CSV)
    roster = Roster({"@dev-two": Person("@dev-two", "developer", consent="name", name="Ada L.")})
    assert known_people(path, People(roster)) == {
        "doe, jane": "name",
        "jane doe": "name",
        "k-4711": "student number",
    }
    path.write_text("github\nx\n")
    with pytest.raises(ZooError, match=r"people\.csv:1: no column tells who people are; name one"):
        known_people(path, People(roster))


def test_the_second_look_sees_what_no_name_leads_to(tmp_path: Path) -> None:
    from tools.process.git import git

    git(tmp_path, "init", "--quiet")
    git(tmp_path, "hash-object", "-w", "--stdin", stdin=BYTES)
    scanner = Scanner(Private(People(Roster({})), None, {}), [])
    scanner.look_again(tmp_path)
    (line,) = scanner.problems
    assert f"of the release:1: the e-mail address {MAIL}" in line
