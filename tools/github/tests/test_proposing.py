"""Proposals from the issue form."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
import yaml

from tools.github.port import Issue, User
from tools.github.proposing import (
    CHANGED,
    LABELS,
    RULES,
    ProposalForm,
    propose_from_issue,
    read_form,
)
from tools.process.ledger.events import Proposed
from tools.process.tests.conftest import Term, term  # noqa: F401 - a fixture
from zoo.core.cards import Family
from zoo.core.errors import ZooError
from zoo.core.registry import ZOO_FOLDER

NOW = datetime(2026, 10, 1, 10, tzinfo=UTC)
FORM = ProposalForm(
    entry="vae",
    title="Auto-Encoding Variational Bayes",
    paper="https://arxiv.org/abs/1312.6114v10",
    family="latent-variable",
    team="_No response_",
    claims="- Test NLL <= 88 nats\n- ELBO: #1 of Table 2\n\n",
    dataset="binarized-mnist",
    compute="a laptop",
    rules="- [x] We write the code.\n- [X] We disclose AI.",
)


def body(**answers: str) -> str:
    """An issue as GitHub writes it from the form."""
    values = asdict(FORM) | answers
    return "\n\n".join(f"### {LABELS[name]}\n\n{text}" for name, text in values.items()) + "\n"


def issue(text: str, author: int = 11, number: int = 7) -> Issue:
    """An issue by an account."""
    return Issue(
        number, User(author, "renamed-by-now"), "Proposal", text, (), True, False, NOW, NOW
    )


@pytest.fixture
def known(term: Term) -> Term:  # noqa: F811
    """A term whose developers have numbers; @dev-two and @dev-three are a team."""
    roster = (term.root / "reviews/roster.yaml").read_text()
    for name, number in {"dev-one": 11, "dev-two": 12, "dev-three": 13, "rev-one": 21}.items():
        team = ", team: beta" if number in (12, 13) else ""
        roster = roster.replace(f'"@{name}", role', f'"@{name}", github_id: {number}{team}, role')
    term.write("reviews/roster.yaml", roster)
    return term


def lines(term: Term, text: str, **more: int) -> tuple[str, ...]:  # noqa: F811
    """Why a proposal was not recorded."""
    outcome = propose_from_issue(term.record, issue(text, **more), NOW)
    assert not outcome.recorded
    assert term.record.models() == []
    assert all("\n" not in line for line in outcome.lines)
    return outcome.lines


def test_the_form_on_github_asks_what_is_read() -> None:
    path = ZOO_FOLDER.parent / ".github/ISSUE_TEMPLATE/proposal.yml"
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert {part["id"]: part["attributes"]["label"] for part in asked} == LABELS
    by_name = {part["id"]: part for part in asked}
    assert by_name["family"]["attributes"]["options"] == list(get_args(Family))
    assert len(by_name["rules"]["attributes"]["options"]) == RULES
    assert [p["id"] for p in asked if not p.get("validations", {}).get("required")] == [
        "team",
        "rules",  # each of its boxes is required
    ]


def test_a_form_is_read_back() -> None:
    assert read_form(body()) == replace(FORM, team="", claims=FORM.claims.strip())
    assert read_form(body().replace("\n", "\r\n")) == read_form(body())
    claims = "### NLL\n\n88 nats\n#### Team\n### Team of others"
    assert read_form(body(claims=claims)).claims == claims


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "the heading '### Entry' of the form is missing"),
        ("I propose the VAE.", "the heading '### Entry' of the form is missing"),
        (body(claims="x\n### Team\n\n@dev-two"), "the heading '### Team' occurs twice"),
        (body(claims="```\n### Rules \n```"), "the heading '### Rules' occurs twice"),
        (body().partition("### Rules")[0], "the heading '### Rules' of the form is missing"),
        (
            "### Rules" + body().partition("### Rules")[2] + body().partition("### Rules")[0],
            "order",
        ),
    ],
)
def test_what_is_not_the_form_is_refused(text: str, rule: str) -> None:
    with pytest.raises(ZooError) as error:
        read_form(text)
    assert rule in str(error.value)


def test_a_proposal_is_recorded_once(known: Term) -> None:
    outcome = propose_from_issue(known.record, issue(body()), NOW)
    said = "vae is proposed by @dev-one; next, the instructor approves"
    assert (outcome.model, outcome.lines) == ("vae", (said,))
    assert known.state("vae").proposal == Proposed(
        title="Auto-Encoding Variational Bayes",
        paper="1312.6114",
        family="latent-variable",
        team=["@dev-one"],
        claims=["Test NLL <= 88 nats", "ELBO: #1 of Table 2"],
        dataset="binarized-mnist",
        compute="a laptop",
    )
    (event,) = known.record.events("vae")
    assert (event.id, event.actor, event.role) == ("issue-7", "@dev-one", "developer")
    assert known.git("log", "-1", "--format=%s") == "vae: proposed by @dev-one"
    assert known.git("status", "--porcelain") == ""
    for text in (body(), body(entry="made"), "edited away"):
        again = propose_from_issue(known.record, issue(text), NOW)
        assert again.model == "vae"
        assert again.lines == ("this issue is the proposal of vae, which is recorded",)
    assert known.record.models() == ["vae"]
    assert len(known.record.events("vae")) == 1


@pytest.mark.parametrize(
    ("author", "team", "found"),
    [
        (12, "_No response_", ["@dev-two", "@dev-three"]),
        (12, "@dev-one", ["@dev-two", "@dev-one"]),
        (11, "@DEV-TWO, dev-one;dev-three", ["@dev-one", "@dev-two", "@dev-three"]),
    ],
)
def test_the_team_begins_with_the_author(
    known: Term, author: int, team: str, found: list[str]
) -> None:
    propose_from_issue(known.record, issue(body(team=team), author), NOW)
    assert known.state("vae").team == found


def test_every_field_has_a_line_of_its_own(known: Term) -> None:
    text = body(
        entry="Wasserstein GAN",
        title="A\nB",
        paper="the VAE paper",
        family="latent",
        team="@dev-tow",
        claims="_No response_",
        dataset="digits\u202e",
        compute="x" * 301,
        rules="- [x] We write the code.\n- [ ] We disclose AI.",
    )
    assert [line.partition(";")[0] for line in lines(known, text)] == [
        "Entry: 'Wasserstein GAN' cannot be an entry's name: use lower-case words joined by single "
        "underscores, such as wgan_gp",
        "Title of the paper: 2 lines",
        "arXiv identifier: 'the VAE paper' is no arXiv identifier: write it as in 1312.6114",
        "Family: unknown family 'latent': did you mean 'latent-variable'?",
        "Team: '@dev-tow' is not in reviews/roster.yaml: did you mean '@dev-two'?",
        "Claims: there is no answer",
        "Data set: an invisible character is in it",
        "Compute: a line of 301 characters",
        "Rules: tick every box",
    ]


@pytest.mark.parametrize(
    ("text", "author", "rule"),
    [
        (body(), 99, "the account renamed-by-now is not in reviews/roster.yaml"),
        (body(), 21, "@rev-one is a reviewer in reviews/roster.yaml"),
        (body(team="@rev-one"), 11, "@rev-one is a reviewer in reviews/roster.yaml"),
        (body(team="@dev-two dev-three rev-two"), 11, "a team of 4"),
        (body(entry="../../x"), 11, "Entry: '../../x' cannot be an entry's name"),
        (body(entry="core"), 11, "Entry: 'core' cannot be an entry's name"),
        (body(rules="- [x] We write the code."), 11, "Rules: tick every box"),
        (body(rules="- [x] one\n- [x] two\n- [ ] three"), 11, "Rules: tick every box"),
        (body(claims="\n".join("abcdefghijklmnopqrstu")), 11, "Claims: 21 lines; 20 must do"),
        ("talk", 11, "the heading '### Entry' of the form is missing"),
    ],
)
def test_one_line_says_why_nothing_was_recorded(
    known: Term, text: str, author: int, rule: str
) -> None:
    (said,) = lines(known, text, author=author)
    assert said.startswith(rule)


def test_a_name_or_paper_that_is_taken_and_a_date_that_is_over(known: Term) -> None:
    propose_from_issue(known.record, issue(body()), NOW)
    for text, rule in ((body(), "vae is proposed, by @dev-one"), (body(entry="aevb"), "1312.6114")):
        outcome = propose_from_issue(known.record, issue(text, 12, 8), NOW)
        assert outcome.lines[0].startswith(rule)
        assert not outcome.recorded
    late = datetime(2026, 10, 6, tzinfo=UTC)
    other = issue(body(entry="made", paper="1502.03509"), 12, 9)
    edited = replace(other, updated_at=late)
    outcome = propose_from_issue(known.record, edited, late)
    assert outcome.lines[0].startswith("proposals could be made until Mon 5 Oct 2026")
    known.at("2026-10-06T00:00:00Z")
    assert propose_from_issue(known.record, other, late).recorded  # it was there in time
    assert known.record.events("made")[0].at == NOW


def test_what_was_found_late_is_taken_only_as_it_was_opened(known: Term) -> None:
    """Others may edit an issue, or answer in it, and GitHub does not tell one from the other."""
    known.at("2026-10-02T00:00:00Z")
    late = datetime(2026, 10, 2, tzinfo=UTC)
    opened = issue(body())
    touched = replace(opened, updated_at=NOW + timedelta(seconds=61))
    outcome = propose_from_issue(known.record, touched, late, found=True)
    assert (outcome.recorded, outcome.lines) == (False, (CHANGED,))
    labelled = replace(opened, updated_at=NOW + timedelta(seconds=2))
    assert propose_from_issue(known.record, labelled, late, found=True).recorded
    assert propose_from_issue(known.record, touched, late, found=True).recorded  # it is already
