"""`zoo grade` and `zoo regrade` over a real record, from sheets to gradebooks."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tools.process.ledger import events as ev

if TYPE_CHECKING:
    from tools.process.tests.conftest import Term

SHA, COMMIT = "a" * 64, "b" * 40
REVIEW = f"""\
---
entry: vae
version: v1
commit: {COMMIT}
reviewer: "@rev-one"
verdict: partial
recommendation: minor-revision
confidence: high
hours: 2
conflict_of_interest: none
ai_use: none
---

# Review of vae v1

## Summary
Read against the paper.

## Rubric

### mathematics: 3
Every equation was compared.

## Strengths
- Short.

## F01: The prior has the wrong sign

```yaml
kind: mistake
category: mathematics
severity: major
place: zoo/vae/model.py:4
quote: "+ kl"
```

**Expected.** Equation 3 subtracts it.

**Observed.** It is added.

**Suggestion.** Turn the sign.
"""


def revealed(term: Term) -> None:
    """`vae` by @dev-one, accepted, reviewed by @rev-one with one major finding, @rev-two absent."""
    reviewer = "@rev-one"
    digest = hashlib.sha256(REVIEW.encode()).hexdigest()

    def happens(moment: str, actor: str, *payloads: ev.Payload) -> None:
        term.at(moment).happens("vae", actor, *payloads)

    proposal = ev.Proposed(
        "VAE", "1312.6114", "latent-variable", ["@dev-one"], ["nll"], "mnist", "a day"
    )
    rules = vars(term.record.policy.rules())
    happens("2026-10-02T10:00:00Z", "@dev-one", proposal)
    happens("2026-10-02T11:00:00Z", "@instructor-one", ev.Approved(rules))
    happens("2026-10-10T10:00:00Z", "@dev-one", ev.Submitted("v1", COMMIT, 9, 0))
    happens(
        "2026-10-11T10:00:00Z", "@instructor-one", ev.Assigned(reviewer), ev.Assigned("@rev-two")
    )
    happens("2026-10-15T10:00:00Z", reviewer, ev.ReviewFiled(digest))
    happens("2026-10-20T10:00:00Z", "@instructor-one", ev.ReviewsClosed())
    text = ev.ReviewRevealed(reviewer, digest, {"F01": "major"}, "partial", "minor-revision")
    happens("2026-10-20T11:00:00Z", "@instructor-one", text)
    path = term.root / "reviews" / "vae" / "v1" / "rev-one.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(REVIEW)
    happens("2026-10-25T10:00:00Z", "@dev-one", ev.Answered(SHA, {"rev-one/F01": "fixed"}))
    happens("2026-10-26T10:00:00Z", "@dev-one", ev.Submitted("v2", "c" * 40, 9, 0))
    happens("2026-10-27T10:00:00Z", reviewer, ev.SignedOff("rev-one/F01", "partial", "half of it"))
    happens("2026-11-20T10:00:00Z", "@instructor-one", ev.Accepted())
    term.record.commit("A term", path, "reviews/vae/events.jsonl")


@pytest.fixture
def desk(term: Term, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A term at its end, and where its private directory will be."""
    revealed(term)
    monkeypatch.setenv("ZOO_PRIVATE", str(tmp_path / "private"))
    return tmp_path / "private"


def fill(desk: Path, **replacements: str) -> None:
    """Grade everything: full points but one, one finding of the instructor's."""
    path = desk / "vae.yaml"
    text = path.read_text()
    for old, new in {
        "mathematics: null": "mathematics: 3",
        "response: null": "response: 4",
        "verdict: null": "verdict: valid",
        "care: null": "care: 4",
        "findings: []": "findings:\n  - {id: I01, title: A typo, severity: minor, version: v1,\n"
        '     place: "zoo/vae/README.md:9", outcome: verified}',
        **replacements,
    }.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    names = (desk / "people.csv").read_text().replace(",,,,,,,", ",Somebody,,,,,,")
    (desk / "people.csv").write_text(names)


