"""Reading review files: what stands in them, and one clear line for everything that does not."""

from __future__ import annotations

import pytest

from tools.documents import read_text
from tools.process.findings import Place
from tools.process.review.markdown import read_lines, sections
from tools.process.review.reviewdraft import draft_text, with_execution
from tools.process.review.reviewfile import parse_review, review_problems
from tools.process.review.reviewform import Execution, Remeasured
from tools.process.tests.reviews import COMMIT, REVIEW, changed, policy, state
from zoo.core.errors import ZooError

PATH = "reviews/toy/v1/rev-one.md"
FOUND = Execution(
    commit=COMMIT,
    at="2026-10-21T09:30:00Z",
    python="3.12",
    torch="2.12.0",
    checks={"tests": "fail: zoo/toy: no: 'yes'"},
    notebook_seconds=None,
    claims=[Remeasured("digits-nll", "<= 25", "20.1", "—", "not measured: no data")],
)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_an_honest_review_is_read() -> None:
    review = parse_review(REVIEW, PATH)
    assert (review.head.entry, review.head.commit, review.head.hours) == ("toy", COMMIT, 1.5)
    assert review.head.execution is None
    assert review.summary == "I read all of it beside the paper."
    assert review.strengths == "- It is short."
    assert [(a.id, a.score, a.line) for a in review.rubric] == [
        ("mathematics", 3, line_of(REVIEW, "### math")),
        ("tests", 2, line_of(REVIEW, "### tests")),
    ]
    assert review.rubric[1].reason == "I planted a wrong sign in softplus and the tests passed."
    first, second = review.findings
    assert first.place == Place("zoo/toy/model.py", 3, 4)
    assert (first.quote, first.severity, first.kind) == ("terms.mean(1)", "major", "mistake")
    assert first.title == "The mean is taken over pixels"
    assert first.line == line_of(REVIEW, "## F01")
    assert first.expected == "Equation 3 of the paper sums over all pixels."
    assert first.observed.endswith(
        "```python\n## F09: a comment of the quoted code, and no finding\n```"
    )
    assert (second.quote, second.suggestion) == ("", "Add one.")
    assert review.severities == {"F01": "major", "F02": "minor"}


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    assert parse_review("\ufeff" + REVIEW.replace("\n", "\r\n"), PATH) == parse_review(REVIEW, PATH)


BAD = [  # (old, new, where the message points to, what it says)
    ("hours: 1.5\n", "", "entry:", "the key 'hours' is missing; add hours: 3.5"),
    ("hours: 1.5", "hours: long", "hours:", "'hours' is text, not a number"),
    ("hours: 1.5", "hours: 0", "hours:", "0 hours of work"),
    ("hours: 1.5", "\thours: 1.5", "\thours", "indented with a tab"),
    ("hours: 1.5", "hours: 1.5\nhours: 2", "hours: 2", "the key 'hours' occurs twice"),
    ("hours: 1.5", "hours: 1.5\nmood: good", "mood", "unknown key 'mood'; "),
    ("hours: 1.5", "hours: &a 1.5\nmood: *a", "mood", "there are no aliases here"),
    ("hours: 1.5", "hours: \x001.5", "hours", "the invisible character U+0000"),
    ("version: v1", "version: v2", "version", "unknown version 'v2'; use one of v1"),
    ("verdict: partial", "verdict: TODO", "verdict", "unknown verdict 'TODO'"),
    (COMMIT, "b52340a", "commit", "'b52340a' is no commit"),
    ('"@rev-one"', "rev-one", "reviewer", "'rev-one' is no handle"),
    ("ai_use: none", "ai_use: TODO", "ai_use", "'ai_use' is not answered yet"),
    ("## Strengths", "## Strength", "## Strength", "unknown section 'Strength'; did you mean"),
    ("## Strengths\n\n- It", "## Strengths\n\n<!-- - It", "<!-- - It", "this comment is never"),
    ("- It is short.", "<!-- It is short. -->", "## Strengths", "'## Strengths' says nothing yet"),
    ("I read all of it beside", "TODO", "## Summary", "'## Summary' says nothing yet"),
    ("### tests: 2", "### tests: 5", "### tests", "'tests' is no score: 5"),
    ("### tests: 2", "### tests", "### tests", "'tests' has no score"),
    ("### tests: 2", "### mathematics: 2", "### mathematics: 2", "is answered twice"),
    ("### tests: 2", "### Tests 2", "### Tests", "is no answer to a rubric item"),
    ("## F02: No test", "## F01: No test", "## F01: No", "the finding F01 occurs twice, first in"),
    ("## F02: No test", "## F2: No test", "## F2", "unknown section 'F2: No test"),
    ("## F02: No test", "# A\n\n## F02: No test", "# A", "a second title, '# A'"),
    ("## F01: The mean is taken over pixels", "## F01", "## F01", "F01 has no title"),
    ("severity: minor", "severity: grave", "severity: grave", "unknown severity 'grave'"),
    ("severity: minor", "severity: minor\nsize: 3", "size", "unknown key 'size'"),
    ("test_toy.py:1", "test_toy.py", "place: zoo/toy/test_toy.py", "names no lines"),
    ("zoo/toy/test_toy.py:1", "../secret:1", "place: ../secret", "leaves the repository"),
    ("model.py:3-4", "model.py:4-3", "place: zoo/toy/model.py", "the smaller first"),
    ("**Suggestion.** Add one.", "", "## F02", "F02: **Suggestion.** is missing"),
    ("**Suggestion.** Add one.", "**Suggestion.**", "## F02", "F02: **Suggestion.** is empty"),
    ("- It is short.", "- It is short.\n\n```", "```\n\n## F01", "this code fence is open at"),
    ("**Suggestion.** Add one.", "~~~\nAdd", "~~~", "this code fence is never closed"),
    ("- It is short.", "x" * 10_001, "xxx", "a line of 10001 characters; wrap it"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "says"), BAD, ids=[row[3] for row in BAD])
