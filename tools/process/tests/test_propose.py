"""`zoo propose`, `zoo approve`, `zoo decline`."""

from __future__ import annotations

import pytest

from tools.process.ledger.events import Proposed, Withdrawn
from tools.process.proposals import arxiv_id
from tools.process.tests.conftest import Term
from zoo.core.errors import ZooError

CARD = """---
title: Auto-Encoding Variational Bayes
paper: {{arxiv: "{paper}", authors: [A], year: 2013}}
family: latent-variable
developers: ["{by}"]
claims: []
ai_assistance: none
---
"""


def test_a_proposal_is_recorded_committed_and_approved(term: Term) -> None:
    said = term.propose("vae", "@dev-one", "--with", "@DEV-TWO", paper="arxiv.org/abs/1312.6114v10")
    assert said == "vae is proposed; next, the instructor: zoo approve vae\n"
    state = term.state("vae")
    assert state.stage == "proposed"
    assert state.proposal == Proposed(
        title="Auto-Encoding Variational Bayes",
        paper="1312.6114",
        family="latent-variable",
        team=["@dev-one", "@dev-two"],
        claims=["NLL <= 88 nats"],
        dataset="binarized-mnist",
        compute="a laptop",
    )
    assert term.git("log", "-1", "--format=%s") == "vae: proposed by @dev-one, @dev-two"
    assert term.git("status", "--porcelain") == ""
    assert term.zoo("approve", "vae", by="@instructor-one") == (
        "vae is approved; next, @dev-one, @dev-two: zoo submit vae v1"
        " until Mon 19 Oct 2026 23:59 CEST (21:59 UTC)\n"
    )
    state = term.state("vae")
    assert state.stage == "approved"
    assert state.rules == term.record.policy.rules()


def test_the_team_is_that_of_the_roster_by_default(term: Term) -> None:
    roster = (term.root / "reviews" / "roster.yaml").read_text()
    for handle in ("one", "two"):
        old = f'"@dev-{handle}", role: developer'
        roster = roster.replace(old, f"{old}, team: alpha")
    term.write("reviews/roster.yaml", roster)
    term.propose("vae", "@dev-two")
    assert term.state("vae").team == ["@dev-one", "@dev-two"]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1312.6114", "1312.6114"),
        (" 1312.6114v10 ", "1312.6114"),
        ("arXiv:1312.6114", "1312.6114"),
        ("https://arxiv.org/abs/1312.6114v2", "1312.6114"),
        ("http://www.arxiv.org/pdf/1312.6114v2.pdf", "1312.6114"),
        ("https://arxiv.org/abs/1312.6114?context=stat", "1312.6114"),
        ("https://arxiv.org/abs/1312.6114/", "1312.6114"),
        ("https://arxiv.org/html/2006.11239", "2006.11239"),
        ("math.GT/0309136v1", "math/0309136"),
        ("arxiv.org/abs/MATH/0309136", "math/0309136"),
    ],
)
def test_an_arxiv_identifier_is_read_in_all_its_forms(text: str, plain: str) -> None:
    assert arxiv_id(text) == plain


@pytest.mark.parametrize("text", ["", "vae", "1312", "https://example.org/1312.6114", "13126114"])
def test_what_is_no_arxiv_identifier_is_refused(text: str) -> None:
    with pytest.raises(ZooError, match="is no arXiv identifier: write it as in"):
        arxiv_id(text)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("--family", "flows"), "unknown family 'flows': did you mean 'flow'?"),
        (("--title", " "), "title ' ': write one line of text"),
        (("--title", "a\x1b[31m"), r"title 'a\x1b[31m': write one line of text"),
        (("--claim", ""), "claims '': write one line of text"),
        (
            ("--with", "@rev-one"),
            "@rev-one is a reviewer in reviews/roster.yaml: a team is made of developers",
        ),
        (
            ("--with", "@dev-on"),
            "'@dev-on' is not in reviews/roster.yaml: did you mean '@dev-one'?",
        ),
        (
            ("--with", "@dev-one"),
            "@dev-one is named twice: name everybody in the team once",
        ),
    ],
)
def test_what_cannot_be_proposed(term: Term, change: tuple[str, ...], error: str) -> None:
    assert refused(term, "vae", "@dev-one", *change) == f"Error: {error}"
    assert term.record.models() == []


def refused(term: Term, model: str, by: str, *change: str, paper: str = "1312.6114") -> str:
    """The error of a proposal with some options replaced."""
    options = {"--title": "T", "--paper": paper, "--family": "flow", "--dataset": "d"}
    options |= {"--compute": "c", "--claim": "x"}
    words = [word for pair in options.items() if pair[0] not in change for word in pair]
    return term.refused("propose", model, *words, *change, by=by)


def test_a_proposal_makes_a_claim(term: Term) -> None:
    words = ["--title", "T", "--paper", "1312.6114", "--family", "flow"]
    words += ["--dataset", "d", "--compute", "c"]
    error = 'Error: a proposal names what it will reproduce: --claim "MNIST NLL <= 88 nats"'
    assert term.refused("propose", "vae", *words, by="@dev-one") == error


