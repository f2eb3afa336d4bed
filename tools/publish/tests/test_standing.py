"""What keeps an entry from being published, one planted fault for each reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tools.process.ledger import events as ev
from tools.process.tests.conftest import ROSTER, Term
from tools.process.tests.conftest import term as term
from tools.process.tests.revision import answered, fixed, revise
from tools.publish.standing import RULES, problems

CARD = """\
---
title: Toy
paper: {arxiv: "1502.03509", authors: [A. Author], year: 2015}
family: flow
developers: ["@dev-one"]
claims: []
acknowledgements:
  - {what: a colour map, source: "https://example.org", licence: MIT, files: [model.py]}
ai_assistance: none
---
"""
CARD_PATH = "zoo/toy/README.md"
TESTS = """\
import math


def test_one() -> None:
    assert math.pi > 3


def test_two() -> None:
    assert math.e < 3
"""


@pytest.fixture
def signing(term: Term) -> Term:
    """Version 2 of a toy is in, every finding answered and two of three signed off."""
    lines = [line.replace("}", ", consent: handle}") for line in ROSTER.splitlines()]
    lines[-1] = lines[-1].replace("handle}", "none}")  # @rev-three has no part in it
    lines[-2] = lines[-2].replace("handle}", "none}")  # @rev-two never filed
    term.write("reviews/roster.yaml", "\n".join([*lines, ""]))
    term.write("LICENSE", "MIT\n")
    term.write(CARD_PATH, CARD)
    term.write("zoo/toy/test_toy.py", TESTS)
    term.propose("vae", "@dev-three")
    revise(term)
    term.zoo("respond", "toy", by="@dev-one")
    fixed(term)
    answered(term, "fixed", "disputed", "fixed")
    term.zoo("respond", "toy", "--file", by="@dev-one")
    commit = term.git("rev-parse", "HEAD")
    term.happens("toy", "@dev-one", ev.Submitted("v2", commit, 9, 0))
    for key in ("rev-one/F01", "rev-one/F02"):
        term.happens("toy", "@rev-one", ev.SignedOff(key, "verified"))
    term.record.commit("toy: version 2", "reviews/toy/events.jsonl")
    return term


@pytest.fixture
def accepted(signing: Term) -> Term:
    """All is signed off, and the toy is accepted."""
    signing.happens("toy", "@rev-one", ev.SignedOff("rev-one/F03", "verified"))
    signing.happens("toy", "@instructor-one", ev.Accepted())
    signing.record.commit("toy: accepted", "reviews/toy/events.jsonl")
    signing.zoo("reconcile")
    return signing


def why(term: Term) -> list[str]:
    return problems(term.record, "toy")


def test_nothing_stands_in_the_way_of_an_accepted_entry(accepted: Term) -> None:
    assert why(accepted) == []


def test_what_is_not_accepted_or_not_signed_off(signing: Term) -> None:
    assert why(signing)[0] == (
        "it is v2-submitted, not accepted: zoo status toy says what it waits for"
    )
    assert "not signed off, and there is time for it: rev-one/F03: zoo verify-fix toy" in (
        why(signing)
    )
    signing.at("2026-10-20T10:00:00Z")
    assert not [line for line in why(signing) if "signed off" in line]


@pytest.mark.parametrize(
    ("handle", "role"),
    [("@dev-two", "developer"), ("@rev-one", "reviewer"), ("@instructor-one", "instructor")],
)
def test_everybody_whose_work_appears_consents(accepted: Term, handle: str, role: str) -> None:
    path = accepted.root / "reviews/roster.yaml"
    lines = path.read_text().splitlines(keepends=True)
    lines = [x.replace("consent: handle", "consent: none") if handle in x else x for x in lines]
    path.write_text("".join(lines))
    assert why(accepted) == [
        f"reviews/roster.yaml: {handle}, {role} of it, has not consented to publication: ask, and "
        "write there under which name (consent: handle)"
    ]


def _write(path: str, text: str) -> Callable[[Term], None]:
    return lambda term: term.write(path, text)


def _uncommitted(term: Term) -> None:
    (term.root / "zoo/toy/extra.py").write_text("x = 1\n")


def _gone(term: Term) -> None:
    term.git("rm", "--quiet", "LICENSE")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (_write("zoo/toy/model.py", "slipped in\n"), "zoo/toy/model.py: not what was frozen"),
        (_write("zoo/toy/weights/a.safetensors", "x"), "weights/a.safetensors: not what was fr"),
        (_uncommitted, "zoo/toy/extra.py: not what was frozen as toy/v2: git checkout"),
        (_gone, "LICENSE is missing"),
        (_write(CARD_PATH, CARD.replace("MIT", "unknown")), "'a colour map' has no licence"),
        (
            _write(CARD_PATH, CARD.replace("https://example.org", "")),
            "'a colour map' has no source",
        ),
        (
            _write(CARD_PATH, CARD.replace("@dev-one", "@dev-nine")),
            "'@dev-nine' is not in reviews/",
        ),
        (_write(CARD_PATH, "no card\n"), "no front matter"),
        (_write("reviews/toy/v1/rev-one.md", "edited\n"), "not the bytes that were filed"),
        (_write("reviews/toy/events.jsonl", "{}\n"), "reviews/toy/events.jsonl:1"),
    ],
)
def test_each_fault_is_said_in_a_line(
    accepted: Term, fault: Callable[[Term], None], said: str
) -> None:
    fault(accepted)
    found = why(accepted)
    assert [line for line in found if said in line], found
    assert not [line for line in found if "\n" in line]


def test_curves_may_be_added_to_a_frozen_entry(accepted: Term) -> None:
    accepted.write("zoo/toy/curves/digits.json", "{}\n")
    assert why(accepted) == []


def test_tests_and_the_record_of_mutants_may_be_added_to_a_frozen_entry(accepted: Term) -> None:
    more = "from zoo import load\n" + TESTS + "\n\ndef test_three() -> None:\n    assert load\n"
    accepted.write("zoo/toy/test_toy.py", more)
    accepted.write("zoo/toy/test_more.py", "def test_four() -> None: ...\n")
    accepted.write("zoo/toy/mutants.yaml", "equivalent: []\n")
    accepted.write("zoo/toy/mutants.json", "{}\n")
    assert why(accepted) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("test_toy.py", TESTS.replace("math.e < 3", "math.e < 30")),  # weaker than it was
        ("test_toy.py", TESTS.partition("def test_two")[0]),
        ("test_toy.py", TESTS + "def ("),
        ("helpers.py", "x = 1\n"),
        ("testing.py", "x = 1\n"),
        ("mistakes.yaml", "[]\n"),
    ],
)
def test_what_was_tested_stays_tested_and_nothing_else_is_added(
    accepted: Term, path: str, text: str
) -> None:
    accepted.write(f"zoo/toy/{path}", text)
    assert [line.partition(": ")[0] for line in why(accepted)] == [f"zoo/toy/{path}"]


def test_a_file_of_tests_may_not_go(accepted: Term) -> None:
    accepted.git("rm", "--quiet", "zoo/toy/test_toy.py")
    assert ["zoo/toy/test_toy.py: not what" in line for line in why(accepted)] == [True]


def test_a_finding_without_an_answer(accepted: Term) -> None:
    # The ledger lets no such entry be accepted: an answer would have to be lost.
    state = replace(accepted.state("toy"), answers={})
    said = [line for rule in RULES for line in rule(accepted.record, state)]
    keys = "rev-one/F01, rev-one/F02, rev-one/F03"
    assert said == [f"not answered: {keys}: zoo respond toy, or publish nothing of it"]


def test_published_entries_are_recorded_all_or_none(accepted: Term) -> None:
    refused = accepted.run("publish", "entry", "toy", "vae", by="@instructor-one")
    assert refused.exit_code == 1
    assert "vae: it is proposed, not accepted" in refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("Error: nothing was published: ")
    assert accepted.state("toy").stage == "accepted"

    said = accepted.zoo("publish", "entry", "--all", by="@instructor-one")
    assert said == "toy is published\n"
    assert accepted.state("toy").stage == "published"
    assert accepted.git("log", "-1", "--format=%s") == "toy: published"
    assert accepted.git("status", "--porcelain") == ""
    nothing = accepted.zoo("publish", "entry", "--all", by="@instructor-one")
    assert nothing == "nothing to publish: no entry is accepted\n"
    again = accepted.run("publish", "entry", "toy", by="@instructor-one")
    assert "toy: it is published already: leave it out" in again.stderr


def test_only_an_instructor_publishes(accepted: Term) -> None:
    assert "is for the instructor" in accepted.refused("publish", "entry", "toy", by="@dev-one")
    assert accepted.state("toy").stage == "accepted"


def test_the_status_names_the_command(accepted: Term) -> None:
    assert "zoo publish entry toy" in accepted.zoo("status", "toy")