def files(root: Path) -> dict[str, bytes]:
    """Everything below a folder but git's own."""
    paths = (path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def test_from_sheets_to_gradebooks(term, desk):
    term.zoo("grade", "--prepare")
    assert desk.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in desk.iterdir()) == [
        "overrides.yaml",
        "people.csv",
        "vae.yaml",
    ]
    assert (
        "rev-one/F01: # major: The prior has the wrong sign (zoo/vae/model.py:4)"
        in (desk / "vae.yaml").read_text()
    )
    assert "has everything already" in term.zoo("grade", "--prepare")
    fill(desk)
    # v1: mathematics 3 of 4 loses 25, major 10, minor 3: 62. v2: major half fixed, 5: 95.
    # Review: recall 30 × 3 / 13 = 6.92, the miss 2: 91.08. Others developed nothing.
    lines = [line.split() for line in term.zoo("grade").splitlines()[2:]]
    assert ["@dev-one", "62.00", "95.00", "–", "76.14"] in lines
    assert ["@rev-one", "–", "–", "91.08", "91.08"] in lines
    assert ["@rev-two", "–", "–", "missing", "missing"] in lines
    assert ["@dev-two", "missing", "missing", "–", "missing"] in lines
    before = term.git("rev-parse", "HEAD")
    assert "released: " in term.zoo("grade", "--release", by="@instructor-one")
    assert term.state("vae").released_at is not None
    assert term.git("status", "--porcelain") == ""
    changed = term.git("diff", "--name-only", before, "HEAD").splitlines()
    assert set(changed) <= {"reviews/vae/events.jsonl", "reviews/README.md"}
    assert term.record.events("vae")[-1].payload == ev.GradesReleased()
    assert (desk / "gradebook-canvas.csv").read_text().splitlines()[2] == (
        "Somebody,,,,,62.00,95.00,,76.14"
    )
    assert (
        "“The prior has the wrong sign (zoo/vae/model.py:4)”"
        in (desk / "feedback" / "dev-one.md").read_text()
    )
    assert "released already" in term.zoo("grade", "--release", by="@instructor-one")
    assert term.git("rev-list", "--count", f"{before}..HEAD") == "1"


def test_the_lock_lists_what_is_open_and_writes_nothing(term, desk):
    term.zoo("grade", "--prepare")
    fill(desk)
    text = (desk / "vae.yaml").read_text().replace("verdict: valid", "verdict: null")
    (desk / "vae.yaml").write_text(text)
    before = files(desk), files(term.root)
    result = term.run("grade", "--release", by="@instructor-one")
    assert result.exit_code == 1
    assert result.stdout == "vae: rev-one/F01 is not adjudicated\n"
    assert "nothing was released: settle what is listed above" in result.stderr
    assert (files(desk), files(term.root)) == before
    assert "@dev-one does not release grades" in term.refused("grade", "--release", by="@dev-one")


def test_explanations_by_person_and_entry(term, desk):
    term.zoo("grade", "--prepare")
    fill(desk)
    title = "“The prior has the wrong sign (zoo/vae/model.py:4)”"
    assert f"- 5 rev-one/F01 (major), partly fixed, {title}: 10 / 2 = 5\n= 95" in term.zoo(
        "grade", "--explain", "@Dev-One"
    )
    assert term.zoo("grade", "--explain", "vae").startswith("# vae\n\n## vae v1: 62.00")
    assert term.zoo("grade", "--explain") == term.zoo("grade", "--explain")
    assert term.refused("grade", "--explain", "vea") == (
        "Error: nothing graded is 'vea': did you mean 'vae'?"
    )


