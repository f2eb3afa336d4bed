"""Reviews filed as a file in a pull request, and the form for them."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from tools.github import filing
from tools.github.port import ChangedFile
from tools.github.tests.desk import Desk, a_desk  # noqa: F401
from tools.process.git import file_at, git
from tools.process.review.reviewfile import load_review
from tools.process.tests.conftest import term  # noqa: F401 - a fixture
from tools.process.tests.reviews import FILE

# ---------------------------------------------------------------------------------- as a file


def test_a_review_is_filed_from_a_file_sealed_and_opened_when_reviews_close(desk: Desk) -> None:
    text = desk.text()
    pull = desk.adds({FILE: text})
    digest = hashlib.sha256(text.encode()).hexdigest()
    said = desk.file(pull)
    assert said.startswith(f"Your review of `toy` is filed; sha256 `{digest}`.")
    assert "can be read by whoever sees this pull request" in said
    review = desk.term.state("toy").reviews["@rev-one"]
    assert (review.status, review.sha256) == ("filed", digest)
    assert desk.term.record.events("toy")[-1].id == "comment-1-0"
    assert desk.term.git("status", "--porcelain") == ""
    assert not (desk.term.root / FILE).exists()
    assert filing.merge_revealed(desk.term.record, desk.github) == []  # still sealed
    desk.closed()
    assert filing.reveal_from_pulls(desk.term.record, "toy", "clock") == []
    assert file_at(desk.term.root, "HEAD", FILE) == text.encode()
    assert load_review(desk.term.record, "toy", "@rev-one").severities == {
        "F01": "major",
        "F02": "minor",
    }
    assert filing.merge_revealed(desk.term.record, desk.github) == [pull.number]
    assert desk.github.pull_table[pull.number].merged
    assert desk.github.said(pull.number) == []


def test_a_review_is_merged_into_the_default_branch_alone(desk: Desk) -> None:
    pull = desk.adds({FILE: desk.text()})
    desk.file(pull)
    desk.closed()
    filing.reveal_from_pulls(desk.term.record, "toy", "clock")
    moved = replace(desk.github.pull_table[pull.number], base_branch="side")
    desk.github.pull_table[pull.number] = moved
    assert filing.merge_revealed(desk.term.record, desk.github) == []
    assert not desk.github.pull_table[pull.number].merged


def test_the_same_delivery_again_changes_nothing_though_the_text_is_another(desk: Desk) -> None:
    pull = desk.adds({FILE: desk.text()})
    said = desk.file(pull)
    before = desk.term.git("rev-parse", "HEAD")
    desk.github.push(pull.head_branch, {FILE: desk.text().replace("1.5", "2.5")})
    assert desk.file(pull) == said
    assert desk.term.git("rev-parse", "HEAD") == before
    desk.github.push(pull.head_branch, {FILE: "broken"})
    assert desk.file(pull) == said
    desk.github.push(pull.head_branch, {FILE: desk.text().replace("1.5", "3.5")})
    again = desk.file(pull, event_id="comment-2-0")
    assert again != said
    assert len([e for e in desk.term.record.events("toy") if e.payload.TYPE == "review-filed"]) == 2


def test_what_was_changed_after_filing_is_not_merged(desk: Desk) -> None:
    pull = desk.adds({FILE: desk.text()})
    desk.file(pull)
    desk.github.push(pull.head_branch, {FILE: desk.text().replace("1.5", "2.5")})
    desk.closed()
    filing.reveal_from_pulls(desk.term.record, "toy", "clock")
    assert filing.merge_revealed(desk.term.record, desk.github) == [pull.number]
    assert (desk.term.root / FILE).read_text() == desk.text()
    now = desk.github.pull_table[pull.number]
    assert (now.is_open, now.merged) == (False, False)
    assert "the text that was filed" in desk.github.said(pull.number)[0]
    assert filing.merge_revealed(desk.term.record, desk.github) == []


def test_a_merge_that_github_refuses_ends_as_a_closed_pull_request(desk: Desk) -> None:
    pull = desk.adds({FILE: desk.text()})
    desk.file(pull)
    desk.closed()
    filing.reveal_from_pulls(desk.term.record, "toy", "clock")
    desk.github.fail(method="merge", status=405)
    assert filing.merge_revealed(desk.term.record, desk.github) == [pull.number]
    assert not desk.github.pull_table[pull.number].is_open


def test_a_text_that_is_not_in_this_clone_stays_sealed(desk: Desk) -> None:
    desk.file(desk.adds({FILE: desk.text()}))
    git(desk.term.root, "pack-refs", "--all")
    for ref in desk.term.git("for-each-ref", "--format=%(refname)", "refs/zoo").split():
        desk.term.git("update-ref", "-d", ref)
    desk.closed()
    assert filing.reveal_from_pulls(desk.term.record, "toy", "clock") == ["@rev-one"]
    assert desk.term.state("toy").reviews["@rev-one"].status == "filed"


@pytest.mark.parametrize(
    ("changes", "by", "rule"),
    [
        ({FILE: "x", "zoo/toy/model.py": "x"}, "rev-one", "this pull request changes 2 files"),
        ({FILE: "x", "reviews/policy.yaml": "x"}, "rev-one", "this pull request changes 2 files"),
        ({"reviews/toy/v1/rev-two.md": "x"}, "rev-one", "is not the file of your review"),
        ({"reviews/toy/v1/Rev-One.md": "x"}, "rev-one", "is not the file of your review"),
        ({"reviews/other/v1/rev-one.md": "x"}, "rev-one", "is not the file of your review"),
        ({"reviews/toy/v1/a/rev-one.md": "x"}, "rev-one", "is not the file of your review"),
        ({"reviews/../v1/rev-one.md": "x"}, "rev-one", "is not the file of your review"),
        ({"reviews/toy/v1/rev-one.md\n@all": "x"}, "rev-one", "is not the file of your review"),
        ({FILE: "x"}, "rev-two", "this pull request is not by @rev-one"),
        ({FILE: "x"}, "stranger", "this pull request is not by @rev-one"),
        ({FILE: "x" * (2**20 + 1)}, "rev-one", "has 1048577 bytes: the limit is 1048576"),
        ({"reviews/roster.yaml": "x"}, "rev-one", "this pull request is that of no entry"),
        ({FILE: "no review"}, "rev-one", "line 1: the file does not begin with YAML"),
    ],
)
def test_another_pull_request_is_refused(
    desk: Desk, changes: dict[str, str | None], by: str, rule: str
) -> None:
    assert rule in desk.refused(desk.adds(changes, by))


def test_nobody_without_a_number_in_the_roster_files(desk: Desk) -> None:
    roster = (desk.term.root / "reviews/roster.yaml").read_text()
    desk.term.write("reviews/roster.yaml", roster.replace("github_id: 21, ", ""))
    assert "is not by @rev-one" in desk.refused(desk.adds({FILE: desk.text()}))
    desk.github.say(desk.entry.number, desk.people["rev-one"], desk.form())
    assert "you have not posted the form" in desk.refused(desk.entry)


def test_who_is_not_assigned_or_too_late_is_refused(desk: Desk) -> None:
    dev = desk.adds({"reviews/toy/v1/dev-one.md": desk.text("@dev-one")}, "dev-one")
    assert "@dev-one is not assigned to toy" in desk.refused(dev, "@dev-one")
    pull = desk.adds({FILE: desk.text()})
    desk.term.at("2026-10-12T10:00:00Z")
    assert "the time for late work is over" in desk.refused(pull)
    desk.closed()
    assert "the reviews of toy are closed: yours is missing" in desk.refused(pull)


def test_a_late_review_is_said_to_be_late(desk: Desk) -> None:
    desk.term.at("2026-10-08T11:00:00Z")
    assert "is filed, late: the penalty" in desk.file(desk.adds({FILE: desk.text()}))


@pytest.mark.parametrize("status", ["removed", "renamed", "changed", "copied"])
def test_a_file_is_added_or_modified(
    desk: Desk, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = desk.adds({FILE: desk.text()})
    listed = [ChangedFile(FILE, status)]
    monkeypatch.setattr(desk.github, "changed_files", lambda *_: listed)
    assert f"{FILE} is {status}: add it" in desk.refused(pull)


def test_a_link_is_refused_though_github_shows_what_it_points_to(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = desk.adds({FILE: desk.text()})
    link = hashlib.sha1(b"blob 9\0other.txt").hexdigest()
    monkeypatch.setattr(
        desk.github, "changed_files", lambda *_: [ChangedFile(FILE, "added", blob=link)]
    )
    assert "not as a link or a submodule" in desk.refused(pull)
    monkeypatch.setattr(desk.github, "file_text", lambda *_: None)
    assert "not as a link or a submodule" in desk.refused(pull)


def test_a_file_that_lacks_something_names_the_first_and_counts_the_rest(desk: Desk) -> None:
    text = desk.text().replace("terms.mean(1)", "terms.median(1)")
    text = text.replace("entry: toy", "entry: made")
    said = desk.refused(desk.adds({FILE: text}))
    assert said == (
        "your review was not filed: line 2: this is a review of 'made', not toy; "
        "write entry: toy (and 1 more: /zoo lint)"
    )
    assert filing.lint(desk.term.record, "toy", "@rev-one", text) == [
        "line 2: this is a review of 'made', not toy; write entry: toy",
        "line 34: F01: the quote is not found at zoo/toy/model.py:3-4; "
        "copy it exactly from the frozen version",
    ]
    assert filing.lint(desk.term.record, "toy", "@rev-one", desk.text()) == []


def test_advice_keeps_no_review_out(desk: Desk) -> None:
    text = desk.text().replace("severity: major", "severity: blocker")
    text = text.replace("verdict: partial", "verdict: reproduced")
    (said,) = filing.lint(desk.term.record, "toy", "@rev-one", text)
    assert said.startswith("line 6 (advice): the verdict is 'reproduced', and F01 blocks")
    assert "is filed" in desk.file(desk.adds({FILE: text}))


# -------------------------------------------------------------------------------- the scaffold


def test_the_scaffold_comes_back_as_the_form_however_it_is_posted(desk: Desk) -> None:
    said = filing.scaffold(desk.term.record, "toy", "@rev-one")
    assert "can read your review before the others are in" in said
    assert f"frozen at `{desk.commit}`" in said
    assert "due Thu 8 Oct 2026 12:00 CEST" in said
    assert "`reviews/toy/v1/rev-one.md`" in said
    assert "@" not in said.partition("````markdown")[0]
    form = said.partition("````markdown\n")[2].rpartition("````")[0]
    posts = (
        said,
        form,
        f"/zoo file\n\n{form}",
        f"{form}\n\n/zoo file\n",
        form.replace("\n", "\r\n"),
    )
    for post in posts:
        comment = desk.github.say(desk.entry.number, desk.people["rev-one"], post)
        assert filing._form_in(comment).rstrip() == form.rstrip()
        assert len(filing.lint(desk.term.record, "toy", "@rev-one", form)) > 5


def test_a_form_cannot_be_closed_early_by_the_policy(desk: Desk) -> None:
    policy = (desk.term.root / "reviews/policy.yaml").read_text()
    asked = policy.replace("Is the mathematics that of the paper?", "`````` right?")
    desk.term.write("reviews/policy.yaml", asked)
    assert "```````markdown\n" in filing.scaffold(desk.term.record, "toy", "@rev-one")


@pytest.mark.parametrize("body", ["", "talk", "````\ntalk\n````", "/zoo file", "```\n---\n```"])
def test_other_posts_are_no_forms(desk: Desk, body: str) -> None:
    desk.github.say(desk.entry.number, desk.people["rev-one"], body)
    assert "you have not posted the form" in desk.refused(desk.entry)
