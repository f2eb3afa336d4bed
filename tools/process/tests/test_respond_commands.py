"""`zoo respond` and `zoo verify-fix` in a real repository: from open reviews to the sign-offs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from tools.process import events as ev
from tools.process.signoff import sign_off_page

if TYPE_CHECKING:
    from tools.process.tests.conftest import Term

MODEL = "".join(f"line {number}\n" for number in range(1, 21))
PLACES = ("zoo/toy/model.py:5", "zoo/toy/model.py:15-16", "zoo/toy/demo.ipynb#draw")
QUOTES = ("line 5", "line 15", "sample(8)")
RESPONSE = "reviews/toy/v2/response.md"
PAGE = "reviews/toy/v2/rev-one.md"


def notebook(source: str) -> str:
    cell = {"id": "draw", "cell_type": "code", "source": [source], "outputs": [], "metadata": {}}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def review(commit: str) -> str:
    head = f"""\
---
entry: toy
version: v1
commit: {commit}
reviewer: "@rev-one"
verdict: partial
recommendation: minor-revision
confidence: high
hours: 1.5
conflict_of_interest: none
ai_use: none
---

# Review of toy v1

## Summary

I read all of it.

## Rubric

### mathematics: 3

Equation 3 agrees with lines 5 to 7.

## Strengths

- It is short.
"""
    rows = zip(PLACES, QUOTES, strict=True)
    return head + "".join(
        f"""
## F0{number}: Finding {number}

```yaml
kind: mistake
category: code
severity: major
place: {place}
quote: "{quote}"
```

**Expected.** The paper has another number in equation 3.

**Observed.** The line says `{quote}`.

