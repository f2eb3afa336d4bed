"""Practice on record, and the policy that asks for it before assignment."""

from __future__ import annotations

import hashlib

import pytest
import yaml

from tools.practice.cases import load_case
from tools.practice.exhibits import Exhibit, exhibit
from tools.practice.results import results_of
from tools.practice.tests.conftest import CASE, REV, finding, from_key, here, score, write
from tools.process.findings import Place
from tools.process.ledger.events import Assigned, Submitted
from tools.process.tests.conftest import POLICY, Term

pytestmark = pytest.mark.skipif(not here("vae", "gpt"), reason="an entry is not in this zoo")
BOSS = "@instructor-one"
BAR = (
    "has no recall of 0.6 or more, with a precision of 0.4 or more, in practice on record: "
    "zoo review practice start CASE"
)


@pytest.fixture
def asking(term: Term) -> Term:
    """A term whose reviewers practise first; one entry waits for two reviewers."""
    asked = "window_hours: 168, practice_recall: 0.6, only_submitters: false"
    term.write("reviews/policy.yaml", POLICY.replace("window_hours: 168", asked))
    term.approved("flow", "@dev-one")
    term.happens("flow", "@dev-one", Submitted("v1", "a" * 40, 3, 0))
    return term


def practise(term: Term, who: str, made: Exhibit, count: int) -> None:
    """Record a review with the first so many faults of the key."""
    term.zoo("review", "practice", "start", made.case.name, by=who)
    text = write(term, made, from_key(made)[:count]).replace('"@rev-one"', f'"{who}"')
    (term.root / f"build/practice/{made.case.name}/review.md").write_text(text)
    term.zoo("review", "practice", "score", made.case.name, "--record", by=who)
    (term.root / f"build/practice/{made.case.name}/review.md").unlink()


def test_a_score_is_recorded_and_committed_once(term: Term, made: Exhibit) -> None:
    text = write(term, made, from_key(made)[:3])
    assert score(term, CASE, "--record")["recall"] == 0.6
    path = term.root / "reviews/practice/rev-one.yaml"
    assert yaml.safe_load(path.read_text()) == {
        "who": "@rev-one",
        "results": [
            {
                "case": CASE,
                "review": hashlib.sha256(text.encode()).hexdigest(),
                "faults": 5,
                "recall": 0.6,
                "precision": 1.0,
                "at": "2026-10-01T10:00:00Z",
            }
        ],
    }
    assert term.git("status", "--porcelain") == ""
    assert term.git("log", "-1", "--format=%s") == "Practice of @rev-one: vae-bounds"
    before = path.read_bytes()
    said = term.refused("review", "practice", "score", CASE, "--record", by=REV)
    assert "@rev-one has recorded vae-bounds already" in said
    assert path.read_bytes() == before
    assert term.zoo("fsck")  # nothing of it is taken for a ledger


def test_a_stranger_records_nothing(term: Term, made: Exhibit) -> None:
    text = write(term, made, []).replace('"@rev-one"', '"@nobody"')
    (term.root / f"build/practice/{CASE}/review.md").write_text(text)
    said = term.refused("review", "practice", "score", CASE, "--record", by="@nobody")
    assert "@nobody" in said
    assert not (term.root / "reviews/practice").exists()


def test_who_has_not_practised_is_named_and_not_assigned(asking: Term, made: Exhibit) -> None:
    practise(asking, "@rev-one", made, 3)
    practise(asking, "@rev-two", made, 2)  # 0.4 of the faults
    practise(asking, "@rev-two", exhibit(load_case("gpt-attention")), 1)  # one fault shows nothing
    said = asking.run("assign", by=BOSS)
    assert said.exit_code == 1
    everybody = "@dev-one, @dev-three, @dev-two, @rev-three, @rev-two"
    assert f"not available: {everybody}: each {BAR}" in said.stderr
    assert "@rev-one" not in said.stderr.splitlines()[0]
    practise(asking, "@rev-three", made, 5)
    said = asking.run("assign", by=BOSS)
    assert said.exit_code == 0, said.output
    assert set(asking.state("flow").reviews) == {"@rev-one", "@rev-three"}
    assert "not available: @dev-one, @dev-three, @dev-two, @rev-two: each" in said.stderr
    assert "not available" not in said.stdout


def test_who_points_everywhere_has_not_practised(asking: Term, made: Exhibit) -> None:
    model = next(iter(made.places.values())).path
    lines = [n for n, line in enumerate(made.files[model].splitlines(), 1) if len(line) > 40][:10]
    beside = [finding(made, 10 + n, Place(model, n, n)) for n in lines]
    text = write(asking, made, [*from_key(made), *beside])
    assert score(asking, CASE, "--record")["recall"] == 1, text
    (result,) = results_of(asking.record, "@rev-one")
    assert result.precision == 0.3333
    assert BAR in asking.refused("assign", "flow", "@rev-one", by=BOSS)


def test_by_hand_the_same_rule_holds(asking: Term, made: Exhibit) -> None:
    said = asking.refused("assign", "flow", "@rev-one", by=BOSS)
    assert f"@rev-one cannot review flow: @rev-one {BAR}" in said
    practise(asking, "@rev-one", made, 3)
    assert asking.zoo("assign", "flow", "@rev-one", by=BOSS) == "@rev-one reviews flow\n"


def test_who_reviews_already_is_not_sent_back(asking: Term) -> None:
    asking.happens("flow", BOSS, Assigned("@rev-one"), Assigned("@rev-two"))
    said = asking.run("assign", by=BOSS)
    assert said.exit_code == 0, said.output
    assert set(asking.state("flow").reviews) == {"@rev-one", "@rev-two"}


def test_by_default_nobody_is_asked(term: Term) -> None:
    assert term.record.policy.review.practice_recall == 0
    term.approved("flow", "@dev-one")
    term.happens("flow", "@dev-one", Submitted("v1", "a" * 40, 3, 0))
    assert term.zoo("assign", "flow", "@rev-one", by=BOSS) == "@rev-one reviews flow\n"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1.5", "'review.practice_recall' is 1.5; write a number from 0 to 1"),
        ("-1", "'review.practice_recall' is -1; write a number from 0 to 1"),
        ("often", "'review.practice_recall' is text, not a number; write practice_recall: 0.6"),
    ],
)
def test_a_recall_that_is_none_is_refused(term: Term, value: str, message: str) -> None:
    wrong = POLICY.replace("window_hours: 168", f"practice_recall: {value}")
    (term.root / "reviews/policy.yaml").write_text(wrong)
    assert message in term.refused("status")


def test_a_broken_record_is_one_line(asking: Term) -> None:
    asking.write("reviews/practice/rev-one.yaml", 'who: "@rev-one"\nresults: [{case: x}]\n')
    said = asking.refused("assign", by=BOSS)
    assert "reviews/practice/rev-one.yaml:2: the key 'results[0].at' is missing" in said
