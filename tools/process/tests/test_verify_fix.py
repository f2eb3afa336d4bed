"""`zoo verify-fix`: a reviewer signs off what became of their findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.process.ledger import events as ev
from tools.process.response.signoff import sign_off_page

if TYPE_CHECKING:
    from tools.process.tests.conftest import Term

from tools.process.tests.revision import MODEL, PAGE, answered, submitted


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