def test_what_if_shows_both_and_writes_nothing(term, desk):
    term.zoo("grade", "--prepare")
    fill(desk)
    before = files(desk), files(term.root)
    shown = term.zoo("grade", "--what-if", "weight.v1=0.3", "--what-if", "late.penalty=0")
    # (0.3 × 62 + 0.3 × 95) / 0.6 = 78.5
    (row,) = [line for line in shown.splitlines() if line.startswith("@dev-one")]
    assert row.split() == ["@dev-one", "62.00", "95.00", "–", "76.14", "→", "78.50"]
    assert (files(desk), files(term.root)) == before
    assert "'care' has 4 points; write 0 to 3" in term.refused(
        "grade", "--what-if", "rubric.review.care.points=3"
    )


def test_an_override_survives_and_a_regrade_changes_the_release(term, desk, tmp_path):
    term.zoo("grade", "--prepare")
    fill(desk)
    text = (desk / "overrides.yaml").read_text()
    row = '{who: "@rev-two", part: review, value: 50, reason: agreed}'
    (desk / "overrides.yaml").write_text(text.replace("[]", f"[{row}]"))
    assert "50.00 (computed: missing)" in term.zoo("grade")
    term.zoo("grade", "--release", by="@instructor-one")
    term.at("2026-11-25T10:00:00Z").zoo(
        "regrade", "ask", "vae", "--reason", 'It is "right".', by="@dev-one"
    )
    (desk / "vae.yaml").write_text(
        (desk / "vae.yaml").read_text().replace("ematics: 3", "ematics: 4")
    )
    again = term.zoo("grade", "--release", by="@instructor-one")
    assert "- @dev-one v1: 62.00 → 87.00" in again
    assert "@rev-two" not in again
    term.zoo("regrade", "answer", "vae", "@dev-one", "--reason", "So it is.", by="@instructor-one")
    assert yaml.safe_load((desk / "regrades.yaml").read_text()) == [
        {
            "at": "2026-11-25T10:00:00Z",
            "entry": "vae",
            "who": "@dev-one",
            "asked": 'It is "right".',
        },
        {"at": "2026-11-25T10:00:00Z", "entry": "vae", "who": "@dev-one", "answered": "So it is."},
    ]
    assert "right" not in term.git("log", "-p", "-2", "--", "reviews/vae/events.jsonl")
    assert term.state("vae").regrades["@dev-one"].answered_at is not None
    assert term.git("status", "--porcelain") == ""


def test_a_reason_is_kept_nowhere_without_a_private_directory(term, desk, monkeypatch):
    term.zoo("grade", "--prepare")
    fill(desk)
    term.zoo("grade", "--release", by="@instructor-one")
    monkeypatch.delenv("ZOO_PRIVATE")
    said = term.zoo("regrade", "ask", "vae", "--reason", "The sign.", by="@rev-one")
    assert said.startswith("the reason is kept nowhere here: send it to the instructor\n")
    term.at("2026-12-10T10:00:00Z")
    assert "a regrade could be asked until" in term.refused(
        "regrade", "ask", "vae", "--reason", "Late.", by="@dev-one"
    )


def test_a_private_directory_in_the_repository_is_refused_and_not_made(term, desk):
    inside = term.root / "grades"
    said = term.refused("grade", "--prepare", "--private", str(inside))
    assert said.endswith(f"{inside} lies in the repository ({term.root}): choose a folder outside")
    assert not inside.exists()
    assert term.refused("grade").endswith("private does not exist: run zoo grade --prepare")


def test_preparing_again_keeps_people_and_adds_who_is_new(term, desk):
    desk.mkdir()
    (desk / "people.csv").write_text('name,"handle",email\n"One, A.",@dev-one,a@example.org')
    term.zoo("grade", "--prepare")
    assert (desk / "people.csv").read_text().splitlines()[:3] == [
        'name,"handle",email',
        '"One, A.",@dev-one,a@example.org',
        ",@dev-three,",
    ]


def test_one_thing_at_a_time(term, desk):
    assert term.run("grade", "--prepare", "--release").exit_code == 2
    assert term.run("grade", "vae").exit_code == 2