**Suggestion.** Change the number.
"""
        for number, (place, quote) in enumerate(rows, 1)
    )


@pytest.fixture
def revising(term: Term) -> Term:
    """An entry whose one review, with three findings, was opened; the other never came."""
    term.write("zoo/toy/demo.ipynb", notebook("sample(8)"))
    term.write("zoo/toy/model.py", MODEL)
    commit = term.git("rev-parse", "HEAD")
    text = review(commit)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    team = ["@dev-one", "@dev-two"]
    proposal = ev.Proposed("Toy", "1502.03509", "flow", team, ["nll"], "digits", "laptop")
    term.happens("toy", "@dev-one", proposal)
    term.happens("toy", "@instructor-one", ev.Approved(asdict(term.record.policy.rules())))
    term.happens("toy", "@dev-one", ev.Submitted("v1", commit, 9, 0))
    term.happens("toy", "@instructor-one", ev.Assigned("@rev-one"), ev.Assigned("@rev-two"))
    term.happens("toy", "@rev-one", ev.ReviewFiled(sha256))
    term.at("2026-10-12T10:00:00Z")
    term.happens("toy", "clock", ev.ReviewsClosed())
    findings = {f"F0{number}": "major" for number in (1, 2, 3)}
    opened = ev.ReviewRevealed("@rev-one", sha256, findings, "partial", "minor-revision")
    term.happens("toy", "@instructor-one", opened)
    path = term.root / "reviews/toy/v1/rev-one.md"
    path.parent.mkdir()
    path.write_text(text)
    term.record.commit("toy: reviews", path, "reviews/toy/events.jsonl")
    return term


def answered(term: Term, *answers: str, where: str = "") -> None:
    """Fill the skeleton in, wherever it stands."""
    path = term.root / RESPONSE
    text = path.read_text().replace("ai_use: TODO", "ai_use: none")
    text = text.replace("TODO: the reason", "Equation 3 has it so.")
    for answer in answers:
        text = text.replace("answer: TODO", f"answer: {answer}", 1)
    path.write_text(text.replace("where: []", f"where: [{where}]", 1))


def fixed(term: Term) -> None:
    """Version 2 in the working tree: line 5 is another, line 15 has moved down, the cell is new."""
    text = MODEL.replace("line 5\n", "line five\nand more\n")
    term.write("zoo/toy/model.py", text)
    term.write("zoo/toy/demo.ipynb", notebook("sample(16)"))


def submitted(term: Term) -> None:
    """Version 2 is in, every finding answered."""
    term.zoo("respond", "toy", by="@dev-one")
    fixed(term)
    answered(term, "fixed", "disputed", "fixed")
    term.zoo("respond", "toy", "--file", by="@dev-one")
    commit = term.git("rev-parse", "HEAD")
    term.happens("toy", "@dev-one", ev.Submitted("v2", commit, 9, 0))


def test_the_first_run_writes_the_skeleton_and_later_runs_keep_it(revising: Term) -> None:
    said = revising.zoo("respond", "toy", by="@dev-one")
    assert said.splitlines()[0].startswith("wrote a section for each of 3 findings: fill in ")
    path = revising.root / RESPONSE
    skeleton = path.read_text()
    assert [line for line in skeleton.splitlines() if line.startswith("## ")] == [
        f"## rev-one/F0{number}: Finding {number}" for number in (1, 2, 3)
    ]
    assert "> **major** mistake, code, zoo/toy/demo.ipynb#draw: `sample(8)`" in skeleton
    refusal = f"Error: {RESPONSE}: 7 things to mend before it can be filed"
    assert revising.refused("respond", "toy", by="@dev-one") == refusal
    assert path.read_text() == skeleton
    own = skeleton.partition("## rev-one/F03")[0].replace("TODO: the reason", "My words.")
    path.write_text(own)
    revising.refused("respond", "toy", by="@dev-one")
    assert path.read_text().startswith(own)
    assert "## rev-one/F03: Finding 3\n" in path.read_text()


def test_respond_shows_what_became_of_every_place(revising: Term) -> None:
    revising.zoo("respond", "toy", by="@dev-one")
    fixed(revising)
    answered(revising, "fixed", "disputed", "fixed")
    said = revising.zoo("respond", "toy", "--hunks", by="@dev-one").splitlines()
    assert [line.split(maxsplit=4) for line in said[:5] if "─" not in line] == [
        ["finding", "severity", "answer", "place", "now"],
        ["rev-one/F01", "major", "fixed", PLACES[0], "touched :5-6 (+2, -1)"],
        ["rev-one/F02", "major", "disputed", PLACES[1], "untouched :16-17"],
        ["rev-one/F03", "major", "fixed", PLACES[2], "touched #draw (+1, -1)"],
    ]
    shown = said[6:]
    assert shown[:2] == ["rev-one/F01: Finding 1", "zoo/toy/model.py @@ -2,7 +2,8 @@"]
    assert shown[5:8] == ["-line 5", "+line five", "+and more"]
    assert shown[-3:] == ["zoo/toy/demo.ipynb#draw @@ -1 +1 @@", "-sample(8)", "+sample(16)"]


def test_a_fix_that_touches_nothing_must_name_its_place(revising: Term) -> None:
    revising.zoo("respond", "toy", by="@dev-one")
    answered(revising, "fixed", "disputed", "wont-fix")
    assert revising.refused("respond", "toy", "--file", by="@dev-one") == (
        f"Error: {RESPONSE}: 1 thing to mend before it can be filed"
    )
    result = revising.run("respond", "toy", by="@dev-one")
    assert (
        f"{RESPONSE}:15: rev-one/F01 is claimed fixed, and zoo/toy/model.py:5 is"
        " untouched; fix it there, name the place of the fix in 'where', or answer disputed or"
        " wont-fix" in result.stdout.splitlines()
    )

    path = revising.root / RESPONSE
    bare = path.read_text()
    path.write_text(bare.replace("where: []", "where: [zoo/toy/model.py:2, zoo/no.py:1]", 1))
    result = revising.run("respond", "toy", by="@dev-one")
    assert "F01: nothing changed at zoo/toy/model.py:2 since version 1; name" in result.stdout
    assert "F01: there is no zoo/no.py:1 now; name lines or a cell as they" in result.stdout
    assert result.exit_code == 1

    revising.write("zoo/toy/model.py", MODEL.replace("line 2\n", "line two\n"))
    path.write_text(bare.replace("where: []", "where: [zoo/toy/model.py:2]", 1))
    said = revising.zoo("respond", "toy", by="@dev-one").splitlines()
    assert len(said) == 7
    assert said[-1].endswith(
        "warning: rev-one/F01 is claimed fixed, and zoo/toy/model.py:5 is untouched;"
        " its reviewer will look at zoo/toy/model.py:2"
    )


def test_a_renamed_file_is_followed(revising: Term) -> None:
    revising.zoo("respond", "toy", by="@dev-one")
    answered(revising, "disputed", "disputed", "wont-fix")
    revising.git("mv", "zoo/toy/model.py", "zoo/toy/net.py")
    said = revising.zoo("respond", "toy", by="@dev-one").splitlines()
    assert said[2].split(maxsplit=4)[4] == "moved zoo/toy/net.py:5"


def test_filing_records_the_answers_and_commits_only_the_response(revising: Term) -> None:
    revising.zoo("respond", "toy", by="@dev-one")
    fixed(revising)
    answered(revising, "fixed", "disputed", "fixed")
    (revising.root / "zoo/toy/other.py").write_text("not ready\n")
    revising.git("add", "zoo/toy/other.py")
    said = revising.zoo("respond", "toy", "--file", by="@dev-two")
    assert said.splitlines()[-1] == "recorded 3 answers; next: zoo submit toy v2"
    state = revising.state("toy")
    keys = [f"rev-one/F0{number}" for number in (1, 2, 3)]
    assert state.answers == dict(zip(keys, ("fixed", "disputed", "fixed"), strict=True))
    content = (revising.root / RESPONSE).read_bytes()
    assert state.response_sha256 == hashlib.sha256(content).hexdigest()
    names = revising.git("show", "--format=%s", "--name-only", "HEAD").split("\n")
    assert names[0] == "toy: answer the reviews"
    paths = {name for name in names[1:] if name}
    assert paths == {RESPONSE, "reviews/toy/events.jsonl", "reviews/README.md"}


def test_who_may_not_answer(revising: Term) -> None:
    revising.zoo("respond", "toy", by="@dev-one")
    answered(revising, "disputed", "disputed", "wont-fix")
    before = revising.record.events("toy")
    revising.refused("respond", "toy", "--file", by="@dev-three")
    revising.refused("respond", "toy", "--file", by="@rev-one")
    assert revising.record.events("toy") == before


def test_nothing_to_answer_before_the_reviews_are_open(term: Term) -> None:
    term.happens(
        "toy", "@dev-one", ev.Proposed("Toy", "1502.03509", "flow", ["@dev-one"], ["nll"], "d", "c")
    )
    refusal = "Error: the reviews of toy are not open yet: see zoo status toy"
    assert term.refused("respond", "toy", by="@dev-one") == refusal
    refusal = "Error: version 2 of toy is not in yet: see zoo status toy"
    assert term.refused("verify-fix", "toy", by="@rev-one") == refusal
    assert not (term.root / RESPONSE).exists()


# ---------------------------------------------------------------------------------- sign-off


def test_the_list_shows_answer_reason_and_what_changed(revising: Term) -> None:
    submitted(revising)
    revising.write("zoo/toy/model.py", "rewritten after version 2\n")  # not what was submitted
    said = revising.zoo("verify-fix", "toy", by="@rev-one").splitlines()
    assert said[:4] == [
        "rev-one/F01 (major, to be signed): Finding 1",
        "zoo/toy/model.py:5: touched :5-6 (+2, -1)",
        "fixed: Equation 3 has it so.",
        "zoo/toy/model.py @@ -2,7 +2,8 @@",
    ]
    assert said[13:17] == [
        "",
        "rev-one/F02 (major, to be signed): Finding 2",
        "zoo/toy/model.py:15-16: untouched :16-17",
        "disputed: Equation 3 has it so.",
    ]
    assert said[-2:] == [
        "3 of 3 to be signed off until Mon 19 Oct 2026 12:00 CEST (10:00 UTC), next:",
        "zoo verify-fix toy F01 --outcome verified",
    ]


def test_the_list_shows_a_fix_that_lies_elsewhere(revising: Term) -> None:
    revising.zoo("respond", "toy", by="@dev-one")
    revising.write("zoo/toy/model.py", MODEL.replace("line 12\n", "line twelve\n"))
    answered(revising, "fixed", "disputed", "disputed", where="zoo/toy/model.py:12")
    revising.zoo("respond", "toy", "--file", by="@dev-one")
    commit = revising.git("rev-parse", "HEAD")
    revising.happens("toy", "@dev-one", ev.Submitted("v2", commit, 9, 0))
    said = revising.zoo("verify-fix", "toy", by="@rev-one").splitlines()
    assert said[1] == "zoo/toy/model.py:5: untouched :5"
    assert said[3] == "zoo/toy/model.py @@ -9,7 +9,7 @@"
    assert said[7:9] == ["-line 12", "+line twelve"]


def test_signing_off_writes_the_page_from_the_ledger(revising: Term) -> None:
    submitted(revising)
    said = revising.zoo("verify-fix", "toy", "F01", "--outcome", "verified", by="@rev-one")
    assert said.splitlines()[0] == "rev-one/F01: verified"
    args = ("--outcome", "partial", "--reason", "line 16\nis   still wrong")
    said = revising.zoo("verify-fix", "toy", "rev-one/F02", *args, by="@rev-one")
    assert said.splitlines()[-1] == "zoo verify-fix toy F03 --outcome verified"
    assert revising.state("toy").signatures["rev-one/F02"].reason == "line 16 is still wrong"
    v2 = revising.state("toy").v2.commit
    assert (
        (revising.root / PAGE).read_text()
        == f"""\