@pytest.mark.parametrize("name", ["Vae", "core", "house", "class", "../vae", "a__b", "v-ae"])
def test_the_name_is_that_of_a_package(term: Term, name: str) -> None:
    assert f"'{name}' cannot be an entry's name: use lower-case" in refused(term, name, "@dev-one")


def test_a_team_is_of_the_size_that_the_policy_allows(term: Term) -> None:
    policy = (term.root / "reviews" / "policy.yaml").read_text()
    term.write("reviews/policy.yaml", policy + "group_size: {min: 2, max: 2}\n")
    error = "Error: a team of 1: reviews/policy.yaml allows 2 (see --with)"
    assert refused(term, "vae", "@dev-one") == error
    more = ("--with", "@dev-two", "--with", "@dev-three")
    error = "Error: a team of 3: reviews/policy.yaml allows 2 (see --with)"
    assert refused(term, "vae", "@dev-one", *more) == error
    term.propose("vae", "@dev-one", "--with", "@dev-two")


def test_a_name_a_paper_and_a_person_are_taken_once(term: Term) -> None:
    term.propose("vae", "@dev-one")
    assert refused(term, "vae", "@dev-two", paper="1505.05770") == (
        "Error: vae is proposed, by @dev-one: choose another name"
    )
    assert refused(term, "other", "@dev-two", paper="1312.6114v3") == (
        "Error: 1312.6114 is taken by vae, of @dev-one: choose another"
    )
    assert refused(term, "flow", "@dev-two", "--with", "@dev-one", paper="1505.05770") == (
        "Error: @dev-one is in the team of vae, which is proposed:"
        " one entry at a time (zoo withdraw vae)"
    )
    term.zoo("decline", "vae", "--reason", "too large", by="@instructor-one")
    assert term.state("vae").stage == "declined"
    term.propose("vae", "@dev-two")
    term.happens("vae", "@dev-two", Withdrawn("ill"))
    term.propose("other", "@dev-two")


def test_an_entry_that_exists_is_taken_by_its_developers(term: Term) -> None:
    term.write("zoo/vae/README.md", CARD.format(paper="1312.6114", by="@Dev-One"))
    assert refused(term, "vae", "@dev-two") == (
        "Error: zoo/vae exists already, by @Dev-One: choose another name"
    )
    assert refused(term, "other", "@dev-two") == (
        "Error: 1312.6114 is taken by vae, of @Dev-One: choose another"
    )
    assert refused(term, "vae", "@dev-one", paper="1505.05770") == (
        "Error: zoo/vae reproduces 1312.6114, not 1505.05770: say --paper 1312.6114"
    )
    term.propose("vae", "@dev-one")
    # Its developers bring in as many entries as they have, beside the one that they work on.
    term.write("zoo/flow/README.md", CARD.format(paper="1505.05770", by="@dev-one"))
    term.propose("flow", "@dev-one", paper="1505.05770")


def test_handles_are_compared_as_github_does(term: Term) -> None:
    roster = (term.root / "reviews" / "roster.yaml").read_text()
    term.write("reviews/roster.yaml", roster.replace('"@dev-one"', '"@DEV-one"'))
    term.write("zoo/vae/README.md", CARD.format(paper="1312.6114", by="@Dev-One"))
    term.propose("vae", "@dev-ONE")
    assert term.state("vae").team == ["@DEV-one"]


def test_a_folder_without_a_card_that_can_be_read_is_taken(term: Term) -> None:
    term.write("zoo/vae/README.md", "no card\n")
    error = "Error: zoo/vae exists already: choose another name"
    assert refused(term, "vae", "@dev-one") == error
    term.propose("other", "@dev-one")


def test_the_deadline_of_proposals_is_a_minute_of_course_time(term: Term) -> None:
    term.at("2026-10-05T22:00:00Z")
    assert refused(term, "vae", "@dev-one") == (
        "Error: proposals could be made until Mon 5 Oct 2026 23:59 CEST (21:59 UTC):"
        " ask the instructor for a later date in reviews/policy.yaml"
    )
    term.at("2026-10-05T21:59:59Z").propose("vae", "@dev-one")


def test_only_instructors_decide_and_only_on_proposals(term: Term) -> None:
    term.propose("vae", "@dev-one")
    assert term.refused("approve", "vae", by="@dev-two") == (
        "Error: @dev-two is developer in reviews/roster.yaml: 'approved' is for the instructor"
    )
    assert term.refused("approve", "vea", by="@instructor-one") == (
        "Error: no ledger of 'vea': did you mean 'vae'?"
    )
    term.zoo("approve", "vae", by="@instructor-one")
    assert term.refused("decline", "vae", "--reason", "x", by="@instructor-one") == (
        "Error: vae is approved: this needs proposed"
    )