def test_a_mistake_is_one_line_with_its_place(old: str, new: str, where: str, says: str) -> None:
    text = changed((old, new))
    with pytest.raises(ZooError) as caught:
        parse_review(text, PATH)
    message = str(caught.value)
    assert says in message
    assert "\n" not in message
    assert message.startswith(f"{PATH}:{line_of(text, where)}: ")


def test_all_problems_are_listed_in_the_order_of_lines() -> None:
    text = changed(("### tests: 2", "### tests:"), ("- It is short.", ""), ("hours: 1.5\n", ""))
    problems = review_problems(text)
    assert [problem.rule for problem in problems] == [
        "the key 'hours' is missing",
        "the rubric item 'tests' has no score",
        "the section '## Strengths' says nothing yet",
    ]
    assert review_problems(REVIEW) == []


def test_a_finding_of_which_nothing_is_written_lacks_three_parts() -> None:
    text = REVIEW.partition("**Expected.** A test")[0]
    assert [problem.rule for problem in review_problems(text)] == [
        f"F02: **{part}.** is missing" for part in ("Expected", "Observed", "Suggestion")
    ]


@pytest.mark.parametrize("name", ["Summary", "Rubric", "Strengths"])
def test_every_section_is_asked_for(name: str) -> None:
    text = changed((f"## {name}\n", ""))
    assert f"the section '## {name}' is missing" in [p.rule for p in review_problems(text)]


def test_a_bomb_and_ten_megabytes_are_refused_at_once(tmp_path) -> None:
    bomb = "---\n" + "[" * 100_000 + "\n---\n"
    with pytest.raises(ZooError, match=r"rev-one.md:2: more than 8 levels of nesting"):
        parse_review(bomb, PATH)
    path = tmp_path / "rev-one.md"
    path.write_bytes(b"x" * 10 * 2**20)
    with pytest.raises(ZooError, match=r"rev-one\.md:1: 10\.0 MiB is too long"):
        read_text(path)


def test_comments_in_code_stay_and_comments_elsewhere_go() -> None:
    text = "a <!-- b --> c\n`<!--` d\n```\n<!-- e\n```\n<!-- f\n## g\n--> h"
    assert [line.text for line in read_lines(text)] == [
        "a  c", "`<!--` d", "```", "<!-- e", "```", "", "", " h"
    ]  # fmt: skip


def test_a_higher_heading_ends_a_section() -> None:
    before, found = sections(read_lines("x\n### a ##\n1\n## b\n2\n### c\n#d"), 3)
    assert [line.text for line in before] == ["x"]
    assert [(section.title, section.text) for section in found] == [("a", "1"), ("c", "#d")]


# --------------------------------------------------------------------------------- the draft


def test_a_new_draft_lacks_exactly_what_the_reviewer_has_to_write() -> None:
    text = with_execution(
        draft_text(state(), policy(), "@rev-one", "build/reviews/toy-v1"), FOUND, PATH
    )
    assert "{{" not in text
    assert max(len(line) for line in text.split("\n") if "category" not in line) <= 100
    rules = [problem.rule for problem in review_problems(text)]
    assert rules == [
        "unknown verdict 'TODO'",
        "unknown recommendation 'TODO'",
        "unknown confidence 'TODO'",
        "the section '## Summary' says nothing yet",
        "the rubric item 'mathematics' has no score",
        "the rubric item 'tests' has no score",
        "the section '## Strengths' says nothing yet",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_evidence_is_renewed_and_nothing_else_changes(end: str) -> None:
    text = REVIEW.replace("\n", end)
    once = with_execution(text, FOUND, PATH)
    review = parse_review(once, PATH)
    assert review.head.execution == FOUND
    assert "\n" not in once.replace(end, "")
    assert once.replace("\r\n", "\n").startswith(REVIEW.partition("---\n\n")[0])
    assert with_execution(once, FOUND, PATH) == once
    later = Execution(COMMIT, "2026-10-22T09:30:00Z", "3.12", "2.12.0", {})
    twice = with_execution(once, later, PATH)
    assert parse_review(twice, PATH).head.execution == later
    assert twice.endswith(
        end.join(["", "# Review of toy v1", ""]) + text.partition("toy v1" + end)[2]
    )


def test_evidence_between_other_keys_leaves_them_alone() -> None:
    text = changed(("hours: 1.5", "execution:\n  commit: x\n\nhours: 1.5"))
    assert parse_review(with_execution(text, FOUND, PATH), PATH).head.hours == 1.5


def test_evidence_is_not_written_into_what_cannot_be_read() -> None:
    with pytest.raises(ZooError, match=r"rev-one\.md:1: the file does not begin with YAML"):
        with_execution("# no front matter\n", FOUND, PATH)