---
entry: toy
version: v2
commit: {v2}
reviewer: "@rev-one"
---

# Sign-off of toy v2 by @rev-one

Written from the ledger by `zoo verify-fix` and `zoo reconcile`; 2 of 3 findings are signed off.

## F01: Finding 1

major, answered fixed: **verified** (2026-10-12T10:00:00Z).

## F02: Finding 2

major, answered disputed: **partial** (2026-10-12T10:00:00Z).

line 16 is still wrong

## F03: Finding 3

major, answered fixed: not signed off yet.
"""
    )
    names = revising.git("show", "--format=%s", "--name-only", "HEAD").split("\n")
    assert names[0] == "toy: sign off rev-one/F02: partial"
    assert {PAGE, "reviews/toy/events.jsonl"} <= set(names)
    args = ("--outcome", "not-fixed", "--reason", "the picture is the old one")
    said = revising.zoo("verify-fix", "toy", "f03", *args, by="@rev-one")
    assert said.splitlines()[-1] == "all of your findings are signed off"
    assert revising.state("toy").unsigned == []


@pytest.mark.parametrize(
    ("by", "arguments", "refusal"),
    [
        ("@rev-one", ("F09", "--outcome", "verified"), "@rev-one has no finding F09 here: did you"),
        (
            "@rev-one",
            ("rev-two/F01", "--outcome", "verified"),
            "@rev-one has no finding rev-two/F0",
        ),
        ("@rev-one", ("F01", "--outcome", "partial"), "'partial' needs a reason"),
        ("@rev-two", ("F01", "--outcome", "verified"), "@rev-two has no open review of toy: only"),
        ("@dev-one", ("F01", "--outcome", "verified"), "@dev-one has no open review of toy: only"),
        ("@nobody", (), "'@nobody' is not in reviews/roster.yaml"),
    ],
)
def test_only_the_findings_own_reviewer_signs(
    revising: Term, by: str, arguments: tuple[str, ...], refusal: str
) -> None:
    submitted(revising)
    before = revising.record.events("toy")
    assert revising.refused("verify-fix", "toy", *arguments, by=by).startswith(f"Error: {refusal}")
    assert revising.record.events("toy") == before
    assert not (revising.root / PAGE).exists()


def test_an_outcome_without_a_finding_is_a_usage_error(revising: Term) -> None:
    for arguments in (("F01",), ("--outcome", "verified")):
        result = revising.run("verify-fix", "toy", *arguments, by="@rev-one")
        assert result.exit_code == 2
        assert "name a finding and its --outcome, or neither" in result.stderr


def test_the_page_of_a_review_without_findings(revising: Term) -> None:
    submitted(revising)
    page = sign_off_page(revising.state("toy"), "@rev-two", [])
    assert "0 of 0 findings are signed off." in page
